"""Builds batches of IP headers as the walk passes them to the tracker."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import parse_ip
from netlake.packets import HEADER, NO_TIME, WHOLE, Headers, Packets

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}


@dataclass
class Header:
    """A row of Headers and its bytes; `ts` in seconds from BEGIN, None for no time; `captured` is TCP payload."""

    ts: float | None = 0.0
    src: str = "10.0.0.1"
    dst: str = "10.0.0.2"
    protocol: int = IpProtocol.TCP.value
    src_port: int = 1000
    dst_port: int = 80
    flags: str = ""
    seq: int = 0
    ack: int = 0
    window: int = 1000
    scale: int | None = None
    payload: int = 0
    kind: int = WHOLE
    outer: int = -1
    key: int = 0
    ttl: int = 64
    length: int | None = None
    keep: int | None = None
    first: bytes = b""
    options: bytes = field(default=b"")
    mac: bytes | None = None
    captured: bytes = b""
    header_size: int | None = None
    vlan: int = 0
    interface: int = 0
    total: int = 0

    def transport(self) -> bytes:
        """The transport header, as far as it was kept."""
        header = self.first
        if self.protocol == IpProtocol.TCP:
            options = self.options or (b"\x01\x03\x03" + bytes([self.scale]) if self.scale is not None else b"")
            bits = sum(FLAGS[flag] for flag in self.flags)
            size = (20 + len(options) if self.header_size is None else self.header_size) // 4 << 4
            ports = struct.pack(">HH", self.src_port & 0xFFFF, self.dst_port & 0xFFFF)
            rest = struct.pack(">IIBBHHH", self.seq % 2**32, self.ack % 2**32, size, bits, self.window, 0, 0)
            header = ports + rest + options + self.captured
        return header if self.keep is None else header[: self.keep]

    def network(self) -> bytes:
        """The IP header, of which the tracker reads addresses, TTL and length (`total`, of IPv6 without the header)."""
        src, dst = parse_ip(self.src), parse_ip(self.dst)
        total = struct.pack(">H", self.total)
        if len(src) == 4:
            return bytes([0x45, 0]) + total + bytes([0, 0, 0, 0, self.ttl, self.protocol, 0, 0]) + src + dst
        return bytes([0x60, 0, 0, 0]) + total + bytes([self.protocol, self.ttl]) + src + dst


def batch(headers: Sequence[Header], first_number: int = 1) -> tuple[Packets, Headers]:
    """One batch in which every header is a packet of its own, numbered from `first_number`."""
    packets = Packets.empty(len(headers), 0)
    data = bytearray(7)
    rows = np.zeros(len(headers), HEADER)
    for row, header in enumerate(headers):
        network, transport = header.network(), header.transport()
        data += header.mac or b""
        begin = len(data)
        data += network + transport
        packets.ts[row] = NO_TIME if header.ts is None else BEGIN + round(header.ts * SECOND)
        packets.length[row] = (
            14 + len(network) + len(transport) + header.payload if header.length is None else header.length
        )
        packets.number[row] = packets.last[row] = first_number + row
        packets.interface[row] = header.interface
        values = {
            "row": row, "network": begin, "version": 4 if len(network) == 20 else 6, "protocol": header.protocol,
            "transport": begin + len(network) if transport else -1, "end": len(data), "source_port": header.src_port,
            "destination_port": header.dst_port, "payload": header.payload,
            "ip_length": len(network) + len(transport) + header.payload, "key": header.key, "outer": header.outer,
            "kind": header.kind, "vlan": header.vlan, "mac": -1 if header.mac is None else begin - 6,
        }  # fmt: skip
        for name, value in values.items():
            rows[name][row] = value
    packets.count = packets.rows = len(headers)
    packets.data, packets.used = np.frombuffer(bytes(data), np.uint8).copy(), len(data)
    return packets, rows
