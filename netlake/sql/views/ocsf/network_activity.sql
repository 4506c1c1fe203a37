-- One row for each connection: OCSF class Network Activity (4001).
-- tables: connection
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: 6 traffic, 5 refuse, 4 fail (no answer), 3 reset, by the state of the connection.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address, port and MAC address of the originator or client.
-- dst_endpoint: Address, port and MAC address of the responder or server.
-- connection_info: Transport protocol, version of IP, direction, Community ID, history and identifier of the connection.
-- traffic: Bytes and packets: in those of the responder, out those of the originator.
-- app_name: Application protocol.
SELECT 4001 AS class_uid, 4 AS category_uid, activity AS activity_id, 4001 * 100 + activity AS type_uid,
    1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('connection', id) AS metadata,
    ocsf_endpoint(orig_ip, orig_port, orig_mac) AS src_endpoint, ocsf_endpoint(resp_ip, resp_port,
        resp_mac) AS dst_endpoint,
    {protocol_name: ip_protocol_name(protocol), protocol_num: protocol::INTEGER, protocol_ver_id: CASE
        WHEN contains(orig_ip, ':') THEN 6 ELSE 4 END,
        direction_id: ocsf_direction(is_local(orig_ip), is_local(resp_ip)), uid: id, community_uid: community_id,
            flag_history: history,
        tcp_flags: (orig_flags | resp_flags)::INTEGER} AS connection_info,
    {bytes: orig_wire_bytes + resp_wire_bytes, bytes_out: orig_wire_bytes, bytes_in: resp_wire_bytes,
        bytes_missed: coalesce(orig_missed_bytes, 0) + coalesce(resp_missed_bytes, 0),
            packets: orig_packets + resp_packets,
        packets_out: orig_packets, packets_in: resp_packets, start_time: ocsf_time(ts),
            end_time: ocsf_time(last_ts)} AS traffic,
    service[-1] AS app_name
FROM (
    SELECT *, capture || '.' || flow AS id, CASE WHEN conn_state = 'REJ' THEN 5 WHEN conn_state IN ('S0', 'SH') THEN 4
        WHEN starts_with(conn_state, 'RST') THEN 3 ELSE 6 END AS activity
    FROM main.connection
)
