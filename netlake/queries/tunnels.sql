-- Which addresses carry tunnels, and what is inside?
-- Flows that have other flows in them, such as GRE, VXLAN, IP in IP, Teredo and GTP, by their outer addresses.
-- technique: T1572
-- param min_flows: integer = 1  -- Least number of flows inside.
SELECT
    o.capture,
    o.orig_ip AS source,
    o.resp_ip AS target,
    coalesce(ip_protocol_name(o.protocol), o.protocol::VARCHAR) AS protocol,
    o.resp_port AS port,
    array_to_string(any_value(o.service), ' ') AS service,
    count(*) AS flows,
    sum(i.orig_packets + i.resp_packets)::BIGINT AS packets,
    list_slice(list_sort(list(DISTINCT i.resp_ip)), 1, 10) AS inner_targets
FROM connection o
JOIN connection i ON i.capture = o.capture AND i.outer_flow = o.flow
GROUP BY ALL
HAVING flows >= $min_flows
ORDER BY packets DESC, source, target, o.capture
