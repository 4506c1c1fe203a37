-- One row for each file and each certificate in a connection, as in Zeek's files.log.
-- tables: file, x509, http_response, http2_stream
-- ts: Time of the packet in which it begins.
-- fuid: Identifier of the file, the same in all views of this schema.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- source: Protocol that contains it, such as HTTP or FTP_DATA.
-- depth: 0.
-- analyzers: What netlake computed: hashes and the decoded certificate.
-- mime_type: Media type by the content.
-- filename: Name that the sender gave: of HTTP by Content-Disposition, of mail by the header of the part.
-- is_orig: The originator sent it.
-- seen_bytes: Bytes that were captured, without the content coding.
-- total_bytes: Bytes of the file; null if its length is not known beforehand: only HTTP has it.
-- missing_bytes: Bytes that were not captured.
-- overflow_bytes: 0: bytes that arrive late are not lost.
-- timedout: False: files end with their message or stream.
-- md5: MD5 of the content; null if not computed.
-- sha1: SHA-1 of the content; null if not computed.
-- sha256: SHA-256 of the content.
WITH named AS (
    SELECT DISTINCT capture, flow, exchange FROM main.http_response WHERE contains(lower(content_disposition),
        'filename')
    UNION SELECT DISTINCT capture, flow, stream_id FROM main.http2_stream WHERE contains(lower(content_disposition),
        'filename')
), found AS (
    SELECT capture, packet, place, ts, flow, from_originator, src_ip, src_port, dst_ip, dst_port, '' AS kind,
        CASE WHEN starts_with(source, 'http') THEN 'HTTP' WHEN starts_with(source, 'ftp') THEN 'FTP_DATA'
            WHEN source IN ('smtp_transaction', 'mail') THEN 'SMTP' ELSE upper(source) END AS source,
        list_filter([CASE WHEN md5 IS NOT NULL THEN 'MD5' END, CASE WHEN sha1 IS NOT NULL THEN 'SHA1' END,
            CASE WHEN sha256 IS NOT NULL THEN 'SHA256' END], lambda one: one IS NOT NULL) AS analyzers,
        zeek_mime_type(detected_type) AS mime_type,
        CASE WHEN n.exchange IS NOT NULL OR NOT (starts_with(source, 'http') OR starts_with(source, 'ftp'))
            THEN name END AS filename,
        CASE WHEN decoded THEN size ELSE seen_bytes END AS seen_bytes,
        CASE WHEN starts_with(source, 'http') AND coding IS NULL THEN total_bytes END AS total_bytes, missing_bytes,
            md5, sha1, sha256
    FROM main.file
    LEFT JOIN named n USING (capture, flow, exchange)
    WHERE seen_bytes > 0
    UNION ALL
    SELECT capture, packet, place, ts, flow, from_originator, src_ip, src_port, dst_ip, dst_port, 'x',
        CASE transport WHEN 'dtls' THEN 'DTLS' ELSE 'SSL' END, ['SHA1', 'SHA256', 'X509'],
        CASE WHEN chain_position = 0 THEN 'application/x-x509-user-cert' ELSE 'application/x-x509-ca-cert' END, NULL,
        length, NULL, 0, NULL, sha1, sha256
    FROM main.x509
    WHERE sha256 IS NOT NULL
)
SELECT ts, zeek_fuid(kind, capture, packet, place) AS fuid, zeek_uid(capture, flow) AS uid,
    CASE WHEN from_originator THEN src_ip ELSE dst_ip END AS "id.orig_h",
    CASE WHEN from_originator THEN src_port ELSE dst_port END AS "id.orig_p",
    CASE WHEN from_originator THEN dst_ip ELSE src_ip END AS "id.resp_h",
    CASE WHEN from_originator THEN dst_port ELSE src_port END AS "id.resp_p",
    source, 0 AS depth, analyzers, mime_type, filename, from_originator AS is_orig, seen_bytes, total_bytes,
    coalesce(missing_bytes, 0) AS missing_bytes, 0 AS overflow_bytes, false AS timedout, md5, sha1, sha256
FROM found
