"""What a capture says about itself beside its packets, and what was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Interface:
    """What the capture says of one interface; None where it says nothing.

    `number` counts from 0 through the capture, `section` is the 0-based section of the file that describes it,
    `snaplen` 0 for no limit, `resolution` the time unit as text ("10^-6", "2^-10"), `ts_offset` seconds added to times,
    `speed` bits a second, `fcs_length` bytes of frame check sequence. The counters are those of its last statistics
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
    """What the capture says of one section: who wrote it, None where it does not say."""

    number: int
    hardware: str | None = None
    os: str | None = None
    application: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark kept in the capture, on a packet, else on an interface, else on a section (both None)."""

    packet: int | None
    interface: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the capture keeps for an address; `address` is its text, `kind` ipv4, ipv6, eui48 or eui64."""

    address: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: at which byte, a sentence, and whether bytes of it could not be read for that.

    `offset` counts bytes of the file, or of what it decompresses to, then the sentence says so; `file` is its name.
    """

    offset: int
    reason: str
    partial: bool
    file: str = ""


@dataclass(slots=True)
class Part:
    """One file of a capture: its name, bytes, id, hash (None until known) and the number of its first packet."""

    name: str
    size: int | None
    capture_id: str
    sha256: str | None
    first_packet: int
