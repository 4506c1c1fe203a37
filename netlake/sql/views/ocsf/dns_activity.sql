-- One row for each DNS message: OCSF class DNS Activity (4003).
-- tables: dns
-- class_uid: Class of the event.
-- category_uid: 4, network activity.
-- activity_id: 1 query, 2 response.
-- type_uid: class_uid * 100 + activity_id.
-- severity_id: 1, informational.
-- time: Time of the event, milliseconds since 1970.
-- time_dt: Time of the event.
-- metadata: Version of OCSF, product, and identifier of the event.
-- src_endpoint: Address and port that asked.
-- dst_endpoint: Address and port that answers.
-- connection_info: Transport protocol, version of IP, direction and identifier of the connection.
-- query: Name, type, class, opcode and ID that were asked.
-- answers: Answers: type, class, TTL and data.
-- rcode_id: Response code; 99 for others, null in a query.
-- rcode: Name of the response code.
-- flag_ids: Flags: 1 AA, 2 TC, 3 RD, 4 RA, 5 AD, 6 CD.
-- opcode_id: Opcode.
-- transaction_id: Transaction ID.
-- query_time: Time of a query, milliseconds since 1970; null in a response.
-- response_time: Time of a response, milliseconds since 1970; null in a query.
SELECT 4003 AS class_uid, 4 AS category_uid, activity AS activity_id, 4003 * 100 + activity AS type_uid,
    1 AS severity_id,
    ocsf_time(ts) AS time, ts AS time_dt, ocsf_metadata('dns', id) AS metadata,
    ocsf_endpoint(CASE WHEN response THEN dst_ip ELSE src_ip END, CASE WHEN response THEN dst_port ELSE src_port END,
        NULL) AS src_endpoint,
    ocsf_endpoint(CASE WHEN response THEN src_ip ELSE dst_ip END, CASE WHEN response THEN src_port ELSE dst_port END,
        NULL) AS dst_endpoint,
    ocsf_connection(transport, CASE transport WHEN 'tcp' THEN 6 ELSE 17 END, CASE WHEN response THEN dst_ip
        ELSE src_ip END,
        CASE WHEN response THEN src_ip ELSE dst_ip END, capture || '.' || flow) AS connection_info,
    CASE WHEN query_name IS NOT NULL THEN {hostname: query_name, type: query_type_name,
        class: dns_class_name(query_class), opcode_id: opcode::INTEGER,
        packet_uid: transaction_id::INTEGER} END AS query,
    list_transform(answers, lambda one: {type: one.type_name, class: dns_class_name(one.class), ttl: one.ttl::BIGINT,
        rdata: coalesce(one.address, one.target, one.data), packet_uid: transaction_id::INTEGER}) AS answers,
    CASE WHEN NOT response THEN NULL WHEN code <= 11 OR code BETWEEN 16 AND 23 THEN code
        ELSE 99 END::INTEGER AS rcode_id,
    CASE WHEN response THEN rcode_name END AS rcode,
    list_filter([CASE WHEN authoritative THEN 1 END, CASE WHEN truncated THEN 2 END, CASE WHEN recursion_desired
        THEN 3 END,
        CASE WHEN recursion_available THEN 4 END, CASE WHEN authentic_data THEN 5 END, CASE WHEN checking_disabled
            THEN 6 END],
        lambda flag: flag IS NOT NULL) AS flag_ids,
    opcode::INTEGER AS opcode_id, transaction_id::VARCHAR AS transaction_id, CASE WHEN NOT response
        THEN ocsf_time(ts) END AS query_time,
    CASE WHEN response THEN ocsf_time(ts) END AS response_time
FROM (
    SELECT *, capture || '.' || packet || '.' || place AS id, CASE WHEN response THEN 2 ELSE 1 END AS activity,
        coalesce(extended_rcode, rcode) AS code
    FROM main.dns
)
