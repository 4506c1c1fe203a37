-- Which local hosts sent far more to a public address than they received?
-- Pairs with much payload sent, and a high ratio of sent to received, as when data are taken out (exfiltration).
-- technique: T1041, T1048
-- param min_bytes: integer = 10000000  -- Least payload sent, in bytes.
-- param min_ratio: number = 5  -- Least quotient of payload sent and received.
SELECT
    capture,
    orig_ip AS source,
    resp_ip AS target,
    list_slice(list_sort(list(DISTINCT resp_port)), 1, 10) AS ports,
    count(*) AS connections,
    sum(orig_payload_bytes)::BIGINT AS sent_bytes,
    sum(resp_payload_bytes)::BIGINT AS received_bytes,
    round(sum(orig_payload_bytes) / greatest(sum(resp_payload_bytes), 1), 1) AS ratio,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE is_local(orig_ip) AND NOT is_local(resp_ip) AND resp_packets > 0
GROUP BY capture, source, target
HAVING sent_bytes >= $min_bytes AND ratio >= $min_ratio
ORDER BY sent_bytes DESC, source, target, capture
