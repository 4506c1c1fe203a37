-- Which hosts scanned a network for one port?
-- Horizontal scans: one source with refused or unanswered connections to one port of many addresses.
-- technique: T1018, T1046
-- param min_hosts: integer = 15  -- Least number of addresses.
SELECT
    capture,
    source,
    port,
    ip_protocol_name(protocol) AS protocol,
    targets AS hosts,
    connections,
    "first" AS first_seen,
    "last" AS last_seen
FROM sweeps(min_targets := $min_hosts)
WHERE kind = 'horizontal'
ORDER BY hosts DESC, source, port, protocol, capture
