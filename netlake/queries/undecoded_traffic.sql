-- Which ports carry payload that no protocol decoded?
-- Ports of servers with TCP connections without a known service or with bytes of streams that were not decoded, and UDP flows of
-- which no datagram was decoded.
-- param min_bytes: integer = 1  -- Least number of payload bytes.
WITH decoded AS (
    SELECT DISTINCT capture, flow
    FROM packet
    WHERE contains(stack, ':udp:')
)
SELECT
    c.capture,
    ip_protocol_name(c.protocol) AS protocol,
    c.resp_port AS port,
    count(*) AS connections,
    sum(CASE WHEN len(c.service) > 0 THEN coalesce(c.orig_undecoded_bytes + c.resp_undecoded_bytes, 0)
        ELSE c.orig_payload_bytes + c.resp_payload_bytes END)::BIGINT AS bytes,
    count(DISTINCT c.resp_ip) AS servers
FROM connection c
ANTI JOIN decoded ON c.protocol = 17 AND decoded.capture = c.capture AND decoded.flow = c.flow
WHERE c.resp_port IS NOT NULL
    AND (coalesce(len(c.service), 0) = 0 OR c.orig_undecoded_bytes > 0 OR c.resp_undecoded_bytes > 0)
GROUP BY ALL
HAVING bytes >= $min_bytes
ORDER BY bytes DESC, port, 2, 1
