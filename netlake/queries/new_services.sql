-- Which services of local hosts are new since a time?
-- Addresses and ports that answered connections at or after the time, and none before it.
-- technique: T1133
-- param since: time  -- The time.
SELECT
    resp_ip AS server,
    ip_protocol_name(protocol) AS protocol,
    resp_port AS port,
    list_sort(list_distinct(flatten(list(coalesce(service, []))))) AS services,
    min(ts) AS first_seen,
    count(*) AS connections,
    list_slice(list_sort(list(DISTINCT orig_ip)), 1, 10) AS clients
FROM connection
WHERE resp_port IS NOT NULL AND resp_packets > 0 AND is_local(resp_ip)
    AND (protocol <> 6 OR conn_state IN ('S1', 'SF', 'S2', 'S3', 'RSTO', 'RSTR'))
GROUP BY server, protocol, port
HAVING first_seen >= $since::TIMESTAMPTZ
ORDER BY first_seen, server, port
