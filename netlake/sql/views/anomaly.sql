-- One row for each fault and oddity in the rows of any table, as Zeek's weird.log has them.
-- tables: packet, connection
-- day: UTC date of `ts`.
-- ts: Time of the packet in which the row begins.
-- capture: Id of the capture.
-- packet: Number of the packet; of a connection its first one.
-- flow: Number of the flow in its capture; null where the table has none.
-- record_table: Table with the row.
-- kind: The fault, one of the row's anomalies, missed_bytes, or the reason why a packet was not decoded.
-- message: What it means.
SELECT day, ts, capture, packet, flow, record_table, fault AS kind, fault_meaning(fault) AS message FROM {faults}
UNION ALL
SELECT day, ts, capture, packet, flow, 'packet', stop_reason,
    'Decoding stopped at byte ' || stop_offset || ', in ' || coalesce(nullif(stack, ''), 'the first header') || '.'
FROM packet
WHERE fault IS NULL AND stop_reason IN ('malformed', 'too_deep', 'partial_message', 'cut')
UNION ALL
SELECT day, ts, capture, first_packet, flow, 'connection', 'missed_bytes',
    coalesce(orig_missed_bytes, 0) + coalesce(resp_missed_bytes, 0) || ' bytes were acknowledged that the capture lacks.'
FROM connection
WHERE orig_missed_bytes > 0 OR resp_missed_bytes > 0
UNION ALL
SELECT day, ts, capture, packet, flow, record_table, unnest(anomalies) AS kind,
    record_table || ' has this anomaly: ' || replace(kind, '_', ' ') || '.'
FROM {anomalies}
