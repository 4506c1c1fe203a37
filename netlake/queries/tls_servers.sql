-- Which TLS servers do hosts use, and under which names?
-- Servers by address, port and the name that clients ask for (SNI), with the versions and ciphers they chose, and the
-- issuers (CN) of their certificates.
-- param local: boolean = false  -- Only servers within the local networks.
WITH agreed AS (
    SELECT capture, flow, max(negotiated_version) AS version, max(cipher_suite) AS cipher
    FROM tls_server_hello
    WHERE NOT coalesce(hello_retry_request, false)
    GROUP BY ALL
), own AS (
    SELECT capture, flow, max(coalesce(nullif(regexp_extract(issuer, 'CN=((?:\\.|[^,+])+)', 1), ''), issuer)) AS issuer
    FROM x509
    WHERE chain_position = 0 AND NOT from_originator
    GROUP BY ALL
)
SELECT
    h.capture,
    h.dst_ip AS server,
    h.dst_port AS port,
    h.server_name AS name,
    count(DISTINCT h.flow) AS connections,
    count(DISTINCT h.src_ip) AS clients,
    coalesce(list_sort(list(DISTINCT tls_version_name(agreed.version)) FILTER (WHERE agreed.version IS NOT NULL)), []) AS versions,
    coalesce(list_sort(list(DISTINCT tls_cipher_name(agreed.cipher)) FILTER (WHERE agreed.cipher IS NOT NULL)), []) AS ciphers,
    coalesce(list_sort(list(DISTINCT own.issuer) FILTER (WHERE own.issuer IS NOT NULL)), []) AS issuers,
    min(h.ts) AS first_seen,
    max(h.ts) AS last_seen
FROM tls_client_hello h
LEFT JOIN agreed ON agreed.capture = h.capture AND agreed.flow = h.flow
LEFT JOIN own ON own.capture = h.capture AND own.flow = h.flow
WHERE NOT $local OR is_local(h.dst_ip)
GROUP BY h.capture, server, port, name
ORDER BY connections DESC, server, port, name, h.capture
