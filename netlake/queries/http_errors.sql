-- Which web servers answer with errors?
-- Responses of HTTP with a status from 400 by server, host and status, with the clients and an example.
-- param min_status: integer = 400  -- Least status.
SELECT
    capture,
    server_ip AS server,
    server_port AS port,
    host,
    status,
    count(*) AS responses,
    count(DISTINCT client_ip) AS clients,
    min(uri) AS example,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM http
WHERE status >= $min_status
GROUP BY ALL
ORDER BY responses DESC, server, port, host, status, capture
