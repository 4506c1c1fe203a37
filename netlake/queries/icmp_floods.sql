-- Which addresses were flooded with ICMP?
-- Targets that received many packets of ICMP or ICMPv6 per second, over the time of their flows.
-- technique: T1498.001
-- param min_packets: integer = 500  -- Least number of packets.
-- param min_rate: number = 100  -- Least number of packets per second.
SELECT
    capture,
    resp_ip AS target,
    sum(orig_packets)::BIGINT AS packets,
    round(sum(orig_packets) / greatest(epoch(max(last_ts) - min(ts)), 1), 1) AS packets_per_second,
    count(DISTINCT orig_ip) AS sources,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE protocol IN (1, 58)
GROUP BY capture, target
HAVING packets >= $min_packets AND packets_per_second >= $min_rate
ORDER BY packets DESC, target, capture
