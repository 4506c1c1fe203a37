-- One row for each DHCP message: OCSF class DHCP Activity (4004).
-- tables: dhcpv4
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: Type of the message: 1 discover to 8 inform; 0 without one, 99 others.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address, port and MAC address of the client.
-- dst_endpoint: Address and port of the server.
-- connection_info: Transport protocol, version of IP, direction and identifier of the connection.
-- lease_dur: Lease time, seconds.
-- is_renewal: The client has an address already.
-- relay: Address of the relay agent; null without one.
-- transaction_uid: Transaction ID.
SELECT 4004 AS class_uid, 4 AS category_uid, activity AS activity_id, 4004 * 100 + activity AS type_uid,
    1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('dhcpv4', id) AS metadata,
    {ip: coalesce(CASE WHEN operation = 1 THEN client_ip ELSE your_ip END, CASE WHEN operation = 1 THEN src_ip
        ELSE dst_ip END),
        port: (CASE WHEN operation = 1 THEN src_port ELSE dst_port END)::INTEGER, mac: hyphenated_mac(client_mac),
            hostname: hostname} AS src_endpoint,
    ocsf_endpoint(CASE WHEN operation = 1 THEN dst_ip ELSE src_ip END, CASE WHEN operation = 1 THEN dst_port
        ELSE src_port END, NULL) AS dst_endpoint,
    ocsf_connection('udp', 17, src_ip, dst_ip, capture || '.' || flow) AS connection_info,
        lease_time::INTEGER AS lease_dur, client_ip IS NOT NULL AS is_renewal,
    CASE WHEN relay_ip IS NOT NULL THEN {ip: relay_ip} END AS relay, transaction_id::VARCHAR AS transaction_uid
FROM (
    SELECT *, capture || '.' || packet || '.' || place AS id,
        CASE WHEN message_type BETWEEN 1 AND 8 THEN message_type WHEN message_type IS NULL THEN 0
            ELSE 99 END::INTEGER AS activity
    FROM main.dhcpv4
)
