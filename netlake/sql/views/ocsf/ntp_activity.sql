-- One row for each NTP message: OCSF class NTP Activity (4013).
-- tables: ntp
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: Mode: 1 and 2 symmetric, 3 client, 4 server, 5 broadcast, 6 control, 7 private; 0 unknown.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address, port and MAC address of the originator or client.
-- dst_endpoint: Address, port and MAC address of the responder or server.
-- connection_info: Transport protocol, version of IP, direction and identifier of the connection.
-- version: Version of NTP, as text.
-- stratum_id: 0 unknown, 1 primary server, 2 secondary server, 16 unsynchronized, 17 reserved; 99 without a stratum.
-- delay: Round-trip time to the reference clock, milliseconds.
-- dispersion: Dispersion to the reference clock, milliseconds.
-- precision: Precision of the clock, log2 seconds.
SELECT 4013 AS class_uid, 4 AS category_uid, activity AS activity_id, 4013 * 100 + activity AS type_uid,
    1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('ntp', id) AS metadata,
    ocsf_endpoint(CASE WHEN from_originator THEN src_ip ELSE dst_ip END, CASE WHEN from_originator THEN src_port
        ELSE dst_port END, NULL) AS src_endpoint,
    ocsf_endpoint(CASE WHEN from_originator THEN dst_ip ELSE src_ip END, CASE WHEN from_originator THEN dst_port
        ELSE src_port END, NULL) AS dst_endpoint,
    ocsf_connection('udp', 17, CASE WHEN from_originator THEN src_ip ELSE dst_ip END,
        CASE WHEN from_originator THEN dst_ip ELSE src_ip END, capture || '.' || flow) AS connection_info,
    version::VARCHAR AS version,
    CASE WHEN stratum <= 1 OR stratum = 16 THEN stratum WHEN stratum < 16 THEN 2 WHEN stratum > 16 THEN 17
        ELSE 99 END::INTEGER AS stratum_id, (root_delay * 1000 / 65536)::BIGINT AS delay,
    (root_dispersion * 1000 / 65536)::BIGINT AS dispersion, precision::INTEGER AS precision
FROM (SELECT *, capture || '.' || packet || '.' || place AS id, coalesce(mode, 0)::INTEGER AS activity FROM main.ntp)
