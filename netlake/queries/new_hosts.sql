-- Which addresses are new since a time?
-- Local addresses that sent packets at or after the time, and in no connection of the lake before it.
-- technique: T1200
-- param since: time  -- The time.
SELECT
    host,
    min(ts) AS first_seen,
    max(mac) AS mac,
    mac_vendor(max(mac)) AS vendor,
    count(*) AS connections,
    list_slice(list_sort(list(DISTINCT peer)), 1, 10) AS peers
FROM (
    SELECT orig_ip AS host, ts, orig_mac AS mac, resp_ip AS peer FROM connection
    UNION ALL
    SELECT resp_ip, ts, resp_mac, orig_ip FROM connection WHERE resp_packets > 0
)
WHERE is_local(host)
GROUP BY host
HAVING first_seen >= $since::TIMESTAMPTZ
ORDER BY first_seen, host
