-- Of which protocols is the traffic?
-- Connections and bytes by transport protocol, service and port of the server, with their share of the bytes of IP.
-- param min_percent: number = 0  -- Least share in percent.
WITH counted AS (
    SELECT
        capture,
        coalesce(ip_protocol_name(protocol), protocol::VARCHAR) AS transport,
        nullif(array_to_string(service, ' '), '') AS services,
        CASE WHEN services IS NULL THEN resp_port END AS port,
        count(*) AS connections,
        sum(orig_packets + resp_packets)::BIGINT AS packets,
        sum(orig_ip_bytes + resp_ip_bytes)::BIGINT AS bytes
    FROM connection
    WHERE protocol IS NOT NULL AND outer_flow IS NULL AND quoted_flow IS NULL
    GROUP BY ALL
)
SELECT
    capture,
    transport AS protocol,
    services AS service,
    port,
    connections,
    packets,
    bytes,
    round(100.0 * bytes / nullif(sum(bytes) OVER (PARTITION BY capture), 0), 2) AS percent
FROM counted
QUALIFY percent >= $min_percent
ORDER BY bytes DESC, connections DESC, protocol, service, port, capture
