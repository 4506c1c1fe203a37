-- One row for each local address that completed a TCP handshake, as in Zeek's known_hosts.log; once in a day.
-- tables: connection
-- ts: Time of the first connection of the day.
-- host: Address.
SELECT min(ts) AS ts, host
FROM (
    SELECT day, ts, unnest([orig_ip, resp_ip]) AS host
    FROM main.connection
    WHERE protocol = 6 AND conn_state IN ('S1', 'SF', 'S2', 'S3', 'RSTO', 'RSTR')
)
WHERE is_local(host)
GROUP BY day, host
