-- Which host had which address by DHCP, and when?
-- Leases that servers acknowledged, with the host name of the client's request, over all captures.
-- param address: text = null  -- Only this address.
-- param mac: text = null  -- Only this MAC address of the client.
WITH names AS (
    SELECT capture, transaction_id, client_mac, max(coalesce(hostname, client_fqdn)) AS hostname
    FROM dhcpv4
    WHERE operation = 1
    GROUP BY ALL
)
SELECT
    a.ts,
    a.your_ip AS address,
    a.client_mac AS mac,
    mac_vendor(a.client_mac) AS vendor,
    names.hostname,
    a.lease_time AS lease_seconds,
    coalesce(a.server_id, a.src_ip) AS server,
    a.capture
FROM dhcpv4 a
LEFT JOIN names
    ON names.capture = a.capture AND names.transaction_id = a.transaction_id AND names.client_mac = a.client_mac
WHERE a.operation = 2 AND a.message_type = 5 AND a.your_ip <> '0.0.0.0'
    AND ($address::VARCHAR IS NULL OR a.your_ip = $address)
    AND ($mac::VARCHAR IS NULL OR a.client_mac = lower($mac))
ORDER BY a.ts, address, a.capture
