"""A small writer of all variants of pcap and pcapng, valid or not: it checks nothing."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MICRO, NANO, MODIFIED, IXIA = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34, 0x1C0001AC
EXTRA = {
    16: b"",
    20: b"NOKI",
    24: struct.pack("<IHBB", 1, 8, 0, 0),
    28: struct.pack("<IHBBBBBB", 1, 8, 0, 0, 0, 0, 0, 0),
}


@dataclass(frozen=True)
class Packet:
    """`ticks` is its time in the file's unit; `length` None is the length of `data`."""

    data: bytes
    ticks: int = 0
    length: int | None = None
    interface: int = 0
    comments: tuple[str, ...] = ()
    kind: int = 6
    options: tuple[tuple[int, bytes], ...] = ()
    lost: int = 0

    @property
    def sent(self) -> int:
        """Bytes that it had on the wire."""
        return len(self.data) if self.length is None else self.length


def pcap_header(*, big=False, magic=MICRO, version=(2, 4), snaplen=65535, link=1):
    head = struct.pack((">" if big else "<") + "IHHiIII", magic, *version, 0, 0, snaplen, link)
    return head + (bytes(4) if magic == IXIA else b"")


def record(packet, *, big=False, magic=MICRO, size=16, swapped=False):
    unit = 10**9 if magic == NANO else 10**6
    lengths = (packet.sent, len(packet.data)) if swapped else (len(packet.data), packet.sent)
    head = struct.pack((">" if big else "<") + "IIII", *divmod(packet.ticks, unit), *lengths)
    return head + EXTRA[size] + packet.data


def pcap(packets, *, size=16, swapped=False, **header):
    order = {key: value for key, value in header.items() if key in ("big", "magic")}
    return pcap_header(**header) + b"".join(record(one, size=size, swapped=swapped, **order) for one in packets)


def padded(data):
    return data + bytes(-len(data) % 4)


def option(code, value, *, big=False):
    return struct.pack(">HH" if big else "<HH", code, len(value)) + padded(value)


def block(kind, body, *, big=False, total=None, trailer=None):
    total = 12 + len(padded(body)) if total is None else total
    order = ">I" if big else "<I"
    ends = struct.pack(order, total if trailer is None else trailer)
    return struct.pack(order, kind) + struct.pack(order, total) + padded(body) + ends


def section(*, big=False, options=b"", version=(1, 0)):
    return block(0x0A0D0D0A, struct.pack(">IHHq" if big else "<IHHq", 0x1A2B3C4D, *version, -1) + options, big=big)


def interface(*, link=1, snaplen=0, big=False, resolution=None, offset=None, options=b""):
    order = ">" if big else "<"
    if resolution is not None:
        options = option(9, bytes([resolution]), big=big) + options
    if offset is not None:
        options = option(14, struct.pack(order + "q", offset), big=big) + options
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, big=big)


def packet_block(packet, *, big=False):
    order = ">" if big else "<"
    if packet.kind == 3:
        return block(3, struct.pack(order + "I", packet.sent) + packet.data, big=big)
    first = (
        struct.pack(order + "I", packet.interface)
        if packet.kind == 6
        else struct.pack(order + "HH", packet.interface, packet.lost)
    )
    body = first + struct.pack(
        order + "IIII", packet.ticks >> 32, packet.ticks & 0xFFFFFFFF, len(packet.data), packet.sent
    )
    options = b"".join(option(1, comment.encode(), big=big) for comment in packet.comments)
    options += b"".join(option(code, value, big=big) for code, value in packet.options)
    return block(packet.kind, body + padded(packet.data) + options, big=big)


def pcapng(packets, interfaces=({},), *, big=False):
    described = b"".join(interface(big=big, **one) for one in interfaces)
    return section(big=big) + described + b"".join(packet_block(one, big=big) for one in packets)
