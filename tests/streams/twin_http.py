"""The head splitter of HTTP/1 in plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field

BLANKS = b" \t"


@dataclass
class Head:
    """The parts of a head: method, URI, version, or version, status, reason; and its header lines."""

    parts: tuple[bytes, bytes, bytes]
    query: bytes
    lines: list[tuple[bytes, bytes]] = field(default_factory=list)


def split(head: bytes) -> Head:
    """Split a head whose start line is valid; bytes behind the last LF are no line."""
    lines = [line.removesuffix(b"\r") for line in head.split(b"\n")[:-1]]
    result = Head(*_start(lines[0].rstrip(BLANKS)))
    unfolded: list[bytes] = []
    for line in lines[1:]:
        if not line:
            continue
        if line[:1] in (b" ", b"\t") and unfolded:
            unfolded[-1] += b"\0" + line
        else:
            unfolded.append(line)
    for line in unfolded:
        first, *more = line.split(b"\0")
        name, _, value = first.partition(b":")
        values = [part.strip(BLANKS) for part in (value, *more)]
        result.lines.append((name.rstrip(BLANKS), b" ".join(part for part in values if part)))
    return result


def _start(line: bytes) -> tuple[tuple[bytes, bytes, bytes], bytes]:
    first, _, rest = line.partition(b" ")
    if first.startswith(b"HTTP/"):
        status, _, reason = rest.lstrip(b" ").partition(b" ")
        return (first, status, reason), b""
    uri, _, version = rest.rpartition(b" ")
    if not version.startswith(b"HTTP/"):
        uri, version = rest, b""
    return (first, uri, version), uri.partition(b"#")[0].partition(b"?")[2]


def pairs(text: bytes, separator: bytes) -> list[tuple[bytes, bytes | None]]:
    """Pairs of a name and a value."""
    result = []
    for part in text.split(separator):
        if stripped := part.strip(b" "):
            name, equals, value = stripped.partition(b"=")
            result.append((name, value if equals else None))
    return result


def unescaped(text: bytes) -> bytes:
    """Form encoding removed."""
    out, at = bytearray(), 0
    while at < len(text):
        digits = text[at + 1 : at + 3]
        if text[at] == 37 and len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits):
            out.append(int(digits, 16))
            at += 3
        else:
            out.append(32 if text[at] == 43 else text[at])
            at += 1
    return bytes(out)
