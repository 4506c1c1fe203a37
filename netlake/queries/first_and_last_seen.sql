-- When was an address first and last seen?
-- For each capture with connections of the address: the times, and how often it was on each side.
-- param address: text  -- IPv4 or IPv6 address.
SELECT
    capture,
    min(ts) AS first_seen,
    max(coalesce(last_ts, ts)) AS last_seen,
    count(*) AS connections,
    count(*) FILTER (WHERE orig_ip = $address) AS as_client,
    count(*) FILTER (WHERE resp_ip = $address) AS as_server
FROM connection
WHERE orig_ip = $address OR resp_ip = $address
GROUP BY capture
ORDER BY first_seen, capture
