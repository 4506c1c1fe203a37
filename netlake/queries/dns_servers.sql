-- Which DNS servers do local hosts use?
-- Addresses that answered DNS over UDP or TCP on port 53, with their clients; an unknown one can be a rogue resolver.
-- technique: T1071.004, T1557
-- param public: boolean = false  -- Only servers outside the local networks.
SELECT
    capture,
    src_ip AS server,
    NOT is_local(src_ip) AS public,
    count(*) AS responses,
    count(DISTINCT dst_ip) AS clients,
    list_slice(list_sort(list(DISTINCT dst_ip)), 1, 10) AS some_clients,
    count(*) FILTER (WHERE recursion_available) AS recursive,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM dns
WHERE response AND src_port = 53 AND is_local(dst_ip) AND (NOT $public OR NOT is_local(src_ip))
GROUP BY capture, server
ORDER BY responses DESC, server, capture
