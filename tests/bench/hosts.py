"""Builds frames between hosts of one site: VLAN-tagged Ethernet, ARP, IPv4, IPv6, UDP and TCP with right checksums.

Each exchange adds `(time, frame)` to a list in any order; the list is sorted when the capture is written. Times are
in seconds from the start of the capture.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.frames import ARP, HEADER, IPV4, IPV6, RECORD, TCP, UDP

START = 1_700_000_000
SPAN = 2690.0  # seconds of a capture
MSS = 1460
FIN, SYN, PSH, ACK = 1, 2, 8, 16
# maximum segment size, window scale and SACK permitted, as current systems send them
SYN_OPTIONS = bytes.fromhex("020405b4 01 030308 0101 0402")
MINIMUM = 64  # bytes of a tagged frame without its check sequence


@dataclass(frozen=True)
class Host:
    """Addresses of one host, or of a multicast group."""

    mac: bytes
    four: bytes
    six: bytes


def host(number: int, subnet: bytes) -> Host:
    """The host of a number, 1 to 254, in a subnet of three bytes."""
    mac = b"\0\x1a\x4b" + subnet[1:] + bytes([number])
    return Host(mac, subnet + bytes([number]), b"\xfe\x80" + bytes(6) + bytes([2]) + mac[1:3] + b"\xff\xfe" + mac[3:])


def group(four: str, six: str) -> Host:
    """A multicast group, addresses in hexadecimal."""
    return Host(b"\x01\0\x5e" + bytes.fromhex(four)[1:], bytes.fromhex(four), bytes.fromhex(six))


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071): a sum in ones' complement is the number as a whole modulo 65535."""
    return 65535 - (int.from_bytes(data + bytes(len(data) & 1)) % 65535 or 65535)


@dataclass
class Site:
    """The frames of one site, and its randomness."""

    generator: random.Random
    frames: list[tuple[float, bytes]] = field(default_factory=list)

    def when(self) -> float:
        """A time at which something begins."""
        return self.generator.uniform(0, SPAN * 0.9)

    def ethernet(
        self, time: float, source: Host, to: Host, ethertype: int, payload: bytes, *, six: bool = False
    ) -> None:
        """Add one frame, behind VLAN tag 100 and padded."""
        mac = b"\x33\x33" + to.six[12:] if six and to.six[0] == 0xFF else to.mac
        frame = mac + source.mac + struct.pack(">HHH", 0x8100, 100, ethertype) + payload
        self.frames.append((time, frame.ljust(MINIMUM, b"\0")))

    def arp(self, time: float, asks: Host, asked: Host) -> None:
        """A request and its reply."""
        broadcast, nothing = Host(b"\xff" * 6, asked.four, b""), Host(bytes(6), asked.four, b"")
        for offset, code, a, b, to in ((0.0, 1, asks, nothing, broadcast), (0.0004, 2, asked, asks, asks)):
            body = struct.pack(">HHBBH", 1, IPV4, 6, 4, code) + a.mac + a.four + b.mac + b.four
            self.ethernet(time + offset, a, to, ARP, body)

    def ip(self, time: float, source: Host, to: Host, protocol: int, payload: bytes, *, six: bool = False) -> None:
        """Add one datagram."""
        if six:
            header = struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64) + source.six + to.six
            self.ethernet(time, source, to, IPV6, header + payload, six=True)
            return
        number = self.generator.getrandbits(16)
        fields = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number, 0x4000, 128, protocol, 0)
        addresses = source.four + to.four
        value = struct.pack(">H", checksum(fields + addresses))
        self.ethernet(time, source, to, IPV4, fields[:10] + value + addresses + payload)

    def udp(
        self, time: float, source: Host, to: Host, ports: tuple[int, int], payload: bytes, *, six: bool = False
    ) -> None:
        """Add one datagram of UDP."""
        size = 8 + len(payload)
        pseudo = (source.six + to.six if six else source.four + to.four) + struct.pack(">HH", UDP, size)
        header = struct.pack(">HHH", *ports, size)
        value = checksum(pseudo + header + payload) or 65535
        self.ip(time, source, to, UDP, header + struct.pack(">H", value) + payload, six=six)

    def write(self, path: Path) -> None:
        """Write the frames, in order of time, to a classic pcap file."""
        self.frames.sort(key=lambda frame: frame[0])
        with path.open("wb") as file:
            file.write(HEADER)
            for time, data in self.frames:
                micros = int(time * 1_000_000)
                file.write(RECORD.pack(START + micros // 1_000_000, micros % 1_000_000, len(data), len(data)) + data)


class Connection:
    """A TCP connection between a client and a server that starts at a time."""

    def __init__(self, site: Site, time: float, client: Host, server: Host, port: int) -> None:
        """Only the numbers; `open` sends the handshake."""
        self.site, self.time, self.ends = site, time, (client, server)
        self.ports = (site.generator.randrange(49152, 65536), port)
        self.sequence = [site.generator.getrandbits(32), site.generator.getrandbits(32)]

    def segment(self, side: int, flags: int, payload: bytes = b"", gap: float = 0.0002) -> None:
        """Add one segment of the client (0) or the server (1), `gap` seconds after the one before."""
        self.time += gap * self.site.generator.uniform(0.5, 1.5)
        ports = self.ports if side == 0 else self.ports[::-1]
        options = SYN_OPTIONS if flags & SYN else b""
        acknowledged = self.sequence[1 - side] if flags & ACK else 0
        header = bytearray(
            struct.pack(
                ">HHIIBBHHH", *ports, self.sequence[side], acknowledged, (20 + len(options)) << 2, flags, 1026, 0, 0
            )
        )
        header += options
        source, to = self.ends[side], self.ends[1 - side]
        pseudo = source.four + to.four + struct.pack(">HH", TCP, len(header) + len(payload))
        struct.pack_into(">H", header, 16, checksum(pseudo + bytes(header) + payload))
        self.site.ip(self.time, source, to, TCP, bytes(header) + payload)
        self.sequence[side] = (self.sequence[side] + len(payload) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF

    def open(self) -> None:
        """The handshake."""
        self.segment(0, SYN)
        self.segment(1, SYN | ACK)
        self.segment(0, ACK)

    def close(self) -> None:
        """Both sides end in order."""
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)

    def message(self, side: int, data: bytes, gap: float = 0.004) -> None:
        """Send a message in as many segments as it takes; every second one is acknowledged."""
        for number, offset in enumerate(range(0, len(data), MSS)):
            part = data[offset : offset + MSS]
            self.segment(side, ACK | (PSH if len(part) < MSS else 0), part, 0.00002 if number else gap)
            if number & 1:
                self.segment(1 - side, ACK)
