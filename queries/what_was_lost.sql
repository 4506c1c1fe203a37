-- What was lost on the way?
-- TCP conversations by the share of their segments that were sent again or arrived out of order.
SELECT
    orig_ip AS client,
    resp_ip AS server,
    resp_port AS port,
    orig_packets + resp_packets AS packets,
    orig_retransmitted + resp_retransmitted AS sent_again,
    orig_out_of_order + resp_out_of_order AS out_of_order,
    round(100.0 * (sent_again + out_of_order) / packets, 1) AS per_cent,
    round(duration, 2) AS seconds
FROM connection
WHERE protocol = 6 AND outer_flow IS NULL
    AND orig_retransmitted + resp_retransmitted + orig_out_of_order + resp_out_of_order > 0
ORDER BY sent_again + out_of_order DESC, per_cent DESC, flow
LIMIT 5
