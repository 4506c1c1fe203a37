-- One row for each SIP request with each of its responses, or one of them without the other, as in Zeek's sip.log.
-- tables: sip
-- ts: Time of the request; of the response if there is no request.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- method: Method of the request; of a response by its CSeq.
-- uri: Request-URI.
-- date: Header Date of the request, else of the response.
-- request_from: Header From of the request, without its tag.
-- request_to: Header To of the request, without its tag.
-- response_from: Header From of the response, without its tag.
-- response_to: Header To of the response.
-- reply_to: Header Reply-To.
-- call_id: Header Call-ID.
-- seq: Header CSeq.
-- subject: Header Subject of the request.
-- request_path: Headers Via of the request, without branch.
-- response_path: Headers Via of the response, without branch.
-- user_agent: Header User-Agent of the request, else of the response.
-- status_code: Status of the response.
-- status_msg: Reason phrase of the response.
-- warning: Header Warning of the response.
-- request_body_len: Content-Length of the request.
-- response_body_len: Content-Length of the response.
-- content_type: Media type of the body of the response.
WITH requests AS (
    SELECT *, row_number() OVER (PARTITION BY capture, flow, call_id, cseq_number, cseq_method ORDER BY packet,
        place) AS number
    FROM main.sip
    WHERE NOT response
), responses AS (
    SELECT * FROM main.sip WHERE response
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
    coalesce(q.method, a.cseq_method) AS method, q.request_uri AS uri,
    coalesce(zeek_header(q.headers, 'date'), zeek_header(a.headers, 'date')) AS date,
    split_part(q.from_header, ';tag=', 1) AS request_from, split_part(q.to_header, ';tag=', 1) AS request_to,
    split_part(a.from_header, ';tag=', 1) AS response_from, a.to_header AS response_to,
    coalesce(zeek_header(q.headers, 'reply-to'), zeek_header(a.headers, 'reply-to')) AS reply_to,
    coalesce(q.call_id, a.call_id) AS call_id,
    coalesce(q.cseq_number, a.cseq_number) || ' ' || coalesce(q.cseq_method, a.cseq_method) AS seq, q.subject,
    list_transform(q.via, lambda one: split_part(one, ';branch', 1)) AS request_path,
    list_transform(a.via, lambda one: split_part(one, ';branch', 1)) AS response_path,
    coalesce(q.user_agent, a.user_agent) AS user_agent, a.status_code, a.reason_phrase AS status_msg,
    zeek_header(a.headers, 'warning') AS warning, q.content_length AS request_body_len,
    a.content_length AS response_body_len, a.content_type
FROM requests q
FULL JOIN responses a ON a.capture = q.capture AND a.flow = q.flow AND a.call_id = q.call_id AND q.number = 1
    AND a.cseq_number = q.cseq_number AND a.cseq_method = q.cseq_method
