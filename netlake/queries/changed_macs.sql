-- Which addresses moved to another MAC address?
-- Changes of the MAC address by ARP, neighbor advertisements and DHCP over all captures, with the time of each.
-- technique: T1557.002, T1200
-- param address: text = null  -- Only this address.
WITH claims AS (
    SELECT ts, sender_ip AS address, sender_mac AS mac FROM arp WHERE fault IS NULL AND sender_ip <> '0.0.0.0'
    UNION ALL
    SELECT ts, target, target_mac FROM icmpv6_neighbor_advertisement
    UNION ALL
    SELECT ts, your_ip, client_mac FROM dhcpv4 WHERE message_type = 5 AND your_ip <> '0.0.0.0'
), ordered AS (
    SELECT
        *,
        lag(mac) OVER (PARTITION BY address ORDER BY ts, mac) AS before,
        lag(ts) OVER (PARTITION BY address ORDER BY ts, mac) AS before_ts
    FROM claims
    WHERE address IS NOT NULL AND mac IS NOT NULL AND ts IS NOT NULL
)
SELECT
    ts,
    address,
    before AS old_mac,
    mac AS new_mac,
    mac_vendor(before) AS old_vendor,
    mac_vendor(mac) AS new_vendor,
    before_ts AS old_last_seen
FROM ordered
WHERE mac <> before AND ($address::VARCHAR IS NULL OR address = $address)
ORDER BY ts, address
