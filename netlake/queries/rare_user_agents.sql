-- Which HTTP user agents does only one or few hosts send?
-- User agents over all captures by the number of hosts that sent them; the rarest first.
-- technique: T1071.001
-- param max_hosts: integer = 1  -- Greatest number of hosts.
SELECT
    user_agent,
    count(DISTINCT client_ip) AS hosts,
    list_slice(list_sort(list(DISTINCT client_ip)), 1, 10) AS clients,
    count(*) AS requests,
    list_slice(list_sort(list(DISTINCT host)), 1, 5) AS servers,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM http
WHERE user_agent IS NOT NULL
GROUP BY user_agent
HAVING hosts <= $max_hosts
ORDER BY hosts, requests, user_agent
