"""Frames of decrypted packets (RFC 9000 section 19): those that carry data or end something; others are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from netlake.layers.quic_keys import counted, varint
from netlake.packets import Malformed


class Type(IntEnum):
    """Types of frames."""

    PADDING = 0x00
    PING = 0x01
    ACK = 0x02
    ACK_ECN = 0x03
    RESET_STREAM = 0x04
    STOP_SENDING = 0x05
    CRYPTO = 0x06
    NEW_TOKEN = 0x07
    STREAM = 0x08  # to 0x0F
    NEW_CONNECTION_ID = 0x18
    PATH_CHALLENGE = 0x1A
    PATH_RESPONSE = 0x1B
    CLOSE = 0x1C
    CLOSE_BY_APPLICATION = 0x1D
    HANDSHAKE_DONE = 0x1E
    IMMEDIATE_ACK = 0x1F  # draft-ietf-quic-ack-frequency
    RESET_STREAM_AT = 0x24  # draft-ietf-quic-reliable-stream-reset
    DATAGRAM = 0x30  # RFC 9221
    DATAGRAM_WITH_LENGTH = 0x31
    ACK_FREQUENCY = 0xAF
    TIME_STAMP = 0x02F5  # draft-huitema-quic-ts


HAS_OFFSET, HAS_LENGTH, HAS_FIN = 4, 2, 1
# the numbers that frames of a type consist of
NUMBERS = {
    Type.PING: 0, Type.HANDSHAKE_DONE: 0, Type.IMMEDIATE_ACK: 0, Type.ACK_FREQUENCY: 4, Type.TIME_STAMP: 1,
    0x10: 1, 0x11: 2, 0x12: 1, 0x13: 1, 0x14: 1, 0x15: 2, 0x16: 1, 0x17: 1, 0x19: 1,
}  # fmt: skip
PATH_DATA, RESET_TOKEN = 8, 16


class Crypto(NamedTuple):
    """Bytes of the handshake."""

    offset: int
    data: bytes


class Data(NamedTuple):
    """Bytes of a stream; with `fin` they are the last ones."""

    stream: int
    offset: int
    data: bytes
    fin: bool


class Reset(NamedTuple):
    """The sender ends a stream at offset `size` (RESET_STREAM), or asks the other end to (STOP_SENDING, `size` -1)."""

    stream: int
    code: int
    size: int


class NewId(NamedTuple):
    """Another connection ID of the sender."""

    connection: bytes


class Close(NamedTuple):
    """The sender ends the connection; the code is of QUIC, or with `by_application` of the protocol over it."""

    code: int
    reason: bytes
    by_application: bool


Frame = Crypto | Data | Reset | NewId | Close


def frames(data: bytes) -> Iterator[Frame]:
    """The frames of a packet; Malformed behind the last one that can be read, if there are more bytes."""
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        if kind == Type.PADDING:
            at = end - len(data[at:].lstrip(b"\0"))
        elif Type.STREAM <= kind < Type.STREAM + 8:
            found, at = _stream(data, at + 1, kind)
            yield found
        else:
            kind, at = varint(data, at)
            if kind in (Type.ACK, Type.ACK_ECN):
                at = _after_ack(data, at, kind)
            elif kind in NUMBERS:
                at = _after(data, at, NUMBERS[kind])
            else:
                other, at = _other(data, at, kind)
                if other is not None:
                    yield other


def _stream(data: bytes, at: int, kind: int) -> tuple[Data, int]:
    stream, at = varint(data, at)
    offset = 0
    if kind & HAS_OFFSET:
        offset, at = varint(data, at)
    size = len(data) - at
    if kind & HAS_LENGTH:
        size, at = varint(data, at)
    if at + size > len(data):
        raise Malformed("bad_length")
    return Data(stream, offset, data[at : at + size], bool(kind & HAS_FIN)), at + size


def _other(data: bytes, at: int, kind: int) -> tuple[Frame | None, int]:
    """A frame that is not a number of numbers, and the offset after it."""
    if kind == Type.CRYPTO:
        offset, at = varint(data, at)
        part, at = counted(data, at)
        return Crypto(offset, part), at
    if kind in (Type.RESET_STREAM, Type.STOP_SENDING, Type.RESET_STREAM_AT):
        stream, at = varint(data, at)
        code, at = varint(data, at)
        size = -1
        if kind != Type.STOP_SENDING:
            size, at = varint(data, at)
        return Reset(stream, code, size), _after(data, at, int(kind == Type.RESET_STREAM_AT))
    if kind == Type.NEW_CONNECTION_ID:
        size_at = _after(data, at, 2)
        size = data[size_at] if size_at < len(data) else 0
        at = size_at + 1 + size + RESET_TOKEN
        if at > len(data):
            raise Malformed("bad_length")
        return NewId(data[size_at + 1 : size_at + 1 + size]), at
    if kind in (Type.CLOSE, Type.CLOSE_BY_APPLICATION):
        code, at = varint(data, at)
        reason, at = counted(data, _after(data, at, int(kind == Type.CLOSE)))
        return Close(code, reason, kind == Type.CLOSE_BY_APPLICATION), at
    return None, _after_bytes(data, at, kind)


def _after_bytes(data: bytes, at: int, kind: int) -> int:
    """The offset after a frame whose bytes are not read."""
    if kind in (Type.NEW_TOKEN, Type.DATAGRAM_WITH_LENGTH):
        return counted(data, at)[1]
    if kind in (Type.PATH_CHALLENGE, Type.PATH_RESPONSE):
        return at + PATH_DATA
    if kind == Type.DATAGRAM:
        return len(data)
    raise Malformed("bad_value")


def _after(data: bytes, at: int, count: int) -> int:
    """The offset after `count` numbers."""
    for _ in range(count):
        at = varint(data, at)[1]
    return at


def _after_ack(data: bytes, at: int, kind: int) -> int:
    """The offset after an ACK frame."""
    at = _after(data, at, 2)
    ranges, at = varint(data, at)
    # more numbers than there are bytes are Malformed
    return _after(data, at, min(2 * ranges + 1 + (3 if kind == Type.ACK_ECN else 0), len(data)))
