-- One row for each request to a Kerberos KDC with its reply, as in Zeek's kerberos.log.
-- tables: kerberos
-- ts: Time of the request; of the reply if there is no request.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- request_type: AS or TGS; null for an error without a request.
-- client: Principal of the client and its realm.
-- service: Principal of the service and its realm.
-- success: A ticket was given; null without a reply.
-- error_msg: Text of the error, else the name of its code.
-- from: Start of the ticket that was requested.
-- till: End of the ticket that was requested.
-- cipher: Encryption type of the ticket.
-- forwardable: A forwardable ticket was requested.
-- renewable: A renewable ticket was requested.
WITH numbered AS (
    SELECT *, message_type IN (10, 12) AS asks,
        row_number() OVER (PARTITION BY capture, flow, message_type IN (10, 12) ORDER BY packet, place) AS number
    FROM main.kerberos
    WHERE message_type IN (10, 11, 12, 13, 30)
)
SELECT coalesce(q.ts, a.ts) AS ts, zeek_uid(coalesce(q.capture, a.capture), coalesce(q.flow, a.flow)) AS uid,
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.src_ip, a.src_ip)
        ELSE coalesce(q.dst_ip, a.dst_ip) END AS "id.orig_h",
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.src_port, a.src_port)
        ELSE coalesce(q.dst_port, a.dst_port) END AS "id.orig_p",
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.dst_ip, a.dst_ip)
        ELSE coalesce(q.src_ip, a.src_ip) END AS "id.resp_h",
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.dst_port, a.dst_port)
        ELSE coalesce(q.src_port, a.src_port) END AS "id.resp_p",
    CASE WHEN q.message_type = 10 OR a.message_type = 11 THEN 'AS' WHEN q.message_type = 12 OR a.message_type = 13
        THEN 'TGS' END AS request_type,
    coalesce(q.client_name || '/' || q.service_realm, a.client_name || '/' || a.client_realm) AS client,
    coalesce(q.service_name || CASE WHEN contains(q.service_name, '/') THEN '' ELSE '/' || q.service_realm END,
        a.service_name || CASE WHEN contains(a.service_name, '/') THEN '' ELSE '/' || a.service_realm END) AS service,
    a.message_type IN (11, 13) AS success,
    coalesce(a.error_text, kerberos_error_name(a.error_code), 'unknown-' || a.error_code) AS error_msg,
        q.starts AS "from", q.till AS till,
    coalesce(kerberos_encryption_name(a.ticket_encryption_type), 'unknown-' || a.ticket_encryption_type) AS cipher,
    get_bit(q.options::BIT, 1) = 1 AS forwardable, get_bit(q.options::BIT, 8) = 1 AS renewable
FROM (SELECT * FROM numbered WHERE asks) q
FULL JOIN (SELECT * FROM numbered WHERE NOT asks) a ON a.capture = q.capture AND a.flow = q.flow AND a.number = q.number
