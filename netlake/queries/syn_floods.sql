-- Which servers were flooded with TCP connections that were never completed?
-- Intervals of ten seconds in which one address and port had many half-open connections, from any number of sources.
-- technique: T1498.001, T1499.001
-- param min_connections: integer = 200  -- Least number of half-open connections in ten seconds.
SELECT
    capture,
    resp_ip AS target,
    resp_port AS port,
    time_bucket(INTERVAL 10 SECONDS, ts) AS begin,
    count(*) AS connections,
    count(DISTINCT orig_ip) AS sources,
    count(*) FILTER (WHERE resp_packets > 0) AS answered
FROM connection
WHERE protocol = 6 AND orig_syn > 0 AND conn_state IN ('S0', 'S1', 'RSTOS0', 'SH') AND orig_payload_bytes = 0
    AND ts IS NOT NULL
GROUP BY capture, target, port, begin
HAVING connections >= $min_connections
ORDER BY connections DESC, begin, target, port, capture
