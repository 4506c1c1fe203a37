"""The header of IEEE 802.15.4 as both of its tables read it, with what a capture puts around it.

Addresses of eight bytes are sent backwards and written as Wireshark does, the first byte first, with colons.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed

ON = ("link.type=195", "link.type=215", "link.type=230", "link.type=283")
WITH_FCS, WITH_PREAMBLE, TAP = 195, 215, 283
PREAMBLE = 6
SHORT, EXTENDED = 2, 3
BEACON, DATA, ACKNOWLEDGEMENT, COMMAND = range(4)
MULTIPURPOSE = 5
# bytes of check sequences by TAP's number
CHECKS = {0: 0, 1: 2, 2: 4}
FCS_TYPE, RSS, CHANNEL, QUALITY = 0, 1, 3, 10
# bytes of a key's source by the mode that names the key
SOURCES = (0, 0, 4, 8)


@dataclass(slots=True)
class Frame:
    """What must be known to read on behind the header."""

    type: int = -1
    version: int = 0
    secured: bool = False
    elements: bool = False
    modes: tuple[int, int] = (0, 0)
    check: int = 0


def extended(data: bytes) -> str:
    """An address of eight bytes, as sent, as text."""
    return data[::-1].hex(":")


def header(message: Cursor, frame: Frame) -> Iterator[tuple[str, Any]]:
    """Columns up to the payload; `frame` is filled. Of multipurpose and extended frames only the frame control."""
    yield from _around(message, frame)
    control = message.little(2)
    kind, version = control & 7, control >> 12 & 3
    frame.type, frame.version = kind, version
    yield "type", kind
    if kind >= MULTIPURPOSE:
        return
    frame.secured, frame.elements = bool(control & 8), version == 2 and bool(control & 0x200)
    frame.modes = control >> 10 & 3, control >> 14
    yield "security", frame.secured
    yield "pending", bool(control & 0x10)
    yield "ack_request", bool(control & 0x20)
    yield "pan_compression", bool(control & 0x40)
    yield "version", version
    if version == 3 or 1 in frame.modes:
        raise Malformed("bad_value")
    if version < 2 or not control & 0x100:
        yield "sequence", message.number(1)
    yield from _addresses(message, frame, compressed=bool(control & 0x40))
    if frame.secured and version:
        yield from _security(message)
    elif frame.secured:
        yield "frame_counter", message.little(4)
        message.skip(1)


def _around(message: Cursor, frame: Frame) -> Iterator[tuple[str, Any]]:
    if message.hint == WITH_PREAMBLE:
        message.skip(PREAMBLE)
    if message.hint in (WITH_FCS, WITH_PREAMBLE):
        frame.check = 2
    elif message.hint == TAP:
        message.skip(2)
        size = message.little(2)
        if size < 4:
            raise Malformed("bad_length")
        fields = part(message, size - 4)
        while fields.promised:
            kind, length = fields.little(2), fields.little(2)
            if length > fields.promised:
                raise Malformed("bad_length")
            yield from _tap(kind, fields.take(length), frame)
            fields.skip(min(-length % 4, fields.left))


def _tap(kind: int, value: bytes, frame: Frame) -> Iterator[tuple[str, Any]]:
    if kind == FCS_TYPE and value:
        frame.check = CHECKS.get(value[0], 0)
    elif kind == RSS and len(value) == 4:
        yield "signal", struct.unpack("<f", value)[0]
    elif kind == CHANNEL and len(value) == 3:
        yield "channel", int.from_bytes(value[:2], "little")
        yield "channel_page", value[2]
    elif kind == QUALITY and value:
        yield "quality", value[0]


def _addresses(message: Cursor, frame: Frame, *, compressed: bool) -> Iterator[tuple[str, Any]]:
    destination, source = frame.modes
    with_destination, with_source = _networks(frame, compressed=compressed)
    if with_destination:
        yield "dst_pan", message.little(2)
    if destination == SHORT:
        yield "dst_short", message.little(2)
    elif destination == EXTENDED:
        yield "dst_extended", extended(message.take(8))
    if with_source:
        yield "src_pan", message.little(2)
    if source == SHORT:
        yield "src_short", message.little(2)
    elif source == EXTENDED:
        yield "src_extended", extended(message.take(8))


def _networks(frame: Frame, *, compressed: bool) -> tuple[bool, bool]:
    """Which network ids stand in the header: until 2006 by one rule, since 2015 by a table."""
    destination, source = (bool(mode) for mode in frame.modes)
    if frame.version < 2:
        return destination, source and not (compressed and destination)
    if frame.modes == (EXTENDED, EXTENDED):
        return not compressed, False
    if destination and source:
        return True, not compressed
    if not destination and not source:
        return compressed, False
    return destination and not compressed, source and not compressed


def _security(message: Cursor) -> Iterator[tuple[str, Any]]:
    control = message.number(1)
    yield "security_level", control & 7
    mode = control >> 3 & 3
    yield "key_mode", mode
    if not control & 0x20:
        yield "frame_counter", message.little(4)
    if mode:
        if source := message.take(SOURCES[mode]):
            yield "key_source", source
        yield "key_index", message.number(1)


def payload(message: Cursor, frame: Frame) -> Cursor:
    """What lies between the header and the check sequence."""
    if message.promised < frame.check:
        raise Malformed("bad_length")
    return part(message, message.promised - frame.check)
