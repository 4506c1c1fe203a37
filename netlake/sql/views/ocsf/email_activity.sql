-- One row for each mail transaction of SMTP: OCSF class Email Activity (4009).
-- tables: smtp_transaction, mail
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: 1, send.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- direction_id: 1 inbound, 2 outbound, 3 internal, 0 unknown, see the function is_local.
-- smtp_hello: Argument of HELO or EHLO.
-- protocol_name: SMTP.
-- banner: Greeting of the server.
-- from: Address of MAIL.
-- to: Addresses of RCPT.
-- src_endpoint: Address, port and MAC address of the originator or client.
-- dst_endpoint: Address, port and MAC address of the responder or server.
-- email: Envelope, headers, subject, Message-ID and size of the mail.
SELECT 4009 AS class_uid, 4 AS category_uid, 1 AS activity_id, 4009 * 100 + 1 AS type_uid, 1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('smtp_transaction', id) AS metadata,
    ocsf_direction(is_local(orig_h), is_local(resp_h)) AS direction_id, helo AS smtp_hello, 'SMTP' AS protocol_name,
        greeting AS banner,
    mail_from AS "from", addresses AS "to", ocsf_endpoint(orig_h, orig_p, NULL) AS src_endpoint, ocsf_endpoint(resp_h,
        resp_p, NULL) AS dst_endpoint,
    {smtp_from: mail_from, smtp_to: addresses, "from": header_from, "to": CASE WHEN header_to IS NOT NULL
        THEN zeek_addresses(header_to) END,
        cc: CASE WHEN header_cc IS NOT NULL THEN zeek_addresses(header_cc) END, reply_to: reply_to, subject: subject,
            message_uid: message_id,
        size: data_size, x_originating_ip: list_filter([originating_ip], lambda one: one IS NOT NULL)} AS email
FROM (
    SELECT s.ts, s.capture || '.' || s.flow || '.' || s."transaction" AS id, helo, greeting, s.mail_from,
        list_transform(s.recipients, lambda one: one.address) AS addresses, data_size, header_from, header_to,
            header_cc, reply_to, subject,
        message_id, originating_ip, CASE WHEN s.from_originator THEN s.src_ip ELSE s.dst_ip END AS orig_h,
        CASE WHEN s.from_originator THEN s.src_port ELSE s.dst_port END AS orig_p,
        CASE WHEN s.from_originator THEN s.dst_ip ELSE s.src_ip END AS resp_h,
        CASE WHEN s.from_originator THEN s.dst_port ELSE s.src_port END AS resp_p
    FROM main.smtp_transaction s
    LEFT JOIN main.mail m ON m.source = 'smtp_transaction' AND m.capture = s.capture AND m.flow = s.flow
        AND m."transaction" = s."transaction"
    WHERE s.mail_from IS NOT NULL
)
