-- One row for each query with its response, or one of them without the other, as in Zeek's dns.log; NetBIOS names and mDNS included.
-- tables: dns, netbios_ns
-- ts: Time of the query; of the response if there is no query.
-- uid: Identifier of the connection: zeek_uid(capture, flow).
-- id.orig_h: Address of the originator.
-- id.orig_p: Port of the originator.
-- id.resp_h: Address of the responder.
-- id.resp_p: Port of the responder.
-- proto: Transport protocol: tcp or udp.
-- trans_id: Transaction ID.
-- rtt: Seconds from the query to the response; null without an answer.
-- query: Name that was asked, in lower case; of a response without a query the name of its first answer.
-- qclass: Class of the question in the query.
-- qclass_name: Name of the class, such as C_INTERNET.
-- qtype: Type of the question in the query.
-- qtype_name: Name of the type, such as A; * is any.
-- rcode: Response code of the header.
-- rcode_name: Name of the response code, such as NXDOMAIN.
-- AA: The answers are authoritative; false without an answer.
-- TC: The query is truncated.
-- RD: The client requests recursion.
-- RA: The server supports recursion; false without an answer.
-- Z: The three bits before the response code in the header of the query: reserved, AD and CD.
-- answers: Answers in wire order: addresses, names, and texts of other types as Zeek writes them.
-- TTLs: Time to live of each answer, seconds.
-- rejected: The response has no record, or a response code other than 0 and no question.
-- opcode: Opcode.
-- opcode_name: Name of the opcode, such as query.
WITH messages AS (
    SELECT capture, flow, packet, place, ts, from_originator, src_ip, src_port, dst_ip, dst_port, transport AS proto,
        transaction_id, response, opcode, rcode, question_count,
        question_count > 0 AND answer_count + authority_count + additional_count = 0 AS empty,
        lower(nullif(coalesce(CASE WHEN NOT response THEN query_name END, answers[1].name, query_name), '.')) AS query,
        query_class AS qclass,
        query_type AS qtype, zeek_dns_type(query_type, query_type_name) AS qtype_name,
        coalesce(authoritative, conflict) AS aa, truncated AS tc, coalesce(recursion_desired, tentative) AS rd,
        recursion_available AS ra,
        coalesce(z::INTEGER * 4 + authentic_data::INTEGER * 2 + checking_disabled::INTEGER, 0) AS z,
        list_filter(list_transform(answers, lambda record: {text: zeek_dns_answer(record), ttl: record.ttl}),
            lambda one: one.text IS NOT NULL) AS found,
        len(list_filter(answers, lambda record: record.type IN (11))) AS silent,
        CASE opcode WHEN 0 THEN 'query' WHEN 4 THEN 'notify' ELSE 'dynamic-update' END AS opcode_name
    FROM main.dns
    WHERE opcode IN (0, 4, 5)
    UNION ALL BY NAME
    SELECT capture, flow, packet, place, ts, from_originator, src_ip, src_port, dst_ip, dst_port, 'udp' AS proto,
        transaction_id, response, opcode, rcode, len(questions) AS question_count, false AS empty,
            questions[1].name AS query,
        CASE WHEN questions <> [] THEN 1 END AS qclass, questions[1].type AS qtype,
        CASE questions[1].type WHEN 32 THEN 'NB' WHEN 33 THEN 'NBSTAT' END AS qtype_name, NULL AS aa, truncated AS tc,
        recursion_desired AS rd, NULL AS ra, 0 AS z,
        list_transform(flatten(list_transform(list_filter(records, lambda record: record.type = 32),
            lambda record: list_transform(record.addresses, lambda ip: {text: ip, ttl: record.ttl}))),
                lambda one: one) AS found,
        0 AS silent,
        CASE opcode WHEN 0 THEN 'netbios-query' WHEN 5 THEN 'netbios-registration' WHEN 6 THEN 'netbios-release'
            WHEN 7 THEN 'netbios-wack' WHEN 8 THEN 'netbios-refresh' ELSE 'netbios-opcode-' || opcode END AS opcode_name
    FROM main.netbios_ns
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY capture, flow, transaction_id, response ORDER BY packet, place) AS number,
        coalesce(is_multicast(CASE WHEN from_originator THEN dst_ip ELSE src_ip END), false) AS alone
    FROM messages
)
SELECT coalesce(q.ts, a.ts) AS ts, zeek_uid(coalesce(q.capture, a.capture), coalesce(q.flow, a.flow)) AS uid,
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.src_ip, a.src_ip)
        ELSE coalesce(q.dst_ip, a.dst_ip) END AS "id.orig_h",
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.src_port, a.src_port)
        ELSE coalesce(q.dst_port, a.dst_port) END AS "id.orig_p",
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.dst_ip, a.dst_ip)
        ELSE coalesce(q.src_ip, a.src_ip) END AS "id.resp_h",
    CASE WHEN coalesce(q.from_originator, a.from_originator) THEN coalesce(q.dst_port, a.dst_port)
        ELSE coalesce(q.src_port, a.src_port) END AS "id.resp_p",
    coalesce(q.proto, a.proto) AS proto, coalesce(q.transaction_id, a.transaction_id) AS trans_id,
    CASE WHEN len(a.found) + a.silent > 0 AND a.ts > q.ts THEN epoch(a.ts - q.ts) END AS rtt,
    coalesce(q.query, CASE WHEN a.found <> [] THEN a.query END) AS query, q.qclass,
        zeek_dns_class(q.qclass) AS qclass_name,
    q.qtype, q.qtype_name, a.rcode, zeek_dns_rcode(a.rcode) AS rcode_name,
    coalesce(len(a.found) + a.silent > 0 AND a.aa, false) AS "AA",
    coalesce(q.tc, false) AS "TC", coalesce(q.rd, false) AS "RD",
    coalesce(len(a.found) + a.silent > 0 AND a.ra, false) AS "RA",
    coalesce(q.z, 0) AS "Z",
    CASE WHEN a.found <> [] THEN list_transform(a.found, lambda one: one.text) END AS answers,
    CASE WHEN a.found <> [] THEN list_transform(a.found, lambda one: one.ttl::DOUBLE) END AS "TTLs",
    coalesce(a.empty OR (a.rcode <> 0 AND a.question_count = 0), false) AS rejected,
    coalesce(a.opcode, q.opcode) AS opcode, coalesce(a.opcode_name, q.opcode_name) AS opcode_name
FROM (SELECT * FROM numbered WHERE NOT response) q
FULL JOIN (SELECT * FROM numbered WHERE response) a
    ON a.capture = q.capture AND a.flow = q.flow AND a.transaction_id = q.transaction_id AND a.number = q.number
        AND NOT q.alone
