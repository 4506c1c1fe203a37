-- One row for each connection with hellos of TLS, DTLS or QUIC, as in Zeek's ssl.log.
-- tables: tls_client_hello, tls_server_hello, tls_alert, x509
-- ts: Time of the first hello.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- version: Version that the server chose, such as TLSv12.
-- cipher: Cipher suite that the server chose, by IANA.
-- curve: Group of the key share that the server chose; null before TLS 1.3, whose messages of key exchange are not decoded.
-- server_name: Server name that the client asked for (SNI).
-- resumed: A session is resumed, by its session ID or its pre-shared key; resumption by a ticket alone is not found.
-- last_alert: Name of the last alert that was not encrypted.
-- next_protocol: Application protocol that the server chose (ALPN); encrypted in TLS 1.3.
-- established: The server answered, and no fatal alert that can be read followed.
-- cert_chain_fps: SHA-256 of the certificates of the server, in order.
-- client_cert_chain_fps: SHA-256 of the certificates of the client, in order.
-- sni_matches_cert: The first certificate of the server is for the server name; null without one of both.
WITH clients AS (
    SELECT capture, flow, min(ts) AS ts, any_value(from_originator) AS from_originator, arg_min(src_ip,
        packet) AS src_ip,
        arg_min(src_port, packet) AS src_port, arg_min(dst_ip, packet) AS dst_ip, arg_min(dst_port, packet) AS dst_port,
        arg_max(server_name, packet) AS server_name, arg_max(session_id, packet) AS session_id
    FROM main.tls_client_hello
    GROUP BY capture, flow
), servers AS (
    SELECT capture, flow, min(ts) AS ts, any_value(from_originator) AS from_originator, arg_min(src_ip,
        packet) AS src_ip,
        arg_min(src_port, packet) AS src_port, arg_min(dst_ip, packet) AS dst_ip, arg_min(dst_port, packet) AS dst_port,
        arg_max(negotiated_version, packet) AS version, arg_max(cipher_suite, packet) AS cipher,
        arg_max(key_share_group, packet) AS key_share, arg_max(session_id, packet) AS session_id,
        bool_or(psk_identity IS NOT NULL) AS psk, arg_max(alpn[1], packet) AS alpn,
        bool_or(NOT coalesce(hello_retry_request, false)) AS answered
    FROM main.tls_server_hello
    GROUP BY capture, flow
), alerts AS (
    SELECT capture, flow, arg_max(coalesce(description_name, 'unknown-' || description), packet) AS last,
        bool_or(level = 2) AS fatal
    FROM main.tls_alert
    WHERE NOT encrypted
    GROUP BY capture, flow
), chains AS (
    SELECT capture, flow, from_originator, list(sha256 ORDER BY packet, place) AS fingerprints,
        arg_min(list_concat(san_dns, list_filter([regexp_extract(subject, '(?:^|,)CN=((?:[^,\\]|\\.)*)', 1)],
            lambda one: one <> '')), (packet, place)) AS names
    FROM main.x509
    GROUP BY capture, flow, from_originator
)
SELECT coalesce(c.ts, s.ts) AS ts, zeek_uid(coalesce(c.capture, s.capture), coalesce(c.flow, s.flow)) AS uid,
    CASE WHEN coalesce(c.from_originator, s.from_originator) THEN coalesce(c.src_ip, s.src_ip)
        ELSE coalesce(c.dst_ip, s.dst_ip) END AS "id.orig_h",
    CASE WHEN coalesce(c.from_originator, s.from_originator) THEN coalesce(c.src_port, s.src_port)
        ELSE coalesce(c.dst_port, s.dst_port) END AS "id.orig_p",
    CASE WHEN coalesce(c.from_originator, s.from_originator) THEN coalesce(c.dst_ip, s.dst_ip)
        ELSE coalesce(c.src_ip, s.src_ip) END AS "id.resp_h",
    CASE WHEN coalesce(c.from_originator, s.from_originator) THEN coalesce(c.dst_port, s.dst_port)
        ELSE coalesce(c.src_port, s.src_port) END AS "id.resp_p",
    zeek_tls_version(s.version) AS version, coalesce(tls_cipher_name(s.cipher), 'unknown-' || s.cipher) AS cipher,
    coalesce(tls_group_name(s.key_share), 'unknown-' || s.key_share) AS curve, c.server_name,
    coalesce(s.psk OR (s.version <> 772 AND s.session_id <> ''::BLOB AND s.session_id = c.session_id),
        false) AS resumed,
    a.last AS last_alert, s.alpn AS next_protocol, coalesce(s.answered AND NOT coalesce(a.fatal, false),
        false) AS established,
    coalesce(o.fingerprints, CASE WHEN i.fingerprints <> [] THEN [] END) AS cert_chain_fps,
    coalesce(i.fingerprints, CASE WHEN o.fingerprints <> [] THEN [] END) AS client_cert_chain_fps,
    CASE WHEN c.server_name IS NOT NULL AND o.names IS NOT NULL THEN len(list_filter(o.names, lambda name:
        lower(name) = lower(c.server_name) OR (starts_with(name, '*.') AND ends_with(lower(c.server_name),
            lower(name[2:]))
            AND NOT contains(c.server_name[:-len(name)], '.')))) > 0 END AS sni_matches_cert
FROM clients c
FULL JOIN servers s ON s.capture = c.capture AND s.flow = c.flow
LEFT JOIN alerts a ON a.capture = coalesce(c.capture, s.capture) AND a.flow = coalesce(c.flow, s.flow)
LEFT JOIN chains o ON o.capture = coalesce(c.capture, s.capture) AND o.flow = coalesce(c.flow, s.flow)
    AND o.from_originator <> coalesce(c.from_originator, NOT s.from_originator)
LEFT JOIN chains i ON i.capture = coalesce(c.capture, s.capture) AND i.flow = coalesce(c.flow, s.flow)
    AND i.from_originator = coalesce(c.from_originator, NOT s.from_originator)
