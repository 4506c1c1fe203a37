-- One row for each DNP3 request with its response, as in Zeek's dnp3.log; unsolicited responses are rows of their own.
-- tables: dnp3
-- ts: Time of the request; of the response if there is no request.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- fc_request: Function of the request, such as READ.
-- fc_reply: Function of the response.
-- iin: Internal indications of the response.
WITH messages AS (
    SELECT *, function_code < 128 AS asks,
        count(*) FILTER (function_code < 128) OVER (PARTITION BY capture, flow ORDER BY packet, place) AS number
    FROM main.dnp3
    WHERE function_code > 0 AND transport_first
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY capture, flow, asks, number ORDER BY packet,
        place) AS repeated FROM messages
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
    coalesce(dnp3_function_name(q.function_code), 'unknown-' || q.function_code) AS fc_request,
    coalesce(dnp3_function_name(a.function_code), 'unknown-' || a.function_code) AS fc_reply,
        a.internal_indications AS iin
FROM (SELECT * FROM numbered WHERE asks) q
FULL JOIN (SELECT * FROM numbered WHERE NOT asks) a
    ON a.capture = q.capture AND a.flow = q.flow AND a.number = q.number AND a.repeated = 1 AND a.function_code <> 130
