-- Which DHCP servers answer that should not?
-- Servers that sent offers or leases, unless they are known; without known ones, those of captures with several servers.
-- technique: T1557.003
-- param known: text = null  -- Addresses of the known servers, separated by commas.
WITH servers AS (
    SELECT
        capture,
        coalesce(server_id, src_ip) AS server,
        count(*) AS answers,
        count(DISTINCT client_mac) AS clients,
        list_sort(list_distinct(flatten(list(coalesce(routers, []))))) AS routers,
        list_sort(list_distinct(flatten(list(coalesce(dns_servers, []))))) AS dns_servers,
        min(ts) AS first_seen,
        max(ts) AS last_seen
    FROM dhcpv4
    WHERE operation = 2 AND message_type IN (2, 5)
    GROUP BY ALL
)
SELECT *
FROM servers
WHERE server IS NOT NULL
QUALIFY CASE
    WHEN $known::VARCHAR IS NULL THEN count(*) OVER (PARTITION BY capture) > 1
    ELSE NOT list_contains(list_transform(string_split($known, ','), lambda one: trim(one)), server)
END
ORDER BY answers, server, capture
