-- One row for each connection with hellos of TLS, DTLS or QUIC, in names of the Elastic Common Schema (ECS).
-- tables: zeek.ssl, tls_client_hello, tls_server_hello, x509
-- @timestamp: Time of the event.
-- ecs.version: Version of the Elastic Common Schema.
-- event.kind: event.
-- event.category: Categories of the event.
-- event.type: Types of the event.
-- event.dataset: netlake, a point and the table.
-- event.id: Identifier: the capture, a point and the flow or packet.
-- network.transport: Transport protocol, such as tcp.
-- source.ip: Address of the source.
-- source.port: Port of the source.
-- destination.ip: Address of the destination.
-- destination.port: Port of the destination.
-- network.protocol: tls.
-- tls.version: Version that the server chose, such as 1.2.
-- tls.version_protocol: tls or ssl.
-- tls.cipher: Cipher suite that the server chose.
-- tls.curve: Group of the key share that the server chose.
-- tls.next_protocol: Application protocol that the server chose.
-- tls.established: The server answered, and no fatal alert that can be read followed.
-- tls.resumed: A session is resumed.
-- tls.client.server_name: Server name that the client asked for.
-- tls.client.ja3: JA3 of the client.
-- tls.client.supported_ciphers: Cipher suites that the client offers.
-- tls.server.ja3s: JA3S of the server.
-- tls.server.subject: Subject of the certificate of the server.
-- tls.server.issuer: Issuer of the certificate of the server.
-- tls.server.not_before: Begin of the validity of the certificate.
-- tls.server.not_after: End of the validity of the certificate.
-- tls.server.hash.sha1: SHA-1 of the certificate.
-- tls.server.hash.sha256: SHA-256 of the certificate.
WITH clients AS (
    SELECT zeek_uid(capture, flow) AS uid, arg_min(h, packet) AS hello FROM main.tls_client_hello h GROUP BY capture,
        flow
), servers AS (
    SELECT zeek_uid(capture, flow) AS uid, arg_max(ja3s, packet) AS ja3s, any_value(transport) AS transport
    FROM main.tls_server_hello
    GROUP BY capture, flow
), certificates AS (
    SELECT sha256, any_value(sha1) AS sha1, any_value(subject) AS subject, any_value(issuer) AS issuer,
        any_value(not_before) AS not_before, any_value(not_after) AS not_after
    FROM main.x509
    WHERE sha256 IS NOT NULL
    GROUP BY sha256
)
SELECT ts AS "@timestamp", '8.17.0' AS "ecs.version", 'event' AS "event.kind", ['network'] AS "event.category",
    ['connection', 'protocol'] AS "event.type", 'netlake.tls' AS "event.dataset", uid[2:] AS "event.id",
    CASE coalesce(hello.transport, servers.transport) WHEN 'tcp' THEN 'tcp' ELSE 'udp' END AS "network.transport",
        'tls' AS "network.protocol",
    "id.orig_h" AS "source.ip", "id.orig_p" AS "source.port", "id.resp_h" AS "destination.ip",
        "id.resp_p" AS "destination.port",
    ecs_tls_version(version) AS "tls.version", CASE WHEN starts_with(version, 'SSL') THEN 'ssl'
        ELSE 'tls' END AS "tls.version_protocol",
    cipher AS "tls.cipher", curve AS "tls.curve", next_protocol AS "tls.next_protocol",
        established AS "tls.established",
    resumed AS "tls.resumed", server_name AS "tls.client.server_name", hello.ja3 AS "tls.client.ja3",
    list_filter(list_transform(hello.cipher_suites, lambda one: tls_cipher_name(one)),
        lambda name: name IS NOT NULL) AS "tls.client.supported_ciphers",
    ja3s AS "tls.server.ja3s", x.subject AS "tls.server.subject", x.issuer AS "tls.server.issuer",
        x.not_before AS "tls.server.not_before",
    x.not_after AS "tls.server.not_after", x.sha1 AS "tls.server.hash.sha1", x.sha256 AS "tls.server.hash.sha256"
FROM zeek.ssl
LEFT JOIN clients USING (uid)
LEFT JOIN servers USING (uid)
LEFT JOIN certificates x ON x.sha256 = cert_chain_fps[1]
