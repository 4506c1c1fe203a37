-- Who calls home?
-- Conversations with one end and port that begin at nearly equal intervals: programs do that, people do not.
WITH begun AS (
    SELECT
        capture,
        orig_ip,
        resp_ip,
        resp_port,
        epoch(ts - lag(ts) OVER (PARTITION BY capture, orig_ip, resp_ip, protocol, resp_port ORDER BY ts, flow)) AS pause
    FROM connection
    WHERE resp_port IS NOT NULL
)
SELECT
    orig_ip AS who,
    resp_ip AS whom,
    resp_port AS port,
    count(*) + 1 AS times,
    round(avg(pause), 2) AS seconds_apart,
    round(stddev_pop(pause), 2) AS give_or_take
FROM begun
WHERE pause IS NOT NULL
GROUP BY capture, who, whom, port
HAVING times >= 5 AND seconds_apart >= 0.5 AND give_or_take < 0.1 * seconds_apart
ORDER BY times DESC, who, whom, port
