"""The twin of netlake.layers.quoted: the packet that an ICMP error quotes (RFC 792, RFC 4443 section 2.4)."""

from __future__ import annotations

from netlake.kernels.numbers import IpProtocol
from tests.twins.message import Message, Row, address, mark

WITH_PORTS = (IpProtocol.TCP, IpProtocol.UDP, IpProtocol.DCCP, IpProtocol.SCTP, IpProtocol.UDP_LITE)
FRAGMENT = IpProtocol.FRAGMENT
EXTENSIONS = (IpProtocol.HOP_BY_HOP_OPTIONS, IpProtocol.ROUTING, IpProtocol.DESTINATION_OPTIONS, FRAGMENT)
MOST_EXTENSIONS = 8


def quoted(message: Message, at: int, row: Row) -> None:
    """Set the columns of the packet quoted from byte `at` on, as far as the message contains it."""
    packet = message.data[at:]
    version = packet[0] >> 4 if packet else 0
    protocol: int | None = None
    transport: int | None = None
    if version == 4 and len(packet) >= 20:
        row["quoted_src_ip"], row["quoted_dst_ip"] = address(packet[12:16]), address(packet[16:20])
        header, protocol = 4 * (packet[0] & 15), packet[9]
        first_fragment = int.from_bytes(packet[6:8]) & 0x1FFF == 0
        transport = header if first_fragment and header >= 20 else None
    elif version == 6 and len(packet) >= 40:
        row["quoted_src_ip"], row["quoted_dst_ip"] = address(packet[8:24]), address(packet[24:40])
        protocol, transport = behind_extensions(packet)
    row["quoted_protocol"] = protocol
    if protocol in WITH_PORTS and transport is not None and transport + 4 <= len(packet):
        row["quoted_src_port"] = int.from_bytes(packet[transport : transport + 2])
        row["quoted_dst_port"] = int.from_bytes(packet[transport + 2 : transport + 4])
    lacking = protocol is None or (protocol in WITH_PORTS and "quoted_dst_port" not in row)
    if lacking and message.missing:
        mark(row, "cut")


def behind_extensions(packet: bytes) -> tuple[int | None, int | None]:
    """Protocol and offset of the transport header of an IPv6 packet: None where it is not in the packet."""
    kind, at = packet[6], 40
    for _ in range(MOST_EXTENSIONS):
        if kind not in EXTENSIONS:
            break
        if at + 8 > len(packet):
            return None, None
        following, size = packet[at], 8 if kind == FRAGMENT else 8 + 8 * packet[at + 1]
        if kind == FRAGMENT and int.from_bytes(packet[at + 2 : at + 4]) & 0xFFF8:
            return following, None
        kind, at = following, at + size
    return kind, at
