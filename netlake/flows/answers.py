"""The signs by which a packet shows that it is an answer, of each protocol that has one.

A sign is declared where the message itself says that it is an answer: a type, a flag, a status line. What only a port
suggests is none. Two kinds:
- From the port of its protocol (`ports`), a few bits are enough.
- From any port, a sign has at least 36 bits, or is a whole message, so that no other payload has it by chance.

Which messages are answers is from the documents named beside them; for types without a document, from the IANA
registries of their protocols. A message that both ends send of their own accord (NOTIFY, error indications, I-Am of
BACnet, a heartbeat request) is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from netlake.kernels.flow_state import Form
from netlake.kernels.numbers import IpProtocol

ICMPV4, ICMPV6 = IpProtocol.ICMPV4.value, IpProtocol.ICMPV6.value
UDP, SCTP = IpProtocol.UDP.value, IpProtocol.SCTP.value
BYTE, SHORT, THREE, WHOLE = 0xFF000000, 0xFFFF0000, 0xFFFFFF00, 0xFFFFFFFF
UDP_HEADER, SCTP_HEADER = 8, 12
# of a chunk DATA, up to its payload
SCTP_DATA = 16


class Word(NamedTuple):
    """A word of 32 bits at `at` whose bits of `mask` are in `values`: one number or (least, most).

    Of the form ELEMENT, it is the first of the BER sequence at `at`.
    """

    at: int
    mask: int
    values: int | tuple[int, int]
    form: Form = Form.WORD


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of an answer: `at` bytes behind its transport header is a word of 32 bits whose `mask` is in `values`.

    `ports`: those of the sender, any if empty. `also`: further words, counted from the transport header too.
    Of the form ELEMENT, a BER sequence is at `at`, of which `elements` are passed over; if `inner` is not negative, the
    next element is a sequence, of which that many are passed over. Of the form TEXT, `values` are eight bytes anywhere
    from `at` on, and `mask` is for the last four. Of the form DNS, a whole response is at `at`.
    """

    protocol: int
    values: int | tuple[int, int] = 0
    ports: tuple[int, ...] = ()
    at: int = UDP_HEADER
    mask: int = BYTE
    form: Form = Form.WORD
    elements: int = 0
    inner: int = -1
    also: tuple[Word, ...] = ()


def octet(least: int, most: int | None = None) -> tuple[int, int]:
    """The values of a word whose first byte is from `least` to `most`."""
    return least << 24, (least if most is None else most) << 24


def text(value: str) -> int:
    """Up to four characters as the first bytes of a word."""
    return int.from_bytes(value.encode().ljust(4, b"\0"), "big")


def inside(tag: int, ports: tuple[int, ...], elements: int, inner: int = -1, also: tuple[Word, ...] = ()) -> Sign:
    """A BER tag behind `elements` of a sequence, or behind `inner` elements of the sequence behind them."""
    return Sign(UDP, octet(tag), ports, form=Form.ELEMENT, elements=elements, inner=inner, also=also)


def within(value: str, ports: tuple[int, ...]) -> Sign:
    """Five to eight characters anywhere in a payload."""
    mask = WHOLE << 8 * (8 - len(value)) & WHOLE
    return Sign(UDP, (text(value[:4]), text(value[4:])), ports, mask=mask, form=Form.TEXT)


def begins(value: str, ports: tuple[int, ...] = ()) -> Sign:
    """Four to eight characters at the beginning of a payload."""
    rest = WHOLE << 8 * (8 - len(value)) & WHOLE
    also = (Word(UDP_HEADER + 4, rest, text(value[4:])),) if len(value) > 4 else ()
    return Sign(UDP, text(value[:4]), ports, mask=WHOLE, also=also)


# types of GTP (3GPP TS 29.060, 29.274, 32.295)
GTP_1 = (2, 3, 5, 7, 17, 19, 21, 23, 28, 30, 33, 35, 37, 49, 51, 54, 57, 97, 99, 101, 103, 105, 241)
GTP_2 = (2, 3, 33, 35, 37, 39, 65, 67, 69, 96, 98, 100, 102, 104, 129, 131, 134, 136, 138, 140, 150, 154, 156, 161, 163,
         165, 167, 169, 171, 177, 180, 201, 212)  # fmt: skip
GTP_PRIME = (2, 3, 5, 7, 241)
# where the network function of an IPMI message is, odd in a response, by the authentication of its session
RMCP_IPMI = Word(UDP_HEADER, 0xFF0000FF, 0x06000007)
# an APDU behind BVLC and NPDU without addresses; with a source address of 1, 2 or 6 bytes
BVLC = Word(UDP_HEADER, BYTE, octet(0x81))
NPDU = (Word(12, 0xFFA80000, 0x01000000),)
ROUTED = tuple((17 + size, (Word(12, 0xFFA80000, 0x01080000), Word(16, BYTE, octet(size)))) for size in (1, 2, 6))
APDU = ((14, NPDU), *ROUTED)

# a message of SNMP: a sequence with version 1 or 2c and a community; of version 3 with a sequence
SNMP = (Word(8, BYTE, octet(0x30)), Word(8, 0xFFFFFEFF, 0x02010004, Form.ELEMENT))
SNMP_3 = (Word(8, BYTE, octet(0x30)), Word(8, WHOLE, 0x02010330, Form.ELEMENT))

# the payload of UDP begins at UDP_HEADER, messages of ICMP and chunks of SCTP at the offsets of their RFC
ANSWERS = (
    # ICMP (RFC 792, RFC 950, RFC 1256, RFC 1788, RFC 8335): echo reply, router advertisement, timestamp, information,
    # mask and domain name reply, extended echo reply
    *(Sign(ICMPV4, octet(kind), at=0) for kind in (0, 9, 14, 16, 18, 38, 43)),
    # ICMPv6 (RFC 4443, RFC 4861, RFC 4620, RFC 6275, RFC 3971, RFC 8335): echo reply, router advertisement, node
    # information response, home agent address discovery reply, mobile prefix and certification path advertisement,
    # extended echo reply; neighbor advertisement with the flag Solicited
    *(Sign(ICMPV6, octet(kind), at=0) for kind in (129, 134, 140, 145, 147, 149, 161)),
    Sign(ICMPV6, octet(136), at=0, also=(Word(4, 0x40000000, 0x40000000),)),
    # SCTP (RFC 9260, RFC 5061): INIT ACK, HEARTBEAT ACK, SHUTDOWN ACK, COOKIE ACK, ASCONF ACK. Diameter in its first
    # chunk (RFC 6733): without the flag Request
    *(Sign(SCTP, octet(kind), at=SCTP_HEADER) for kind in (2, 5, 8, 11, 128)),
    Sign(SCTP, 0, (3868,), at=SCTP_HEADER + SCTP_DATA + 4, mask=0x80000000,
         also=(Word(SCTP_HEADER, BYTE, 0), Word(SCTP_HEADER + SCTP_DATA, BYTE, octet(1)))),
    Sign(UDP, 0, (3868,), at=UDP_HEADER + 4, mask=0x80000000, also=(Word(UDP_HEADER, BYTE, octet(1)),)),
    # DNS, multicast DNS, LLMNR, NetBIOS names (RFC 1035, RFC 6762, RFC 4795, RFC 1002): the flag QR, response
    Sign(UDP, 0x8000, (53, 137, 5353, 5355), mask=0x8000),
    Sign(UDP, form=Form.DNS),
    # NetBIOS datagrams (RFC 1002): query responses
    Sign(UDP, octet(0x15, 0x16), (138,)),
    # NTP (RFC 5905, RFC 9327): modes symmetric passive and server; control and private with the bit Response
    Sign(UDP, 0x02000000, (123,), mask=0x07000000),
    Sign(UDP, 0x04000000, (123,), mask=0x07000000),
    Sign(UDP, 0x06800000, (123,), mask=0x07800000),
    Sign(UDP, 0x87000000, (123,), mask=0x87000000),
    # PTP (IEEE 1588): peer delay response, delay response, follow-up of the former, version 2
    Sign(UDP, 0x03020000, (319,), mask=0x0F0F0000),
    *(Sign(UDP, kind << 24 | 0x20000, (320,), mask=0x0F0F0000) for kind in (9, 10)),
    # DHCP (RFC 2131): BOOTREPLY, also of a boot server. DHCPv6 (RFC 8415, RFC 5007, RFC 7341): advertise, reply,
    # relay-reply, leasequery-reply, DHCPv4 response
    Sign(UDP, octet(2), (67, 4011)),
    *(Sign(UDP, octet(kind), (547,)) for kind in (2, 7, 13, 15, 21)),
    # NAT-PMP (RFC 6886): operation codes of responses. PCP (RFC 6887): versions 1 and 2 with the bit Response
    Sign(UDP, (0x00800000, 0x00820000), (5351,), mask=SHORT),
    *(Sign(UDP, version << 24 | 0x800000, (5351,), mask=0xFF800000) for version in (1, 2)),
    # TFTP (RFC 1350, RFC 2347): data, acknowledgement, error, option acknowledgement
    Sign(UDP, (0x00030000, 0x00060000), (69,), mask=SHORT),
    # SNMP (RFC 3416, RFC 3412): response, report, with a community, and of version 3
    *(inside(tag, (161, 162), 2) for tag in (0xA2, 0xA8)),
    *(inside(tag, (161, 162), 3, 2) for tag in (0xA2, 0xA8)),
    *(inside(tag, (), 2, also=SNMP) for tag in (0xA2, 0xA8)),
    *(inside(tag, (), 3, 2, also=SNMP_3) for tag in (0xA2, 0xA8)),
    # CLDAP (RFC 4511): search result entry, done
    inside(0x64, (389,), 1),
    inside(0x65, (389,), 1),
    # RADIUS (RFC 2865, RFC 2866, RFC 5176): accept, reject, accounting response, challenge; disconnect and CoA ACK, NAK
    *(Sign(UDP, octet(code), (1645, 1646, 1700, 1812, 1813, 3799)) for code in (2, 3, 5, 11, 41, 42, 44, 45)),
    # STUN (RFC 8489): success and error response, with the magic cookie; without it (RFC 3489) from its ports
    *(Sign(UDP, kind, mask=0xC1100000, also=(Word(12, WHOLE, 0x2112A442),)) for kind in (0x01000000, 0x01100000)),
    *(Sign(UDP, kind << 16, (3478, 3479), mask=SHORT) for kind in (0x101, 0x102, 0x111, 0x112)),
    # Kerberos (RFC 4120): AS-REP, TGS-REP, KRB-ERROR. Change of passwords (RFC 3244): a reply has AP-REP or KRB-ERROR
    *(Sign(UDP, octet(tag), (88,)) for tag in (0x6B, 0x6D, 0x7E)),
    *(Sign(UDP, octet(tag), (464,), at=UDP_HEADER + 6) for tag in (0x6F, 0x7E)),
    # ONC RPC (RFC 5531): message type reply, of portmap and NFS; from other ports, as its probe: successful replies
    # without a verifier, and no small number as transaction ID
    Sign(UDP, 1, (111, 2049), at=UDP_HEADER + 4, mask=WHOLE),
    Sign(UDP, 1, at=UDP_HEADER + 4, mask=WHOLE,
         also=(Word(UDP_HEADER, WHOLE, (1 << 16, WHOLE)), *(Word(at, WHOLE, 0) for at in (16, 20, 24, 28)))),
    # IKE (RFC 7296): version 2 with the flag Response, also behind the non-ESP marker. Version 1 (RFC 2409): a security
    # association with the cookie of the responder, in main and aggressive mode
    Sign(UDP, 0x00200020, (500,), at=24, mask=0x00F00020),
    Sign(UDP, 0x00200020, (4500,), at=28, mask=0x00F00020, also=(Word(8, WHOLE, 0),)),
    *(Sign(UDP, 0x01100000 | kind << 8, (500,), at=24, mask=0xFFF0FF00, also=(Word(16, WHOLE, (1, WHOLE)),))
      for kind in (2, 4)),
    # SIP (RFC 3261), RTSP (RFC 2326), SSDP: status lines. CoAP (RFC 7252): response codes; acknowledgement, reset
    begins("SIP/", (5060, 5061)),
    begins("SIP/2.0 "),
    begins("RTSP/1.0"),
    begins("HTTP/1."),
    Sign(UDP, (0x40400000, 0x40BF0000), (5683,), mask=0xC0FF0000),
    *(Sign(UDP, kind << 24, (5683,), mask=0xF0000000) for kind in (0x60, 0x70)),
    # DTLS (RFC 6347): HelloVerifyRequest and ServerHello, epoch 0. QUIC (RFC 8999, RFC 9000): version
    # negotiation, retry
    Sign(UDP, octet(2, 3), at=UDP_HEADER + 13, also=(Word(8, 0xFFFF00FF, 0x16FE0000), Word(12, WHOLE, 0))),
    Sign(UDP, 0, (443,), at=UDP_HEADER + 1, mask=WHOLE, also=(Word(8, 0x80000000, 0x80000000),)),
    Sign(UDP, 1, (443,), at=UDP_HEADER + 1, mask=WHOLE, also=(Word(8, 0xF0000000, 0xF0000000),)),
    # WireGuard: handshake response, cookie. OpenVPN: hard reset of servers. L2TP (RFC 2661, RFC 3931): replies
    Sign(UDP, 0x02000000, (51820,), mask=WHOLE),
    Sign(UDP, 0x03000000, (51820,), mask=WHOLE),
    *(Sign(UDP, code << 24, (1194,), mask=0xF8000000) for code in (0x10, 0x40)),
    *(Sign(UDP, kind, (1701,), at=UDP_HEADER + 16, mask=WHOLE,
           also=(Word(8, 0xC80E0000, 0xC8020000), Word(20, 0x03FFFFFF, 0x00080000))) for kind in (2, 8, 11)),
    # GTP: by message type, of versions 1 and 2, control and user plane, and GTP'
    *(Sign(UDP, 0x20000000 | kind << 16, (2123,), mask=0xE0FF0000) for kind in GTP_1),
    *(Sign(UDP, 0x40000000 | kind << 16, (2123,), mask=0xE0FF0000) for kind in GTP_2),
    Sign(UDP, 0x20020000, (2152,), mask=0xE0FF0000),
    *(Sign(UDP, kind << 16, (3386,), mask=0x10FF0000) for kind in GTP_PRIME),
    # RMCP (ASF 2.0): acknowledgement, presence pong and other responses. IPMI 2.0: responses in a session without and
    # with authentication; of RMCP+: open session response, RAKP 2 and 4, responses that are not encrypted
    Sign(UDP, 0x06000080, (623,), mask=0xFF000080),
    Sign(UDP, octet(0x40, 0x44), (623,), at=16, also=(Word(UDP_HEADER, 0xFF0000FF, 0x06000006),)),
    Sign(UDP, 4, (623,), at=20, mask=4, also=(RMCP_IPMI, Word(12, BYTE, 0))),
    Sign(UDP, 4, (623,), at=36, mask=4, also=(RMCP_IPMI, Word(12, BYTE, octet(1, 5)))),
    *(Sign(UDP, 0x06000000 | kind << 16, (623,), at=12, mask=0xFF3F0000, also=(RMCP_IPMI,))
      for kind in (0x11, 0x13, 0x15)),
    Sign(UDP, 4, (623,), at=22, mask=4, also=(RMCP_IPMI, Word(12, 0xFFBF0000, 0x06000000))),
    # WS-Discovery: a message that relates to another. Megaco (RFC 3525): a reply in text. MGCP (RFC 3435): return codes
    within("RelatesT", (3702,)),
    within("Reply", (2944,)),
    Sign(UDP, 0x30303020, (2427, 2727), mask=0xF0F0F0FF),
    # memcached: responses in text (capital letters, numbers) and binary, several datagrams (requests have one)
    *(Sign(UDP, octet(*range_), (11211,), at=16, also=(Word(12, 0xFFFF, 0),))
      for range_ in ((0x30, 0x39), (0x41, 0x5A), (0x81, 0x81))),
    Sign(UDP, (0x20000, SHORT), (11211,), at=12, mask=SHORT, also=(Word(12, 0xFFFF, 0),)),
    # BACnet/IP (ASHRAE 135): simple and complex ACK, segment ACK and abort of a server, error, reject; BVLC results
    *(Sign(UDP, values, (47808,), at=at, mask=mask, also=(BVLC, *words))
      for at, words in APDU
      for values, mask in ((octet(0x20, 0x30), 0xF0000000), (octet(0x50, 0x60), 0xF0000000), (0x41000000, 0xF1000000),
                           (0x71000000, 0xF1000000))),
    *(Sign(UDP, 0x81000000 | kind << 16, (47808,), mask=SHORT) for kind in (0, 3, 7)),
    # EtherNet/IP: replies of list commands have data, requests none. DNP3 (IEEE 1815): response, acknowledgement of the
    # data link. KNXnet/IP (ISO 22510): responses, acknowledgements
    *(Sign(UDP, (command << 24 | 1, command << 24 | 0xFFFF), (44818,), mask=WHOLE) for command in (0x04, 0x63, 0x64)),
    Sign(UDP, octet(0x81), (20000,), at=20, also=(Word(8, SHORT, 0x05640000),)),
    Sign(UDP, 0x05640000, (20000,), mask=0xFFFF0040),
    *(Sign(UDP, 0x06100000 | kind, (3671,), mask=WHOLE)
      for kind in (0x202, 0x204, 0x206, 0x208, 0x20A, 0x20C, 0x311, 0x421)),
    # BitTorrent DHT (BEP 5, BEP 42): responses, errors
    begins("d1:rd2:i"),
    begins("d1:eli20"),
    Sign(UDP, text("1:rd"), at=21, mask=WHOLE, also=(Word(8, WHOLE, text("d2:i")), Word(12, THREE, text("p6:")))),
    # MQTT-SN: acknowledgements to clients, with their lengths. CAPWAP (RFC 5415): even types, behind headers of 8 and
    # 16 bytes. LISP (RFC 9301): map reply, info reply
    *(Sign(UDP, head << 16, (1883, 10000), mask=SHORT) for head in (0x305, 0x70B, 0x70D, 0x813, 0x415, 0x217)),
    *(Sign(UDP, 0, (5246,), at=at, mask=0xFFFFFF01, also=(Word(8, 0xFFF80000, head),))
      for at, head in ((16, 0x00100000), (24, 0x00200000))),
    Sign(UDP, 0x20000000, (4342,), mask=0xF0000000),
    Sign(UDP, 0x78000000, (4342,), mask=0xF8000000),
    # SLP (RFC 2165, RFC 2608): replies, acknowledgement, advertisements. XDMCP: answers of displays. AMT (RFC 7450):
    # relay advertisement, membership query. Browser of SQL Server (MC-SQLR): response
    *(Sign(UDP, version << 24 | kind << 16, (427,), mask=SHORT) for version in (1, 2) for kind in (2, 5, 7, 8, 10, 11)),
    *(Sign(UDP, 0x10000 | kind, (177,), mask=WHOLE) for kind in (5, 6, 8, 9, 11, 12, 14)),
    *(Sign(UDP, octet(kind), (2268,)) for kind in (2, 4)),
    Sign(UDP, octet(5), (1434,)),
)  # fmt: skip
