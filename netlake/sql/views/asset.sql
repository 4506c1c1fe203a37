-- One row for each IP address of a host that took part in a connection, with what the captures say about it.
-- tables: connection, arp, icmpv6_neighbor_advertisement, dhcpv4, http, ssh, smb_mailslot, ssdp, host_name
-- address: The address; multicast, broadcast and unspecified ones are left out.
-- macs: MAC addresses, by ARP, neighbor discovery and DHCP; without those, that of its frames if no other address has it.
-- vendor: Vendor of the first MAC address, by IEEE's registry.
-- names: Names, see `host_name`.
-- first_seen: Time of its first packet in a connection.
-- last_seen: Time of its last packet in a connection.
-- connections: Number of connections in which it took part.
-- services: Services that answered, such as tcp/443 tls.
-- os_hints: Texts that hint at the operating system, each after its source; at most ten.
-- captures: Ids of the captures.
WITH ends AS (
    SELECT orig_ip AS address, orig_mac AS mac, capture, ts, last_ts, orig_ttl_first AS ttl FROM connection
    UNION ALL
    SELECT resp_ip, CASE WHEN resp_packets > 0 THEN resp_mac END, capture, ts, last_ts, resp_ttl_first FROM connection
), seen AS (
    SELECT address, min(ts) AS first_seen, max(last_ts) AS last_seen, count(*) AS connections,
        list_sort(list(DISTINCT capture)) AS captures
    FROM ends
    WHERE address IS NOT NULL
    GROUP BY address
), announced AS (
    SELECT sender_ip AS address, sender_mac AS mac FROM arp WHERE fault IS NULL
    UNION SELECT target, target_mac FROM icmpv6_neighbor_advertisement
    UNION SELECT your_ip, client_mac FROM dhcpv4 WHERE message_type = 5
), frames AS (
    SELECT mac, any_value(address) AS address FROM ends WHERE mac IS NOT NULL GROUP BY mac HAVING count(DISTINCT address) = 1
), hardware AS (
    SELECT address, list_sort(list(DISTINCT mac)) AS macs
    FROM (SELECT * FROM announced UNION SELECT address, mac FROM frames WHERE address NOT IN (SELECT address FROM announced WHERE address IS NOT NULL AND mac IS NOT NULL))
    WHERE address IS NOT NULL AND mac IS NOT NULL
    GROUP BY address
), named AS (
    SELECT address, list_sort(list(DISTINCT name)) AS names FROM host_name GROUP BY address
), offered AS (
    SELECT address, list_sort(list(DISTINCT service)) AS services
    FROM (
        SELECT resp_ip AS address, coalesce(ip_protocol_name(protocol), protocol::VARCHAR) || '/' || resp_port
            || CASE WHEN service = [] THEN '' ELSE ' ' || array_to_string(service, ' ') END AS service
        FROM connection
        WHERE resp_port IS NOT NULL AND resp_packets > 0 AND protocol IN (6, 17, 132)
            AND conn_state IN ('S1', 'SF', 'S2', 'S3', 'RSTO', 'RSTR', 'SHR', 'OTH')
    )
    GROUP BY address
), hints AS (
    SELECT address, list_slice(list_sort(list(DISTINCT hint)), 1, 10) AS os_hints
    FROM (
        SELECT d.requested_ip AS address, 'DHCP vendor class: ' || d.vendor_class AS hint FROM dhcpv4 d WHERE d.operation = 1
        UNION ALL SELECT client_ip, 'DHCP vendor class: ' || vendor_class FROM dhcpv4 WHERE operation = 1
        UNION ALL SELECT client_ip, 'HTTP user agent: ' || user_agent FROM http
        UNION ALL SELECT server_ip, 'HTTP server: ' || server FROM http
        UNION ALL SELECT src_ip, 'SSH: ' || concat_ws(' ', software, comments) FROM ssh
        UNION ALL SELECT src_ip, 'SSDP: ' || coalesce(server, user_agent) FROM ssdp
        UNION ALL SELECT src_ip, 'Windows browser: version ' || os_major || '.' || os_minor FROM smb_mailslot WHERE command IN (1, 15)
        UNION ALL SELECT address, 'initial TTL: ' || CASE WHEN ttl <= 64 THEN 64 WHEN ttl <= 128 THEN 128 ELSE 255 END FROM ends WHERE ttl > 32
    )
    WHERE address IS NOT NULL AND hint IS NOT NULL
    GROUP BY address
)
SELECT seen.address, coalesce(macs, []) AS macs, mac_vendor(macs[1]) AS vendor, coalesce(names, []) AS names, first_seen,
    last_seen, connections, coalesce(services, []) AS services, coalesce(os_hints, []) AS os_hints, captures
FROM (
    SELECT * FROM seen
    WHERE address NOT IN ('0.0.0.0', '::', '255.255.255.255')
        AND NOT (in_net(address, '224.0.0.0/4') OR in_net(address, 'ff00::/8'))
) seen
LEFT JOIN hardware USING (address)
LEFT JOIN named USING (address)
LEFT JOIN offered USING (address)
LEFT JOIN hints USING (address)
