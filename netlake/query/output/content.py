"""Writes the content of a flow as text, as hexadecimal digits, or as it is.

Text and digits are safe for a terminal. `>` in front of a line is the originator, `<` the responder. Of text, LF and
CR LF end a line; other control characters, characters that reorder text, and bytes that are not UTF-8 are escaped
(netlake.query.output.visible). A line that is not complete is written when the other side speaks. Missing bytes are a
line of their own; written as they are, they are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from netlake.originals.payloads import Piece
from netlake.query.output.visible import EVERY, visible

MARKS = {True: "> ", False: "< "}
WIDTH = 16
# bytes of a line of text that is written although it has no end
LONGEST = 1 << 16


class Form(Protocol):
    """Makes output of pieces."""

    def piece(self, piece: Piece) -> Iterator[bytes]:
        """The output for a piece."""

    def end(self) -> Iterator[bytes]:
        """The output after the last piece."""


class Raw:
    """The bytes as they are."""

    def piece(self, piece: Piece) -> Iterator[bytes]:
        """The bytes of a piece."""
        yield bytes(piece.data)

    def end(self) -> Iterator[bytes]:
        """Nothing."""
        yield from ()


class Text:
    """Lines of text."""

    def __init__(self) -> None:
        self._side, self._rest = True, b""

    def piece(self, piece: Piece) -> Iterator[bytes]:
        """The lines that a piece completes."""
        if piece.from_originator != self._side or piece.missing:
            yield from self.end()
        self._side = piece.from_originator
        if piece.missing:
            yield missing(piece)
            return
        *lines, rest = (self._rest + bytes(piece.data)).split(b"\n")
        for line in lines:
            yield self._line(line.removesuffix(b"\r"))
        while len(rest) > LONGEST:
            yield self._line(rest[:LONGEST])
            rest = rest[LONGEST:]
        self._rest = rest

    def end(self) -> Iterator[bytes]:
        """The line that is not complete."""
        if self._rest:
            yield self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> bytes:
        text = EVERY.sub(visible, line.decode(errors="backslashreplace"))
        return f"{MARKS[self._side]}{text}\n".encode()


class Digits:
    """Lines of 16 bytes: the offset in the direction, digits, and printable ASCII."""

    def __init__(self) -> None:
        self._sent = {True: 0, False: 0}

    def piece(self, piece: Piece) -> Iterator[bytes]:
        """The lines of a piece."""
        mark, data = MARKS[piece.from_originator], bytes(piece.data)
        begin = self._sent[piece.from_originator]
        self._sent[piece.from_originator] += len(data) + piece.missing
        if piece.missing:
            yield missing(piece)
        for at in range(0, len(data), WIDTH):
            part = data[at : at + WIDTH]
            shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
            yield f"{mark}{begin + at:08x}  {part.hex(' '):<{3 * WIDTH - 1}}  {shown}\n".encode()

    def end(self) -> Iterator[bytes]:
        """Nothing."""
        yield from ()


def missing(piece: Piece) -> bytes:
    """The line for missing bytes."""
    return f"{MARKS[piece.from_originator]}[{piece.missing:,} bytes missing]\n".encode()


def write(pieces: Iterable[Piece], form: Form, out: BinaryIO) -> int:
    """Write all pieces; returns the number of bytes that are missing."""
    lost = 0
    for piece in pieces:
        lost += piece.missing
        out.writelines(form.piece(piece))
    out.writelines(form.end())
    return lost
