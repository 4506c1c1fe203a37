"""Write packets to a capture: pcapng by python-pcapng, or classic pcap.

Theory of operation
- A packet is written as it was captured: bytes, length on the wire, link type. Times have nanoseconds: `if_tsresol` is
  9, and classic pcap has the magic number of nanoseconds.
- pcapng: one section. The interfaces of all captures are described in it, each with the link type, snap length and
  options of its own, before its first packet; those of different captures are different interfaces.
- Classic pcap has one link type, no interfaces and no comments: packets of a second link type are an OptionError, and
  comments and options are left out.
- A time that the format cannot express is written as 1970-01-01 and counted in `untimed`.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Hashable, Iterable
from typing import Any, BinaryIO, Protocol

from netlake.errors import OptionError
from netlake.kernels.times import FAR, SHIFT
from netlake.lake.opened import program
from netlake.packets import NO_TIME, Packets
from netlake.sources import Interface

NANO = 1_000_000_000
# magic number of nanoseconds, version 2.4
MAGIC, VERSION = 0xA1B23C4D, (2, 4)
LONGEST = 262_144


class Writer(Protocol):
    """Writes packets of any number of captures; `key` is that of the capture."""

    untimed: int

    def interfaces(self, key: Hashable, found: Iterable[Interface], comment: str | None = None) -> None:
        """Describe the interfaces of a capture that are not described yet."""

    def packet(self, key: Hashable, batch: Packets, row: int, options: dict[str, Any]) -> None:
        """Write the packet in `row` of `batch`."""

    def close(self) -> None:
        """Write what a capture without packets needs; the file stays open."""


class Pcapng:
    """Writes one section of a pcapng file."""

    def __init__(self, file: BinaryIO, about: dict[str, Any] | None = None) -> None:
        from pcapng import FileWriter, blocks

        self.blocks, self.untimed = blocks, 0
        options = {"shb_userappl": f"netlake {program()}", **(about or {})}
        self.section = blocks.SectionHeader(endianness="<", options=options)
        self.out = FileWriter(file, self.section)
        self._numbers: dict[tuple[Hashable, int], int] = {}

    def interfaces(self, key: Hashable, found: Iterable[Interface], comment: str | None = None) -> None:
        """Write the interfaces of a capture that are not written yet; `comment` is added to each."""
        for interface in found:
            if (key, interface.number) in self._numbers:
                continue
            options = _options(interface) | ({} if comment is None else {"opt_comment": [comment]})
            with warnings.catch_warnings():
                # python-pcapng has no type for if_tsresol, and warns of it
                warnings.simplefilter("ignore", DeprecationWarning)
                block = self.section.new_member(
                    self.blocks.InterfaceDescription,
                    link_type=interface.link_type,
                    snaplen=interface.snaplen,
                    options=options,
                )
                self._numbers[key, interface.number] = block.interface_id
                self.out.write_block(block)

    def packet(self, key: Hashable, batch: Packets, row: int, options: dict[str, Any]) -> None:
        """Write the packet in `row` of `batch`; its interface must be described."""
        start, captured = int(batch.start[row]), int(batch.captured[row])
        time = nanoseconds(batch, row)
        self.untimed += time is None
        block = self.section.new_member(
            self.blocks.EnhancedPacket,
            interface_id=self._numbers[key, int(batch.interface[row])],
            timestamp_high=(time or 0) >> 32,
            timestamp_low=(time or 0) & 0xFFFFFFFF,
            packet_len=int(batch.length[row]),
            packet_data=batch.data[start : start + captured].tobytes(),
            options=options,
        )
        self.out.write_block(block)

    def close(self) -> None:
        """Nothing is left to write."""


class Pcap:
    """Writes a classic pcap file with nanoseconds."""

    def __init__(self, file: BinaryIO) -> None:
        self.out, self.untimed = file, 0
        self._link_type: int | None = None

    def interfaces(self, key: Hashable, found: Iterable[Interface], comment: str | None = None) -> None:
        """Nothing: the file header has no interfaces. Its snap length is that of none: programs cut packets to it."""
        del key, found, comment

    def packet(self, key: Hashable, batch: Packets, row: int, options: dict[str, Any]) -> None:
        """Write the packet in `row` of `batch`; OptionError if its link type is not that of the file."""
        del key, options
        link_type = int(batch.link_type[row])
        if self._link_type is None:
            self._begin(link_type)
        elif self._link_type != link_type:
            raise OptionError(
                f"-w: the packets have the link types {self._link_type} and {link_type}, and a pcap file has one;"
                " write pcapng."
            )
        start, captured = int(batch.start[row]), int(batch.captured[row])
        time = nanoseconds(batch, row)
        if time is None or time >= NANO << 32:
            self.untimed, time = self.untimed + 1, 0
        self.out.write(struct.pack("<IIII", *divmod(time, NANO), captured, int(batch.length[row])))
        self.out.write(batch.data[start : start + captured].data)

    def close(self) -> None:
        """Write the header of a file without packets."""
        if self._link_type is None:
            self._begin(1)

    def _begin(self, link_type: int) -> None:
        self._link_type = link_type
        self.out.write(struct.pack("<IHHiIII", MAGIC, *VERSION, 0, 0, LONGEST, link_type))


def nanoseconds(batch: Packets, row: int) -> int | None:
    """The time of a packet in nanoseconds since 1970; None for a time that pcapng cannot express."""
    time = int(batch.ts[row])
    if time == NO_TIME:
        return None
    if time >= FAR:
        time = (time - SHIFT) * 1000 + int(batch.nanos[row])
    return time if 0 <= time < 1 << 64 else None


def _options(interface: Interface) -> dict[str, Any]:
    options: dict[str, Any] = {"if_tsresol": b"\x09"}
    names = {
        "if_name": interface.name, "if_description": interface.description, "if_os": interface.os,
        "if_hardware": interface.hardware, "if_MACaddr": interface.mac, "if_speed": interface.speed,
        "if_fcslen": interface.fcs_length,
    }  # fmt: skip
    options |= {name: value for name, value in names.items() if value is not None}
    if interface.filter is not None:
        options["if_filter"] = [(0, interface.filter.encode())]
    return options
