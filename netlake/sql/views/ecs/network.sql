-- One row for each connection, in names of the Elastic Common Schema (ECS).
-- tables: connection
-- @timestamp: Time of the event.
-- ecs.version: Version of the Elastic Common Schema.
-- event.kind: event.
-- event.category: Categories of the event.
-- event.type: Types of the event.
-- event.dataset: netlake, a point and the table.
-- event.id: Identifier: the capture, a point and the flow or packet.
-- event.start: Time of the first packet.
-- event.end: Time of the last packet.
-- event.duration: Nanoseconds from start to end.
-- network.transport: Transport protocol, such as tcp.
-- network.iana_number: Number of the protocol in IP, as text.
-- network.type: ipv4 or ipv6.
-- network.protocol: Application protocol, such as dns.
-- network.community_id: Community ID of the connection.
-- network.bytes: Bytes on the wire in both directions.
-- network.packets: Packets in both directions.
-- source.ip: Address of the source.
-- source.port: Port of the source.
-- source.mac: MAC address of the source.
-- source.bytes: Bytes on the wire that the source sent.
-- source.packets: Packets that the source sent.
-- destination.ip: Address of the destination.
-- destination.port: Port of the destination.
-- destination.mac: MAC address of the destination.
-- destination.bytes: Bytes on the wire that the destination sent.
-- destination.packets: Packets that the destination sent.
SELECT ts AS "@timestamp", '8.17.0' AS "ecs.version", 'event' AS "event.kind", ['network'] AS "event.category",
    ['connection'] AS "event.type", 'netlake.connection' AS "event.dataset", capture || '.' || flow AS "event.id",
    ts AS "event.start", last_ts AS "event.end", (duration * 1000000000)::BIGINT AS "event.duration",
    CASE protocol WHEN 1 THEN 'icmp' WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 58 THEN 'ipv6-icmp' WHEN 132
        THEN 'sctp' END AS "network.transport",
    protocol::VARCHAR AS "network.iana_number", CASE WHEN contains(orig_ip, ':') THEN 'ipv6'
        ELSE 'ipv4' END AS "network.type",
    service[-1] AS "network.protocol", community_id AS "network.community_id",
    orig_wire_bytes + resp_wire_bytes AS "network.bytes", orig_packets + resp_packets AS "network.packets",
    orig_ip AS "source.ip", orig_port AS "source.port", hyphenated_mac(orig_mac) AS "source.mac",
        orig_wire_bytes AS "source.bytes",
    orig_packets AS "source.packets", resp_ip AS "destination.ip", resp_port AS "destination.port",
    hyphenated_mac(resp_mac) AS "destination.mac", resp_wire_bytes AS "destination.bytes",
        resp_packets AS "destination.packets"
FROM main.connection
