-- Which local hosts sent far more to a public address than they received?
-- Pairs with much payload sent, and a high ratio of sent to received, as when data are taken out (exfiltration), with the
-- names of the server
-- in TLS and HTTP. `uploads` counts HTTP requests with content, or the connections if there are none.
-- technique: T1041, T1048, T1567
-- param min_bytes: integer = 1000000  -- Least payload sent, in bytes.
-- param min_ratio: number = 5  -- Least quotient of payload sent and received.
WITH pairs AS (
    SELECT
        capture,
        orig_ip AS source,
        resp_ip AS target,
        any_value(orig_mac) AS source_mac,
        list_slice(list_sort(list(DISTINCT resp_port)), 1, 10) AS ports,
        count(*) AS connections,
        sum(orig_payload_bytes)::BIGINT AS sent_bytes,
        sum(resp_payload_bytes)::BIGINT AS received_bytes,
        round(sum(orig_payload_bytes) / greatest(sum(resp_payload_bytes), 1), 1) AS ratio,
        min(ts) AS first_seen,
        max(last_ts) AS last_seen
    FROM connection
    WHERE is_local(orig_ip) AND NOT is_local(resp_ip) AND resp_packets > 0
    GROUP BY capture, source, target
    HAVING sum(orig_payload_bytes) >= $min_bytes AND ratio >= $min_ratio
), posted AS (
    SELECT capture, client_ip AS source, server_ip AS target, list(DISTINCT host) FILTER (WHERE host IS NOT NULL) AS names,
        count(*) FILTER (WHERE request_body_length > 0) AS requests
    FROM http
    GROUP BY ALL
), asked AS (
    SELECT capture, src_ip AS source, dst_ip AS target, list(DISTINCT server_name) FILTER (WHERE server_name IS NOT NULL) AS names
    FROM tls_client_hello
    GROUP BY ALL
)
SELECT
    pairs.*,
    coalesce(nullif(posted.requests, 0), pairs.connections) AS uploads,
    list_slice(list_sort(list_distinct(list_concat(coalesce(asked.names, []), coalesce(posted.names, [])))), 1, 10) AS server_names
FROM pairs
LEFT JOIN posted USING (capture, source, target)
LEFT JOIN asked USING (capture, source, target)
ORDER BY sent_bytes DESC, source, target, capture
