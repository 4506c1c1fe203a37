-- Which industrial messages were sent again later?
-- GOOSE messages whose state and sequence numbers were sent before, and commands of DNP3 with the same link addresses,
-- sequence numbers and objects as an earlier one of another connection. A restart of a GOOSE sender is no replay.
-- technique: T0831, T0855
-- param min_seconds: number = 0.1  -- Least time since the first one in seconds; less is the copy of a redundant network.
WITH messages AS (
    SELECT capture, ts, packet, NULL::BIGINT AS flow, 'GOOSE' AS protocol, control_block AS sender,
        state_number || '/' || sequence_number AS number, NULL::VARCHAR AS objects
    FROM goose
    WHERE state_number > 1 AND sequence_number IS NOT NULL AND control_block IS NOT NULL
    UNION ALL
    SELECT capture, ts, packet, flow, 'DNP3', 'station ' || source || ' to ' || destination,
        function_code || '/' || application_control || '/' || transport_sequence, hex(objects)
    FROM dnp3
    WHERE function_code BETWEEN 2 AND 6 AND octet_length(objects) > 0
), compared AS (
    SELECT
        *,
        first_value(ts) OVER same AS original_ts,
        first_value(packet) OVER same AS original_packet,
        first_value(flow) OVER same AS original_flow
    FROM messages
    WINDOW same AS (PARTITION BY capture, protocol, sender, number, objects ORDER BY packet)
)
SELECT capture, ts, packet, protocol, sender, number, original_packet, original_ts, round(epoch(ts - original_ts), 3) AS seconds
FROM compared
WHERE packet <> original_packet AND epoch(ts - original_ts) >= $min_seconds
    AND (protocol = 'GOOSE' OR flow <> original_flow)
ORDER BY ts, packet, capture
