"""Search the payload of packets for a regular expression, within packets and across the segments of streams.

Theory of operation
- The expression is one of RE2, as of `matches` in display filters: its time is linear in the bytes. Each byte is a
  character, so that any bytes can be searched.
- Searched are the streams of TCP, the payload of each UDP datagram, and of packets with neither the whole frame.
- Of a stream the last LONGEST bytes are kept for the next batch, so that a match is found wherever its segments end. A
  match that is longer, and not within one batch, may be found in part. A match at the end of what is known waits: more
  bytes may make it longer. So `^` and `$` are the start and end of a stream, or of its part between two gaps.
- Bytes that were reported are not searched again: matches of a stream do not overlap. Empty matches are left out.
- Memory: LONGEST bytes for each direction of the open flows that have sent so many.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlake.errors import OptionError
from netlake.originals.payloads import Payloads, Piece
from netlake.packets import Packets

LONGEST = 4096
# bytes of an excerpt, and of those before the match
EXCERPT, BEFORE = 64, 16


class Match(NamedTuple):
    """A match: `offset` in what was searched, `kind` (stream, datagram, frame); flow and direction of the payload."""

    packet: int
    flow: int | None
    from_originator: bool | None
    kind: str
    offset: int
    length: int
    excerpt: bytes


def compiled(text: bytes, *, ignore_case: bool = False) -> Any:
    """The compiled expression; OptionError if it is invalid."""
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive, options.log_errors, options.never_nl = not ignore_case, False, False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        why = why.decode(errors="replace") if isinstance(why, bytes) else why
        raise OptionError(
            f"REGEX: {text.decode(errors='replace')!r} is no regular expression of RE2: {why}."
        ) from error


@dataclass(slots=True)
class _Stream:
    """What is kept of one direction: its last bytes, their offset, and (offset, packet) of the pieces of them."""

    kept: bytes = b""
    base: int = 0
    parts: list[bytes] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)
    reported: int = 0
    is_cut: bool = False


class Search:
    """Finds the matches in the payload of one capture, batch after batch."""

    def __init__(self, expression: Any, reader: Payloads, *, frames: bool = True) -> None:
        self.expression, self.reader, self.frames = expression, reader, frames
        self._streams: dict[tuple[int, bool], _Stream] = {}

    def batch(self, packets: Packets) -> list[Match]:
        """The matches that a batch completes, by packet."""
        found = list(self._pieces(self.reader.batch(packets)))
        if self.frames:
            for row in self.reader.without_payload(packets).tolist():
                start, size = int(packets.start[row]), int(packets.captured[row])
                frame = packets.data[start : start + size].tobytes()
                found += self._alone(frame, int(packets.number[row]), None, None, "frame")
        return sorted(found, key=lambda one: one.packet)

    def finish(self) -> list[Match]:
        """The matches that the end of the capture completes."""
        found = list(self._pieces(self.reader.finish()))
        for (flow, mine), stream in self._streams.items():
            found += self._in_stream(flow, mine, stream, ended=True)
        return sorted(found, key=lambda one: one.packet)

    def pieces(self, pieces: Iterable[Piece]) -> list[Match]:
        """The matches in all pieces of one flow, by packet."""
        found = list(self._pieces(pieces))
        for (flow, mine), stream in self._streams.items():
            found += self._in_stream(flow, mine, stream, ended=True)
        return sorted(found, key=lambda one: one.packet)

    def _pieces(self, pieces: Iterable[Piece]) -> Iterator[Match]:
        """The matches in pieces; those of a stream are joined first."""
        touched: dict[tuple[int, bool], _Stream] = {}
        for piece in pieces:
            if not piece.is_stream:
                if piece.data:
                    yield from self._alone(
                        bytes(piece.data), piece.packet, piece.flow, piece.from_originator, "datagram"
                    )
                continue
            key = (piece.flow, piece.from_originator)
            stream = self._streams.setdefault(key, _Stream())
            if piece.is_end or piece.missing:
                yield from self._in_stream(*key, stream, ended=True)
                if piece.is_end:
                    del self._streams[key]
                    touched.pop(key, None)
                else:
                    self._streams[key] = _Stream(base=piece.offset + piece.missing)
                    touched[key] = self._streams[key]
                continue
            stream.parts.append(bytes(piece.data))
            stream.marks.append((piece.offset, piece.packet))
            touched[key] = stream
        for (flow, mine), stream in touched.items():
            yield from self._in_stream(flow, mine, stream, ended=False)

    def _alone(
        self,
        data: bytes,
        packet: int,
        flow: int | None,
        from_originator: bool | None,  # noqa: FBT001 - a field of the match
        kind: str,
    ) -> Iterator[Match]:
        for one in self.expression.finditer(data):
            if one.end() > one.start():
                yield Match(packet, flow, from_originator, kind, *_shown(data, one, 0))

    def _in_stream(
        self,
        flow: int,
        from_originator: bool,  # noqa: FBT001 - as above
        stream: _Stream,
        *,
        ended: bool,
    ) -> Iterator[Match]:
        """The matches in what is kept and new of a stream; then only its last bytes are kept."""
        text, base = stream.kept + b"".join(stream.parts), stream.base
        stream.parts.clear()
        offsets = [offset for offset, _ in stream.marks]
        # one byte of context, so that ^ does not match within a stream
        begin = max(int(stream.is_cut), stream.reported - base)
        for one in self.expression.finditer(text, begin):
            if one.end() == len(text) and not ended and len(text) - one.start() < LONGEST:
                break
            if one.end() > one.start():
                place = max(0, bisect_right(offsets, base + one.start()) - 1)
                stream.reported = base + one.end()
                yield Match(stream.marks[place][1], flow, from_originator, "stream", *_shown(text, one, base))
        cut = max(0, len(text) - LONGEST - 1)
        if cut:
            stream.kept, stream.base, stream.is_cut = text[cut:], base + cut, True
            stream.marks = stream.marks[max(0, bisect_right(offsets, stream.base) - 1) :]
        else:
            stream.kept = text


def _shown(text: bytes, one: Any, base: int) -> tuple[int, int, bytes]:
    """(offset, length, excerpt) of a match."""
    begin = max(0, one.start() - BEFORE)
    return base + one.start(), one.end() - one.start(), text[begin : begin + EXCERPT]
