-- Which hosts use encrypted DNS?
-- DNS over TLS and QUIC by port 853, and over HTTPS by names of well-known resolvers in TLS and QUIC.
-- technique: T1071.004, T1572
-- param servers: text = dns|doh|cloudflare-dns\.com|one\.one\.one\.one|quad9\.net|nextdns\.io|adguard  -- Regular expression of server names.
SELECT
    capture,
    src_ip AS client,
    dst_ip AS server,
    lower(server_name) AS name,
    CASE WHEN dst_port = 853 THEN 'port 853' ELSE 'name' END AS why,
    transport,
    count(*) AS connections,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM tls_client_hello
WHERE dst_port = 853 OR regexp_matches(lower(server_name), '(^|\.)(' || $servers || ')')
GROUP BY ALL
ORDER BY connections DESC, client, server, name, capture
