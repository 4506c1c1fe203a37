"""Facts of a capture besides its packets: interfaces, sections, comments, options, names, parts, problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.packets import Ints, Mask


@dataclass(slots=True)
class Interface:
    """One interface of the capture; None for what is not recorded.

    `number` counts from 0 through the capture, `section` is the 0-based section of the file that describes it,
    `snaplen` 0 for no limit, `resolution` the time unit as text ("10^-6", "2^-10"), `ts_offset` seconds added to times,
    `speed` bits per second, `fcs_length` bytes of frame check sequence. The counters are those of its last statistics
    block; `started` and `ended` are ns since 1970.
    """

    number: int
    section: int
    link_type: int
    snaplen: int
    name: str | None = None
    description: str | None = None
    filter: str | None = None
    os: str | None = None
    hardware: str | None = None
    mac: str | None = None
    speed: int | None = None
    fcs_length: int | None = None
    resolution: str = "10^-6"
    ts_offset: int = 0
    started: int | None = None
    ended: int | None = None
    received: int | None = None
    dropped: int | None = None
    filter_accepted: int | None = None
    os_dropped: int | None = None
    delivered: int | None = None


@dataclass(slots=True)
class Section:
    """One section of a pcapng file: the system that wrote it; None for what is not recorded."""

    number: int
    hardware: str | None = None
    os: str | None = None
    application: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment in the capture, on a packet, an interface, or (both None) a section."""

    packet: int | None
    interface: int | None
    text: str


class Typed(NamedTuple):
    """A verdict or a hash: its type, its number if it is one, the bytes after the type."""

    type: int
    number: int | None
    value: bytes


class OtherOption(NamedTuple):
    """An option as sent; `enterprise` is the number in front of the value of a custom option."""

    code: int
    enterprise: int | None
    value: bytes


@dataclass(slots=True)
class PacketOptions:
    """Options of packets besides comments: one entry for each packet that has any.

    `packet` are their numbers, ascending; `numbers` has for `flags`, `dropped`, `packet_id` and `queue` the values and
    where there is one; `verdicts`, `hashes` and `others` are lists by packet number. `malformed` are the numbers of
    packets with an option that has a wrong size.
    """

    packet: Ints
    numbers: dict[str, tuple[npt.NDArray[np.uint64], Mask]] = field(default_factory=dict)
    verdicts: dict[int, list[Typed]] = field(default_factory=dict)
    hashes: dict[int, list[Typed]] = field(default_factory=dict)
    others: dict[int, list[OtherOption]] = field(default_factory=dict)
    malformed: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Name:
    """A name of an address in the capture; `address` is its text, `kind` ipv4, ipv6, eui48 or eui64."""

    address: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in a file: `reason` is a sentence, `partial` whether bytes of the file were not read because of it.

    `offset` is the byte of the file, or of the unpacked stream of a compressed file (the sentence then names that);
    `file` is its name.
    """

    offset: int
    reason: str
    partial: bool
    file: str = ""


@dataclass(slots=True)
class Part:
    """One file of a capture: its name, bytes, id, hash (None until known) and the number of its first packet.

    `path` is what opens it, None for standard input; `stamp` changes when the file is written, None for a pipe.
    """

    name: str
    size: int | None
    capture_id: str
    sha256: str | None
    first_packet: int
    path: Path | None = None
    stamp: str | None = None
