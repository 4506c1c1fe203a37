-- Which accounts asked for a Kerberos ticket to log on, and did they get one?
-- Requests of the authentication service (AS) by client address and account: tickets, refused passwords, and all errors.
-- Names of computers end with $.
-- Only messages over UDP: Kerberos over TCP is not decoded.
-- technique: T1110.003, T1110.001, T1078.002
-- param people: boolean = false  -- Only accounts of people.
-- param client: text = null  -- Only requests of this address.
WITH asked AS (
    SELECT capture, flow, src_ip AS client, client_name AS account, any_value(service_realm) AS realm, count(*) AS requests,
        min(ts) AS first_seen, max(ts) AS last_seen
    FROM kerberos
    WHERE message_type = 10 AND client_name IS NOT NULL
    GROUP BY ALL
), answers AS (
    SELECT capture, flow,
        count(*) FILTER (WHERE message_type = 11) AS tickets,
        count(*) FILTER (WHERE message_type = 30 AND error_code = 24) AS failures,
        list(DISTINCT coalesce(kerberos_error_name(error_code), error_code::VARCHAR)) FILTER (WHERE message_type = 30) AS errors
    FROM kerberos
    WHERE message_type IN (11, 30)
    GROUP BY ALL
)
SELECT
    q.capture,
    q.client,
    q.account,
    any_value(q.realm) AS realm,
    sum(q.requests)::BIGINT AS requests,
    coalesce(sum(a.tickets), 0)::BIGINT AS tickets,
    coalesce(sum(a.failures), 0)::BIGINT AS failures,
    list_sort(list_distinct(flatten(list(coalesce(a.errors, []))))) AS errors,
    min(q.first_seen) AS first_seen,
    max(q.last_seen) AS last_seen
FROM asked q
LEFT JOIN answers a ON a.capture = q.capture AND a.flow = q.flow
WHERE (NOT $people OR NOT ends_with(q.account, '$')) AND ($client::VARCHAR IS NULL OR q.client = $client)
GROUP BY q.capture, q.client, q.account
ORDER BY failures DESC, first_seen, q.client, q.account, q.capture
