-- One row for each file in a connection, in names of the Elastic Common Schema (ECS); the source sent it.
-- tables: file
-- @timestamp: Time of the event.
-- ecs.version: Version of the Elastic Common Schema.
-- event.kind: event.
-- event.category: Categories of the event.
-- event.type: Types of the event.
-- event.dataset: netlake, a point and the table.
-- event.id: Identifier: the capture, a point and the flow or packet.
-- network.protocol: Application protocol, such as dns.
-- source.ip: Address of the source.
-- source.port: Port of the source.
-- destination.ip: Address of the destination.
-- destination.port: Port of the destination.
-- file.name: Name that the sender gave, else the last segment of the path.
-- file.size: Bytes of the content.
-- file.mime_type: Media type by the content, else as declared.
-- file.hash.md5: MD5 of the content.
-- file.hash.sha1: SHA-1 of the content.
-- file.hash.sha256: SHA-256 of the content.
SELECT ts AS "@timestamp", '8.17.0' AS "ecs.version", 'event' AS "event.kind", ['file', 'network'] AS "event.category",
    ['info'] AS "event.type", 'netlake.file' AS "event.dataset", capture || '.' || packet || '.' || place AS "event.id",
    CASE WHEN starts_with(source, 'http') THEN 'http' WHEN starts_with(source, 'ftp') THEN 'ftp'
        WHEN source IN ('smtp_transaction', 'mail') THEN 'smtp'
        ELSE source END AS "network.protocol", src_ip AS "source.ip", src_port AS "source.port",
            dst_ip AS "destination.ip",
    dst_port AS "destination.port", name AS "file.name", size AS "file.size", coalesce(detected_type,
        declared_type) AS "file.mime_type",
    md5 AS "file.hash.md5", sha1 AS "file.hash.sha1", sha256 AS "file.hash.sha256"
FROM main.file
