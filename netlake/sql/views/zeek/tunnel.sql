-- One row for each tunnel, as in Zeek's tunnel.log: that it was found, and of tunnels in UDP that it ended.
-- tables: connection, gre, teredo, gtp_u, vxlan, geneve, ayiya, socks, ip_in_ip
-- ts: Time of the first packet of the connection that is the tunnel, or of its last one.
-- uid: Identifier of the connection that is the tunnel.
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator; 0 without ports, of GRE and of SOCKS.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder; 0 without ports and of GRE.
-- tunnel_type: Type of the tunnel, such as Tunnel::GRE.
-- action: Tunnel::DISCOVER or Tunnel::CLOSE.
WITH inner_flows AS (
    SELECT DISTINCT capture, outer_flow AS flow FROM main.connection WHERE outer_flow IS NOT NULL
), types AS (
    SELECT capture, flow, min(type) AS type
    FROM (
        SELECT capture, flow, 'Tunnel::GRE' AS type FROM main.gre
        UNION ALL SELECT capture, flow, 'Tunnel::TEREDO' FROM main.teredo
        UNION ALL SELECT capture, flow, 'Tunnel::GTPv1' FROM main.gtp_u WHERE message_type = 255
        UNION ALL SELECT capture, flow, 'Tunnel::VXLAN' FROM main.vxlan
        UNION ALL SELECT capture, flow, 'Tunnel::GENEVE' FROM main.geneve
        UNION ALL SELECT capture, flow, 'Tunnel::AYIYA' FROM main.ayiya
        UNION ALL SELECT capture, flow, 'Tunnel::SOCKS' FROM main.socks
    )
    GROUP BY capture, flow
)
SELECT CASE action WHEN 'Tunnel::DISCOVER' THEN c.ts ELSE last_ts END AS ts, zeek_uid(c.capture, c.flow) AS uid,
    orig_ip AS "id.orig_h",
    CASE WHEN type IN ('Tunnel::SOCKS', 'Tunnel::GRE') THEN 0 ELSE coalesce(orig_port, 0) END AS "id.orig_p",
        resp_ip AS "id.resp_h",
    CASE WHEN type = 'Tunnel::GRE' THEN 0 ELSE coalesce(resp_port, 0) END AS "id.resp_p", coalesce(type, CASE
        WHEN protocol IN (4, 41) THEN 'Tunnel::IP' ELSE 'Tunnel::NONE' END) AS tunnel_type,
    action
FROM main.connection c
LEFT JOIN types t ON t.capture = c.capture AND t.flow = c.flow
LEFT JOIN inner_flows i ON i.capture = c.capture AND i.flow = c.flow
CROSS JOIN (SELECT unnest(['Tunnel::DISCOVER', 'Tunnel::CLOSE']) AS action)
WHERE (i.flow IS NOT NULL OR type IS NOT NULL)
    AND (action = 'Tunnel::DISCOVER' OR (protocol = 17 AND type NOT IN ('Tunnel::GRE', 'Tunnel::SOCKS')))
