-- Which servers did not answer?
-- Addresses and ports that clients tried several times without any packet in return.
-- param min_connections: integer = 3  -- Least number of connections without an answer.
SELECT
    capture,
    resp_ip AS target,
    resp_port AS port,
    ip_protocol_name(protocol) AS protocol,
    count(*) AS connections,
    list_slice(list_sort(list(DISTINCT orig_ip)), 1, 10) AS sources,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE protocol IN (6, 17, 132) AND resp_port IS NOT NULL
GROUP BY capture, target, port, protocol
HAVING connections >= $min_connections AND max(resp_packets) = 0
ORDER BY connections DESC, target, port, capture
