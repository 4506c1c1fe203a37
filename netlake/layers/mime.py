"""Reads a mail while it arrives: its headers, and its parts, each of which is a file (RFC 5322, RFC 2045, RFC 2046).

It is a Reader of netlake.layers.contents, and runs in the thread of bodies. It keeps the part of a line that is not
complete and the headers; the bytes of parts are decoded, hashed and stored as they come.

Rules
- State: HEADERS of a part, LEAF (its bytes), or OUTSIDE, which is before the first and behind the last part of a
  multipart. `levels` are the open multiparts; a delimiter line of any of them ends what is inside. The line end before
  a delimiter belongs to the delimiter.
- Lines begin behind LF. A line longer than LONGEST_LINE is no delimiter, and its parts are read as they come.
- A line in the headers that is none ends them, as in Python's parser.
- message/rfc822 without an encoding is read as a part with headers of its own.
- At most MOST_DEPTH levels (deeper multiparts are files), MOST_PARTS parts (the rest of the mail is of none),
  MOST_HEAD bytes of headers (the rest is left out): `fault` is too_deep or too_large then.
- Missing bytes: the part in which they are is not complete; base64 is read again from the next line.
- Text and links are those of the first MOST_TEXT bytes of each text part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NamedTuple

from netlake.layers.content_coding import Kept
from netlake.layers.contents import Body, Content, Store
from netlake.layers.mime_decode import Decoder, decoder
from netlake.layers.mime_headers import PartHeaders, headers_of, in_charset

LONGEST_LINE, MOST_HEAD, MOST_TEXT = 4096, 256 << 10, 32 << 10
MOST_DEPTH, MOST_PARTS, MOST_LINKS, MOST_SHOWN = 32, 512, 64, 4096
_LINK = re.compile(r"""\b(?:https?|ftp)://[^\s<>"'\\{}|^`\x00-\x1f]{1,2000}""", re.IGNORECASE)


class State(Enum):
    """What is read."""

    HEADERS = 0
    LEAF = 1
    OUTSIDE = 2


class Level(NamedTuple):
    """An open multipart; `depth` is the number of multiparts and messages that contain its parts, with it."""

    boundary: bytes
    depth: int


@dataclass(slots=True)
class Part:
    """A part: its headers, and its content unless it is one of messages; bytes as transferred."""

    headers: PartHeaders
    depth: int
    content: Content | None = None
    size: int = 0
    missing: int = 0
    is_whole: bool = False
    is_broken: bool = False


@dataclass(slots=True)
class Mail:
    """A mail that was read: headers, parts in order, first text, links, its bytes; `fault` as in column `fault`."""

    headers: PartHeaders = field(default_factory=PartHeaders)
    parts: list[Part] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    size: int = 0
    fault: str | None = None

    @property
    def text(self) -> str | None:
        """The beginning of the first part with plain text, else of the first one with HTML."""
        return self.texts.get("text/plain") or self.texts.get("text/html")


class MailReader:
    """Reads one mail; arguments as of netlake.layers.contents.Reader."""

    def __init__(self, hashes: Iterable[str], store: Store | None, kept: Kept) -> None:
        self.hashes, self.store, self.kept = tuple(hashes), store, kept
        self.found = Mail()
        self.state, self.has_headers = State.HEADERS, False
        self.line, self.is_begun = bytearray(), False  # the last line; whether its beginning was read
        self.head = bytearray()
        self.levels: list[Level] = []
        self.depth = 0
        self.delimiters: dict[bytes, int] = {}
        self.part: Part | None = None
        self.body: Body | None = None
        self.decoder: Decoder | None = None
        self.line_end, self.first = b"", bytearray()
        self.has_failed = False

    def add(self, data: memoryview) -> None:
        """Bytes of the mail."""
        self.found.size += len(data)
        if not self.has_failed:
            try:
                self._add(bytes(data))
            except Exception:  # noqa: BLE001 - any exception; the row of the mail has the fault
                self.has_failed = True

    def gap(self, size: int) -> None:
        """Bytes of the mail are missing."""
        if self.part is not None and self.state is State.LEAF and not self.has_failed:
            self._given(self.part, self.line_end + bytes(self.line))
            self.line_end = b""
            self.part.missing += size
            if self.decoder is not None:
                self.decoder.gap()
        elif self.state is State.HEADERS:
            self.found.fault = self.found.fault or "cut"
        self.line.clear()
        self.is_begun = True

    def end(self) -> Mail:
        """The whole mail."""
        if not self.has_failed:
            try:
                self._end()
            except Exception:  # noqa: BLE001 - any exception; the row of the mail has the fault
                self.has_failed = True
        if self.has_failed:
            self.abort()
            self.found.fault = "reader_failed"
        return self.found

    def abort(self) -> None:
        """The mail will not end."""
        if self.body is not None:
            self.body.abort()
            self.body = None

    def _add(self, data: bytes) -> None:
        self.line += data
        while self.line:
            used = self._skipped() if self.state is not State.HEADERS else 0
            used = used or self._line(is_last=False)
            if not used:
                return
            del self.line[:used]

    def _end(self) -> None:
        while self.line:
            del self.line[: self._skipped() if self.state is not State.HEADERS else 0]
            if self.line:
                del self.line[: self._line(is_last=True)]
        if self.state is State.HEADERS:
            self._end_of_headers()
        self._close(is_whole=False)

    def _skipped(self) -> int:
        """Read lines up to the next one that can be a delimiter; how many bytes."""
        line = self.line
        if not self.is_begun and line.startswith(b"--"[: len(line)]):
            return 0
        found = line.find(b"\n--")
        stop = found + 1 if found >= 0 else line.rfind(b"\n") + 1
        if not stop:
            return 0
        self._bytes(bytes(line[:stop]))
        self.is_begun = False
        return stop

    def _line(self, *, is_last: bool) -> int:
        """Read one line, or a part of one that is too long; how many bytes, 0 if more are needed."""
        found = self.line.find(b"\n")
        stop = found + 1 if found >= 0 else len(self.line)
        if found < 0 and not is_last and stop < LONGEST_LINE:
            return 0
        line, is_begun = bytes(self.line[:stop]), self.is_begun
        self.is_begun = found < 0
        is_long = stop > LONGEST_LINE or (found < 0 and not is_last)
        level = None if is_begun or is_long else self.delimiters.get(line.rstrip(b" \t\r\n"))
        if level is not None:
            self._delimiter(level)
        elif self.state is State.HEADERS:
            return self._header(line, is_begun=is_begun)
        else:
            self._bytes(line)
        return stop

    def _delimiter(self, number: int) -> None:
        """A delimiter line of a level: `number` is 2 * level, + 1 for the closing one."""
        if self.state is State.HEADERS:
            self._end_of_headers()
        self._close(is_whole=True)
        level, is_closing = divmod(number, 2)
        kept = level if is_closing else level + 1
        depth = self.levels[level].depth
        for one in self.levels[kept:]:
            self._forget(one.boundary)
        self.levels = self.levels[:kept]
        self.depth = depth - 1 if is_closing else depth
        self.state = State.OUTSIDE if is_closing else State.HEADERS
        self.head = bytearray()

    def _forget(self, boundary: bytes) -> None:
        self.delimiters.pop(b"--" + boundary, None)
        self.delimiters.pop(b"--" + boundary + b"--", None)

    def _header(self, line: bytes, *, is_begun: bool) -> int:
        """Read one line of headers; how many bytes."""
        shown = line[:LONGEST_LINE].rstrip(b"\r\n")
        if not is_begun and not shown:
            self._end_of_headers()
            return len(line)
        is_header = is_begun or shown[:1] in (b" ", b"\t") or b":" in shown or shown.startswith(b"From ")
        if not is_header:
            # a message within the mail has headers of its own, which are empty then
            while self.state is State.HEADERS:
                self._end_of_headers()
            self._bytes(line)
            return len(line)
        room = MOST_HEAD - len(self.head)
        self.head += line[:room]
        if len(line) > room:
            self.found.fault = self.found.fault or "too_large"
        return len(line)

    def _end_of_headers(self) -> None:
        """What follows is the body of a part."""
        headers, self.head = headers_of(bytes(self.head)), bytearray()
        if headers.is_cut:
            self.found.fault = self.found.fault or "too_large"
        if not self.has_headers:
            self.found.headers, self.has_headers = replace(headers), True
        headers.pairs = []
        found, kind = self.found, headers.content_type
        is_full = len(found.parts) >= MOST_PARTS
        if is_full:
            found.fault, self.state = found.fault or "too_large", State.OUTSIDE
            return
        is_multipart, is_message = kind.startswith("multipart/") and headers.boundary, kind == "message/rfc822"
        if (is_multipart or is_message) and self.depth >= MOST_DEPTH:
            found.fault, is_multipart, is_message = found.fault or "too_deep", False, False
        if is_multipart:
            self._open(headers.boundary)
            return
        part = Part(headers, self.depth)
        found.parts.append(part)
        if is_message and headers.encoding in ("", "7bit", "8bit", "binary"):
            part.is_whole = True
            self.depth += 1
            self.state = State.HEADERS
            return
        self.part, self.state = part, State.LEAF
        self.body = Body(0, self.hashes, self.store, self.kept, form=False)
        self.decoder = decoder(headers.encoding)
        self.line_end, self.first = b"", bytearray()

    def _open(self, boundary: bytes) -> None:
        """A multipart begins; one with the boundary of an open one ends that one's delimiters."""
        self.state = State.OUTSIDE
        level = len(self.levels)
        self.depth += 1
        self.levels.append(Level(boundary, self.depth))
        self.delimiters[b"--" + boundary] = 2 * level
        self.delimiters[b"--" + boundary + b"--"] = 2 * level + 1

    def _bytes(self, data: bytes) -> None:
        """Bytes of the part; its last line end waits, because it can be that of a delimiter."""
        part = self.part
        if self.state is not State.LEAF or part is None:
            return
        given, self.line_end = self.line_end + data, b""
        for end in (b"\r\n", b"\n"):
            if given.endswith(end):
                given, self.line_end = given.removesuffix(end), end
                break
        self._given(part, given)

    def _given(self, part: Part, given: bytes) -> None:
        part.size += len(given)
        decoded = given if self.decoder is None else self.decoder.add(given)
        self._decoded(part, decoded)

    def _decoded(self, part: Part, data: bytes) -> None:
        if self.body is None or not data:
            return
        self.body.add(memoryview(data))
        if part.headers.content_type.startswith("text/") and len(self.first) < MOST_TEXT:
            self.first += data[: MOST_TEXT - len(self.first)]

    def _close(self, *, is_whole: bool) -> None:
        """The part is over."""
        part, self.part = self.part, None
        if part is None or self.body is None:
            return
        if not self.levels and self.line_end:
            # a mail of one part ends with a line end of its own
            self._given(part, self.line_end)
        if self.decoder is not None:
            self._decoded(part, self.decoder.end())
            part.is_broken = self.decoder.is_broken
        part.content, self.body = self.body.end(), None
        part.is_whole = is_whole
        if self.first:
            text, kind = in_charset(bytes(self.first), part.headers.charset), part.headers.content_type
            self.found.links = links(text, self.found.links)
            if part.headers.disposition != "attachment":
                self.found.texts.setdefault(kind, text[:MOST_SHOWN])


def links(text: str, before: list[str]) -> list[str]:
    """The links of a text, behind those found `before`, each once."""
    found = dict.fromkeys(before)
    for match in _LINK.finditer(text):
        if len(found) >= MOST_LINKS:
            break
        found[match[0].rstrip(".,;:!?)]")] = None
    return list(found)


def fields_of(part: Part, *, is_end_known: bool) -> dict[str, Any]:
    """How a part is transferred, as columns of `file`; `is_end_known`: no byte is missing at the end of the mail."""
    is_whole = part.is_whole or is_end_known
    coded = part.headers.encoding not in ("", "7bit", "8bit", "binary")
    return {
        "name": part.headers.name, "declared_type": part.headers.content_type,
        "coding": part.headers.encoding if coded else None, "decoded": not part.is_broken if coded else None,
        "seen_bytes": part.size, "missing_bytes": part.missing,
        "total_bytes": part.size + part.missing if is_whole else None, "complete": is_whole and not part.missing,
    }  # fmt: skip
