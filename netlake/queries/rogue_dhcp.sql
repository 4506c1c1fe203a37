-- Which DHCP servers answer that should not?
-- Servers that sent offers or leases, unless they are known; without known ones, those of captures with several servers.
-- With what
-- they hand out, and the hosts that accepted: those whose lease the server acknowledged after they had chosen it.
-- technique: T1557.003
-- param known: text = null  -- Addresses of the known servers, separated by commas.
WITH messages AS (
    SELECT d.*, CASE WHEN d.from_originator THEN c.orig_mac ELSE c.resp_mac END AS mac
    FROM dhcpv4 d
    LEFT JOIN connection c ON c.capture = d.capture AND c.flow = d.flow
), accepted AS (
    SELECT capture, server_id AS server, list_sort(list(DISTINCT coalesce(hostname, client_fqdn, client_mac))) AS hosts
    FROM dhcpv4
    WHERE operation = 1 AND message_type = 3 AND server_id IS NOT NULL
    GROUP BY ALL
), servers AS (
    SELECT
        capture,
        coalesce(server_id, src_ip) AS server,
        count(*) AS answers,
        count(DISTINCT client_mac) AS clients,
        coalesce(list_sort(list(DISTINCT mac) FILTER (WHERE mac IS NOT NULL)), []) AS macs,
        mac_vendor(min(mac)) AS vendor,
        list_sort(list_distinct(flatten(list(coalesce(routers, []))))) AS routers,
        list_sort(list_distinct(flatten(list(coalesce(dns_servers, []))))) AS dns_servers,
        coalesce(list_sort(list(DISTINCT domain_name) FILTER (WHERE domain_name IS NOT NULL)), []) AS domain_names,
        coalesce(list_sort(list(DISTINCT lease_time) FILTER (WHERE lease_time IS NOT NULL)), []) AS lease_seconds,
        min(ts) AS first_seen,
        max(ts) AS last_seen
    FROM messages
    WHERE operation = 2 AND message_type IN (2, 5)
    GROUP BY ALL
)
SELECT servers.*, coalesce(accepted.hosts, []) AS accepted_by
FROM servers
LEFT JOIN accepted USING (capture, server)
WHERE server IS NOT NULL
QUALIFY CASE
    WHEN $known::VARCHAR IS NULL THEN count(*) OVER (PARTITION BY capture) > 1
    ELSE NOT list_contains(list_transform(string_split($known, ','), lambda one: trim(one)), server)
END
ORDER BY answers, server, capture
