-- One row for each FTP command that transfers, deletes, renames or lists files: OCSF class FTP Activity (4008).
-- tables: ftp_command
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: 1 put, 2 get, 4 delete, 5 rename, 6 list.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address, port and MAC address of the originator or client.
-- dst_endpoint: Address, port and MAC address of the responder or server.
-- connection_info: Transport protocol, version of IP, direction and identifier of the connection.
-- command: Command.
-- name: Argument of the command, such as the name of a file.
-- codes: Codes of the replies.
-- command_responses: Texts of the replies.
-- port: Port of the data connection.
SELECT 4008 AS class_uid, 4 AS category_uid, activity AS activity_id, 4008 * 100 + activity AS type_uid,
    1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('ftp_command', id) AS metadata,
    ocsf_endpoint(CASE WHEN from_originator THEN src_ip ELSE dst_ip END, CASE WHEN from_originator THEN src_port
        ELSE dst_port END, NULL) AS src_endpoint,
    ocsf_endpoint(CASE WHEN from_originator THEN dst_ip ELSE src_ip END, CASE WHEN from_originator THEN dst_port
        ELSE src_port END, NULL) AS dst_endpoint,
    ocsf_connection('tcp', 6, CASE WHEN from_originator THEN src_ip ELSE dst_ip END,
        CASE WHEN from_originator THEN dst_ip ELSE src_ip END, capture || '.' || flow) AS connection_info, command,
            argument AS name,
    list_filter([preliminary_code::INTEGER, code::INTEGER], lambda one: one IS NOT NULL) AS codes,
    list_filter([message], lambda one: one IS NOT NULL) AS command_responses, data_port::INTEGER AS port
FROM (
    SELECT *, capture || '.' || flow || '.' || exchange AS id, CASE WHEN command IN ('STOR', 'STOU', 'APPE') THEN 1
        WHEN command = 'RETR' THEN 2
        WHEN command IN ('DELE', 'RMD') THEN 4 WHEN command IN ('RNFR', 'RNTO') THEN 5 WHEN command IN ('LIST',
            'NLST', 'MLSD', 'MLST') THEN 6 END AS activity
    FROM main.ftp_command
)
WHERE activity IS NOT NULL
