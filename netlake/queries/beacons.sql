-- Which hosts connect to the same server at regular intervals?
-- Connections to one address and port with nearly equal intervals, as a program makes them (beaconing).
-- technique: T1071, T1573
-- param min_connections: integer = 5  -- Least number of connections.
-- param max_jitter: number = 0.1  -- Greatest standard deviation of the intervals, divided by their mean.
-- param min_seconds: number = 0.5  -- Least mean interval in seconds.
SELECT
    source,
    target,
    port,
    connections,
    round(interval_seconds, 2) AS interval_seconds,
    round(deviation_seconds, 2) AS deviation_seconds
FROM beacons(min_connections := $min_connections, max_jitter := $max_jitter, min_seconds := $min_seconds)
ORDER BY connections DESC, source, target, port
