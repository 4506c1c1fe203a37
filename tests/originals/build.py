"""Captures of the cases: variants of the formats that the project's captures do not have."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from netlake.sources.pcapng import SECTION_HEADER
from tests.layers import build
from tests.sources import capture_writer as writer
from tests.sources.capture_writer import MODIFIED, NANO, Packet

START = 1_700_000_000


def frames(count: int = 8) -> list[bytes]:
    """Ethernet frames with datagrams of different sizes."""
    return [build.ethernet(build.ipv4(build.udp(bytes([number]) * (number * 7 + 1)), 17)) for number in range(count)]


def packets(unit: int = 1_000_000, **more: object) -> list[Packet]:
    """The frames, each a little later than the one before."""
    return [
        Packet(frame, (START + number) * unit + number * 12_345 % unit, **more)  # type: ignore[arg-type]
        for number, frame in enumerate(frames())
    ]


def interfaces() -> bytes:
    """Two interfaces with other units of time; comments, flags, packet ids, and options longer than is read at once."""
    made = []
    for number, frame in enumerate(frames()):
        unit = 1_000_000_000 if number % 3 else 1_000_000
        comments = ("one", "two, with ü") if number == 2 else ("long " * 100,) if number == 4 else ()
        options = ((2, (number).to_bytes(4, "little")), (5, (7).to_bytes(8, "little"))) if number in (3, 4) else ()
        made.append(Packet(frame, (START + number) * unit + 123_456_789 % unit, interface=int(number % 3 > 0),
                           comments=comments, options=options))  # fmt: skip
    described = ({"snaplen": 96, "options": writer.option(2, b"eth0")}, {"resolution": 9, "snaplen": 1500})
    return writer.pcapng(made, described)


def sections() -> bytes:
    """A little-endian and a big-endian section, each with an interface 0."""
    parts = [
        writer.section(big=big)
        + writer.interface(big=big)
        + b"".join(writer.packet_block(one, big=big) for one in some)
        for big, some in ((False, packets()[:3]), (True, packets()[3:]))
    ]
    return b"".join(parts)


def late_interface() -> bytes:
    """The second interface is described behind the first packets."""
    first, later = packets()[:3], packets(interface=1)[3:]
    blocks = [writer.section(), writer.interface(), *map(writer.packet_block, first), writer.interface(link=1)]
    return b"".join([*blocks, *map(writer.packet_block, later)])


BUILT: dict[str, Callable[[], bytes]] = {
    "interfaces": interfaces,
    "big-endian": lambda: writer.pcapng(packets(comments=("a comment",)), big=True),
    "sections": sections,
    "late-interface": late_interface,
    "classic-nano": lambda: writer.pcap(packets(10**9), big=True, magic=NANO),
    "modified": lambda: writer.pcap(packets(), magic=MODIFIED, size=24),
    "old-blocks": lambda: writer.pcapng(
        [Packet(one.data, one.ticks, kind=kind) for one, kind in zip(packets(), (6, 2, 3, 2, 3, 6, 6, 2), strict=True)],
        ({"snaplen": 1000},),
    ),
}


def zipped(name: str) -> Callable[[bytes], bytes]:
    """The compressor of pyarrow with this name."""

    def compress(data: bytes) -> bytes:
        out = pa.BufferOutputStream()
        with pa.CompressedOutputStream(out, name) as file:
            file.write(data)
        return out.getvalue().to_pybytes()

    return compress


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zipped("zstd"), "lz4": zipped("lz4"),
}  # fmt: skip


def make(name: str, pack: str, captures: Path, folder: Path) -> tuple[Path, Path]:
    """(the capture of a case in `folder`, the same without compression)."""
    content = BUILT[name]() if name in BUILT else (captures / name).read_bytes()
    ending = "pcapng" if content.startswith(SECTION_HEADER) else "pcap"
    plain = folder / (f"{name}.{ending}" if name in BUILT else name)
    plain.write_bytes(content)
    if not pack:
        return plain, plain
    packed = folder / f"{plain.name}.{pack}"
    packed.write_bytes(PACKED[pack](content))
    return packed, plain
