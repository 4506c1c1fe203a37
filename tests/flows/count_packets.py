"""The TCP segments of a capture, read with dpkt (and python-pcapng for the blocks of pcapng)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import dpkt
import pcapng
from pcapng.blocks import EnhancedPacket, SimplePacket

OPENERS = {b"\x1f\x8b": gzip.open, b"\xfd7": lzma.open, b"BZ": bz2.open}
CLASSIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
ETHERNET, NULL, RAW, SLL, LOOP, SLL2 = 1, 0, 101, 113, 108, 276
VLANS = (0x8100, 0x88A8, 0x9100)
IP = {0x0800: 4, 0x86DD: 6}
# extension headers of IPv6 that are passed over: hop-by-hop, routing, destination options
PASSED = (0, 43, 60)
IPV6_FRAGMENT = 44


class UnreadableError(Exception):
    """The capture, or its link type, is not read here."""


@dataclass
class Segment:
    """A TCP segment; `wire` and `ip_bytes` are the sizes of frame and IP packet."""

    number: int
    ts: int
    source: tuple[bytes, int]
    target: tuple[bytes, int]
    flags: int
    seq: int
    ack: int
    window: int
    scale: int | None
    payload: int
    wire: int
    ip_bytes: int


def segments(path: Path) -> Iterator[Segment]:
    """The segments of a capture; UnreadableError if it is no capture, or its link type is not known."""
    with path.open("rb") as raw:
        start = raw.read(2)
        raw.seek(0)
        opener = OPENERS.get(start)
        stream = io.BytesIO(opener(raw).read()) if opener else raw
        for number, (ts, link, length, data) in enumerate(records(stream), 1):
            at = network(link, data)
            if at is not None:
                one = segment(data[at:], length - at)
                if one is not None:
                    one.number, one.ts, one.wire = number, ts, length
                    yield one


def records(stream: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    """(ns, link type, bytes on the wire, bytes captured) of each packet."""
    head = stream.read(24)
    order = next((o for o in "<>" if len(head) == 24 and struct.unpack(f"{o}I", head[:4])[0] in CLASSIC), None)
    if order is None:
        stream.seek(0)
        yield from blocks(stream)
        return
    unit = CLASSIC[struct.unpack(f"{order}I", head[:4])[0]]
    link = struct.unpack(f"{order}I", head[20:])[0] & 0xFFFF
    while len(header := stream.read(16)) == 16:
        seconds, part, captured, length = struct.unpack(f"{order}IIII", header)
        data = stream.read(captured)
        if len(data) < captured:
            return
        yield seconds * 1_000_000_000 + part * unit, link, max(length, captured), data


def blocks(stream: BinaryIO) -> Iterator[tuple[int, int, int, bytes]]:
    """The packets of a pcapng file."""
    try:
        with warnings.catch_warnings():  # the library uses what is deprecated
            warnings.simplefilter("ignore")
            found = [block for block in pcapng.FileScanner(stream) if isinstance(block, EnhancedPacket | SimplePacket)]
    except Exception as error:
        raise UnreadableError(type(error).__name__) from error
    for block in found:
        ts = round(block.timestamp * 1e6) * 1000 if isinstance(block, EnhancedPacket) else 0
        length = max(block.packet_len, len(block.packet_data))
        yield ts, block.interface.link_type, length, block.packet_data


def network(link: int, data: bytes) -> int | None:
    """The offset of the IP header."""
    if link == ETHERNET and len(data) >= 14:
        at, kind = 14, int.from_bytes(data[12:14], "big")
    elif link == SLL and len(data) >= 16:
        at, kind = 16, int.from_bytes(data[14:16], "big")
    elif link == SLL2 and len(data) >= 20:
        at, kind = 20, int.from_bytes(data[0:2], "big")
    elif link in (NULL, LOOP):
        return 4
    elif link in (RAW, 12, 228, 229):
        return 0
    elif link in (ETHERNET, SLL, SLL2):
        return None
    else:
        raise UnreadableError(f"link type {link}")
    while kind in VLANS and len(data) >= at + 4:
        kind = int.from_bytes(data[at + 2 : at + 4], "big")
        at += 4
    return at if kind in IP else None


def segment(data: bytes, length: int) -> Segment | None:
    """The segment in an IP packet of `length` bytes on the wire; None if it is none, or a fragment."""
    try:
        if data[:1] and data[0] >> 4 == 4:
            ip = dpkt.ip.IP(data)
            if ip.p != dpkt.ip.IP_PROTO_TCP or ip.offset or ip.mf or ip.hl < 5:
                return None
            size, at, addresses = ip.len or length, ip.hl * 4, (ip.src, ip.dst)
        elif data[:1] and data[0] >> 4 == 6:
            at, kind = 40, data[6]
            while kind in PASSED or (
                kind == IPV6_FRAGMENT and not int.from_bytes(data[at + 2 : at + 4], "big") & 0xFFF9
            ):
                kind, at = data[at], at + (8 if kind == IPV6_FRAGMENT else 8 * (data[at + 1] + 1))
            if kind != dpkt.ip.IP_PROTO_TCP:
                return None
            size = int.from_bytes(data[4:6], "big") + 40
            size = length if size == 40 else size
            addresses = (data[8:24], data[24:40])
        else:
            return None
        tcp = dpkt.tcp.TCP(data[at : min(len(data), size)])
    except (dpkt.UnpackError, IndexError):
        return None
    end = min(size, length)
    # dpkt ends the list with None at an invalid option
    options = [option for option in dpkt.tcp.parse_opts(tcp.opts) if option]
    scale = next((min(value[0], 14) for kind, value in options if kind == 3 and len(value) == 1), None)
    return Segment(
        0, 0, (addresses[0], tcp.sport), (addresses[1], tcp.dport), tcp.flags & 0xFF, tcp.seq, tcp.ack, tcp.win, scale,
        max(0, end - at - tcp.off * 4), 0, size,
    )  # fmt: skip
