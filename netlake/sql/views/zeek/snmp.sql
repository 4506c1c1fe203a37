-- One row for each connection with SNMP, as in Zeek's snmp.log.
-- tables: snmp
-- ts: Time of its first message.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- duration: Seconds from the first to the last message.
-- version: Version: 1, 2c or 3.
-- community: Community string of the first message with one.
-- get_requests: Variables in get and get-next requests.
-- get_bulk_requests: Variables in get-bulk requests.
-- get_responses: Variables in responses.
-- set_requests: Variables in set requests.
-- display_string: System description (1.3.6.1.2.1.1.1.0) of a response.
-- up_since: Start of the agent, by its uptime (1.3.6.1.2.1.1.3.0).
WITH messages AS (
    SELECT *, list_filter(variables, lambda one: one.oid = '1.3.6.1.2.1.1.1.0')[1].text AS description,
        ts - to_milliseconds(list_filter(variables, lambda one: one.oid = '1.3.6.1.2.1.1.3.0')[1].number * 10) AS since
    FROM main.snmp
)
SELECT min(ts) AS ts, zeek_uid(capture, flow) AS uid, arg_min(CASE WHEN from_originator THEN src_ip ELSE dst_ip END,
    packet) AS "id.orig_h",
    arg_min(CASE WHEN from_originator THEN src_port ELSE dst_port END, packet) AS "id.orig_p",
    arg_min(CASE WHEN from_originator THEN dst_ip ELSE src_ip END, packet) AS "id.resp_h",
    arg_min(CASE WHEN from_originator THEN dst_port ELSE src_port END, packet) AS "id.resp_p",
    epoch(max(ts) - min(ts)) AS duration,
    CASE arg_min(version, packet) WHEN 0 THEN '1' WHEN 1 THEN '2c' WHEN 3 THEN '3' END AS version,
    arg_min(community, packet) AS community,
    coalesce(sum(len(variables)) FILTER (pdu_type IN (0, 1)), 0)::BIGINT AS get_requests,
    coalesce(sum(len(variables)) FILTER (pdu_type = 5), 0)::BIGINT AS get_bulk_requests,
    coalesce(sum(len(variables)) FILTER (pdu_type = 2), 0)::BIGINT AS get_responses,
    coalesce(sum(len(variables)) FILTER (pdu_type = 3), 0)::BIGINT AS set_requests,
    arg_max(description, packet) FILTER (pdu_type = 2) AS display_string,
    arg_max(since, packet) FILTER (pdu_type = 2) AS up_since
FROM messages
GROUP BY capture, flow
