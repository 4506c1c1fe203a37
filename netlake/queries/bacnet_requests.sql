-- Which hosts ask BACnet devices for what?
-- Requests by client, target and service, with the objects that they name; Who-Is from an unknown host, or reads of many
-- objects, are a discovery.
-- technique: T0846, T0861
-- param service: text = null  -- Only this service, such as Who-Is.
WITH named AS (
    SELECT *,
        CASE pdu_type
            WHEN 0 THEN CASE service
                WHEN 0 THEN 'AcknowledgeAlarm' WHEN 1 THEN 'ConfirmedCOVNotification' WHEN 2 THEN 'ConfirmedEventNotification'
                WHEN 5 THEN 'SubscribeCOV' WHEN 6 THEN 'AtomicReadFile' WHEN 7 THEN 'AtomicWriteFile' WHEN 10 THEN 'CreateObject'
                WHEN 11 THEN 'DeleteObject' WHEN 12 THEN 'ReadProperty' WHEN 14 THEN 'ReadPropertyMultiple'
                WHEN 15 THEN 'WriteProperty' WHEN 16 THEN 'WritePropertyMultiple' WHEN 17 THEN 'DeviceCommunicationControl'
                WHEN 20 THEN 'ReinitializeDevice' WHEN 26 THEN 'ReadRange' WHEN 28 THEN 'SubscribeCOVProperty'
                ELSE 'confirmed ' || service END
            WHEN 1 THEN CASE service
                WHEN 6 THEN 'TimeSynchronization' WHEN 7 THEN 'Who-Has' WHEN 8 THEN 'Who-Is' WHEN 9 THEN 'UTCTimeSynchronization'
            END
        END AS service_name
    FROM bacnet
)
SELECT
    n.capture,
    n.src_ip AS source,
    any_value(CASE WHEN n.from_originator THEN c.orig_mac ELSE c.resp_mac END) AS source_mac,
    n.dst_ip AS target,
    n.service_name AS service,
    count(*) AS messages,
    count(DISTINCT (n.object_type, n.object_instance)) FILTER (WHERE n.object_type IS NOT NULL) AS objects,
    min(n.ts) AS first_seen,
    max(n.ts) AS last_seen
FROM named n
LEFT JOIN connection c ON c.capture = n.capture AND c.flow = n.flow
WHERE n.service_name IS NOT NULL AND ($service::VARCHAR IS NULL OR lower(n.service_name) = lower($service))
GROUP BY n.capture, n.src_ip, n.dst_ip, n.service_name
ORDER BY messages DESC, source, target, service, n.capture
