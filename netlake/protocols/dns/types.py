"""Record types as data: mnemonic and RDATA layout of each.

A layout is `field:reader` words in wire order; the readers are in readers.py. The fields `address`, `target`,
`preference`, `weight` and `port` are columns of a record, all others are rows of its `fields`. Readers of irregular
data name their fields themselves. A type without a layout is written as unknown data (RFC 3597). Names of types and
codes are those of IANA (Domain Name System Parameters).
"""

from __future__ import annotations

_NAME = "target:name"
_RANKED = "preference:u16 target:name"
_SIGNATURE = (
    "type_covered:type algorithm:u8 labels:u8 original_ttl:u32 expiration:time inception:time key_tag:u16 signer:name "
    "signature:base64"
)
_KEY = "flags:u16 protocol:u8 algorithm:u8 public_key:base64"
_DIGEST = "key_tag:u16 algorithm:u8 digest_type:u8 digest:hex"
_CERTIFICATE = "certificate_usage:u8 selector:u8 matching_type:u8 certificate_association:hex"
_SERVICE = "preference:u16 target:name parameters:parameters"
_KEY_EXCHANGE = (
    "algorithm_name:name inception:time expiration:time mode:u16 error:rcode key:counted_base64 other:counted_base64"
)
_TRANSACTION_SIGNATURE = (
    "algorithm_name:name time_signed:u48 fudge:u16 mac:counted_base64 original_id:u16 error:rcode other:counted_base64"
)

LAYOUTS: dict[int, tuple[str, str | None]] = {
    1: ("A", "address:ipv4"),
    2: ("NS", _NAME),
    3: ("MD", _NAME),
    4: ("MF", _NAME),
    5: ("CNAME", _NAME),
    6: ("SOA", "mname:name rname:name serial:u32 refresh:u32 retry:u32 expire:u32 minimum:u32"),
    7: ("MB", _NAME),
    8: ("MG", _NAME),
    9: ("MR", _NAME),
    10: ("NULL", None),
    11: ("WKS", "address:ipv4 protocol:u8 port_open:ports"),
    12: ("PTR", _NAME),
    13: ("HINFO", "cpu:string os:string"),
    14: ("MINFO", "rmailbx:name emailbx:name"),
    15: ("MX", _RANKED),
    16: ("TXT", "text:strings"),
    17: ("RP", "mbox:name txt:name"),
    18: ("AFSDB", _RANKED),
    19: ("X25", "psdn_address:string"),
    20: ("ISDN", "isdn_address:string subaddress:optional_string"),
    21: ("RT", _RANKED),
    22: ("NSAP", "nsap:prefixed_hex"),
    23: ("NSAP-PTR", _NAME),
    24: ("SIG", _SIGNATURE),
    25: ("KEY", _KEY),
    26: ("PX", "preference:u16 map822:name mapx400:name"),
    27: ("GPOS", "longitude:string latitude:string altitude:string"),
    28: ("AAAA", "address:ipv6"),
    29: ("LOC", "location:location"),
    30: ("NXT", None),
    31: ("EID", None),
    32: ("NIMLOC", None),
    33: ("SRV", "preference:u16 weight:u16 port:u16 target:name"),
    34: ("ATMA", None),
    35: ("NAPTR", "order:u16 preference:u16 flags:string services:string regexp:string target:name"),
    36: ("KX", _RANKED),
    37: ("CERT", "certificate_type:u16 key_tag:u16 algorithm:u8 certificate:base64"),
    38: ("A6", None),
    39: ("DNAME", _NAME),
    40: ("SINK", None),
    41: ("OPT", None),
    42: ("APL", "prefix:prefixes"),
    43: ("DS", _DIGEST),
    44: ("SSHFP", "algorithm:u8 fingerprint_type:u8 fingerprint:hex"),
    45: ("IPSECKEY", "precedence:u8 gateway:ipsec_gateway public_key:base64"),
    46: ("RRSIG", _SIGNATURE),
    47: ("NSEC", "next_domain_name:name type:types"),
    48: ("DNSKEY", _KEY),
    49: ("DHCID", "digest:base64"),
    50: ("NSEC3", "hash_algorithm:u8 flags:u8 iterations:u16 salt:counted_hex next_hashed_owner:base32 type:types"),
    51: ("NSEC3PARAM", "hash_algorithm:u8 flags:u8 iterations:u16 salt:counted_hex"),
    52: ("TLSA", _CERTIFICATE),
    53: ("SMIMEA", _CERTIFICATE),
    55: ("HIP", "identity:host_identity"),
    56: ("NINFO", "text:strings"),
    57: ("RKEY", _KEY),
    58: ("TALINK", "previous:name next:name"),
    59: ("CDS", _DIGEST),
    60: ("CDNSKEY", _KEY),
    61: ("OPENPGPKEY", "public_key:base64"),
    62: ("CSYNC", "serial:u32 flags:u16 type:types"),
    63: ("ZONEMD", "serial:u32 scheme:u8 hash_algorithm:u8 digest:hex"),
    64: ("SVCB", _SERVICE),
    65: ("HTTPS", _SERVICE),
    66: ("DSYNC", "type_covered:type scheme:u8 port:u16 target:name"),
    67: ("HHIT", "data:base64"),
    68: ("BRID", "data:base64"),
    99: ("SPF", "text:strings"),
    100: ("UINFO", None),
    101: ("UID", None),
    102: ("GID", None),
    103: ("UNSPEC", None),
    104: ("NID", "preference:u16 node_id:groups"),
    105: ("L32", "preference:u16 address:ipv4"),
    106: ("L64", "preference:u16 locator:groups"),
    107: ("LP", _RANKED),
    108: ("EUI48", "address48:eui48"),
    109: ("EUI64", "address64:eui64"),
    128: ("NXNAME", None),
    249: ("TKEY", _KEY_EXCHANGE),
    250: ("TSIG", _TRANSACTION_SIGNATURE),
    251: ("IXFR", None),
    252: ("AXFR", None),
    253: ("MAILB", None),
    254: ("MAILA", None),
    255: ("ANY", None),
    256: ("URI", "preference:u16 weight:u16 uri:text"),
    257: ("CAA", "flags:u8 tag:tag value:text"),
    258: ("AVC", "text:strings"),
    259: ("DOA", None),
    260: ("AMTRELAY", "precedence:u8 relay:relay"),
    261: ("RESINFO", "text:strings"),
    262: ("WALLET", "text:strings"),
    263: ("CLA", "text:strings"),
    264: ("IPN", "node_number:u64"),
    32768: ("TA", _DIGEST),
    32769: ("DLV", _DIGEST),
}  # fmt: skip

RCODES: dict[int, str] = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    6: "YXDOMAIN",
    7: "YXRRSET",
    8: "NXRRSET",
    9: "NOTAUTH",
    10: "NOTZONE",
    11: "DSOTYPENI",
    16: "BADVERS",
    17: "BADKEY",
    18: "BADTIME",
    19: "BADMODE",
    20: "BADNAME",
    21: "BADALG",
    22: "BADTRUNC",
    23: "BADCOOKIE",
}

# SvcParamKeys of RFC 9460, 9461, 9540, 9848, 9953, and of draft-ietf-tls-key-share-prediction
SERVICE_KEYS: dict[int, str] = {
    0: "mandatory",
    1: "alpn",
    2: "no-default-alpn",
    3: "port",
    4: "ipv4hint",
    5: "ech",
    6: "ipv6hint",
    7: "dohpath",
    8: "ohttp",
    9: "tls-supported-groups",
    10: "docpath",
}


def type_name(kind: int) -> str:
    """Mnemonic of a record type; TYPE123 (RFC 3597) for a number without one."""
    entry = LAYOUTS.get(kind)
    return entry[0] if entry else f"TYPE{kind}"


def rcode_name(code: int) -> str:
    """Mnemonic of a response code; RCODE123 for a number without one."""
    return RCODES.get(code, f"RCODE{code}")
