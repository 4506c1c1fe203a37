-- Which hosts exchange large ICMP echo messages?
-- Echo requests and replies of ICMP and ICMPv6 with much payload, as tunnels use them, by source and target.
-- technique: T1095, T1048.003
-- param min_bytes: integer = 500  -- Least payload of a message in bytes.
-- param min_messages: integer = 5  -- Least number of such messages.
SELECT
    capture,
    src_ip AS source,
    dst_ip AS target,
    count(*) AS messages,
    sum(payload_length)::BIGINT AS bytes,
    max(payload_length) AS largest,
    count(DISTINCT payload_length) AS lengths,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM (
    SELECT capture, ts, src_ip, dst_ip, payload_length FROM icmpv4 WHERE type IN (0, 8)
    UNION ALL
    SELECT capture, ts, src_ip, dst_ip, payload_length FROM icmpv6_echo
)
WHERE payload_length >= $min_bytes
GROUP BY capture, source, target
HAVING messages >= $min_messages
ORDER BY bytes DESC, source, target, capture
