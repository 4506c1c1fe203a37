-- Which hosts wanted an address that another one had?
-- Probes of ARP, and duplicate address detection of IPv6, that were answered in a few seconds.
-- param seconds: number = 3  -- Longest time from the probe to the answer in seconds.
WITH probes AS (
    SELECT capture, ts, target_ip AS address, sender_mac AS mac
    FROM arp
    WHERE operation = 1 AND sender_ip = '0.0.0.0' AND fault IS NULL
    UNION ALL
    SELECT capture, ts, target, NULL FROM icmpv6_neighbor_solicitation WHERE src_ip = '::'
), answers AS (
    SELECT capture, ts, sender_ip AS address, sender_mac AS mac FROM arp WHERE operation = 2 AND fault IS NULL
    UNION ALL
    SELECT capture, ts, target, target_mac FROM icmpv6_neighbor_advertisement WHERE NOT solicited
)
SELECT
    p.capture,
    p.address,
    p.mac AS wanted_by,
    a.mac AS used_by,
    count(DISTINCT p.ts) AS probes,
    min(p.ts) AS first_seen,
    max(p.ts) AS last_seen
FROM probes p
JOIN answers a
    ON a.capture = p.capture AND a.address = p.address AND a.mac IS DISTINCT FROM p.mac AND a.ts >= p.ts
    AND epoch(a.ts - p.ts) <= $seconds
GROUP BY ALL
ORDER BY first_seen, p.address, used_by, p.capture
