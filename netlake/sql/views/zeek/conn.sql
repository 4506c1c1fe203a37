-- One row for each connection, as in Zeek's conn.log: TCP, UDP and ICMP ones, and packets of other protocols between two addresses, without IP in IP, GRE and protocol 59.
-- tables: connection, dns, dhcpv4, ntp, snmp, sip, radius, syslog, quic, tls_client_hello, kerberos, teredo, gtp_u, vxlan, geneve, ayiya
-- ts: Time of its first packet.
-- uid: Identifier of the connection, the same in all views of this schema: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator; of ICMP the type, of other protocols 0.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder; of ICMP the type of the reply, or the code, of other protocols 0.
-- proto: Transport protocol: tcp, udp, icmp or unknown_transport.
-- service: Application protocols, in alphabetical order, joined by commas.
-- duration: Seconds from the first to the last packet; null for a single packet.
-- orig_bytes: Bytes of payload of the originator, those that the capture lacks included; null for a single packet.
-- resp_bytes: Bytes of payload of the responder, those that the capture lacks included; null for a single packet.
-- conn_state: Summary of its state, such as SF.
-- local_orig: Whether the originator is in a local network, see the function is_local.
-- local_resp: Whether the responder is in a local network.
-- missed_bytes: Bytes that the other side acknowledged and the capture lacks.
-- history: Events in order, upper case for the originator; null for ICMP.
-- orig_pkts: Packets of the originator.
-- orig_ip_bytes: Bytes of the originator from the IP header on.
-- resp_pkts: Packets of the responder.
-- resp_ip_bytes: Bytes of the responder from the IP header on.
-- tunnel_parents: The uid of the connection whose packets are the tunnel.
-- ip_proto: Number of the protocol in IP.
WITH datagrams AS (
    SELECT capture, flow, list(DISTINCT service ORDER BY service) AS services
    FROM (
        SELECT capture, flow, 'dns' AS service FROM main.dns WHERE transport = 'udp'
        UNION ALL SELECT capture, flow, 'dhcp' FROM main.dhcpv4
        UNION ALL SELECT capture, flow, 'ntp' FROM main.ntp
        UNION ALL SELECT capture, flow, 'snmp' FROM main.snmp
        UNION ALL SELECT capture, flow, 'sip' FROM main.sip
        UNION ALL SELECT capture, flow, 'radius' FROM main.radius
        UNION ALL SELECT capture, flow, 'syslog' FROM main.syslog
        UNION ALL SELECT capture, flow, 'quic' FROM main.quic WHERE packet_type IS NOT NULL
        UNION ALL SELECT capture, flow, 'ssl' FROM main.tls_client_hello WHERE transport <> 'tcp'
        UNION ALL SELECT capture, flow, 'krb' FROM main.kerberos
        UNION ALL SELECT capture, flow, 'teredo' FROM main.teredo
        UNION ALL SELECT capture, flow, 'gtpv1' FROM main.gtp_u WHERE message_type = 255
        UNION ALL SELECT capture, flow, 'vxlan' FROM main.vxlan
        UNION ALL SELECT capture, flow, 'geneve' FROM main.geneve
        UNION ALL SELECT capture, flow, 'ayiya' FROM main.ayiya
    )
    GROUP BY capture, flow
)
SELECT c.ts, zeek_uid(c.capture, c.flow) AS uid, orig_ip AS "id.orig_h",
    CASE WHEN protocol IN (6, 17) THEN orig_port ELSE coalesce(icmp_type, 0) END::INTEGER AS "id.orig_p",
        resp_ip AS "id.resp_h",
    CASE WHEN protocol IN (6, 17) THEN resp_port ELSE coalesce(zeek_icmp_port(protocol, icmp_type, icmp_code),
        0) END::INTEGER AS "id.resp_p",
    zeek_proto(protocol) AS proto,
    nullif(array_to_string(CASE protocol
        WHEN 6 THEN list_sort(list_transform(c.service, lambda name: zeek_service(name)))
        WHEN 17 THEN d.services END, ','), '') AS service,
    CASE WHEN duration > 0 THEN duration END AS duration,
    CASE WHEN duration > 0 THEN orig_payload_bytes + coalesce(orig_missed_bytes, 0) END AS orig_bytes,
    CASE WHEN duration > 0 THEN resp_payload_bytes + coalesce(resp_missed_bytes, 0) END AS resp_bytes,
    CASE WHEN protocol IN (1, 6, 17, 58) THEN conn_state ELSE 'OTH' END AS conn_state,
        is_local(orig_ip) AS local_orig, is_local(resp_ip) AS local_resp,
    coalesce(orig_missed_bytes, 0) + coalesce(resp_missed_bytes, 0) AS missed_bytes, history,
    orig_packets AS orig_pkts, orig_ip_bytes, resp_packets AS resp_pkts, resp_ip_bytes,
    CASE WHEN outer_flow IS NOT NULL THEN [zeek_uid(c.capture, outer_flow)] END AS tunnel_parents,
    protocol::INTEGER AS ip_proto
FROM main.connection c
LEFT JOIN datagrams d ON protocol = 17 AND d.capture = c.capture AND d.flow = c.flow
WHERE protocol NOT IN (4, 41, 47, 59)
