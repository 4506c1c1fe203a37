-- Which BACnet devices announced themselves?
-- Device instances of I-Am messages, with the addresses that sent them.
SELECT
    capture,
    device_instance,
    list_sort(list(DISTINCT src_ip)) AS addresses,
    count(*) AS messages,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM bacnet
WHERE pdu_type = 1 AND service = 0 AND device_instance IS NOT NULL
GROUP BY capture, device_instance
ORDER BY device_instance, capture
