-- Which hosts claimed IP addresses of others by ARP?
-- MAC addresses that claimed an address which another one claimed before: the contested addresses, and those that only they
-- claimed,
-- which are the host's own. A host between two others contests the addresses of both.
-- technique: T1557.002
-- param min_contested: integer = 1  -- Least number of contested addresses.
WITH claims AS (
    SELECT capture, sender_mac AS mac, sender_ip AS address, count(*) AS messages, min(packet) AS since, min(ts) AS first_seen,
        max(ts) AS last_seen
    FROM arp
    WHERE fault IS NULL AND sender_ip <> '0.0.0.0' AND sender_mac IS NOT NULL
    GROUP BY ALL
), ranked AS (
    SELECT *, since > min(since) OVER (PARTITION BY capture, address) AS contested,
        count(*) OVER (PARTITION BY capture, address) AS claimants
    FROM claims
)
SELECT
    capture,
    mac,
    mac_vendor(mac) AS vendor,
    list_sort(list(address) FILTER (WHERE contested)) AS contested_addresses,
    coalesce(list_sort(list(address) FILTER (WHERE claimants = 1)), []) AS own_addresses,
    sum(messages) FILTER (WHERE contested)::BIGINT AS messages,
    min(first_seen) FILTER (WHERE contested) AS first_seen,
    max(last_seen) FILTER (WHERE contested) AS last_seen
FROM ranked
GROUP BY capture, mac
HAVING count(*) FILTER (WHERE contested) >= $min_contested
ORDER BY len(contested_addresses) DESC, messages DESC, mac, capture
