-- One row for each DNS message, in names of the Elastic Common Schema (ECS).
-- tables: dns
-- @timestamp: Time of the event.
-- ecs.version: Version of the Elastic Common Schema.
-- event.kind: event.
-- event.category: Categories of the event.
-- event.type: Types of the event.
-- event.dataset: netlake, a point and the table.
-- event.id: Identifier: the capture, a point and the flow or packet.
-- network.transport: Transport protocol, such as tcp.
-- network.protocol: Application protocol, such as dns.
-- source.ip: Address of the source.
-- source.port: Port of the source.
-- destination.ip: Address of the destination.
-- destination.port: Port of the destination.
-- dns.type: query or answer.
-- dns.id: Transaction ID.
-- dns.op_code: Opcode, such as QUERY.
-- dns.header_flags: Flags of the header: AA, TC, RD, RA, AD, CD and DO.
-- dns.response_code: Response code, such as NXDOMAIN.
-- dns.question.name: Name that was asked.
-- dns.question.type: Type that was asked.
-- dns.question.class: Class that was asked.
-- dns.answers: Answers: name, type, class, ttl and data.
-- dns.resolved_ip: Addresses in the answers.
SELECT ts AS "@timestamp", '8.17.0' AS "ecs.version", 'event' AS "event.kind", ['network'] AS "event.category",
    ['protocol'] AS "event.type", 'netlake.dns' AS "event.dataset", capture || '.' || packet || '.'
        || place AS "event.id",
    transport AS "network.transport", 'dns' AS "network.protocol", src_ip AS "source.ip", src_port AS "source.port",
    dst_ip AS "destination.ip", dst_port AS "destination.port", CASE WHEN response THEN 'answer'
        ELSE 'query' END AS "dns.type",
    transaction_id::VARCHAR AS "dns.id",
    CASE opcode WHEN 0 THEN 'QUERY' WHEN 1 THEN 'IQUERY' WHEN 2 THEN 'STATUS' WHEN 4 THEN 'NOTIFY' WHEN 5 THEN 'UPDATE'
        WHEN 6 THEN 'DSO' END AS "dns.op_code",
    list_filter([CASE WHEN authoritative THEN 'AA' END, CASE WHEN truncated THEN 'TC' END, CASE WHEN recursion_desired
        THEN 'RD' END,
        CASE WHEN recursion_available THEN 'RA' END, CASE WHEN authentic_data THEN 'AD' END, CASE
            WHEN checking_disabled THEN 'CD' END,
        CASE WHEN dnssec_ok THEN 'DO' END], lambda flag: flag IS NOT NULL) AS "dns.header_flags",
    CASE WHEN response THEN rcode_name END AS "dns.response_code", query_name AS "dns.question.name",
    query_type_name AS "dns.question.type", dns_class_name(query_class) AS "dns.question.class",
    list_transform(answers, lambda one: {name: one.name, type: one.type_name, class: dns_class_name(one.class),
        ttl: one.ttl::BIGINT,
        data: coalesce(one.address, one.target, one.data)}) AS "dns.answers",
    list_filter(list_transform(answers, lambda one: one.address), lambda ip: ip IS NOT NULL) AS "dns.resolved_ip"
FROM main.dns
