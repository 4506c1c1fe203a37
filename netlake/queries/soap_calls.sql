-- Which SOAP methods do hosts call, and on which servers?
-- HTTP requests with a SOAPAction by server, path and method (the last part of the action), in the order of the first call.
-- param agent: text = null  -- Only requests whose user agent contains this text.
-- param path: text = null  -- Only requests whose path contains this text.
WITH calls AS (
    SELECT *, trim(list_extract(list_transform(list_filter(request_headers, lambda h: lower(h.name) = 'soapaction'), lambda h: h.value), 1), '"') AS action
    FROM http
)
SELECT
    capture,
    server_ip AS server,
    server_port AS port,
    any_value(host) AS host,
    split_part(uri, '?', 1) AS path,
    regexp_extract(action, '([^/#]+)$', 1) AS method,
    count(*) AS calls,
    list_sort(list(DISTINCT client_ip)) AS clients,
    coalesce(list_sort(list(DISTINCT user_agent) FILTER (WHERE user_agent IS NOT NULL)), []) AS user_agents,
    coalesce(list_sort(list(DISTINCT content_encoding) FILTER (WHERE content_encoding IS NOT NULL)), []) AS content_encodings,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM calls
WHERE action <> '' AND ($agent::VARCHAR IS NULL OR contains(lower(user_agent), lower($agent::VARCHAR)))
    AND ($path::VARCHAR IS NULL OR contains(lower(uri), lower($path::VARCHAR)))
GROUP BY capture, server_ip, server_port, split_part(uri, '?', 1), regexp_extract(action, '([^/#]+)$', 1)
ORDER BY first_seen, server, port, path, method, capture
