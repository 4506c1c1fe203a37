-- Which ports carry payload that no protocol decoded?
-- Ports of servers with connections without a known service, or with bytes of streams that were not decoded.
-- param min_bytes: integer = 1  -- Least number of payload bytes.
SELECT
    capture,
    ip_protocol_name(protocol) AS protocol,
    resp_port AS port,
    count(*) AS connections,
    sum(CASE WHEN len(service) > 0 THEN coalesce(orig_undecoded_bytes + resp_undecoded_bytes, 0)
        ELSE orig_payload_bytes + resp_payload_bytes END)::BIGINT AS bytes,
    count(DISTINCT resp_ip) AS servers
FROM connection
WHERE resp_port IS NOT NULL
    AND (coalesce(len(service), 0) = 0 OR orig_undecoded_bytes > 0 OR resp_undecoded_bytes > 0)
GROUP BY ALL
HAVING bytes >= $min_bytes
ORDER BY bytes DESC, port, protocol, capture
