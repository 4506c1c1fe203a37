"""A strict parser of one direction of HTTP/1, to say where messages violate RFC 9112 and what the violation is.

It shares nothing with netlake's: it stops at the first violation, where programs begin to read different messages.
Bodies are passed over by Content-Length or chunked coding; one without either is the rest of the stream. What it
cannot know, such as a response to HEAD or bytes that were not captured, it does not judge.
"""

from __future__ import annotations

import re

LOST = b"missing in capture file]"
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])( [\t\x20-\x7e\x80-\xff]*)?")
REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\xff]+ HTTP/1\.[01]")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?")
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# statuses of responses that never have a body (section 6.3)
BODILESS = re.compile(rb"1..|204|304")


class Violation(Exception):  # noqa: N818 - what is looked for, not an error
    """The first violation, in words."""


def violation(end: bytes) -> str | None:
    """The first violation of RFC 9112 in the bytes of one direction; None if there is none, or it cannot be known."""
    if LOST in end or not re.search(rb"HTTP/", end[: 1 << 16]):
        return None
    at = 0
    try:
        while at < len(end):
            at = _message(end, at)
    except Violation as found:
        return str(found)
    return None


def heads(end: bytes) -> list[bytes]:
    """The valid heads at the beginning of a direction."""
    found, at = [], 0
    try:
        while at < len(end):
            found.append(end[at : max(end.find(b"\r\n\r\n", at), at)])
            at = _message(end, at)
    except Violation:
        pass
    return found


def codings(head: bytes) -> list[bytes]:
    """The content codings that a head lists."""
    values = re.findall(rb"(?im)^content-encoding:([^\r\n]*)", head)
    return [one.strip() for value in values for one in value.split(b",") if one.strip()]


def _message(end: bytes, at: int) -> int:
    """Where the message at an offset ends; a head that does not end is the rest of the bytes."""
    stop = re.compile(rb"\r?\n\r?\n").search(end, at)
    if stop is None:
        _lines(end[at : end.rfind(b"\n") + 1])
        return len(end)
    # the empty line can be a part of the head for another program: a strict one ends the head with CRLF CRLF
    fields = _lines(end[at : stop.start()] + stop[0][: stop[0].find(b"\n") + 1])
    if stop[0] != b"\r\n\r\n":
        raise Violation("a line that ends with LF alone")
    status = STATUS_LINE.match(end, at)
    if status is not None and BODILESS.fullmatch(status[1]):
        return stop.end()
    return _body(end, stop.end(), fields, is_response=status is not None)


def _lines(head: bytes) -> list[tuple[bytes, bytes]]:
    """The names, in lower case, and values of the header lines of a head."""
    lines = head.split(b"\n")[:-1]
    if any(not line.endswith(b"\r") for line in lines):
        raise Violation("a line that ends with LF alone")
    first, *rest = [line[:-1] for line in lines] or [b""]
    if any(b"\r" in line for line in (first, *rest)):
        raise Violation("CR within a line")
    if STATUS_LINE.fullmatch(first) is None and REQUEST_LINE.fullmatch(first) is None:
        raise Violation("no start line")
    if any(line[:1] in (b" ", b"\t") for line in rest):
        raise Violation("a folded line")
    if any(CONTROL.search(line) for line in rest):
        raise Violation("a control character")
    found = []
    for line in rest:
        name, colon, value = line.partition(b":")
        if not colon:
            raise Violation("a line without a colon")
        if NAME.fullmatch(name) is None:
            raise Violation("no token before a colon")
        found.append((name.lower(), value.strip(b" \t")))
    return found


def _body(end: bytes, at: int, fields: list[tuple[bytes, bytes]], *, is_response: bool) -> int:
    """Where the body at an offset ends."""
    transfer = [one.strip() for name, value in fields if name == b"transfer-encoding" for one in value.split(b",")]
    lengths = [one.strip() for name, value in fields if name == b"content-length" for one in value.split(b",")]
    if any(not one.isdigit() for one in lengths):
        raise Violation("a length that is no number")
    if len(set(lengths)) > 1:
        raise Violation("different lengths")
    if transfer and (transfer[-1].lower() != b"chunked" or lengths):
        raise Violation("a transfer coding other than chunked" if not lengths else "a length and a transfer coding")
    if transfer:
        return _chunks(end, at)
    if lengths:
        return at + int(lengths[0])
    return len(end) if is_response else at


def _chunks(end: bytes, at: int) -> int:
    """Where chunked coding ends."""
    while at < len(end):
        stop = end.find(b"\n", at)
        if stop < 0:
            return len(end)
        size = CHUNK.fullmatch(end[at : stop - 1]) if end[stop - 1 : stop] == b"\r" else None
        if size is None:
            raise Violation("no chunk where one should be")
        length = int(size[1], 16)
        at = stop + 1 + length
        if length == 0:
            trailer = end.find(b"\r\n", at)
            while trailer > at:
                at = trailer + 2
                trailer = end.find(b"\r\n", at)
            return trailer + 2 if trailer >= 0 else len(end)
        if end[at : at + 2] not in (b"\r\n", b"\r", b""):
            raise Violation("no chunk where one should be")
        at += 2
    return at
