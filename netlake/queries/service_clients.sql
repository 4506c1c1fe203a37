-- Which hosts use a service?
-- Clients of a TCP or UDP port by server: how often, how much they sent and received, and when they sent their first data.
-- An unknown client of an industrial controller or of a server for administration deserves a look.
-- param port: integer  -- Port of the service.
-- param server: text = null  -- Only this server.
SELECT
    capture,
    orig_ip AS client,
    resp_ip AS server,
    ip_protocol_name(protocol) AS protocol,
    coalesce(list_sort(list(DISTINCT orig_mac) FILTER (WHERE orig_mac IS NOT NULL)), []) AS client_macs,
    coalesce(list_sort(list(DISTINCT resp_mac) FILTER (WHERE resp_mac IS NOT NULL)), []) AS server_macs,
    count(*) AS connections,
    sum(orig_payload_bytes)::BIGINT AS sent_bytes,
    sum(resp_payload_bytes)::BIGINT AS received_bytes,
    min(ts) AS first_seen,
    min(first_payload_ts) AS first_data,
    max(last_ts) AS last_seen
FROM connection
WHERE resp_port = $port AND resp_packets > 0 AND ($server::VARCHAR IS NULL OR resp_ip = $server)
GROUP BY capture, client, server, protocol
ORDER BY connections DESC, sent_bytes DESC, client, server, capture
