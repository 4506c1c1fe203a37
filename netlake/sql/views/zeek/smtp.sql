-- One row for each mail transaction, as in Zeek's smtp.log.
-- tables: smtp_transaction, mail, file
-- ts: Time of the first command of the transaction.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- trans_depth: Number of the transaction in the connection, from 1.
-- helo: Argument of HELO or EHLO.
-- mailfrom: Address of MAIL.
-- rcptto: Addresses of RCPT.
-- date: Header Date.
-- from: Header From.
-- to: Addresses of the header To.
-- cc: Addresses of the header Cc.
-- reply_to: Header Reply-To.
-- msg_id: Header Message-ID.
-- in_reply_to: Header In-Reply-To.
-- subject: Header Subject, as sent.
-- x_originating_ip: Address in the header X-Originating-IP.
-- first_received: First header Received in time, the lowest.
-- second_received: Second header Received in time.
-- last_reply: Code and text of the last reply.
-- path: Addresses that the mail passed, from the responder back to the sender, by the headers Received.
-- user_agent: Header User-Agent or X-Mailer.
-- tls: The connection changed to TLS.
-- fuids: The fuid of each file in the mail, see zeek.files.
WITH files AS (
    SELECT capture, flow, exchange, list(zeek_fuid('', capture, packet, place) ORDER BY packet, place) AS fuids
    FROM main.file
    WHERE source IN ('smtp_transaction', 'mail')
    GROUP BY ALL
)
SELECT s.ts, zeek_uid(s.capture, s.flow) AS uid,
    CASE WHEN s.from_originator THEN s.src_ip ELSE s.dst_ip END AS "id.orig_h",
    CASE WHEN s.from_originator THEN s.src_port ELSE s.dst_port END AS "id.orig_p",
    CASE WHEN s.from_originator THEN s.dst_ip ELSE s.src_ip END AS "id.resp_h",
    CASE WHEN s.from_originator THEN s.dst_port ELSE s.src_port END AS "id.resp_p",
    s."transaction" + 1 AS trans_depth, helo, s.mail_from AS mailfrom,
    nullif(list_distinct(list_transform(s.recipients, lambda one: one.address)), []) AS rcptto,
    m.date, zeek_header(m.headers, 'from') AS "from", zeek_addresses(zeek_header(m.headers, 'to')) AS "to",
    zeek_addresses(zeek_header(m.headers, 'cc')) AS cc, zeek_header(m.headers, 'reply-to') AS reply_to,
    m.message_id AS msg_id, m.in_reply_to, zeek_header(m.headers, 'subject') AS subject,
    nullif(regexp_extract(m.originating_ip, '[0-9a-fA-F:.]{3,}'), '') AS x_originating_ip,
    m.received[-1] AS first_received, m.received[-2] AS second_received,
    nullif(concat_ws(' ', end_code, string_split(end_text, chr(10))[-1]), '') AS last_reply,
    list_concat([CASE WHEN s.from_originator THEN s.dst_ip ELSE s.src_ip END,
        CASE WHEN s.from_originator THEN s.src_ip ELSE s.dst_ip END],
        list_filter(list_transform(m.received, lambda one: regexp_extract_all(one,
            '(?:^|[^0-9.])((?:\d{1,3}\.){3}\d{1,3})(?:[^0-9.]|$)', 1)),
            lambda found: found <> []).list_transform(lambda found: coalesce(found[2], found[1]))) AS path,
    m.user_agent, coalesce(starttls, false) AS tls, f.fuids
FROM main.smtp_transaction s
LEFT JOIN main.mail m ON m.source = 'smtp_transaction' AND m.capture = s.capture AND m.flow = s.flow
    AND m."transaction" = s."transaction"
LEFT JOIN files f ON f.capture = s.capture AND f.flow = s.flow AND f.exchange = s."transaction"
