-- Which hosts sent and received most in each interval?
-- The hosts with the most bytes of IP, by the interval in which their connections began.
-- param minutes: integer = 5  -- Length of an interval in minutes.
-- param most: integer = 10  -- Greatest number of hosts in an interval.
WITH ends AS (
    SELECT capture, ts, orig_ip AS host, orig_ip_bytes AS sent, resp_ip_bytes AS received FROM connection
    UNION ALL
    SELECT capture, ts, resp_ip, resp_ip_bytes, orig_ip_bytes FROM connection
)
SELECT
    capture,
    time_bucket(to_minutes($minutes::INTEGER), ts) AS begin,
    host,
    sum(sent)::BIGINT AS sent_bytes,
    sum(received)::BIGINT AS received_bytes,
    count(*) AS connections
FROM ends
WHERE host IS NOT NULL AND ts IS NOT NULL
GROUP BY capture, begin, host
HAVING sum(sent) + sum(received) > 0
QUALIFY row_number() OVER (PARTITION BY capture, begin ORDER BY sum(sent) + sum(received) DESC, host) <= $most
ORDER BY begin, sent_bytes + received_bytes DESC, host, capture
