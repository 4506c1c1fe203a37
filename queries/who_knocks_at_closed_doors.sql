-- Who knocks at doors that stay closed?
-- Ends that tried several ports of another end without being let in: refused, or not answered at all.
SELECT
    orig_ip AS who,
    resp_ip AS at_whom,
    count(DISTINCT resp_port) AS ports,
    count(*) FILTER (WHERE conn_state = 'REJ') AS refused,
    count(*) FILTER (WHERE conn_state = 'S0') AS not_answered,
    min(ts) AS since,
    list_slice(list_sort(list_distinct(list(resp_port))), 1, 8) AS the_first_ports
FROM connection
WHERE protocol = 6 AND conn_state IN ('S0', 'REJ')
GROUP BY who, at_whom
HAVING ports > 1
ORDER BY ports DESC, who, at_whom
