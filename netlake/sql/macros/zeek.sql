-- The uid of a flow in the views of schema zeek: C, the capture, a point and the flow; null without a flow.
-- example: zeek_uid('00000000000000ab', 7) = 'C00000000000000ab.7'
CREATE MACRO zeek_uid(capture, flow) AS 'C' || capture || '.' || flow;

-- The fuid of a row in the views of schema zeek, by kind ('' for a file, x for a certificate), capture, packet and place.
-- example: zeek_fuid('x', '00000000000000ab', 7, 0) = 'Fx00000000000000ab.7.0'
CREATE MACRO zeek_fuid(kind, capture, packet, place) AS 'F' || kind || capture || '.' || packet || '.' || place;

-- Zeek's name of the transport protocol with a number in IP: tcp, udp, icmp or unknown_transport.
-- example: zeek_proto(58) = 'icmp'
CREATE MACRO zeek_proto(protocol) AS
CASE protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' WHEN 58 THEN 'icmp' ELSE 'unknown_transport' END;

-- Zeek's name of an application protocol that netlake names in `connection.service`.
-- example: zeek_service('tls') = 'ssl'
CREATE MACRO zeek_service(name) AS
CASE name WHEN 'tls' THEN 'ssl' WHEN 'ftp_data' THEN 'ftp-data' WHEN 'kerberos' THEN 'krb_tcp' WHEN 'dnp3'
    THEN 'dnp3_tcp' ELSE name END;

-- The port of the responder that Zeek gives an ICMP message: the type of its reply, or its code if it has none.
-- example: zeek_icmp_port(1, 8, 0) = 0 AND zeek_icmp_port(58, 128, 0) = 129 AND zeek_icmp_port(1, 3, 1) = 1
CREATE MACRO zeek_icmp_port(protocol, kind, code) AS
CASE protocol WHEN 1 THEN
    CASE kind WHEN 8 THEN 0 WHEN 0 THEN 8 WHEN 13 THEN 14 WHEN 14 THEN 13 WHEN 15 THEN 16 WHEN 16 THEN 15 WHEN 17
        THEN 18
    WHEN 18 THEN 17 WHEN 10 THEN 9 WHEN 9 THEN 10 ELSE code END
ELSE
    CASE kind WHEN 128 THEN 129 WHEN 129 THEN 128 WHEN 133 THEN 134 WHEN 134 THEN 133 WHEN 135 THEN 136 WHEN 136
        THEN 135
    WHEN 130 THEN 131 WHEN 131 THEN 130 WHEN 144 THEN 145 WHEN 145 THEN 144 WHEN 139 THEN 140 WHEN 140 THEN 139
        ELSE code END
END;

-- Zeek's name of a version of SSL, TLS or DTLS, such as TLSv12.
-- example: zeek_tls_version(771) = 'TLSv12'
CREATE MACRO zeek_tls_version(code) AS
CASE code WHEN 2 THEN 'SSLv2' WHEN 768 THEN 'SSLv3' WHEN 769 THEN 'TLSv10' WHEN 770 THEN 'TLSv11' WHEN 771 THEN 'TLSv12'
WHEN 772 THEN 'TLSv13' WHEN 65279 THEN 'DTLSv10' WHEN 65277 THEN 'DTLSv12' WHEN 65276 THEN 'DTLSv13'
ELSE CASE WHEN code BETWEEN 32512 AND 32767 THEN 'TLSv13-draft' || (code - 32512) ELSE 'unknown-' || code END END;

-- Zeek's name of a DNS type by its number and its mnemonic.
-- example: zeek_dns_type(255, 'ANY') = '*' AND zeek_dns_type(65400, 'TYPE65400') = 'query-65400'
CREATE MACRO zeek_dns_type(code, mnemonic) AS
CASE WHEN code = 255 THEN '*' WHEN mnemonic LIKE 'TYPE%' THEN 'query-' || code ELSE mnemonic END;

-- Zeek's name of a DNS class.
-- example: zeek_dns_class(1) = 'C_INTERNET'
CREATE MACRO zeek_dns_class(code) AS
CASE code WHEN 1 THEN 'C_INTERNET' WHEN 2 THEN 'C_CSNET' WHEN 3 THEN 'C_CHAOS' WHEN 4 THEN 'C_HESIOD' WHEN 254
    THEN 'C_NONE'
WHEN 255 THEN 'C_ANY' ELSE 'qclass-' || code END;

-- Zeek's name of a DNS response code of the header, 0 to 15.
-- example: zeek_dns_rcode(8) = 'NXRRSet'
CREATE MACRO zeek_dns_rcode(code) AS
CASE WHEN code < 11 THEN ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET',
    'NXRRSet',
    'NOTAUTH', 'NOTZONE'][code + 1]
WHEN code < 16 THEN 'unassigned-' || code ELSE 'rcode-' || code END;

-- Whether an address is multicast; null for null.
-- example: is_multicast('224.0.0.251') AND is_multicast('ff02::fb') AND NOT is_multicast('10.0.0.1')
CREATE MACRO is_multicast(ip) AS regexp_matches(ip, '^(2(2[4-9]|3\d)\.|ff..:)');

-- A record of a DNS response, one of `dns.answers`, as Zeek's dns.log has it; null for types that dns.log leaves out.
-- example: zeek_dns_answer({name: 'a', type: 15, address: NULL, target: 'Mx.example', fields: []}) = 'mx.example'
CREATE MACRO zeek_dns_answer(record) AS
CASE WHEN record.type IN (1, 28, 38) THEN record.address
WHEN record.type IN (2, 5, 12, 15, 33) THEN lower(record.target)
WHEN record.type = 6 THEN lower(list_filter(record.fields, lambda one: one.name = 'mname')[1].text)
WHEN record.type IN (16, 99) THEN list_aggregate(list_transform(record.fields, lambda one:
    CASE record.type WHEN 16 THEN 'TXT ' ELSE 'SPF ' END || strlen(one.text) || ' ' || one.text), 'string_agg', ' ')
WHEN record.type = 29 THEN 'LOC'
WHEN record.type = 43 THEN 'DS ' || list_filter(record.fields, lambda one: one.name = 'algorithm')[1].number || ' '
    || list_filter(record.fields, lambda one: one.name = 'digest_type')[1].number
WHEN record.type = 44 THEN 'SSHFP: ' || lower(list_filter(record.fields, lambda one: one.name = 'fingerprint')[1].text)
WHEN record.type = 46 THEN 'RRSIG ' || list_filter(record.fields, lambda one: one.name = 'type_covered')[1].number
    || ' '
    || coalesce(nullif(lower(list_filter(record.fields, lambda one: one.name = 'signer')[1].text), '.'), '<Root>')
WHEN record.type = 47 THEN 'NSEC ' || lower(record.name) || ' '
    || lower(list_filter(record.fields, lambda one: one.name = 'next_name')[1].text)
WHEN record.type = 48 THEN 'DNSKEY ' || list_filter(record.fields, lambda one: one.name = 'algorithm')[1].number
WHEN record.type = 50 THEN 'NSEC3'
WHEN record.type = 51 THEN 'NSEC3PARAM'
WHEN record.type NOT IN (11, 13, 32, 35, 41, 64, 65, 249, 250, 257) THEN '<unknown type=' || record.type || '>' END;

-- The algorithm of SSH for both directions, as Zeek's ssh.log has it.
-- example: zeek_ssh_algorithm('a', 'a') = 'a' AND zeek_ssh_algorithm('a', 'b') = 'To server: a, to client: b'
CREATE MACRO zeek_ssh_algorithm(to_server, to_client) AS
CASE WHEN to_server = to_client THEN to_server ELSE 'To server: ' || to_server || ', to client: ' || to_client END;

-- The value of the last header with a name in lower case, of a list of names and values, as sent but unfolded.
-- example: zeek_header([{name: 'To', value: 'a'}], 'to') = 'a'
CREATE MACRO zeek_header(headers, wanted) AS
regexp_replace(list_filter(headers, lambda one: lower(one.name) = wanted)[-1].value, '\r?\n', '', 'g');

-- The mailboxes in the text of a header, which are separated by commas outside quotes; null without one.
-- example: len(zeek_addresses('A <a@example.com>, "B, C" <b@example.com>')) = 2
CREATE MACRO zeek_addresses(header) AS
nullif(list_distinct(list_transform(regexp_extract_all(header, '(?:"[^"]*"|[^,"])+'), lambda one: trim(one))), []);

-- Zeek's name of a media type that netlake names.
-- example: zeek_mime_type('application/json') = 'text/json'
CREATE MACRO zeek_mime_type(name) AS CASE name WHEN 'application/json' THEN 'text/json' ELSE name END;

-- A name of RFC 4514 with the names of attributes that OpenSSL has.
-- example: zeek_distinguished_name('CN=a,2.5.4.17=94568,STREET=b') = 'CN=a,postalCode=94568,street=b'
CREATE MACRO zeek_distinguished_name(name) AS
replace(replace(replace(replace(replace(replace(name, 'STREET=', 'street='), '2.5.4.17=', 'postalCode='), '2.5.4.5=',
    'serialNumber='),
    '2.5.4.15=', 'businessCategory='), '1.2.840.113549.1.9.1=', 'emailAddress='), '1.3.6.1.4.1.311.60.2.1.3=',
        'jurisdictionC=');

-- The names of files if the headers name one in Content-Disposition, else null.
-- example: zeek_file_names(['a'], [{name: 'Content-Disposition', value: 'attachment; filename=a'}]) = ['a']
CREATE MACRO zeek_file_names(names, headers) AS
CASE WHEN contains(lower(list_filter(headers, lambda one: lower(one.name) = 'content-disposition')[1].value),
    'filename') THEN names END;
