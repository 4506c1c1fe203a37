"""The tables of TLS; those of hellos and certificates also have the messages of QUIC and DTLS.

Names of columns are those of `dtls` and `quic` where they mean the same.
"""

from __future__ import annotations

from netlake.schema import Column, List, Message, Table

DOC = "Version of the record in which the message begins, 769 (0x0301) 1.0, 65277 (0xfefd) DTLS 1.2; null in QUIC."
TRANSPORT = Column("transport", "word", "What carries the message: tcp, quic or dtls.", why="the layer of tshark")
RECORD_VERSION = Column("record_version", "u16", DOC, wireshark="tls.record.version")
HELLO = (
    TRANSPORT,
    Column("record_version", "u16", DOC, why="compared in tls_alert"),
    Column("hello_version", "u16", "Legacy version; 771 (0x0303) 1.2 and 1.3, 65277 (0xfefd) DTLS 1.2 and 1.3.",
           wireshark="tls.handshake.version"),
    Column("random", "bytes", "Random value, 32 bytes.", wireshark="tls.handshake.random"),
    Column("session_id", "bytes", "Session ID, up to 32 bytes; null without one.",
           wireshark="tls.handshake.session_id"),
)  # fmt: skip

CLIENT_HELLO = Table(
    "tls_client_hello",
    "One row for each ClientHello of TLS over TCP, of QUIC and of DTLS.",
    spec="RFC 8446, RFC 5246, RFC 6101, RFC 9849, RFC 9001, RFC 9147, RFC 6347",
    context="stream",
    message=Message("TLS client hello[ for {server_name}][ ({alpn})][, JA4 {ja4}]", "tls"),
    columns=(
        *HELLO,
        Column("cipher_suites", List("u16"), "Cipher suites offered, by IANA.", wireshark="tls.handshake.ciphersuite"),
        Column("compression_methods", List("u8"), "Compression methods offered: 0 none, 1 deflate.",
               wireshark="tls.handshake.comp_method"),
        Column("extensions", List("u16"), "Types of the extensions in wire order, by IANA.",
               wireshark="tls.handshake.extension.type"),
        Column("server_name", "text", "Server name (SNI).", wireshark="tls.handshake.extensions_server_name"),
        Column("alpn", List("text"), "ALPN protocols offered, such as h2.",
               wireshark="tls.handshake.extensions_alpn_str"),
        Column("groups", List("u16"), "Supported groups, by IANA; 29 is x25519.",
               wireshark="tls.handshake.extensions_supported_group"),
        Column("point_formats", List("u8"), "EC point formats: 0 uncompressed.",
               wireshark="tls.handshake.extensions_ec_point_format"),
        Column("signature_algorithms", List("u16"), "Signature algorithms, by IANA.",
               wireshark="tls.handshake.sig_hash_alg"),
        Column("supported_versions", List("u16"), "Versions offered; 772 (0x0304) is 1.3; empty before 1.3.",
               wireshark="tls.handshake.extensions.supported_version"),
        Column("key_share_groups", List("u16"), "Groups of the key shares, by IANA.",
               wireshark="tls.handshake.extensions_key_share_group"),
        Column("psk_modes", List("u8"), "Modes of pre-shared keys: 0 alone, 1 with (EC)DHE.",
               wireshark="tls.extension.psk_ke_mode"),
        Column("psk_identities", "u16", "Number of pre-shared keys offered; null without the extension.",
               why="tshark has the identities"),
        Column("ech_type", "u8", "Encrypted ClientHello: 0 outer, 1 inner; null without it.",
               why="tshark has it since 4.2"),
        Column("ech_config_id", "u8", "Encrypted ClientHello, outer: identifier of the server's configuration.",
               why="tshark has it since 4.2"),
        Column("ech_kdf", "u16", "Encrypted ClientHello, outer: KDF of HPKE; 1 is HKDF-SHA256.",
               why="tshark has it since 4.2"),
        Column("ech_aead", "u16", "Encrypted ClientHello, outer: AEAD of HPKE; 1 is AES-128-GCM.",
               why="tshark has it since 4.2"),
        Column("ja3_full", "text", "Text of which JA3 is the MD5; null if the hello is incomplete.",
               wireshark="tls.handshake.ja3_full"),
        Column("ja3", "text", "JA3, 32 hexadecimal digits; null if the hello is incomplete.",
               wireshark="tls.handshake.ja3"),
        Column("ja4", "text", "JA4; null if the hello is incomplete.", why="tshark has it since 4.2"),
        Column("ja4_r", "text", "JA4 with its sorted lists instead of their hashes.", why="tshark has it since 4.2"),
    ),
)  # fmt: skip

SERVER_HELLO = Table(
    "tls_server_hello",
    "One row for each ServerHello and HelloRetryRequest of TLS over TCP, of QUIC and of DTLS.",
    spec="RFC 8446, RFC 5246, RFC 6101, RFC 9001, RFC 9147, RFC 6347",
    context="stream",
    message=Message(
        "TLS server hello[ {negotiated_version:tls_version_name}][ {cipher_suite:tls_cipher_name}][ ({alpn})]",
        "tls",
    ),
    columns=(
        *HELLO,
        Column("cipher_suite", "u16", "Cipher suite selected, by IANA.", wireshark="tls.handshake.ciphersuite"),
        Column("compression_method", "u8", "Compression method selected: 0 none.",
               wireshark="tls.handshake.comp_method"),
        Column("extensions", List("u16"), "Types of the extensions in wire order, by IANA.",
               wireshark="tls.handshake.extension.type"),
        Column("alpn", List("text"), "ALPN protocol selected; encrypted in 1.3.",
               wireshark="tls.handshake.extensions_alpn_str"),
        Column("point_formats", List("u8"), "EC point formats: 0 uncompressed.",
               wireshark="tls.handshake.extensions_ec_point_format"),
        Column("supported_version", "u16", "Version selected by the extension, 772 (0x0304) 1.3; null before 1.3.",
               wireshark="tls.handshake.extensions.supported_version"),
        Column("negotiated_version", "u16", "Version of the connection: `supported_version`, else `hello_version`.",
               why="derived from the two"),
        Column("hello_retry_request", "bool", "Whether it is a HelloRetryRequest, by its random value.",
               why="part of tls.handshake.random"),
        Column("key_share_group", "u16", "Group of the key share, or the one requested, by IANA.",
               why="two tshark fields"),
        Column("psk_identity", "u16", "Index of the pre-shared key selected, from 0.",
               wireshark="tls.handshake.extensions.psk.identity.selected"),
        Column("ja3s_full", "text", "Text of which JA3S is the MD5; null if the hello is incomplete.",
               wireshark="tls.handshake.ja3s_full"),
        Column("ja3s", "text", "JA3S, 32 hexadecimal digits; null if the hello is incomplete.",
               wireshark="tls.handshake.ja3s"),
    ),
)  # fmt: skip

ALERT = Table(
    "tls_alert",
    "One row for each alert record of TLS over TCP; an encrypted one has another row if it was decrypted.",
    spec="RFC 8446, RFC 5246",
    context="stream",
    message=Message(
        "TLS alert[ {level:1=warning,2=fatal}][ {description_name}| {description}][{encrypted?} encrypted]",
        "tls",
    ),
    columns=(
        RECORD_VERSION,
        Column("encrypted", "bool", "Whether the content of the alert is encrypted.", why="tshark shows text"),
        Column("level", "u8", "Level: 1 warning, 2 fatal; null if encrypted.", wireshark="tls.alert_message.level"),
        Column("description", "u8", "Description, by IANA: 0 close_notify; null if encrypted.",
               wireshark="tls.alert_message.desc"),
        Column("description_name", "word", "Name of `description`; null if unknown.", why="derived from description"),
    ),
)  # fmt: skip

X509 = Table(
    "x509",
    "One row for each certificate of TLS and DTLS, the sender's own first; of TLS 1.3 if it was decrypted.",
    spec="RFC 5280, RFC 5246, RFC 4514",
    context="stream",
    message=Message(
        "certificate {chain_position} of {subject}[{self_issued?} (self-issued)| by {issuer}][, valid {not_before}"
        " to {not_after}][ for {san_dns}]",
        "tls",
    ),
    columns=(
        TRANSPORT,
        Column("chain_position", "u16", "Position in the message, from 0.", why="tshark lists them in order"),
        Column("length", "u32", "Length of the certificate, bytes.", why="tshark has the certificate"),
        Column("sha256", "text", "SHA-256 of the certificate, 64 hexadecimal digits; null if it is incomplete.",
               why="tshark has no fingerprint"),
        Column("sha1", "text", "SHA-1 of the certificate, 40 hexadecimal digits; null if it is incomplete.",
               why="tshark has no fingerprint"),
        Column("version", "u8", "Version, 1 to 3.", why="tshark shows it less 1"),
        Column("serial_number", "bytes", "Serial number as sent: a signed number in as few bytes as possible.",
               wireshark="x509af.serialNumber"),
        Column("signature_algorithm", "word", "Signature algorithm: its name, else its object identifier.",
               why="tshark has the identifier of several"),
        Column("issuer", "text", "Issuer (RFC 4514).", why="tshark has its parts"),
        Column("subject", "text", "Subject (RFC 4514).", why="tshark has its parts"),
        Column("self_issued", "bool", "Whether issuer and subject are the same; the signature is not verified.",
               why="our own"),
        Column("not_before", "ts", "Begin of the validity.", why="tshark has both times in one field"),
        Column("not_after", "ts", "End of the validity.", why="tshark has both times in one field"),
        Column("key_algorithm", "word", "Public key: rsa, ec, dsa, ed25519, ed448, else its object identifier.",
               why="tshark has the identifier of several"),
        Column("key_size", "u32", "Public key: size, bits; null if unknown.", why="tshark has the key"),
        Column("key_curve", "word", "Public key: name of the elliptic curve.", why="tshark has the identifier"),
        Column("is_ca", "bool", "Basic constraints: the subject is a CA; null without the extension.",
               wireshark="x509ce.cA"),
        Column("san_dns", List("text"), "Subject alternative names: host names.", wireshark="x509ce.dNSName"),
        Column("san_ip", List("text"), "Subject alternative names: addresses, or networks as address/prefix.",
               why="two tshark fields, by IP version"),
        Column("san_email", List("text"), "Subject alternative names: mail addresses.",
               wireshark="x509ce.rfc822Name"),
        Column("san_uri", List("text"), "Subject alternative names: URIs.",
               why="tshark has those of other extensions in the same field"),
    ),
)  # fmt: skip
