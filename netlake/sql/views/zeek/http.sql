-- One row for each request with its response, or one of them without the other, as in Zeek's http.log; HTTP/2 and HTTP/3 included.
-- tables: http, http_response, file
-- ts: Time of the request; of the response if there is no request.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the client.
-- id.orig_p: Port of the client.
-- id.resp_h: Address of the server.
-- id.resp_p: Port of the server.
-- trans_depth: Number of the exchange in the connection, from 1.
-- method: Method, such as GET.
-- host: Header Host, or the authority.
-- uri: Request target, percent-decoded.
-- referrer: Header Referer.
-- version: Version of HTTP of the response, such as 1.1.
-- user_agent: Header User-Agent.
-- origin: Header Origin.
-- request_body_len: Bytes of the body of the request, without its content coding.
-- response_body_len: Bytes of the body of the response, without its content coding.
-- status_code: Status of the final response.
-- status_msg: Reason phrase of the final response.
-- info_code: Status of the last interim response (1xx).
-- info_msg: Reason phrase of the last interim response.
-- username: User of Basic authentication.
-- proxied: Headers that proxies add, as NAME -> VALUE.
-- orig_fuids: The fuid of each file in the request, see zeek.files.
-- orig_filenames: Names of the files in the request, by Content-Disposition.
-- orig_mime_types: Types of the files in the request, by their content.
-- resp_fuids: The fuid of each file in the response.
-- resp_filenames: Names of the files in the response, by Content-Disposition.
-- resp_mime_types: Types of the files in the response, by their content.
WITH interim AS (
    SELECT capture, flow, exchange, arg_max(status, packet) AS code, arg_max(reason, packet) AS message
    FROM main.http_response
    WHERE status BETWEEN 100 AND 199
    GROUP BY ALL
), files AS (
    SELECT capture, flow, exchange, from_originator, list(zeek_fuid('', capture, packet, place) ORDER BY packet,
        place) AS fuids,
        list(name ORDER BY packet, place) FILTER (name IS NOT NULL) AS names,
        list(zeek_mime_type(detected_type) ORDER BY packet, place) FILTER (detected_type IS NOT NULL) AS types,
        sum(size) FILTER (decoded)::BIGINT AS decoded_size
    FROM main.file
    WHERE source IN ('http_request', 'http_response', 'http2_stream', 'http3_stream') AND seen_bytes > 0
    GROUP BY ALL
)
SELECT h.ts, zeek_uid(h.capture, h.flow) AS uid, client_ip AS "id.orig_h", client_port AS "id.orig_p",
    server_ip AS "id.resp_h", server_port AS "id.resp_p",
    CASE h.version WHEN 'HTTP/2' THEN (h.exchange + 1) // 2 WHEN 'HTTP/3' THEN h.exchange // 4 + 1
        ELSE h.exchange + 1 END AS trans_depth,
    method, host, coalesce(try(url_decode(uri)), uri) AS uri, referer AS referrer,
    replace(CASE WHEN response_packet IS NOT NULL OR i.code IS NOT NULL THEN coalesce(response_version,
        h.version) END, 'HTTP/', '') AS version,
    user_agent, list_filter(request_headers, lambda one: lower(one.name) = 'origin')[-1].value AS origin,
    coalesce(o.decoded_size, request_body_length, 0) AS request_body_len,
    coalesce(r.decoded_size, response_body_length, 0) AS response_body_len,
    coalesce(status, i.code) AS status_code, coalesce(reason, i.message) AS status_msg, i.code AS info_code,
        i.message AS info_msg,
    CASE WHEN lower(authorization_scheme) = 'basic' THEN authorization_user END AS username,
    nullif(list_distinct(list_transform(list_filter(request_headers, lambda one: upper(one.name) IN ('FORWARDED',
        'X-FORWARDED-FOR', 'X-FORWARDED-FROM', 'CLIENT-IP', 'VIA', 'XROXY-CONNECTION', 'PROXY-CONNECTION')),
        lambda one: upper(one.name) || ' -> ' || one.value)), []) AS proxied,
    o.fuids AS orig_fuids, zeek_file_names(o.names, request_headers) AS orig_filenames, o.types AS orig_mime_types,
    r.fuids AS resp_fuids, zeek_file_names(r.names, response_headers) AS resp_filenames, r.types AS resp_mime_types
FROM main.http h
LEFT JOIN interim i ON i.capture = h.capture AND i.flow = h.flow AND i.exchange = h.exchange
LEFT JOIN files o ON o.capture = h.capture AND o.flow = h.flow AND o.exchange = h.exchange AND o.from_originator
LEFT JOIN files r ON r.capture = h.capture AND r.flow = h.flow AND r.exchange = h.exchange AND NOT r.from_originator
