-- Which hosts asked for an address by DHCP, and how?
-- One row for each client and kind of exchange: "new lease" (a Request after an Offer), "confirmed" (a Request for an
-- address it had, as after
-- a reboot), "renewed", "inform", "release" and "decline", with the name that the client gave and the server that acknowledged.
-- param exchange: text = null  -- Only this kind of exchange.
-- param server: text = null  -- Only exchanges that this server acknowledged.
WITH answers AS (
    SELECT capture, transaction_id, client_mac, max(nullif(your_ip, '0.0.0.0')) AS address, max(coalesce(server_id, src_ip)) AS server
    FROM dhcpv4
    WHERE operation = 2 AND message_type = 5
    GROUP BY ALL
), asked AS (
    SELECT *,
        CASE message_type
            WHEN 3 THEN CASE
                WHEN server_id IS NOT NULL THEN 'new lease'
                WHEN requested_ip IS NOT NULL THEN 'confirmed'
                ELSE 'renewed'
            END
            WHEN 4 THEN 'decline' WHEN 7 THEN 'release' WHEN 8 THEN 'inform'
        END AS exchange
    FROM dhcpv4
    WHERE operation = 1
)
SELECT
    q.capture,
    q.client_mac AS mac,
    mac_vendor(q.client_mac) AS vendor,
    max(coalesce(q.hostname, q.client_fqdn)) AS hostname,
    q.exchange,
    a.server,
    max(coalesce(a.address, q.requested_ip, nullif(q.client_ip, '0.0.0.0'))) AS address,
    count(*) AS requests,
    min(q.ts) AS first_seen,
    max(q.ts) AS last_seen
FROM asked q
LEFT JOIN answers a ON a.capture = q.capture AND a.transaction_id = q.transaction_id AND a.client_mac IS NOT DISTINCT FROM q.client_mac
WHERE q.exchange IS NOT NULL
    AND ($exchange::VARCHAR IS NULL OR q.exchange = $exchange)
    AND ($server::VARCHAR IS NULL OR a.server = $server)
GROUP BY q.capture, q.client_mac, q.exchange, a.server
ORDER BY first_seen, mac, exchange, server, q.capture
