-- Which files did hosts download by HTTP?
-- Responses with content to GET requests whose path ends with a file name, by server and file, with the clients and user agents.
-- param name: text = null  -- Only files whose name contains this text.
-- param agent: text = null  -- Only requests whose user agent contains this text.
SELECT
    capture,
    server_ip AS server,
    server_port AS port,
    any_value(host) AS host,
    regexp_extract(uri, '([^/?#]+)(?:[?#].*)?$', 1) AS file,
    any_value(split_part(uri, '?', 1)) AS path,
    count(*) AS requests,
    sum(response_body_length)::BIGINT AS bytes,
    list_sort(list(DISTINCT client_ip)) AS clients,
    coalesce(list_sort(list(DISTINCT user_agent) FILTER (WHERE user_agent IS NOT NULL)), []) AS user_agents,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM http
WHERE method = 'GET' AND status IN (200, 206) AND response_body_length > 0
    AND regexp_matches(split_part(uri, '?', 1), '/[^/]+\.[A-Za-z0-9]{1,8}$')
    AND ($agent::VARCHAR IS NULL OR contains(lower(user_agent), lower($agent::VARCHAR)))
    AND ($name::VARCHAR IS NULL OR contains(lower(uri), lower($name::VARCHAR)))
GROUP BY capture, server_ip, server_port, regexp_extract(uri, '([^/?#]+)(?:[?#].*)?$', 1)
ORDER BY bytes DESC, server, port, file, capture
