-- Which hosts probed the TCP ports of others, and what did they find?
-- Sources that in a short time tried many pairs of address and port, of which a good share failed: how many hosts and ports they
-- probed, which ports answered, and when it began. A pause of `gap_seconds` ends such a time. Small scans are found too.
-- technique: T1046, T1018, T0846
-- param min_targets: integer = 5  -- Least number of pairs of address and port in one such time.
-- param min_failed: number = 0.4  -- Least share of them that was refused or not answered.
-- param gap_seconds: number = 60  -- Longest time between two connections of one scan, in seconds.
WITH tries AS (
    SELECT capture, flow, ts, orig_ip AS source, orig_mac, resp_ip AS target, resp_port AS port, resp_packets,
        conn_state IN ('S0', 'REJ', 'RSTOS0', 'SH') OR orig_syn = 0 AS failed, resp_syn > 0 AS opened
    FROM connection
    -- a probe has SYN, or as a FIN, NULL or Xmas scan neither SYN nor ACK
    WHERE protocol = 6 AND ts IS NOT NULL AND (orig_syn > 0 OR (orig_ack = 0 AND orig_packets > 0 AND orig_payload_bytes = 0))
), parted AS (
    SELECT *, epoch(ts - lag(ts) OVER same) > $gap_seconds AS starts FROM tries WINDOW same AS (PARTITION BY capture, source ORDER BY ts, flow)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE starts) OVER (PARTITION BY capture, source ORDER BY ts, flow) AS burst FROM parted
), scans AS (
    SELECT capture, source, burst
    FROM numbered
    GROUP BY ALL
    HAVING count(DISTINCT (target, port)) >= $min_targets
        AND count(DISTINCT (target, port)) FILTER (WHERE failed) >= $min_failed * count(DISTINCT (target, port))
), by_host AS (
    SELECT capture, source, target, any_value(orig_mac) AS mac, count(DISTINCT port) AS ports, list(DISTINCT port) AS every,
        list(DISTINCT port) FILTER (WHERE opened) AS open, count(*) AS connections, min(ts) AS first_seen, max(ts) AS last_seen
    FROM numbered
    SEMI JOIN scans USING (capture, source, burst)
    GROUP BY ALL
), named AS (
    SELECT address, list_sort(list(DISTINCT name)) AS names FROM host_name GROUP BY address
)
SELECT
    capture,
    source,
    any_value(mac) AS source_mac,
    mac_vendor(any_value(mac)) AS vendor,
    any_value(names) AS names,
    count(*) AS hosts,
    count(*) FILTER (WHERE open IS NOT NULL) AS hosts_answered,
    max(ports) AS ports_per_host,
    list_slice(list_sort(list_distinct(flatten(list(every)))), 1, 100) AS some_ports,
    list_slice(list_sort(list_distinct(flatten(list(coalesce(open, []))))), 1, 100) AS open_ports,
    list_slice(list_sort(list(target)), 1, 20) AS some_hosts,
    sum(connections)::BIGINT AS connections,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM by_host
LEFT JOIN named ON named.address = source
GROUP BY capture, source
ORDER BY connections DESC, source, capture
