"""The machine of WebSocket (netlake.layers.dialog.Machine): the frames of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netlake.layers.dialog import At, Row, Said, Where
from netlake.layers.spans import text_of
from netlake.layers.streamed import NO, UNSURE, YES, Verdict
from netlake.streams.websocket.declared import OPCODES
from netlake.streams.websocket.inflate import Inflate

# of a payload as much is kept; a control frame has at most 125 bytes
MOST, MOST_CONTROL = 1024, 125
CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
FIN, RSV1, MASK = 0x80, 4, 0x80
# the least lengths in 16 and in 64 bits
LEAST = {126: 126, 127: 1 << 16}


def first_look(data: bytes, _side: int) -> Verdict:
    """Whether a stream begins with a frame that can be the first one: data, ping, pong or close."""
    opcode, rsv = data[0] & 15, data[0] >> 4 & 7
    is_control = opcode >= CLOSE
    if opcode not in OPCODES or opcode == CONTINUATION or rsv & 3 or (is_control and (rsv or not data[0] & FIN)):
        return NO
    if len(data) < 2:
        return UNSURE
    # a length of 64 bits begins with a zero bit
    if data[1] & 0x7F == 127 and len(data) > 2 and data[2] & 0x80:
        return NO
    return YES


@dataclass(slots=True)
class Frame:
    """A frame; `left` bytes of its payload were not read yet, `kept` are the first ones, unmasked and decoded."""

    first: int
    masked: bool
    length: int
    key: bytes
    begin: Where
    left: int
    is_long: bool  # its length has not the shortest form
    kept: bytearray = field(default_factory=bytearray)
    missing: int = 0
    inflate: Inflate | None = None
    was_bad: bool = False  # before this frame, its compressed data was no DEFLATE
    is_bad: bool = False

    def read(self, data: bytes) -> None:
        """Bytes of the payload."""
        at, self.left = self.length - self.left, self.left - len(data)
        room = MOST - len(self.kept)
        if self.inflate is not None:
            self.decode(self.inflate.decode(unmasked(data, self.key, at), room))
        elif not self.missing:
            self.kept += unmasked(data[: max(room, 0)], self.key, at)

    def finish(self) -> None:
        """The message ends with this frame."""
        if self.inflate is not None:
            self.decode(self.inflate.end(MOST - len(self.kept)))

    def decode(self, decoded: bytes) -> None:
        """Keep decoded bytes, or none of the frame in which decoding fails."""
        assert self.inflate is not None  # noqa: S101 - the callers check
        self.kept += decoded
        if self.inflate.is_bad and not self.was_bad:
            self.kept.clear()
            self.is_bad = True


@dataclass(slots=True)
class Side:
    """One direction; `opcode` and `rsv` are those of its message that is not over."""

    head: bytearray = field(default_factory=bytearray)
    begin: Where | None = None
    frame: Frame | None = None
    opcode: int | None = None
    rsv: int = 0
    messages: int = 0
    inflate: Inflate = field(default_factory=Inflate)
    is_over: bool = False

    def begin_frame(self, frame: Frame) -> None:
        """The head of a frame is complete."""
        self.head, self.begin, self.frame = bytearray(), None, frame
        opcode = frame.first & 15
        rsv = self.rsv if opcode == CONTINUATION and self.opcode is not None else frame.first >> 4
        if opcode < CLOSE and rsv & RSV1:
            frame.inflate, frame.was_bad = self.inflate, self.inflate.is_bad


class WebSocketMachine:
    """Reads the WebSocket frames of one flow."""

    def __init__(self) -> None:
        self.undecoded = [0, 0]
        self.sides = (Side(), Side())

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said."""
        one, used = self.sides[side], 0
        while used < len(data) and not one.is_over:
            frame = one.frame
            if frame is None:
                used = self._head(one, data, used, at)
                frame = one.frame
                if frame is None:
                    continue
            else:
                part = data[used : used + frame.left]
                frame.read(part)
                used += len(part)
            if not frame.left:
                yield self._over(one, at(used - 1))
        if one.is_over:
            self.undecoded[side] += len(data) - used

    def gap(self, side: int, size: int) -> Iterator[Said]:
        """Bytes are missing: within a payload its length says where the next frame begins."""
        one = self.sides[side]
        frame = one.frame
        if frame is not None and size <= frame.left:
            frame.left, frame.missing = frame.left - size, frame.missing + size
            if frame.inflate is not None:
                frame.inflate.lose()
            if not frame.left:
                yield self._over(one, None)
        else:
            yield from self._lost(side)

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more."""
        yield from self._lost(side)

    def _lost(self, side: int) -> Iterator[Said]:
        """Nothing more of a side is read."""
        one = self.sides[side]
        self.undecoded[side] += len(one.head)
        one.head.clear()
        if one.frame is not None:
            one.frame.missing += one.frame.left
            yield self._over(one, None)
        one.is_over = True

    @staticmethod
    def _head(one: Side, data: bytes, used: int, at: At) -> int:
        """Read bytes of the head of a frame; how far."""
        one.begin = one.begin or at(used)
        head = one.head
        while used < len(data):
            size = _size(head)
            stop = min(len(data), used + size - len(head))
            head += data[used:stop]
            used = stop
            if len(head) == size == _size(head):
                form = head[1] & 0x7F
                length = form if form < 126 else int.from_bytes(head[2 : 4 if form == 126 else 10])
                masked = bool(head[1] & MASK)
                key = bytes(head[-4:]) if masked else b""
                one.begin_frame(Frame(head[0], masked, length, key, one.begin, length, length < LEAST.get(form, 0)))
                return used
        return used

    def _over(self, one: Side, end: Where | None) -> Row:
        """The row of the frame that is over."""
        frame = one.frame
        assert frame is not None  # noqa: S101 - the callers check
        one.frame = None
        opcode, fin, rsv = frame.first & 15, bool(frame.first & FIN), frame.first >> 4 & 7
        fields: dict[str, Any] = {
            "opcode": opcode, "opcode_name": OPCODES.get(opcode), "fin": fin, "rsv": rsv, "masked": frame.masked,
            "payload_length": frame.length, "payload_missing": frame.missing,
        }  # fmt: skip
        if fin:
            frame.finish()
        payload = bytes(frame.kept)
        if opcode >= CLOSE:
            bad = frame.is_long or not fin or rsv != 0 or frame.length > MOST_CONTROL or opcode not in OPCODES
            fields |= control(opcode, payload)
            one.is_over = opcode == CLOSE
        else:
            bad = self._data(one, fields, payload) or frame.is_long or frame.is_bad
        fault = "cut" if frame.missing else "bad_value" if bad else None
        return Row("websocket", fields, frame.begin, end, fault)

    @staticmethod
    def _data(one: Side, fields: dict[str, Any], payload: bytes) -> bool:
        """Complete the columns of a data frame; whether it is not allowed here."""
        opcode, rsv = fields["opcode"], fields["rsv"]
        bad = opcode not in OPCODES or rsv & 3 != 0 or (opcode == CONTINUATION) != (one.opcode is not None)
        if opcode != CONTINUATION or one.opcode is None:
            one.opcode, one.rsv = opcode, rsv
        else:
            bad |= rsv != 0
        fields["message"], fields["compressed"] = one.messages, one.rsv & RSV1 != 0
        if one.opcode == TEXT:
            fields["text"] = shown(payload) or None
        if fields["fin"]:
            one.opcode, one.messages = None, one.messages + 1
        return bad


def _size(head: bytearray) -> int:
    """The bytes of a head, as far as it says."""
    if len(head) < 2:
        return 2
    length = head[1] & 0x7F
    return 2 + (8 if length == 127 else 2 if length == 126 else 0) + (4 if head[1] & MASK else 0)


def unmasked(payload: bytes, key: bytes, at: int) -> bytes:
    """A part of a payload, from byte `at`, without its mask (RFC 6455 section 5.3)."""
    if not key or not payload:
        return payload
    mask = (key * (len(payload) // 4 + 2))[at % 4 :][: len(payload)]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(len(payload))


def shown(payload: bytes) -> str:
    """Text; a character that the bound or a fragment cuts is left out at the end."""
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return payload[: error.start].decode()
        return text_of(payload)


def control(opcode: int, payload: bytes) -> dict[str, Any]:
    """The columns of a control frame."""
    if opcode == CLOSE and len(payload) >= 2:
        return {"close_code": int.from_bytes(payload[:2]), "close_reason": shown(payload[2:]) or None}
    return {"ping": payload or None} if opcode == PING else {"pong": payload or None} if opcode == PONG else {}
