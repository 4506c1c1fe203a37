-- Which clients were refused by HTTP authentication many times?
-- Clients with many responses 401 or 407 of one server for requests with credentials.
-- technique: T1110.001, T1110.003
-- param min_failures: integer = 10  -- Least number of refused requests.
SELECT
    capture,
    client_ip AS source,
    server_ip AS target,
    server_port AS port,
    max(host) AS host,
    count(*) AS failures,
    count(DISTINCT authorization_user) AS users,
    count(DISTINCT uri) AS uris,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM http
WHERE status IN (401, 407) AND authorization_scheme IS NOT NULL
GROUP BY capture, source, target, port
HAVING failures >= $min_failures
ORDER BY failures DESC, source, target, port, capture
