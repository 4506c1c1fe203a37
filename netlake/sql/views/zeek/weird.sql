-- One row for each fault and oddity, with the columns of Zeek's weird.log; the names are netlake's, see the view anomaly.
-- tables: anomaly, connection
-- ts: Time of the packet.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- name: Kind of the oddity.
-- addl: What it means.
-- notice: False: netlake raises no notices.
-- source: Table with the row.
SELECT a.ts, zeek_uid(a.capture, a.flow) AS uid, orig_ip AS "id.orig_h", orig_port AS "id.orig_p",
    resp_ip AS "id.resp_h",
    resp_port AS "id.resp_p", kind AS name, message AS addl, false AS notice, record_table AS source
FROM main.anomaly a
LEFT JOIN main.connection c ON c.capture = a.capture AND c.flow = a.flow
