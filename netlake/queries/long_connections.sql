-- Which connections lasted longest?
-- Connections of at least some minutes, as of remote control and tunnels; the longest first.
-- technique: T1219, T1572
-- param minutes: number = 10  -- Least duration in minutes.
SELECT
    capture,
    flow,
    orig_ip AS source,
    resp_ip AS target,
    resp_port AS port,
    ip_protocol_name(protocol) AS protocol,
    service,
    ts AS first_seen,
    round(epoch(last_ts - ts) / 60, 2) AS minutes,
    orig_payload_bytes AS sent_bytes,
    resp_payload_bytes AS received_bytes
FROM connection
WHERE epoch(last_ts - ts) >= $minutes * 60
ORDER BY minutes DESC, capture, flow
