"""Who began a flow: the tables by which the first packet decides.

Only the first packet of a flow decides, because the direction of a packet must not depend on later ones. Its sender is
the originator, except in two cases:

1. It is an answer and its form shows it: SYN+ACK of TCP, and the signs in ANSWERS (a reply of ICMP, INIT ACK of SCTP,
   a response of a protocol over UDP, from the port of that protocol or with a mark that no other protocol has). Then
   the receiver asked, and is the originator.
2. It is a TCP segment without SYN, so the capture begins within the connection. If exactly one of both ports is below
   1024, or neither is and exactly one is in SERVERS, that is the responder's: Zeek's rule (likely_server_ports).

A packet to a group (multicast, 255.255.255.255) has no single receiver, so its sender is the originator. A SYN that
arrives later changes nothing.

A flow whose first packet was sent by the responder has `^` at the beginning of its history, as in Zeek (TCP, UDP).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlake.kernels.flow_state import ANSWER, Records
from netlake.kernels.numbers import IpProtocol
from netlake.packets import Bytes

ICMPV4, ICMPV6 = IpProtocol.ICMPV4.value, IpProtocol.ICMPV6.value
UDP, SCTP = IpProtocol.UDP.value, IpProtocol.SCTP.value
ANY = -1
BYTE = 0xFF000000
UDP_HEADER = 8


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of an answer: `at` bytes behind its transport header is a word of 32 bits whose `mask` is in `values`.

    `values` is one number or (least, most). `ports`: those of the sender, any if empty. `elements`: at `at` is a BER
    sequence, of which that many elements are passed over first. `also`: (offset, mask, value) of another word.
    """

    protocol: int
    values: int | tuple[int, int]
    ports: tuple[int, ...] = ()
    at: int = UDP_HEADER
    mask: int = BYTE
    elements: int = -1
    also: tuple[int, int, int] = (0, 0, 0)


def octet(least: int, most: int | None = None) -> tuple[int, int]:
    """The values of a word whose first byte is from `least` to `most`."""
    return least << 24, (least if most is None else most) << 24


# the payload of UDP begins at UDP_HEADER, messages of ICMP and chunks of SCTP at the offsets of their RFC
ANSWERS = (
    # ICMP (RFC 792, RFC 950, RFC 1256): echo reply, router advertisement, timestamp, information and mask reply
    *(Sign(ICMPV4, octet(kind), at=0) for kind in (0, 9, 14, 16, 18)),
    # ICMPv6 (RFC 4443, RFC 4861, RFC 4620, RFC 6275): echo reply, router advertisement, node information response,
    # home agent address discovery reply; neighbor advertisement with the flag Solicited
    *(Sign(ICMPV6, octet(kind), at=0) for kind in (129, 134, 140, 145)),
    Sign(ICMPV6, octet(136), at=0, also=(4, 0x40000000, 0x40000000)),
    # SCTP (RFC 9260): INIT ACK
    Sign(SCTP, octet(2), at=12),
    # DNS, multicast DNS, LLMNR, NetBIOS names (RFC 1035, RFC 6762, RFC 4795, RFC 1002): the flag QR, response
    Sign(UDP, 0x8000, (53, 137, 5353, 5355), mask=0x8000),
    # NTP (RFC 5905, RFC 9327): modes symmetric passive and server; control and private with the bit Response
    Sign(UDP, 0x02000000, (123,), mask=0x07000000),
    Sign(UDP, 0x04000000, (123,), mask=0x07000000),
    Sign(UDP, 0x06800000, (123,), mask=0x07800000),
    Sign(UDP, 0x87000000, (123,), mask=0x87000000),
    # DHCP (RFC 2131): BOOTREPLY. DHCPv6 (RFC 8415, RFC 5007): advertise, reply, relay-reply, leasequery-reply
    Sign(UDP, octet(2), (67,)),
    *(Sign(UDP, octet(kind), (547,)) for kind in (2, 7, 13, 15)),
    # TFTP (RFC 1350, RFC 2347): data, acknowledgement, error, option acknowledgement
    Sign(UDP, (0x00030000, 0x00060000), (69,), mask=0xFFFF0000),
    # SNMP (RFC 3416): response, report; CLDAP (RFC 4511): search result entry, done
    Sign(UDP, octet(0xA2), (161,), elements=2),
    Sign(UDP, octet(0xA8), (161,), elements=2),
    Sign(UDP, octet(0x64, 0x65), (389,), elements=1),
    # RADIUS (RFC 2865, RFC 2866, RFC 5176): accept, reject, accounting response, challenge; disconnect and CoA ACK, NAK
    *(Sign(UDP, octet(code), (1645, 1646, 1812, 1813, 3799)) for code in (2, 3, 5, 11, 41, 42, 44, 45)),
    # STUN (RFC 8489): success and error response, with the magic cookie
    Sign(UDP, 0x01000000, mask=0xC1100000, also=(12, 0xFFFFFFFF, 0x2112A442)),
    Sign(UDP, 0x01100000, mask=0xC1100000, also=(12, 0xFFFFFFFF, 0x2112A442)),
    # Kerberos (RFC 4120): AS-REP, TGS-REP, KRB-ERROR
    *(Sign(UDP, octet(tag), (88,)) for tag in (0x6B, 0x6D, 0x7E)),
    # ONC RPC (RFC 5531): message type reply, of portmap and NFS
    Sign(UDP, 1, (111, 2049), at=12, mask=0xFFFFFFFF),
    # IKE (RFC 7296): version 2 with the flag Response, also behind the non-ESP marker
    Sign(UDP, 0x00200020, (500,), at=24, mask=0x00F00020),
    Sign(UDP, 0x00200020, (4500,), at=28, mask=0x00F00020, also=(8, 0xFFFFFFFF, 0)),
    # SIP (RFC 3261): status line. SSDP: the response to M-SEARCH. CoAP (RFC 7252): response codes, version 1
    Sign(UDP, 0x5349502F, (5060,), mask=0xFFFFFFFF),
    Sign(UDP, 0x48545450, (1900,), mask=0xFFFFFFFF),
    Sign(UDP, (0x40400000, 0x40BF0000), (5683,), mask=0xC0FF0000),
    # DTLS (RFC 6347): HelloVerifyRequest and ServerHello. WireGuard: handshake response. OpenVPN: hard reset of servers
    Sign(UDP, octet(2, 3), at=UDP_HEADER + 13, also=(8, 0xFFFF0000, 0x16FE0000)),
    Sign(UDP, 0x02000000, (51820,), mask=0xFFFFFFFF),
    Sign(UDP, octet(0x40), (1194,), mask=0xF8000000),
)

# ports of servers above 1023, beside those below
SERVERS = (
    1080, 1099, 1194, 1433, 1434, 1494, 1521, 1720, 1723, 1883, 1935, 2049, 2181, 2222, 2375, 2376, 2379, 2404, 2598,
    2775, 3000, 3128, 3205, 3260, 3268, 3269, 3306, 3389, 3690, 3868, 4317, 4444, 4840, 5000, 5044, 5060, 5061, 5190,
    5222, 5269, 5432, 5555, 5601, 5666, 5671, 5672, 5900, 5901, 5938, 5984, 5985, 5986, 6000, 6379, 6443, 6514, 6633,
    6653, 6666, 6667, 6697, 6881, 7001, 7687, 8000, 8008, 8009, 8080, 8081, 8086, 8088, 8118, 8333, 8443, 8883, 8888,
    9000, 9001, 9042, 9050, 9090, 9092, 9100, 9200, 9300, 9418, 9443, 10000, 10050, 10051, 11211, 20000, 25565, 27017,
    44818, 47808, 50000,
)  # fmt: skip
WELL_KNOWN = 1024


def answers() -> Records:
    """ANSWERS as the kernel reads them: a record for each sign and port."""
    rows = [(sign, port) for sign in ANSWERS for port in sign.ports or (ANY,)]
    made: Records = np.zeros(len(rows), ANSWER)
    for one, (sign, port) in zip(made, rows, strict=True):
        one["protocol"], one["port"], one["at"] = sign.protocol, port, sign.at
        one["mask"], one["elements"] = sign.mask, sign.elements
        one["least"], one["most"] = sign.values if isinstance(sign.values, tuple) else (sign.values, sign.values)
        one["also_at"], one["also_mask"], one["also"] = sign.also
    return made


def known() -> Bytes:
    """How well each port is known as a server's: 2 below WELL_KNOWN, 1 in SERVERS, else 0."""
    ranks = np.zeros(1 << 16, np.uint8)
    ranks[list(SERVERS)] = 1
    ranks[1:WELL_KNOWN] = 2
    return ranks
