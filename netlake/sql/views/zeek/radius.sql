-- One row for each RADIUS authentication: a request and its reply, as in Zeek's radius.log.
-- tables: radius
-- ts: Time of the request; of the reply if there is no request.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- username: User name.
-- mac: MAC address of the calling station.
-- framed_addr: Address that was assigned to the user.
-- tunnel_client: Address of the initiator of a tunnel.
-- connect_info: Connection of the user.
-- reply_msg: Text for the user.
-- result: success or failed; unknown without a reply.
-- ttl: Seconds from the request to the reply.
WITH numbered AS (
    SELECT *, code = 1 AS asks, row_number() OVER (PARTITION BY capture, flow, identifier, code = 1 ORDER BY packet,
        place) AS number
    FROM main.radius
    WHERE code IN (1, 2, 3)
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
    q.user_name AS username,
    nullif(array_to_string(regexp_extract_all(lower(regexp_extract(q.calling_station_id,
        '^(?:[0-9A-Fa-f]{2}[-:.]?){5}[0-9A-Fa-f]{2}')), '[0-9a-f]{2}'), ':'), '') AS mac,
    coalesce(a.framed_ip, q.framed_ip) AS framed_addr, q.tunnel_client_endpoint AS tunnel_client, q.connect_info,
    a.reply_message AS reply_msg, CASE a.code WHEN 2 THEN 'success' WHEN 3 THEN 'failed' ELSE 'unknown' END AS result,
    epoch(a.ts - q.ts) AS ttl
FROM (SELECT * FROM numbered WHERE asks) q
FULL JOIN (SELECT * FROM numbered WHERE NOT asks) a
    ON a.capture = q.capture AND a.flow = q.flow AND a.identifier = q.identifier AND a.number = q.number
