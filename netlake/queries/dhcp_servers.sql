-- Which DHCP servers are there, and what do they hand out?
-- Servers that sent offers or acknowledgements, by their identifier (option 54): relay agents, lease time, routers, DNS
-- servers and domain names.
-- The MAC address is that of the frames: of the server itself, or of the relay agent or router in front of it.
WITH answers AS (
    SELECT d.*, coalesce(d.server_id, d.src_ip) AS server, CASE WHEN d.from_originator THEN c.orig_mac ELSE c.resp_mac END AS mac
    FROM dhcpv4 d
    LEFT JOIN connection c ON c.capture = d.capture AND c.flow = d.flow
    WHERE d.operation = 2 AND d.message_type IN (2, 5)
)
SELECT
    capture,
    server,
    coalesce(list_sort(list(DISTINCT mac) FILTER (WHERE mac IS NOT NULL)), []) AS macs,
    coalesce(list_sort(list(DISTINCT relay_ip) FILTER (WHERE relay_ip <> '0.0.0.0')), []) AS relays,
    coalesce(list_sort(list(DISTINCT lease_time) FILTER (WHERE lease_time IS NOT NULL)), []) AS lease_seconds,
    list_sort(list_distinct(flatten(list(coalesce(routers, []))))) AS routers,
    list_sort(list_distinct(flatten(list(coalesce(dns_servers, []))))) AS dns_servers,
    coalesce(list_sort(list(DISTINCT domain_name) FILTER (WHERE domain_name IS NOT NULL)), []) AS domain_names,
    count(*) FILTER (WHERE message_type = 2) AS offers,
    count(*) FILTER (WHERE message_type = 5) AS acknowledgements,
    count(DISTINCT client_mac) AS clients,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM answers
WHERE server IS NOT NULL
GROUP BY capture, server
ORDER BY acknowledgements DESC, server, capture
