"""Builds small captures: lists of (time in microseconds since BEGIN, frame)."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dpkt

BEGIN = 1_700_000_000_000_000
SYN, ACK, RST, FIN, PSH = 2, 16, 4, 1, 8
MACS = {"src": b"\x02\x00\x00\x00\x00\x01", "dst": b"\x02\x00\x00\x00\x00\x02"}
Frame = tuple[int, bytes]


def at(micros: int) -> dt.datetime:
    """The moment so many microseconds after BEGIN."""
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(microseconds=BEGIN + micros)


def ip(source: str, destination: str, protocol: int, body: Any, vlan: int | None = None) -> bytes:
    """An Ethernet frame with an IP packet."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    ends = {"src": socket.inet_pton(family, source), "dst": socket.inet_pton(family, destination)}
    if family == socket.AF_INET6:
        packet: Any = dpkt.ip6.IP6(nxt=protocol, hlim=64, plen=len(body), **ends)
        packet.data, kind = body, 0x86DD
    else:
        packet, kind = dpkt.ip.IP(p=protocol, data=body, len=20 + len(body), **ends), 0x0800
    frame = bytes(dpkt.ethernet.Ethernet(type=kind, data=bytes(packet), **MACS))
    return frame if vlan is None else frame[:12] + b"\x81\x00" + vlan.to_bytes(2, "big") + frame[12:]


def tcp(source: str, destination: str, ports: tuple[int, int], flags: int, **more: Any) -> bytes:
    vlan, data = more.pop("vlan", None), more.pop("data", b"")
    segment = dpkt.tcp.TCP(sport=ports[0], dport=ports[1], flags=flags, data=data, **more)
    return ip(source, destination, 6, segment, vlan)


def udp(source: str, destination: str, ports: tuple[int, int], data: bytes = b"x", vlan: int | None = None) -> bytes:
    datagram = dpkt.udp.UDP(sport=ports[0], dport=ports[1], data=data)
    datagram.ulen = len(datagram)
    return ip(source, destination, 17, datagram, vlan)


def echo(source: str, destination: str, *, reply: bool = False, number: int = 1) -> bytes:
    """An ICMP echo request or reply."""
    body = dpkt.icmp.ICMP.Echo(id=7, seq=number, data=b"ping")
    return ip(source, destination, 1, dpkt.icmp.ICMP(type=0 if reply else 8, data=body))


def unreachable(source: str, destination: str, quoted: bytes) -> bytes:
    """An ICMP error that quotes the IP packet in a frame."""
    body = b"\x03\x03\x00\x00" + bytes(4) + quoted[14 : 14 + 28]
    return ip(source, destination, 1, body)


def session(start: int, client: str, server: str, port: int, service: int = 80, step: int = 100_000) -> list[Frame]:
    """A TCP connection of seven segments: handshake, request, answer, ends."""
    there, back, ports, swapped = (client, server), (server, client), (port, service), (service, port)
    frames = [
        tcp(*there, ports, SYN, seq=100), tcp(*back, swapped, SYN | ACK, seq=500, ack=101),
        tcp(*there, ports, ACK, seq=101, ack=501), tcp(*there, ports, ACK | PSH, seq=101, ack=501, data=b"hello"),
        tcp(*back, swapped, ACK | PSH, seq=501, ack=106, data=b"world"),
        tcp(*there, ports, FIN | ACK, seq=106, ack=506), tcp(*back, swapped, FIN | ACK, seq=506, ack=107),
    ]  # fmt: skip
    return [(start + step * place, frame) for place, frame in enumerate(frames)]


def scan(start: int, scanner: str, target: str, ports: Iterable[int], step: int = 2_000) -> list[Frame]:
    """A SYN scan: even ports are open and get a reset, odd ones are closed."""
    frames: list[Frame] = []
    for place, port in enumerate(ports):
        now, own = start + place * step, (50_000, port)
        frames.append((now, tcp(scanner, target, own, SYN, seq=1)))
        if port % 2:
            frames.append((now + 500, tcp(target, scanner, own[::-1], RST | ACK, ack=2)))
        else:
            frames.append((now + 500, tcp(target, scanner, own[::-1], SYN | ACK, seq=9, ack=2)))
            frames.append((now + 900, tcp(scanner, target, own, RST, seq=2)))
    return frames


def write(path: Path, frames: Iterable[Frame]) -> Path:
    """Write the frames in the given order as pcap; return the path."""
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    with path.open("wb") as file:
        file.write(header)
        for micros, frame in frames:
            seconds, rest = divmod(BEGIN + micros, 1_000_000)
            for number in (seconds, rest, len(frame), len(frame)):
                file.write(number.to_bytes(4, "little"))
            file.write(frame)
    return path
