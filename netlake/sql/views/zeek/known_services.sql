-- One row for each service of a local address, as in Zeek's known_services.log; once in a day.
-- tables: connection
-- ts: Time of the first connection of the day.
-- host: Address of the service.
-- port_num: Port of the service.
-- port_proto: Transport protocol of the port: tcp or udp.
-- service: Application protocols, upper case; empty if none was found.
SELECT min(ts) AS ts, resp_ip AS host, resp_port AS port_num, zeek_proto(protocol) AS port_proto,
    CASE WHEN service = [] THEN [] ELSE [upper(zeek_service(unnest(service)))] END AS service
FROM main.connection
WHERE protocol IN (6, 17) AND conn_state IN ('S1', 'SF', 'S2', 'S3', 'RSTO', 'RSTR') AND is_local(resp_ip)
GROUP BY day, resp_ip, resp_port, protocol, service
