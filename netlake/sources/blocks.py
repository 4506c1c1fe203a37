"""Read the pcapng blocks that are not packets: sections, interfaces, statistics, names.

- The functions take the body of a block and return facts and comments; they raise BadBlockError with the reason.
- An option with a fixed size is ignored if it has another size; an unknown option is ignored.
- python-pcapng is not used: it fails on text that is not UTF-8, on IPv6 interface addresses and on repeated options of
  ordinary files. Tests compare with it where it reads.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from netlake.kernels.records_ng import BINARY, COARSE, FINE
from netlake.kernels.times import END_SECOND, FAR, FIRST_SECOND, NANO
from netlake.sources.facts import Interface, Name, Section

COMMENT = 1


class BadBlockError(Exception):
    """A block cannot be read; the text is the reason."""


def options(body: bytes, big: bool) -> Iterator[tuple[int, bytes]]:  # noqa: FBT001 - the order of the section
    """(code, value) of each option; BadBlockError if one does not fit in the block."""
    at, order = 0, ">HH" if big else "<HH"
    while at < len(body):
        if at + 4 > len(body):
            raise BadBlockError("its options end within an option")
        code, size = struct.unpack_from(order, body, at)
        if code == 0:
            return
        at += 4
        if at + (size + 3 & ~3) > len(body):
            raise BadBlockError(f"its option {code} has {size} bytes, which do not fit in the block")
        yield code, body[at : at + size]
        at += size + 3 & ~3


def text(value: bytes) -> str:
    """The text of a value; bytes that are not UTF-8 become U+FFFD."""
    return value.rstrip(b"\0").decode("utf-8", "replace")


def number(value: bytes, big: bool) -> int:  # noqa: FBT001
    """An unsigned number of any width."""
    return int.from_bytes(value, "big" if big else "little")


def section(body: bytes, big: bool, index: int) -> tuple[Section, list[str]]:  # noqa: FBT001
    """A section header's facts and comments; `body` begins after the section length."""
    facts, comments = Section(index), []
    for code, value in options(body, big):
        if code == COMMENT:
            comments.append(text(value))
        elif name := {2: "hardware", 3: "os", 4: "application"}.get(code):
            setattr(facts, name, text(value))
    return facts, comments


def _resolution(value: bytes, _big: bool) -> str:  # noqa: FBT001
    return f"{2 if value[0] & 0x80 else 10}^-{value[0] & 0x7F}"


def _signed(value: bytes, big: bool) -> int:  # noqa: FBT001
    return int.from_bytes(value, "big" if big else "little", signed=True)


# options of an interface with a fixed size: the size, and the name and reader of each
SIZES = {6: 6, 8: 8, 9: 1, 13: 1, 14: 8}
SIZED: dict[int, tuple[str, Callable[[bytes, bool], object]]] = {
    6: ("mac", lambda value, _big: value.hex(":")),
    8: ("speed", number),
    9: ("resolution", _resolution),
    13: ("fcs_length", number),
    14: ("ts_offset", _signed),
}
TEXTS = {2: "name", 3: "description", 12: "os", 15: "hardware"}


def interface(body: bytes, big: bool, index: int, in_section: int) -> tuple[Interface, list[str]]:  # noqa: FBT001
    """An interface description's facts and comments."""
    if len(body) < 8:
        raise BadBlockError("it is too short for its fixed fields")
    link_type, _, snaplen = struct.unpack_from(">HHI" if big else "<HHI", body)
    facts, comments = Interface(index, in_section, link_type, snaplen), []
    for code, value in options(body[8:], big):
        if code == COMMENT:
            comments.append(text(value))
        elif code in TEXTS:
            setattr(facts, TEXTS[code], text(value))
        elif len(value) == SIZES.get(code):
            name, read = SIZED[code]
            setattr(facts, name, read(value, big))
        elif code == 11 and value:
            facts.filter = text(value[1:]) if value[0] == 0 else value[1:].hex()
    return facts, comments


class Clock(NamedTuple):
    """How ticks of an interface become times: fields of the kernel's INTERFACE."""

    most: int
    number: int
    moved: int
    clock: int
    second: int
    scale: int
    power: int
    seconds: int


def clock(resolution: str, ts_offset: int) -> Clock:
    """The clock of an interface, with `ts_offset` of 64 bits."""
    base, _, digits = resolution.partition("^-")
    power = int(digits)
    if base == "2":
        return Clock(-1, 0, 0, BINARY, 0, 0, power, ts_offset)
    # 10^19 is the greatest power of ten that fits in 64 bits
    second = 10**power if power <= 19 else 0
    if power > 9:
        return Clock(-1, 0, 0, FINE, second, 10 ** (power - 9) if power <= 28 else 0, power, ts_offset)
    number, moved = 10 ** (9 - power), ts_offset * NANO
    if not -FAR <= moved < FAR:
        return Clock(-1, 0, 0, COARSE, second, number, power, ts_offset)
    return Clock((FAR - 1 - moved) // number, number, moved, COARSE, second, number, power, ts_offset)


def time_of(ticks: int, resolution: str, ts_offset: int) -> int | None:
    """Nanoseconds since 1970 of a time in another block, truncated; None outside the years 1 to 9999."""
    base, _, digits = resolution.partition("^-")
    ns = ticks * NANO // int(base) ** int(digits) + ts_offset * NANO
    return ns if FIRST_SECOND * NANO <= ns < END_SECOND * NANO else None


COUNTERS = {4: "received", 5: "dropped", 6: "filter_accepted", 7: "os_dropped", 8: "delivered"}


def statistics(body: bytes, big: bool) -> tuple[int, dict[str, int], dict[str, int], list[str]]:  # noqa: FBT001
    """(interface in its section, counters, times as ticks, comments) of an interface statistics block."""
    if len(body) < 12:
        raise BadBlockError("it is too short for its fixed fields")
    order = ">" if big else "<"
    counters: dict[str, int] = {}
    times: dict[str, int] = {}
    comments: list[str] = []
    for code, value in options(body[12:], big):
        if code == COMMENT:
            comments.append(text(value))
        elif code in COUNTERS and len(value) == 8:
            counters[COUNTERS[code]] = number(value, big)
        elif code in (2, 3) and len(value) == 8:
            high, low = struct.unpack(order + "II", value)
            times["started" if code == 2 else "ended"] = high << 32 | low
    return struct.unpack_from(order + "I", body)[0], counters, times, comments


ADDRESSES = {1: ("ipv4", 4), 2: ("ipv6", 16), 3: ("eui48", 6), 4: ("eui64", 8)}


def names(body: bytes, big: bool) -> tuple[list[Name], list[str]]:  # noqa: FBT001
    """The names and the comments of a name resolution block."""
    found: list[Name] = []
    at, order = 0, ">HH" if big else "<HH"
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order, body, at)
        at += 4
        if code == 0:
            break
        if at + size > len(body):
            raise BadBlockError(f"a name record of {size} bytes does not fit in it")
        kind, width = ADDRESSES.get(code, ("", 0))
        if kind and size < width:
            raise BadBlockError(f"a name record of {size} bytes is too short for its address")
        if kind:
            address = _address(body[at : at + width], kind)
            values = body[at + width : at + size].split(b"\0")
            found += [Name(address, text(value), kind) for value in values if value]
        at += size + 3 & ~3
    return found, [text(value) for code, value in options(body[at:], big) if code == COMMENT]


# the type of secrets of TLS in decryption secrets blocks: "TLSK"
TLS_KEY_LOG = 0x544C534B


def key_log(body: bytes, big: bool) -> bytes | None:  # noqa: FBT001
    """The key log of TLS in a decryption secrets block, None if its secrets are of another type."""
    if len(body) < 8:
        raise BadBlockError(f"it has {len(body)} bytes of contents, less than its type needs")
    kind, size = struct.unpack_from(">II" if big else "<II", body, 0)
    if kind != TLS_KEY_LOG:
        return None
    if size > len(body) - 8:
        raise BadBlockError(f"secrets of {size} bytes do not fit in it")
    return body[8 : 8 + size]


def _address(value: bytes, kind: str) -> str:
    if kind in ("eui48", "eui64"):
        return value.hex(":")
    from netlake.layers.pools import ip_text  # imports pyarrow, which few captures need here

    return ip_text(value)
