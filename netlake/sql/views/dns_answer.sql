-- One row for each record that a DNS server gave a client (passive DNS), over all responses with it; mDNS included.
-- tables: dns
-- query: Name that was asked, in lower case; the owner of the record if there is no question.
-- name: Owner of the record, in lower case: another name than `query` behind an alias.
-- type: Type of the record, such as A or CNAME.
-- answer: Data of the record, as dig prints it; of A and AAAA the address.
-- ttl: Time to live in the last response, seconds.
-- first: Time of the first response.
-- last: Time of the last response.
-- responses: Number of responses.
-- client: Address that received them.
-- server: Address that sent them.
-- captures: Ids of the captures.
SELECT lower(coalesce(query_name, record.name)) AS query, lower(record.name) AS name, record.type_name AS type,
    coalesce(record.address, record.data) AS answer, arg_max(record.ttl, ts) AS ttl, min(ts) AS first, max(ts) AS last,
    count(*) AS responses, dst_ip AS client, src_ip AS server, list_sort(list(DISTINCT capture)) AS captures
FROM (SELECT *, unnest(answers) AS record FROM dns WHERE response AND opcode = 0)
WHERE record.type IS NOT NULL
GROUP BY ALL
