-- Who sent commands that change industrial controllers?
-- Writes, operations, restarts and settings of DNP3, BACnet, CIP (EtherNet/IP) and PROFINET DCP, by source and target.
-- Only messages over UDP and Ethernet: those over TCP are not decoded; service_clients shows who connects to their ports.
-- technique: T0855, T0836, T0816
-- param source: text = null  -- Only commands of this address.
-- param protocol: text = null  -- Only this protocol: DNP3, BACnet, CIP or PROFINET DCP.
WITH commands AS (
    SELECT capture, flow, from_originator, ts, src_ip AS source, dst_ip AS target, 'DNP3' AS protocol,
        CASE function_code
            WHEN 2 THEN 'write' WHEN 3 THEN 'select' WHEN 4 THEN 'operate' WHEN 5 THEN 'direct operate'
            WHEN 6 THEN 'direct operate without answer' WHEN 13 THEN 'cold restart' WHEN 14 THEN 'warm restart'
            WHEN 18 THEN 'stop application' WHEN 21 THEN 'disable unsolicited responses'
        END AS command,
        'station ' || destination AS object
    FROM dnp3
    UNION ALL
    SELECT capture, flow, from_originator, ts, src_ip, dst_ip, 'BACnet',
        CASE service
            WHEN 15 THEN 'write property' WHEN 16 THEN 'write properties' WHEN 17 THEN 'disable communication'
            WHEN 20 THEN 'reinitialize device'
        END,
        'object ' || object_type || ':' || object_instance || ' property ' || property
    FROM bacnet
    WHERE pdu_type = 0
    UNION ALL
    SELECT capture, flow, from_originator, ts, src_ip, dst_ip, 'CIP',
        CASE service
            WHEN 2 THEN 'set all attributes' WHEN 4 THEN 'set attributes' WHEN 5 THEN 'reset' WHEN 7 THEN 'stop'
            WHEN 16 THEN 'set attribute' WHEN 77 THEN 'write tag' WHEN 78 THEN 'change tag' WHEN 83 THEN 'write tag fragment'
        END,
        coalesce(symbol, 'class ' || class_id || ' instance ' || instance_id)
    FROM cip
    WHERE NOT response
    UNION ALL
    SELECT d.capture, NULL, NULL, d.ts, e.src_mac, e.dst_mac, 'PROFINET DCP',
        CASE WHEN d.service_id = 4 AND d.service_type = 0 THEN 'set' END,
        coalesce(d.name_of_station, d.ip)
    FROM profinet_dcp d
    LEFT JOIN ethernet e ON e.capture = d.capture AND e.packet = d.packet AND e.place = 0
)
SELECT
    w.capture,
    w.protocol,
    w.source,
    coalesce(CASE WHEN any_value(w.from_originator) THEN any_value(c.orig_mac) ELSE any_value(c.resp_mac) END,
        CASE WHEN w.protocol = 'PROFINET DCP' THEN w.source END) AS source_mac,
    w.target,
    w.command,
    count(*) AS messages,
    list_slice(list_sort(list(DISTINCT w.object)), 1, 10) AS objects,
    min(w.ts) AS first_seen,
    max(w.ts) AS last_seen
FROM commands w
LEFT JOIN connection c ON c.capture = w.capture AND c.flow = w.flow
WHERE w.command IS NOT NULL AND ($source::VARCHAR IS NULL OR w.source = $source)
    AND ($protocol::VARCHAR IS NULL OR w.protocol = $protocol)
GROUP BY w.capture, w.protocol, w.source, w.target, w.command
ORDER BY w.protocol, w.source, w.target, w.command, w.capture
