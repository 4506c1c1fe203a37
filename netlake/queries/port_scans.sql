-- Which hosts scanned the ports of another host?
-- Vertical scans: one source with refused or unanswered connections to many ports of one address.
-- technique: T1046
-- param min_ports: integer = 15  -- Least number of ports.
SELECT
    capture,
    source,
    target,
    ip_protocol_name(protocol) AS protocol,
    targets AS ports,
    connections,
    "first" AS first_seen,
    "last" AS last_seen
FROM sweeps(min_targets := $min_ports)
WHERE kind = 'vertical'
ORDER BY ports DESC, source, target, protocol, capture
