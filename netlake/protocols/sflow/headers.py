"""The addresses of a sampled packet, from the first bytes of it that the sample contains.

Ethernet with any VLAN tags, IPv4 and IPv6 without extension headers; what is not complete has no columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.kernels.numbers import EtherType, IpProtocol
from netlake.packets import Cursor

ETHERNET, IPV4, IPV6 = 1, 11, 12
VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
WITH_PORTS = (IpProtocol.TCP, IpProtocol.UDP, IpProtocol.SCTP)


def sampled(protocol: int, header: bytes) -> Iterator[tuple[str, Any]]:
    """Columns of a sampled packet of a header protocol; Short where the sample ends."""
    packet = Cursor(header)
    kind = {IPV4: int(EtherType.IPV4), IPV6: int(EtherType.IPV6)}.get(protocol)
    if protocol == ETHERNET:
        yield "sampled_dst_mac", packet.take(6)
        yield "sampled_src_mac", packet.take(6)
        kind = packet.number(2)
        while kind in VLAN_TAGS:
            packet.skip(2)
            kind = packet.number(2)
    if kind == EtherType.IPV4:
        yield from _ipv4(packet)
    elif kind == EtherType.IPV6:
        yield from _ipv6(packet)


def _ipv4(packet: Cursor) -> Iterator[tuple[str, Any]]:
    size = 4 * (packet.number(1) & 15)
    packet.skip(5)
    later = packet.number(2) & 0x1FFF
    packet.skip(1)
    protocol = packet.number(1)
    packet.skip(2)
    yield "sampled_protocol", protocol
    yield "sampled_src_ip", packet.take(4)
    yield "sampled_dst_ip", packet.take(4)
    if not later and size >= 20:
        packet.skip(size - 20)
        yield from _ports(packet, protocol)


def _ipv6(packet: Cursor) -> Iterator[tuple[str, Any]]:
    packet.skip(6)
    protocol = packet.number(1)
    packet.skip(1)
    yield "sampled_protocol", protocol
    yield "sampled_src_ip", packet.take(16)
    yield "sampled_dst_ip", packet.take(16)
    yield from _ports(packet, protocol)


def _ports(packet: Cursor, protocol: int) -> Iterator[tuple[str, Any]]:
    if protocol in WITH_PORTS:
        yield "sampled_src_port", packet.number(2)
        yield "sampled_dst_port", packet.number(2)
