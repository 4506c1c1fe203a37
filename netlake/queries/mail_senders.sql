-- Which hosts send mail, and for whom?
-- Senders of mails by address, with the numbers of mails, recipients, and mails whose From differs from the envelope.
-- technique: T1071.003, T1566
-- param min_mails: integer = 1  -- Least number of mails.
SELECT
    capture,
    src_ip AS sender,
    list_slice(list_sort(list(DISTINCT dst_ip)), 1, 5) AS servers,
    count(*) AS mails,
    count(DISTINCT lower(mail_from)) AS from_addresses,
    list_slice(list_sort(list(DISTINCT lower(mail_from))), 1, 5) AS some_addresses,
    sum(len(recipients))::BIGINT AS recipients,
    count(*) FILTER (WHERE NOT contains(lower(header_from), lower(mail_from))) AS other_from,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM mail
WHERE source = 'smtp_transaction'
GROUP BY capture, sender
HAVING mails >= $min_mails
ORDER BY mails DESC, sender, capture
