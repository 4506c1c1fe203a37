-- One row for each name of an address, by what said so: DHCP, mDNS, NetBIOS, DNS, Kerberos, TLS and HTTP clients.
-- tables: dhcpv4, dhcpv6, dns, netbios_ns, smb_mailslot, kerberos, tls_client_hello, http, name_resolution
-- address: The address.
-- name: The name, in lower case, without a final dot.
-- mac: MAC address of the host; null if the source has none.
-- source: dhcp, dhcpv6, dns, dns_ptr, mdns, llmnr, netbios, browser, kerberos, tls_sni, http_host or capture_file.
-- since: Time of the first message with it; null for names in the capture file.
-- until: Time of the last message with it.
-- records: Number of messages with it.
-- captures: Ids of the captures.
WITH leases AS (
    SELECT capture, transaction_id, client_mac, max(your_ip) AS address
    FROM dhcpv4
    WHERE message_type = 5
    GROUP BY ALL
), asked AS (
    SELECT q.ts, q.capture, q.client_mac, coalesce(a.address, q.requested_ip, q.client_ip) AS address,
        unnest([q.hostname, q.client_fqdn]) AS name
    FROM dhcpv4 q
    LEFT JOIN leases a
        ON a.capture = q.capture AND a.transaction_id = q.transaction_id AND a.client_mac IS NOT DISTINCT FROM q.client_mac
    WHERE q.operation = 1
), records AS (
    SELECT ts, capture, src_ip, CASE WHEN src_port = 5353 THEN 'mdns' WHEN src_port = 5355 THEN 'llmnr' ELSE 'dns' END AS source,
        unnest(list_concat(answers, CASE WHEN src_port = 5353 THEN additionals ELSE [] END)) AS record
    FROM dns
    WHERE response AND opcode = 0
), found AS (
    SELECT ts, capture, address, name, client_mac AS mac, 'dhcp' AS source FROM asked
    UNION ALL
    SELECT ts, capture, one.ip, client_fqdn, NULL, 'dhcpv6'
    FROM (SELECT ts, capture, client_fqdn, unnest(addresses) AS one FROM dhcpv6 WHERE client_fqdn IS NOT NULL)
    WHERE one.prefix_length IS NULL
    UNION ALL
    SELECT ts, capture, record.address, record.name, NULL, source FROM records WHERE record.type IN (1, 28)
    UNION ALL
    SELECT ts, capture, reverse_address(record.name), record.data, NULL, CASE source WHEN 'dns' THEN 'dns_ptr' ELSE source END
    FROM records
    WHERE record.type = 12
    UNION ALL
    SELECT ts, capture, unnest(record.addresses), record.name, NULL, 'netbios'
    FROM (SELECT ts, capture, unnest(records) AS record FROM netbios_ns)
    WHERE record.type = 32 AND NOT coalesce(record."group", false)
    UNION ALL
    SELECT ts, capture, src_ip, server_name, NULL, 'browser' FROM smb_mailslot WHERE command IN (1, 15)
    UNION ALL
    SELECT ts, capture, src_ip, rtrim(client_name, '$'), NULL, 'kerberos'
    FROM kerberos
    WHERE message_type IN (10, 12) AND client_name LIKE '%$'
    UNION ALL
    SELECT ts, capture, dst_ip, server_name, NULL, 'tls_sni' FROM tls_client_hello
    UNION ALL
    SELECT ts, capture, server_ip, regexp_replace(host, ':[0-9]+$', ''), NULL, 'http_host' FROM http WHERE request_packet IS NOT NULL
    UNION ALL
    SELECT NULL, capture, address, name, NULL, 'capture_file' FROM name_resolution WHERE kind IN ('ipv4', 'ipv6')
)
SELECT address, lower(rtrim(name, '.')) AS name, max(mac) AS mac, source, min(ts) AS since, max(ts) AS until,
    count(*) AS records, list_sort(list(DISTINCT capture)) AS captures
FROM found
WHERE address IS NOT NULL AND ip_family(address) IS NOT NULL AND rtrim(name, '.') <> '' AND ip_family(trim(name, '[]')) IS NULL
GROUP BY address, lower(rtrim(name, '.')), source, coalesce(mac, '')
