-- A MAC address as the Elastic Common Schema and OCSF write it: upper case, separated by hyphens.
-- example: hyphenated_mac('00:00:0c:01:02:0f') = '00-00-0C-01-02-0F'
CREATE MACRO hyphenated_mac(mac) AS upper(replace(mac, ':', '-'));

-- The version of TLS in the Elastic Common Schema, such as 1.2, by a name of schema zeek such as TLSv12.
-- example: ecs_tls_version('TLSv12') = '1.2' AND ecs_tls_version('SSLv3') = '3.0'
CREATE MACRO ecs_tls_version(name) AS
CASE WHEN regexp_matches(name, 'v\d\d$') THEN regexp_replace(name, '^.*v(\d)(\d)$', '\1.\2') WHEN name = 'SSLv3'
    THEN '3.0' WHEN name = 'SSLv2' THEN '2.0' END;

-- The OCSF object metadata of events of netlake.
-- example: ocsf_metadata('dns', 'a').product.name = 'netlake'
CREATE MACRO ocsf_metadata(log, id) AS
{version: '1.8.0', product: {name: 'netlake', vendor_name: 'netlake'}, profiles: ['datetime'], log_name: log, uid: id};

-- The OCSF object network_endpoint of an address, a port and a MAC address.
-- example: ocsf_endpoint('192.0.2.1', 80, NULL).port = 80
CREATE MACRO ocsf_endpoint(ip, port, mac) AS
{ip: ip, port: port::INTEGER, mac: hyphenated_mac(mac)};

-- The OCSF direction_id of a connection: 1 inbound, 2 outbound, 3 lateral, 0 unknown.
-- example: ocsf_direction(true, false) = 2 AND ocsf_direction(NULL, true) = 0
CREATE MACRO ocsf_direction(local_source, local_target) AS
CASE WHEN local_source AND local_target THEN 3 WHEN local_source AND NOT local_target THEN 2 WHEN NOT local_source
    AND local_target THEN 1 ELSE 0 END;

-- The OCSF object network_connection_info of a transport protocol and two addresses.
-- example: ocsf_connection('tcp', 6, '10.0.0.1', '192.0.2.1', 'a').protocol_ver_id = 4
CREATE MACRO ocsf_connection(name, number, source, target, id) AS
{protocol_name: name, protocol_num: number::INTEGER, protocol_ver_id: CASE WHEN contains(source, ':') THEN 6
    WHEN contains(source, '.') THEN 4 ELSE 0 END,
    direction_id: ocsf_direction(is_local(source), is_local(target)), uid: id};

-- The OCSF object fingerprint of an MD5 (algorithm_id 1), SHA-1 (2) or SHA-256 (3); null for null.
-- example: ocsf_fingerprint(3, 'ab').value = 'ab'
CREATE MACRO ocsf_fingerprint(algorithm, digest) AS
CASE WHEN digest IS NOT NULL THEN {algorithm_id: algorithm, value: digest} END;

-- Milliseconds since 1970, as OCSF has times.
-- example: ocsf_time(TIMESTAMPTZ '1970-01-01 00:00:01.5+00') = 1500
CREATE MACRO ocsf_time(ts) AS epoch_ms(ts);

-- The mnemonic of a DNS class; CLASS123 for a number without one.
-- example: dns_class_name(1) = 'IN'
CREATE MACRO dns_class_name(code) AS
CASE code WHEN 1 THEN 'IN' WHEN 3 THEN 'CH' WHEN 4 THEN 'HS' WHEN 254 THEN 'NONE' WHEN 255 THEN 'ANY' ELSE 'CLASS'
    || code END;
