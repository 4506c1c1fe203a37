-- Which hosts advertise themselves as IPv6 routers?
-- Senders of router advertisements with their prefixes and DNS servers; an unknown one can redirect all traffic.
-- technique: T1557
-- param known: text = null  -- Addresses of the known routers, separated by commas, which are left out.
SELECT
    capture,
    src_ip AS router,
    source_mac AS mac,
    mac_vendor(source_mac) AS vendor,
    max(router_lifetime) AS lifetime_seconds,
    list_sort(list_distinct(flatten(list(list_transform(prefixes, lambda one: one.prefix))))) AS prefixes,
    list_sort(list_distinct(flatten(list(rdnss)))) AS dns_servers,
    count(*) AS messages,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM icmpv6_router_advertisement
WHERE $known::VARCHAR IS NULL OR NOT list_contains(list_transform(string_split($known, ','), lambda one: trim(one)), src_ip)
GROUP BY capture, router, mac
ORDER BY router, mac, capture
