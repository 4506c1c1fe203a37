-- To which servers does a TCP handshake take longest?
-- Seconds from the SYN of the client to the SYN-ACK of the server, by server: median, greatest and their number.
-- param min_seconds: number = 0  -- Least median in seconds.
SELECT
    capture,
    resp_ip AS server,
    resp_port AS port,
    count(*) AS connections,
    round(median(epoch(resp_first_ts - orig_first_ts)), 4) AS median_seconds,
    round(max(epoch(resp_first_ts - orig_first_ts)), 4) AS max_seconds
FROM connection
WHERE protocol = 6 AND orig_syn > 0 AND resp_syn > 0 AND resp_first_ts >= orig_first_ts
GROUP BY capture, server, port
HAVING median(epoch(resp_first_ts - orig_first_ts)) >= $min_seconds
ORDER BY median_seconds DESC, server, port, capture
