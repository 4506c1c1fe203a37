-- Which hosts tried closed ports of other hosts?
-- Pairs of addresses with failed TCP connections to several ports: refused (RST) or unanswered, as in a port scan.
-- technique: T1046
-- param min_ports: integer = 2  -- Least number of ports.
SELECT
    orig_ip AS source,
    resp_ip AS target,
    count(DISTINCT resp_port) AS ports,
    count(*) FILTER (WHERE conn_state = 'REJ') AS refused,
    count(*) FILTER (WHERE conn_state = 'S0') AS unanswered,
    min(ts) AS first_seen,
    list_slice(list_sort(list_distinct(list(resp_port))), 1, 8) AS lowest_ports
FROM connection
WHERE protocol = 6 AND conn_state IN ('S0', 'REJ')
GROUP BY capture, source, target
HAVING ports >= $min_ports
ORDER BY ports DESC, source, target
