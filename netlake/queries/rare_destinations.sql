-- To which public addresses did only one or few local hosts connect?
-- Destinations over all captures that answered, with the hosts that reached them; the rarest first.
-- technique: T1071
-- param max_hosts: integer = 1  -- Greatest number of hosts.
-- param min_bytes: integer = 0  -- Least number of payload bytes of both directions.
SELECT
    resp_ip AS target,
    count(DISTINCT orig_ip) AS hosts,
    list_slice(list_sort(list(DISTINCT orig_ip)), 1, 10) AS sources,
    count(*) AS connections,
    list_slice(list_sort(list(DISTINCT resp_port)), 1, 10) AS ports,
    sum(orig_payload_bytes + resp_payload_bytes)::BIGINT AS payload_bytes,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE resp_packets > 0 AND is_local(orig_ip) AND NOT is_local(resp_ip)
GROUP BY target
HAVING hosts <= $max_hosts AND coalesce(payload_bytes, 0) >= $min_bytes
ORDER BY hosts, connections, target
