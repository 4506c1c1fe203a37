-- Which local hosts opened remote administration to several other local hosts?
-- Answered connections to SSH, SMB, RPC, RDP, VNC and WinRM between local addresses, by source and service.
-- technique: T1021.001, T1021.002, T1021.004, T1021.005, T1021.006
-- param min_targets: integer = 3  -- Least number of hosts that one source reached.
SELECT
    capture,
    orig_ip AS source,
    CASE resp_port
        WHEN 22 THEN 'SSH'
        WHEN 135 THEN 'RPC'
        WHEN 139 THEN 'SMB'
        WHEN 445 THEN 'SMB'
        WHEN 3389 THEN 'RDP'
        WHEN 5900 THEN 'VNC'
        ELSE 'WinRM'
    END AS protocol,
    count(DISTINCT resp_ip) AS targets,
    list_slice(list_sort(list(DISTINCT resp_ip)), 1, 10) AS some_targets,
    count(*) AS connections,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE connection.protocol = 6 AND resp_port IN (22, 135, 139, 445, 3389, 5900, 5985, 5986)
    AND conn_state IN ('S1', 'SF', 'S2', 'S3', 'RSTO', 'RSTR') AND is_local(orig_ip) AND is_local(resp_ip)
GROUP BY ALL
HAVING targets >= $min_targets
ORDER BY targets DESC, source, protocol, capture
