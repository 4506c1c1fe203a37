-- Which addresses were claimed by several MAC addresses?
-- Addresses that ARP or neighbor advertisements of one capture gave to more than one MAC address, and how often it
-- changed; one that changes back and forth is spoofed rather than moved.
-- technique: T1557.002
-- param min_changes: integer = 1  -- Least number of changes of the MAC address.
WITH claims AS (
    SELECT capture, ts, packet, sender_ip AS address, sender_mac AS mac
    FROM arp
    WHERE fault IS NULL AND sender_ip <> '0.0.0.0'
    UNION ALL
    SELECT capture, ts, packet, target, target_mac FROM icmpv6_neighbor_advertisement
), ordered AS (
    SELECT *, lag(mac) OVER (PARTITION BY capture, address ORDER BY packet, mac) AS before
    FROM claims
    WHERE address IS NOT NULL AND mac IS NOT NULL
)
SELECT
    capture,
    address,
    list_sort(list(DISTINCT mac)) AS macs,
    list_transform(list_sort(list(DISTINCT mac)), lambda one: mac_vendor(one)) AS vendors,
    count(*) FILTER (WHERE mac <> before) AS changes,
    count(*) AS messages,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM ordered
GROUP BY capture, address
HAVING changes >= $min_changes
ORDER BY changes DESC, address, capture
