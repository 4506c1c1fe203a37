-- Who talked to an address?
-- The peers of an address with their connections and bytes, whichever side began; the most bytes first.
-- param address: text  -- IPv4 or IPv6 address.
SELECT
    capture,
    CASE WHEN orig_ip = $address THEN resp_ip ELSE orig_ip END AS peer,
    count(*) FILTER (WHERE orig_ip = $address) AS begun_by_address,
    count(*) FILTER (WHERE orig_ip <> $address) AS begun_by_peer,
    sum(CASE WHEN orig_ip = $address THEN orig_ip_bytes ELSE resp_ip_bytes END)::BIGINT AS sent_bytes,
    sum(CASE WHEN orig_ip = $address THEN resp_ip_bytes ELSE orig_ip_bytes END)::BIGINT AS received_bytes,
    list_slice(list_sort(list(DISTINCT resp_port)), 1, 10) AS server_ports,
    min(ts) AS first_seen,
    max(last_ts) AS last_seen
FROM connection
WHERE orig_ip = $address OR resp_ip = $address
GROUP BY capture, peer
ORDER BY coalesce(sent_bytes, 0) + coalesce(received_bytes, 0) DESC, peer, capture
