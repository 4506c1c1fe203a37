-- Which hosts connect to the same server at regular intervals?
-- At least five connections to one address and port with nearly equal intervals, as a program makes them (beaconing).
WITH intervals AS (
    SELECT
        capture,
        orig_ip,
        resp_ip,
        resp_port,
        epoch(ts - lag(ts) OVER (PARTITION BY capture, orig_ip, resp_ip, protocol, resp_port ORDER BY ts, flow)) AS seconds
    FROM connection
    WHERE resp_port IS NOT NULL
)
SELECT
    orig_ip AS source,
    resp_ip AS target,
    resp_port AS port,
    count(*) + 1 AS connections,
    round(avg(seconds), 2) AS interval_seconds,
    round(stddev_pop(seconds), 2) AS deviation_seconds
FROM intervals
WHERE seconds IS NOT NULL
GROUP BY capture, source, target, port
HAVING connections >= 5 AND interval_seconds >= 0.5 AND deviation_seconds < 0.1 * interval_seconds
ORDER BY connections DESC, source, target, port
