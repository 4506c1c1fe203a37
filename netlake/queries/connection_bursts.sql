-- Which hosts began unusually many connections in a short time?
-- Intervals in which one source began many connections, compared with its other intervals.
-- technique: T1046, T1498
-- param seconds: integer = 1  -- Length of an interval in seconds.
-- param min_connections: integer = 50  -- Least number of connections in an interval.
SELECT capture, source, begin, connections, targets, ports, round(times_usual, 1) AS times_usual
FROM bursts(seconds := $seconds, min_connections := $min_connections)
ORDER BY connections DESC, begin, source, capture
