-- Which connections had retransmissions?
-- The TCP connections with the most retransmitted and out-of-order segments, outside of tunnels.
-- param most: integer = 5  -- Greatest number of connections.
SELECT
    orig_ip AS client,
    resp_ip AS server,
    resp_port AS port,
    orig_packets + resp_packets AS packets,
    orig_retransmitted + resp_retransmitted AS retransmitted,
    orig_out_of_order + resp_out_of_order AS out_of_order,
    round(100.0 * (retransmitted + out_of_order) / packets, 1) AS percent,
    round(duration, 2) AS seconds
FROM connection
WHERE protocol = 6 AND outer_flow IS NULL
    AND orig_retransmitted + resp_retransmitted + orig_out_of_order + resp_out_of_order > 0
ORDER BY retransmitted + out_of_order DESC, percent DESC, capture, flow
LIMIT $most
