-- One row for each command that transfers or deletes a file or opens a data connection, as in Zeek's ftp.log; of a session without one its last command.
-- tables: ftp_command, file
-- ts: Time of the command.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- user: User of the last USER; <unknown> without one.
-- command: Command.
-- arg: Argument; of a file its URL.
-- mime_type: Type of the file, by its content.
-- file_size: Bytes of the file that RETR transferred; null if its end was not captured.
-- reply_code: Code of the final reply.
-- reply_msg: Text of the final reply.
-- data_channel.passive: The server listens for the data connection.
-- data_channel.orig_h: Address that opens the data connection.
-- data_channel.resp_h: Address that listens for it.
-- data_channel.resp_p: Port that listens for it.
-- fuid: The fuid of the file, see zeek.files.
WITH sessions AS (
    SELECT *, command IN ('APPE', 'DELE', 'RETR', 'STOR', 'STOU', 'ACCT', 'PORT', 'PASV', 'EPRT', 'EPSV') AS logged
    FROM main.ftp_command
), files AS (
    SELECT capture, source_flow, exchange, min_by(zeek_fuid('', capture, packet, place), packet) AS fuid,
        min_by(detected_type, packet) AS mime_type, min_by(total_bytes, packet) AS size
    FROM main.file
    WHERE source = 'ftp_command'
    GROUP BY ALL
), commands AS (
    SELECT *, CASE WHEN from_originator THEN src_ip ELSE dst_ip END AS orig_h,
        CASE WHEN from_originator THEN src_port ELSE dst_port END AS orig_p,
        CASE WHEN from_originator THEN dst_ip ELSE src_ip END AS resp_h,
        CASE WHEN from_originator THEN dst_port ELSE src_port END AS resp_p
    FROM (
        SELECT *, coalesce(bool_or(logged) OVER (PARTITION BY capture, flow), false) AS has_logged
        FROM sessions
        WHERE command IS NOT NULL
        QUALIFY logged OR (NOT has_logged AND exchange = max(exchange) OVER (PARTITION BY capture, flow))
    )
)
SELECT ts, zeek_uid(c.capture, flow) AS uid, orig_h AS "id.orig_h", orig_p AS "id.orig_p", resp_h AS "id.resp_h",
    resp_p AS "id.resp_p", coalesce("user", '<unknown>') AS "user", command,
    CASE WHEN command NOT IN ('APPE', 'DELE', 'RETR', 'STOR', 'STOU') THEN argument
        ELSE 'ftp://' || CASE WHEN contains(resp_h, ':') THEN '[' || resp_h || ']' ELSE resp_h END
            || CASE WHEN starts_with(argument, '/') THEN argument
                ELSE '/' || ltrim(rtrim(coalesce(cwd, '.'), '/') || '/' || argument, '/') END END AS arg,
    zeek_mime_type(f.mime_type) AS mime_type, CASE WHEN command = 'RETR' THEN f.size END AS file_size,
    code AS reply_code, message AS reply_msg, passive AS "data_channel.passive",
    CASE WHEN passive THEN orig_h WHEN passive IS NOT NULL THEN resp_h END AS "data_channel.orig_h",
    CASE WHEN passive IS NOT NULL THEN coalesce(data_ip, resp_h) END AS "data_channel.resp_h",
    data_port AS "data_channel.resp_p", f.fuid
FROM commands c
LEFT JOIN files f ON f.capture = c.capture AND f.source_flow = c.flow AND f.exchange = c.exchange
