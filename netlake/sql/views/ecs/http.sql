-- One row for each exchange of HTTP, in names of the Elastic Common Schema (ECS).
-- tables: http
-- @timestamp: Time of the event.
-- ecs.version: Version of the Elastic Common Schema.
-- event.kind: event.
-- event.category: Categories of the event.
-- event.type: Types of the event.
-- event.dataset: netlake, a point and the table.
-- event.id: Identifier: the capture, a point and the flow or packet.
-- event.end: Time of the response.
-- event.duration: Nanoseconds from the request to the response.
-- network.transport: Transport protocol, such as tcp.
-- network.protocol: Application protocol, such as dns.
-- source.ip: Address of the source.
-- source.port: Port of the source.
-- destination.ip: Address of the destination.
-- destination.port: Port of the destination.
-- http.version: Version of HTTP, such as 1.1.
-- http.request.method: Method, as sent.
-- http.request.body.bytes: Bytes of the body of the request.
-- http.request.mime_type: Media type of the body of the request.
-- http.request.referrer: Header Referer.
-- http.response.status_code: Status code.
-- http.response.body.bytes: Bytes of the body of the response.
-- http.response.mime_type: Media type of the body of the response.
-- url.original: Request target, as sent.
-- url.full: URL of scheme, host and target.
-- url.scheme: https if it was decrypted, else http.
-- url.domain: Host, without its port.
-- url.path: Path.
-- url.query: Query, without the question mark.
-- user_agent.original: Header User-Agent.
-- user.name: User in the header Authorization.
SELECT ts AS "@timestamp", '8.17.0' AS "ecs.version", 'event' AS "event.kind", ['network', 'web'] AS "event.category",
    ['access', 'protocol'] AS "event.type", 'netlake.http' AS "event.dataset", capture || '.' || flow || '.'
        || exchange AS "event.id",
    response_ts AS "event.end", (response_delay * 1000000000)::BIGINT AS "event.duration",
    CASE version WHEN 'HTTP/3' THEN 'udp' ELSE 'tcp' END AS "network.transport", 'http' AS "network.protocol",
    client_ip AS "source.ip", client_port AS "source.port", server_ip AS "destination.ip",
        server_port AS "destination.port",
    replace(version, 'HTTP/', '') AS "http.version", method AS "http.request.method",
        request_body_length AS "http.request.body.bytes",
    split_part(request_content_type, ';', 1) AS "http.request.mime_type", referer AS "http.request.referrer",
    status AS "http.response.status_code", response_body_length AS "http.response.body.bytes",
    split_part(content_type, ';', 1) AS "http.response.mime_type", uri AS "url.original",
    CASE WHEN contains(split_part(uri, '?', 1), '://') THEN uri
        WHEN starts_with(uri, '/') THEN CASE WHEN decrypted THEN 'https://' ELSE 'http://' END || coalesce(host,
            server_ip) || uri END AS "url.full",
    CASE WHEN decrypted THEN 'https' ELSE 'http' END AS "url.scheme", regexp_replace(host, ':\d+$', '') AS "url.domain",
    regexp_extract(uri, '^(?:[a-z]+://[^/?]*)?([^?#]*)', 1) AS "url.path", nullif(regexp_extract(uri, '\?([^#]*)', 1),
        '') AS "url.query",
    user_agent AS "user_agent.original", authorization_user AS "user.name"
FROM main.http
