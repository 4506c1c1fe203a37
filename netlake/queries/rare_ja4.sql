-- Which TLS client fingerprints does only one or few hosts have?
-- JA4 over all captures by the number of hosts; a rare one is another program than those of most hosts.
-- technique: T1071.001, T1573
-- param max_hosts: integer = 1  -- Greatest number of hosts.
SELECT
    ja4,
    count(DISTINCT src_ip) AS hosts,
    list_slice(list_sort(list(DISTINCT src_ip)), 1, 10) AS clients,
    count(*) AS hellos,
    list_slice(list_sort(list(DISTINCT lower(server_name))), 1, 5) AS servers,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM tls_client_hello
WHERE ja4 IS NOT NULL
GROUP BY ja4
HAVING hosts <= $max_hosts
ORDER BY hosts, hellos, ja4
