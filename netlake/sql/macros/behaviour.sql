-- Connections of one source to one address and port at regular intervals, as programs make them: at least
-- min_connections of one capture, at least min_seconds apart on average, whose intervals have a standard deviation
-- (population) of at most max_jitter of their mean. A row has the number of connections, the times of the first and
-- last, and interval_seconds, deviation_seconds and jitter (their quotient).
-- tables: connection
-- example: (SELECT count(*) FROM beacons(min_connections := 1000000000)) = 0
CREATE MACRO beacons(min_connections := 5, max_jitter := 0.1, min_seconds := 0.5) AS TABLE
SELECT *, deviation_seconds / interval_seconds AS jitter
FROM (
    SELECT capture, source, target, port, protocol, count(*) + 1 AS connections, min(before) AS first, max(ts) AS last,
        avg(seconds) AS interval_seconds, stddev_pop(seconds) AS deviation_seconds
    FROM (
        SELECT capture, orig_ip AS source, resp_ip AS target, resp_port AS port, protocol, ts,
            lag(ts) OVER same AS before, epoch(ts - before) AS seconds
        FROM connection
        WHERE resp_port IS NOT NULL AND ts IS NOT NULL
        WINDOW same AS (PARTITION BY capture, orig_ip, resp_ip, protocol, resp_port ORDER BY ts, flow)
    )
    WHERE seconds IS NOT NULL
    GROUP BY capture, source, target, port, protocol
)
WHERE connections >= min_connections AND interval_seconds >= min_seconds AND interval_seconds > 0
    AND deviation_seconds <= max_jitter * interval_seconds
ORDER BY jitter, connections DESC, source, target, port;

-- Scans by TCP connections that were refused or not answered, and by UDP ones without an answer: horizontal, one source
-- tries one port of at least min_targets addresses; vertical, it tries at least min_targets ports of one address.
-- Columns of the other kind are null. A row has the number of targets (addresses or ports), of failed connections, and
-- the times of the first and last.
-- tables: connection
-- example: (SELECT count(*) FROM sweeps(min_targets := 1000000000)) = 0
CREATE MACRO sweeps(min_targets := 10) AS TABLE
WITH failed AS (
    SELECT capture, orig_ip AS source, resp_ip AS target, resp_port AS port, protocol, ts
    FROM connection
    WHERE resp_port IS NOT NULL
        AND ((protocol = 6 AND conn_state IN ('S0', 'REJ', 'RSTOS0', 'SH')) OR (protocol = 17 AND resp_packets = 0))
)
SELECT *
FROM (
    SELECT capture, 'horizontal' AS kind, source, NULL::VARCHAR AS target, port, protocol,
        count(DISTINCT failed.target) AS targets, count(*) AS connections, min(ts) AS first, max(ts) AS last
    FROM failed
    GROUP BY capture, source, port, protocol
    UNION ALL
    SELECT capture, 'vertical', source, target, NULL, protocol, count(DISTINCT failed.port), count(*), min(ts), max(ts)
    FROM failed
    GROUP BY capture, source, target, protocol
)
WHERE targets >= min_targets
ORDER BY targets DESC, source, kind, target, port;

-- Intervals in which one source began at least min_connections connections. They are `seconds` long and begin at
-- multiples of it since 1970. A row has the begin, the number of connections, of addresses and of ports that they went
-- to, and times_usual: the connections divided by the mean of the other intervals in which the source began some, null
-- if there are none.
-- tables: connection
-- example: (SELECT count(*) FROM bursts(min_connections := 1000000000)) = 0
CREATE MACRO bursts(seconds := 1, min_connections := 50) AS TABLE
SELECT capture, source, make_timestamptz((begins * 1000000)::BIGINT) AS begin, connections, targets, ports,
    connections * (intervals - 1) / nullif(total - connections, 0) AS times_usual
FROM (
    SELECT *, sum(connections) OVER (PARTITION BY capture, source) AS total,
        count(*) OVER (PARTITION BY capture, source) AS intervals
    FROM (
        SELECT capture, orig_ip AS source, floor(epoch(ts) / seconds) * seconds AS begins, count(*) AS connections,
            count(DISTINCT resp_ip) AS targets, count(DISTINCT resp_port) AS ports
        FROM connection
        WHERE orig_ip IS NOT NULL AND ts IS NOT NULL
        GROUP BY capture, source, begins
    )
)
WHERE connections >= min_connections
ORDER BY connections DESC, begin, source;
