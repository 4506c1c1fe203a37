-- Which hosts connect to the same server at regular intervals?
-- Connections to one address and port with nearly equal intervals, as a program makes them (beaconing), with the names of the
-- server in TLS and HTTP, and the fingerprints and user agents of the client. Multicast, broadcast (names and discovery) and
-- NTP, which are regular by design, are left out.
-- technique: T1071.001, T1573
-- param min_connections: integer = 5  -- Least number of connections.
-- param max_jitter: number = 0.25  -- Greatest standard deviation of the intervals, divided by their mean.
-- param min_seconds: number = 0.5  -- Least mean interval in seconds.
WITH regular AS (
    SELECT *
    FROM beacons(min_connections := $min_connections, max_jitter := $max_jitter, min_seconds := $min_seconds)
    WHERE protocol IN (6, 17) AND port NOT IN (67, 68, 123, 137, 138, 547, 1900, 5353, 5355)
        AND NOT in_net(target, '224.0.0.0/4') AND NOT in_net(target, 'ff00::/8') AND target <> '255.255.255.255'
), named AS (
    SELECT capture, src_ip AS source, dst_ip AS target, dst_port AS port, server_name AS name, ja3, ja4, NULL AS user_agent
    FROM tls_client_hello
    UNION
    SELECT capture, client_ip, server_ip, server_port, host, NULL, NULL, user_agent FROM http
)
SELECT
    r.source,
    any_value(c.mac) AS source_mac,
    r.target,
    r.port,
    coalesce(list_sort(list(DISTINCT n.name) FILTER (WHERE n.name IS NOT NULL)), []) AS names,
    coalesce(list_sort(list(DISTINCT n.ja3) FILTER (WHERE n.ja3 IS NOT NULL)), []) AS ja3,
    coalesce(list_sort(list(DISTINCT n.ja4) FILTER (WHERE n.ja4 IS NOT NULL)), []) AS ja4,
    coalesce(list_sort(list(DISTINCT n.user_agent) FILTER (WHERE n.user_agent IS NOT NULL)), []) AS user_agents,
    r.connections,
    round(r.interval_seconds, 2) AS interval_seconds,
    round(r.deviation_seconds, 2) AS deviation_seconds,
    r."first" AS first_seen,
    r."last" AS last_seen,
    r.capture
FROM regular r
LEFT JOIN named n USING (capture, source, target, port)
LEFT JOIN (SELECT capture, orig_ip AS source, any_value(orig_mac) AS mac FROM connection GROUP BY ALL) c USING (capture, source)
GROUP BY ALL
ORDER BY r.connections DESC, source, target, port
