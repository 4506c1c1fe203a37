-- One row for each certificate of a capture, as in Zeek's x509.log.
-- tables: x509
-- ts: Time of the first message with it.
-- fingerprint: SHA-256 of the certificate.
-- certificate.version: Version, 1 to 3.
-- certificate.serial: Serial number, hexadecimal, upper case.
-- certificate.subject: Subject (RFC 4514).
-- certificate.issuer: Issuer (RFC 4514).
-- certificate.not_valid_before: Begin of the validity.
-- certificate.not_valid_after: End of the validity.
-- certificate.key_alg: Algorithm of the public key, in the names of OpenSSL.
-- certificate.sig_alg: Algorithm of the signature, in the names of OpenSSL.
-- certificate.key_type: Type of the public key: rsa, dsa or ecdsa.
-- certificate.key_length: Bits of the public key.
-- certificate.curve: Elliptic curve of the public key.
-- san.dns: Host names for which it is.
-- san.uri: URIs for which it is.
-- san.email: Mail addresses for which it is.
-- san.ip: IP addresses for which it is.
-- basic_constraints.ca: The subject is a CA; null without the extension.
-- host_cert: It is the first certificate of a message.
-- client_cert: The client sent it.
SELECT ts, sha256 AS fingerprint, version AS "certificate.version",
    CASE WHEN left(hex(serial_number), 1) = '0' AND hex(serial_number) <> '00' THEN
        CASE WHEN starts_with(hex(serial_number), '00') THEN hex(serial_number)[3:] ELSE hex(serial_number) END
        ELSE hex(serial_number) END AS "certificate.serial",
    zeek_distinguished_name(subject) AS "certificate.subject",
        zeek_distinguished_name(issuer) AS "certificate.issuer", not_before AS "certificate.not_valid_before",
    not_after AS "certificate.not_valid_after",
    CASE key_algorithm WHEN 'rsa' THEN 'rsaEncryption' WHEN 'ec' THEN 'id-ecPublicKey' WHEN 'dsa' THEN 'dsaEncryption'
        WHEN 'ed25519' THEN 'ED25519' WHEN 'ed448' THEN 'ED448' ELSE key_algorithm END AS "certificate.key_alg",
    signature_algorithm AS "certificate.sig_alg",
    CASE key_algorithm WHEN 'rsa' THEN 'rsa' WHEN 'dsa' THEN 'dsa' WHEN 'ec' THEN 'ecdsa' END AS "certificate.key_type",
    key_size AS "certificate.key_length",
    CASE key_curve WHEN 'secp256r1' THEN 'prime256v1' WHEN 'secp192r1' THEN 'prime192v1'
        ELSE key_curve END AS "certificate.curve",
    nullif(san_dns, []) AS "san.dns", nullif(san_uri, []) AS "san.uri", nullif(san_email, []) AS "san.email",
    nullif(san_ip, []) AS "san.ip", is_ca AS "basic_constraints.ca", chain_position = 0 AS host_cert,
        from_originator AS client_cert
FROM main.x509
WHERE sha256 IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY capture, sha256, chain_position = 0, from_originator ORDER BY packet, place) = 1
