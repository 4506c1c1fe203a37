-- One row for each exchange of HTTP: OCSF class HTTP Activity (4002).
-- tables: http
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: Method: 1 CONNECT, 2 DELETE, 3 GET, 4 HEAD, 5 OPTIONS, 6 POST, 7 PUT, 8 TRACE, 9 PATCH; 0 unknown, 99 others.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address, port and MAC address of the originator or client.
-- dst_endpoint: Address, port and MAC address of the responder or server.
-- connection_info: Transport protocol, version of IP, direction and identifier of the connection.
-- http_request: Method, URL, version, headers and length of the body of the request.
-- http_response: Status, reason phrase, content type, headers, length of the body and latency in milliseconds; null without a response.
SELECT 4002 AS class_uid, 4 AS category_uid, activity AS activity_id, 4002 * 100 + activity AS type_uid,
    1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('http', id) AS metadata,
    ocsf_endpoint(client_ip, client_port, NULL) AS src_endpoint, ocsf_endpoint(server_ip, server_port,
        NULL) AS dst_endpoint,
    ocsf_connection(CASE version WHEN 'HTTP/3' THEN 'udp' ELSE 'tcp' END, CASE version WHEN 'HTTP/3' THEN 17
        ELSE 6 END, client_ip, server_ip,
        capture || '.' || flow) AS connection_info,
    {http_method: method, version: replace(version, 'HTTP/', ''), user_agent: user_agent, referrer: referer,
        body_length: request_body_length,
        url: {url_string: CASE WHEN contains(split_part(uri, '?', 1), '://') THEN uri
            ELSE CASE WHEN decrypted THEN 'https://' ELSE 'http://' END || coalesce(host, server_ip) || uri END,
            hostname: regexp_replace(host, ':\d+$', ''), path: regexp_extract(uri, '^(?:[a-z]+://[^/?]*)?([^?#]*)', 1),
            query_string: nullif(regexp_extract(uri, '\?([^#]*)', 1), ''), scheme: CASE WHEN decrypted THEN 'https'
                ELSE 'http' END},
        http_headers: request_headers} AS http_request,
    CASE WHEN status IS NOT NULL THEN {code: status, message: reason, content_type: content_type,
        body_length: response_body_length,
        http_headers: response_headers, latency: (response_delay * 1000)::BIGINT} END AS http_response
FROM (
    SELECT *, capture || '.' || flow || '.' || exchange AS id, CASE WHEN method IS NULL THEN 0
        ELSE coalesce(list_position(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'TRACE', 'PATCH'],
            upper(method)), 99) END::INTEGER AS activity
    FROM main.http
)
