"""Small builders of frames and batches for the tests of the layers."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from netlake import tables
from netlake.layers.steps import STEPS
from netlake.packets import Packets
from netlake.schema import Table

A4, B4 = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
A6, B6 = bytes.fromhex("20010db8000000000000000000000001"), bytes.fromhex("20010db8000000000000000000000002")


def with_steps(*leaves: Table) -> list[Table]:
    """`leaves` and the tables of all steps, which have the keys that lead to these."""
    return [*(entry.table for name, entry in tables.entries().items() if name in STEPS), *leaves]


def ethernet(payload: bytes, kind: int = 0x0800) -> bytes:
    return bytes.fromhex("020000000001 020000000002") + struct.pack(">H", kind) + payload


def vlan(payload: bytes, kind: int = 0x0800, identifier: int = 7) -> bytes:
    return struct.pack(">HH", identifier, kind) + payload


def ipv4(payload: bytes, protocol: int, *, identification: int = 1, offset: int = 0, more: bool = False,
         source: bytes = A4, destination: bytes = B4, total: int | None = None) -> bytes:  # fmt: skip
    flags = (0x2000 if more else 0) | offset // 8
    length = 20 + len(payload) if total is None else total
    start = struct.pack(">BBHHHBB", 0x45, 0, length, identification, flags, 64, protocol)
    checksum = -sum(struct.unpack(">9H", start + source + destination)) % 0xFFFF
    return start + struct.pack(">H", checksum) + source + destination + payload


def ipv6(payload: bytes, following: int) -> bytes:
    return struct.pack(">IHBB", 0x60000000, len(payload), following, 64) + A6 + B6 + payload


def ipv6_fragment(
    payload: bytes, following: int, *, identification: int = 1, offset: int = 0, more: bool = False
) -> bytes:
    return struct.pack(">BBHI", following, 0, offset | more, identification) + payload


def udp(payload: bytes, source: int = 1000, destination: int = 2000) -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(payload: bytes, source: int = 1000, destination: int = 2000, flags: int = 0x10) -> bytes:
    return struct.pack(">HHIIBBHHH", source, destination, 1, 1, 0x50, flags, 1000, 0, 0) + payload


def sctp(*chunks: bytes, source: int = 1000, destination: int = 2000) -> bytes:
    return struct.pack(">HHII", source, destination, 1, 0) + b"".join(chunks)


def chunk(payload: bytes, protocol: int, *, flags: int = 3, more: int = 0) -> bytes:
    """A DATA chunk, padded; `more` is added to its length."""
    size = 16 + len(payload)
    return struct.pack(">BBHIHHI", 0, flags, size + more, 1, 0, 0, protocol) + payload + bytes(-size % 4)


def gre(payload: bytes, kind: int = 0x0800, key: int | None = None) -> bytes:
    flags = 0 if key is None else 0x2000
    return struct.pack(">HH", flags, kind) + (b"" if key is None else struct.pack(">I", key)) + payload


def vxlan(payload: bytes, identifier: int = 5) -> bytes:
    return struct.pack(">BxxxI", 8, identifier << 8) + payload


def mpls(payload: bytes, label: int = 100, *, bottom: bool = True) -> bytes:
    return struct.pack(">I", label << 12 | bottom << 8 | 64) + payload


def gtp(payload: bytes, *, flags: int = 0x30, kind: int = 255, optional: bytes = b"", tunnel: int = 7) -> bytes:
    return struct.pack(">BBHI", flags, kind, len(optional + payload), tunnel) + optional + payload


def pppoe(payload: bytes, *, code: int = 0, session: int = 9) -> bytes:
    return struct.pack(">BBHH", 0x11, code, session, len(payload)) + payload


def dot11(payload: bytes, first: int = 0x08, flags: int = 0x01, between: bytes = b"", sequence: int = 16) -> bytes:
    """A frame of IEEE 802.11 whose type and subtype are `first`; `between` is what its header has behind 24 bytes."""
    addresses = bytes.fromhex("020000000001 020000000002 020000000003")
    return struct.pack("<BBH", first, flags, 44) + addresses + struct.pack("<H", sequence) + between + payload


def radiotap(payload: bytes, flags: int) -> bytes:
    """Radiotap with a time, which is at a multiple of eight, and its flags."""
    return struct.pack("<BxHIQB", 0, 25, 3, 1, flags) + b"\0" * (25 - 17) + payload


def nflog_item(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def batch(
    frames: Sequence[bytes], *, link_type: int = 1, lengths: Sequence[int] | None = None, first: int = 1
) -> Packets:
    """A batch of `frames`; `lengths` are those on the wire where the capture cut them."""
    packets = Packets.empty(max(1, len(frames)), sum(map(len, frames)) + 16)
    at = 0
    for row, frame in enumerate(frames):
        packets.data[at : at + len(frame)] = np.frombuffer(frame, np.uint8)
        packets.start[row], packets.captured[row] = at, len(frame)
        packets.length[row] = lengths[row] if lengths else len(frame)
        packets.ts[row] = (first + row) * 10**9
        packets.number[row] = packets.last[row] = first + row
        packets.link_type[row] = link_type
        at += len(frame)
    packets.used, packets.count, packets.rows = at, len(frames), len(frames)
    return packets
