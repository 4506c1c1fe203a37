-- Which servers use weak versions or ciphers of TLS?
-- Connections that agreed on a version before TLS 1.2, or a cipher with NULL, export keys, RC4, DES, 3DES, MD5 or no
-- authentication.
-- technique: T1557, T1040
-- param min_version: integer = 771  -- Least version that is not weak; 771 is TLS 1.2, 772 TLS 1.3. Versions of DTLS are not compared.
SELECT
    capture,
    src_ip AS server,
    src_port AS port,
    tls_version_name(negotiated_version) AS version,
    tls_cipher_name(cipher_suite) AS cipher,
    count(*) AS connections,
    count(DISTINCT dst_ip) AS clients,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM tls_server_hello
WHERE negotiated_version < $min_version
    OR regexp_matches(tls_cipher_name(cipher_suite), 'NULL|EXPORT|RC4|RC2|_DES_|3DES|MD5|anon')
GROUP BY ALL
ORDER BY connections DESC, server, port, version, cipher, capture
