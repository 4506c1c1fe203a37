-- Which hosts use QUIC, and to which servers?
-- Connections of QUIC by client and server name, which an inspecting proxy for TCP does not see.
-- param version: text = null  -- Only this version, such as v1.
SELECT
    capture,
    src_ip AS client,
    dst_ip AS server,
    max(lower(server_name)) AS name,
    list_sort(list(DISTINCT version_name)) AS versions,
    count(DISTINCT flow) AS connections,
    max(ja4) AS ja4,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM quic
WHERE packet_type = 'initial' AND from_originator AND ($version::VARCHAR IS NULL OR version_name = $version)
GROUP BY capture, client, server
ORDER BY connections DESC, client, server, capture
