"""The IEEE 802.15.4 header, read by both tables of the package, and the pseudo-headers that captures add.

Decided here:
- Extended addresses are sent in little-endian order; they are written as Wireshark does, most significant byte first,
  with colons.
- The hint of a message is its LINKTYPE number: it decides whether a frame check sequence is at the end (195, 215, or
  the TAP header's type field) and whether a preamble (215) or a TAP header (283) is at the start.
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
# bytes of the frame check sequence, by TAP's FCS type
CHECKS = {0: 0, 1: 2, 2: 4}
FCS_TYPE, RSS, CHANNEL, QUALITY = 0, 1, 3, 10
# bytes of the key source, by key identifier mode
SOURCES = (0, 0, 4, 8)


@dataclass(slots=True)
class Frame:
    """What the reader of a payload needs from the header; `check` is the size of the frame check sequence in bytes."""

    type: int = -1
    version: int = 0
    secured: bool = False
    elements: bool = False
    modes: tuple[int, int] = (0, 0)
    check: int = 0


def extended(data: bytes) -> str:
    """Text of an extended address of eight bytes, as sent."""
    return data[::-1].hex(":")


def mac_header(message: Cursor, frame: Frame) -> Iterator[tuple[str, Any]]:
    """Columns before the payload; fills `frame`. Multipurpose and extended frames have the type only."""
    yield from _pseudo_header(message, frame)
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


def _pseudo_header(message: Cursor, frame: Frame) -> Iterator[tuple[str, Any]]:
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
    """Whether the destination and the source PAN ID are present: by one rule before 2015, then by a table."""
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
    """The bytes between the header and the frame check sequence."""
    if message.promised < frame.check:
        raise Malformed("bad_length")
    return part(message, message.promised - frame.check)
