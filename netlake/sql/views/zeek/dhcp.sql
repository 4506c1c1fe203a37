-- One row for each DHCP transaction of a client, as in Zeek's dhcp.log.
-- tables: dhcpv4
-- ts: Time of its first message.
-- uids: Identifiers of its connections: zeek_uid(capture, flow).
-- client_addr: Address of the client.
-- server_addr: Address of the server.
-- mac: Hardware address of the client.
-- host_name: Host name of the client.
-- client_fqdn: FQDN of the client.
-- domain: Domain name that the server gave.
-- requested_addr: Address that the client requested.
-- assigned_addr: Address that the server assigned.
-- lease_time: Lease time, seconds.
-- client_message: Message of a decline.
-- server_message: Message of a nak.
-- msg_types: Types of the messages, in order.
-- duration: Seconds from the first to the last message.
SELECT min(ts) AS ts, list(DISTINCT zeek_uid(capture, flow)) AS uids,
    coalesce(arg_max(nullif(your_ip, '0.0.0.0'), packet) FILTER (message_type = 5), arg_max(client_ip, packet)
        FILTER (operation = 1)) AS client_addr,
    arg_max(coalesce(server_id, src_ip), packet) FILTER (operation = 2) AS server_addr, max(client_mac) AS mac,
    arg_max(hostname, packet) FILTER (operation = 1) AS host_name, arg_max(client_fqdn, packet)
        FILTER (operation = 1) AS client_fqdn,
    arg_max(domain_name, packet) FILTER (operation = 2) AS domain, arg_max(requested_ip, packet)
        FILTER (operation = 1) AS requested_addr,
    arg_max(your_ip, packet) FILTER (operation = 2) AS assigned_addr, arg_max(lease_time, packet)::DOUBLE AS lease_time,
    arg_max(message, packet) FILTER (operation = 1) AS client_message, arg_max(message, packet)
        FILTER (operation = 2) AS server_message,
    list(upper(coalesce(dhcp_message_name(message_type), 'unknown-' || message_type)) ORDER BY packet)
        FILTER (message_type IS NOT NULL) AS msg_types,
    epoch(max(ts) - min(ts)) AS duration
FROM main.dhcpv4
GROUP BY capture, transaction_id, client_hardware
