-- One row for each SSH connection: OCSF class SSH Activity (4007).
-- tables: ssh
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: 6, traffic.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address, port and MAC address of the originator or client.
-- dst_endpoint: Address, port and MAC address of the responder or server.
-- connection_info: Transport protocol, version of IP, direction and identifier of the connection.
-- protocol_ver: Version of the protocol, by the server.
-- client_hassh: HASSH of the client; null without a complete offer.
-- server_hassh: HASSHServer of the server; null without a complete offer.
SELECT 4007 AS class_uid, 4 AS category_uid, 6 AS activity_id, 4007 * 100 + 6 AS type_uid, 1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('ssh', capture || '.' || flow) AS metadata,
    ocsf_endpoint(orig_h, orig_p, NULL) AS src_endpoint, ocsf_endpoint(resp_h, resp_p, NULL) AS dst_endpoint,
    ocsf_connection('tcp', 6, orig_h, resp_h, capture || '.' || flow) AS connection_info, protocol_ver,
    CASE WHEN client_algorithms IS NOT NULL THEN {algorithm: client_algorithms, fingerprint: ocsf_fingerprint(1,
        client_digest)} END AS client_hassh,
    CASE WHEN server_algorithms IS NOT NULL THEN {algorithm: server_algorithms, fingerprint: ocsf_fingerprint(1,
        server_digest)} END AS server_hassh
FROM (
    SELECT capture, flow, min(ts) AS ts, arg_min(CASE WHEN from_originator THEN src_ip ELSE dst_ip END,
        packet) AS orig_h,
        arg_min(CASE WHEN from_originator THEN src_port ELSE dst_port END, packet) AS orig_p,
        arg_min(CASE WHEN from_originator THEN dst_ip ELSE src_ip END, packet) AS resp_h,
        arg_min(CASE WHEN from_originator THEN dst_port ELSE src_port END, packet) AS resp_p,
        max(protocol_version) FILTER (is_server) AS protocol_ver, max(hassh_algorithms) AS client_algorithms,
            max(hassh) AS client_digest,
        max(hassh_server_algorithms) AS server_algorithms, max(hassh_server) AS server_digest
    FROM main.ssh
    GROUP BY capture, flow
)
