-- Which server certificates did only one or few hosts receive?
-- Certificates of servers over all captures by the number of clients that received them; the rarest first.
-- technique: T1573.002, T1587.003
-- param max_hosts: integer = 1  -- Greatest number of hosts.
SELECT
    sha256,
    any_value(subject) AS subject,
    any_value(issuer) AS issuer,
    count(DISTINCT dst_ip) AS hosts,
    list_slice(list_sort(list(DISTINCT dst_ip)), 1, 10) AS clients,
    list_slice(list_sort(list(DISTINCT src_ip)), 1, 5) AS servers,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM x509
WHERE chain_position = 0 AND NOT from_originator AND sha256 IS NOT NULL
GROUP BY sha256
HAVING hosts <= $max_hosts
ORDER BY hosts, sha256
