-- One row for each NTP message of modes 1 to 5, as in Zeek's ntp.log.
-- tables: ntp
-- ts: Time of the packet.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- version: Version number.
-- mode: Mode: 3 client, 4 server, 5 broadcast.
-- stratum: Distance to a reference clock.
-- poll: Maximum interval between messages, seconds.
-- precision: Precision of the clock of the sender, seconds.
-- root_delay: Round-trip time to the reference clock, seconds.
-- root_disp: Dispersion to the reference clock, seconds.
-- ref_id: Reference ID: a code, or the address of a server.
-- ref_time: Time when the clock was last set.
-- org_time: Time at the client when it sent the request.
-- rec_time: Time at the server when it received the request.
-- xmt_time: Time at the sender when it sent this message.
-- num_exts: Number of extension fields.
SELECT ts, zeek_uid(capture, flow) AS uid,
    CASE WHEN from_originator THEN src_ip ELSE dst_ip END AS "id.orig_h",
    CASE WHEN from_originator THEN src_port ELSE dst_port END AS "id.orig_p",
    CASE WHEN from_originator THEN dst_ip ELSE src_ip END AS "id.resp_h",
    CASE WHEN from_originator THEN dst_port ELSE src_port END AS "id.resp_p",
    version, mode, stratum, pow(2, poll) AS poll, pow(2, precision) AS precision,
    root_delay / 65536 AS root_delay, root_dispersion / 65536 AS root_disp,
    coalesce(reference_ip, nullif(rtrim(reference_code, chr(0)), ''),
        CASE WHEN stratum < 2 THEN NULL ELSE reference_id::VARCHAR END) AS ref_id,
    reference_time AS ref_time, origin_time AS org_time, receive_time AS rec_time, transmit_time AS xmt_time,
    len(extensions) AS num_exts
FROM main.ntp
WHERE mode BETWEEN 1 AND 5 AND stratum IS NOT NULL
