"""A capture with times in nanoseconds in which the right label of every packet is known by construction.

The attack lasts from 12:01:40 to 12:03:20 UTC (100 to 200 seconds after BEGIN); A and B attack V. Names of packets say
what they are, and `PACKETS` has them in the order of the capture.
"""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

import dpkt

# 2017-07-05 12:00:00 UTC
BEGIN = 1_499_256_000
A, B, V, W = "10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.8"
A6, V6 = "2001:db8::1", "2001:db8::9"
SYN, ACK = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK
QUERY = dpkt.dns.DNS(id=1, qd=[dpkt.dns.DNS.Q(name="a.example")])


def _network(source: str, target: str, protocol: int, transport: dpkt.Packet) -> dpkt.Packet:
    src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    if len(src) == 16:
        return dpkt.ip6.IP6(src=src, dst=dst, nxt=protocol, hlim=64, plen=len(transport), data=transport)
    return dpkt.ip.IP(src=src, dst=dst, p=protocol, ttl=64, data=transport, len=20 + len(transport))


def _frame(packet: dpkt.Packet, kind: int | None = None) -> bytes:
    kind = kind or (dpkt.ethernet.ETH_TYPE_IP6 if isinstance(packet, dpkt.ip6.IP6) else dpkt.ethernet.ETH_TYPE_IP)
    return b"\x02\0\0\0\0\1" + b"\x02\0\0\0\0\2" + kind.to_bytes(2, "big") + bytes(packet)


def tcp(source: str, target: str, ports: tuple[int, int], flags: int) -> dpkt.Packet:
    """An IP packet with a TCP segment."""
    segment = dpkt.tcp.TCP(sport=ports[0], dport=ports[1], flags=flags, seq=1, ack=1)
    return _network(source, target, dpkt.ip.IP_PROTO_TCP, segment)


def udp(source: str, target: str, ports: tuple[int, int], data: bytes) -> dpkt.Packet:
    """An IP packet with a UDP datagram."""
    return _network(source, target, dpkt.ip.IP_PROTO_UDP,
                    dpkt.udp.UDP(sport=ports[0], dport=ports[1], ulen=8 + len(data), data=data))  # fmt: skip


def _vlan(packet: dpkt.Packet) -> bytes:
    return _frame(packet)[:12] + b"\x81\x00\x00\x07" + _frame(packet)[12:]


_ARP = dpkt.arp.ARP(
    sha=b"\x02\0\0\0\0\2", spa=ipaddress.ip_address(A).packed, tha=bytes(6), tpa=ipaddress.ip_address(V).packed
)
# name -> (nanoseconds after BEGIN, frame)
PACKETS: dict[str, tuple[int, bytes]] = {
    "long, before": (50_000_000_001, _frame(tcp(A, V, (1000, 80), SYN))),
    "long, in the window": (150_000_000_123, _frame(tcp(A, V, (1000, 80), ACK))),
    "bystander at the same time": (150_000_000_123, _frame(tcp(W, V, (1000, 80), SYN))),
    "answer of the victim": (150_000_000_457, _frame(tcp(V, A, (80, 1000), ACK))),
    "attackers among themselves": (151_000_000_001, _frame(tcp(A, B, (1001, 80), SYN))),
    "another protocol": (152_000_000_001, _frame(udp(A, V, (1002, 53), bytes(QUERY)))),
    "IPv6": (153_000_000_001, _frame(tcp(A6, V6, (1003, 80), SYN))),
    "VLAN": (154_000_000_001, _vlan(tcp(A, V, (1004, 80), SYN))),
    "ARP": (155_000_000_001, _frame(_ARP, dpkt.ethernet.ETH_TYPE_ARP)),
    "second attacker": (156_000_000_001, _frame(tcp(B, V, (1005, 80), SYN))),
    "later, same ports": (250_000_000_001, _frame(tcp(A, V, (1006, 80), SYN))),
    "later, lookup": (251_000_000_001, _frame(udp(A, V, (1007, 53), bytes(QUERY)))),
}


def write(path: Path) -> Path:
    """Write the capture."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for after, frame in PACKETS.values():
            seconds, part = divmod(after, 1_000_000_000)
            file.write(struct.pack("<IIII", BEGIN + seconds, part, len(frame), len(frame)) + frame)
    return path
