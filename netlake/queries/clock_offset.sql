-- How far is the clock of the sensor from the NTP servers?
-- Difference of the time of the capture and the time that each server sent, with the delay of the network in it.
-- param min_seconds: number = 0  -- Least absolute median in seconds.
SELECT
    capture,
    src_ip AS server,
    min(stratum) AS stratum,
    count(*) AS messages,
    round(median(epoch(ts - transmit_time)), 3) AS median_seconds,
    round(min(epoch(ts - transmit_time)), 3) AS min_seconds,
    round(max(epoch(ts - transmit_time)), 3) AS max_seconds
FROM ntp
WHERE mode IN (4, 5) AND stratum BETWEEN 1 AND 15 AND transmit_time IS NOT NULL AND ts IS NOT NULL AND leap < 3
GROUP BY capture, server
HAVING abs(median(epoch(ts - transmit_time))) >= $min_seconds
ORDER BY abs(median_seconds) DESC, server, capture
