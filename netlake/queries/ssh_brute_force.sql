-- Which hosts tried many logins by SSH?
-- Sources with many short connections to SSH of one server: by the number of packets, a login failed and no session followed.
-- technique: T1110.001, T1110.003
-- param min_connections: integer = 10  -- Least number of connections.
-- param min_packets: integer = 10  -- Least number of packets of a connection with an attempt.
-- param max_packets: integer = 60  -- Greatest number of packets of a connection without a session.
SELECT
    capture,
    orig_ip AS source,
    resp_ip AS target,
    resp_port AS port,
    count(*) AS connections,
    round(epoch(max(last_ts) - min(ts)), 1) AS seconds,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE protocol = 6 AND (resp_port = 22 OR list_contains(service, 'ssh'))
    AND orig_packets + resp_packets BETWEEN $min_packets AND $max_packets AND resp_payload_bytes > 0
GROUP BY capture, source, target, port
HAVING connections >= $min_connections
ORDER BY connections DESC, source, target, capture
