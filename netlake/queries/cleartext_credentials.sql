-- Which credentials were sent in clear text?
-- Logins of FTP, HTTP Basic, SMTP, SOCKS and PPP PAP without encryption, communities of SNMP, and connections to Telnet.
-- technique: T1040, T1552
-- param reveal: boolean = false  -- Show communities and passwords, of which otherwise only the first character is shown.
WITH found AS (
    SELECT capture, ts, 'FTP' AS protocol, src_ip, dst_ip, argument AS login, NULL::VARCHAR AS secret
    FROM ftp_command
    WHERE upper(command) = 'USER' AND NOT coalesce(decrypted, false)
    UNION ALL
    SELECT capture, ts, 'HTTP Basic', src_ip, dst_ip, authorization_user, NULL
    FROM http_request
    WHERE lower(authorization_scheme) = 'basic' AND NOT coalesce(decrypted, false)
    UNION ALL
    SELECT capture, ts, 'HTTP Basic', src_ip, dst_ip, authorization_user, NULL
    FROM http2_stream
    WHERE lower(authorization_scheme) = 'basic' AND NOT coalesce(decrypted, false)
    UNION ALL
    SELECT capture, ts, 'SMTP ' || auth_method, src_ip, dst_ip, auth_user, NULL
    FROM smtp_transaction
    WHERE upper(auth_method) IN ('PLAIN', 'LOGIN') AND NOT coalesce(decrypted, false)
    UNION ALL
    SELECT capture, ts, 'SOCKS', src_ip, dst_ip, "user", NULL
    FROM socks
    WHERE "user" IS NOT NULL AND NOT coalesce(decrypted, false)
    UNION ALL
    SELECT capture, ts, 'PPP PAP', NULL, NULL, "user", password FROM ppp_control WHERE protocol = 49187 AND code = 1
    UNION ALL
    SELECT capture, ts, 'SNMP', src_ip, dst_ip, NULL, community FROM snmp WHERE community IS NOT NULL
    UNION ALL
    SELECT capture, ts, 'Telnet', orig_ip, resp_ip, NULL, NULL
    FROM connection
    WHERE protocol = 6 AND resp_port = 23 AND orig_payload_bytes > 0 AND resp_payload_bytes > 0
)
SELECT
    capture,
    protocol,
    src_ip AS client,
    dst_ip AS server,
    login AS "user",
    CASE WHEN $reveal OR secret = '' THEN secret ELSE left(secret, 1) || '***' END AS secret,
    count(*) AS messages,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM found
GROUP BY ALL
ORDER BY protocol, client, server, "user", secret, capture
