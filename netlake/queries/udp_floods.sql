-- Which addresses were flooded with UDP?
-- Targets that received many packets of UDP per second over the time of their connections, and sent few in return.
-- technique: T1498.001, T1498.002
-- param min_packets: integer = 1000  -- Least number of packets.
-- param min_rate: number = 500  -- Least number of packets per second.
SELECT
    capture,
    resp_ip AS target,
    sum(orig_packets)::BIGINT AS packets,
    round(sum(orig_packets) / greatest(epoch(max(last_ts) - min(ts)), 1), 1) AS packets_per_second,
    sum(resp_packets)::BIGINT AS answers,
    count(DISTINCT orig_ip) AS sources,
    list_slice(list_sort(list(DISTINCT orig_port)), 1, 10) AS source_ports,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE protocol = 17
GROUP BY capture, target
HAVING packets >= $min_packets AND packets_per_second >= $min_rate AND answers < 0.1 * packets
ORDER BY packets DESC, target, capture
