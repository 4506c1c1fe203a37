"""Transfer encodings of the parts of mails: base64, quoted-printable (RFC 2045 section 6) and uuencode, in pieces.

Bytes that an encoding does not have are left out, as RFC 2045 asks for; `is_broken` says that there were some, or that
the end is missing.
"""

from __future__ import annotations

import binascii
from typing import Protocol

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS = bytes(set(range(256)) - set(ALPHABET))
_BLANK = b" \t\r\n"
# a line of uuencode has at most 62 characters; a longer one is none
_LONGEST = 256


class Decoder(Protocol):
    """Decodes one part."""

    is_broken: bool

    def add(self, data: bytes) -> bytes:
        """What more bytes decode to."""

    def gap(self) -> None:
        """Bytes are missing."""

    def end(self) -> bytes:
        """What is decoded at the end."""


def decoder(encoding: str) -> Decoder | None:
    """The decoder of an encoding, None if bytes are as they are. An unknown encoding is one that is not decoded."""
    if encoding == "base64":
        return Base64()
    if encoding == "quoted-printable":
        return QuotedPrintable()
    return Uuencode() if encoding in ("x-uuencode", "uuencode", "x-uue", "uue") else None


class Base64:
    """Base64 in groups of four characters; after missing bytes groups begin with the next line."""

    def __init__(self) -> None:
        self.kept, self.is_broken, self.skips = b"", False, False

    def add(self, data: bytes) -> bytes:
        """What more bytes decode to."""
        if self.skips:
            _, found, data = data.partition(b"\n")
            if not found:
                return b""
            self.skips = False
        known = data.translate(None, _OTHERS)
        if len(data) - len(known) > sum(map(data.count, (b" ", b"\t", b"\r", b"\n"))):
            self.is_broken = True
        joined = self.kept + known
        whole = len(joined) & ~3
        self.kept = joined[whole:]
        return self._groups(joined[:whole])

    def gap(self) -> None:
        """Bytes are missing."""
        self.kept, self.is_broken, self.skips = b"", True, True

    def end(self) -> bytes:
        """The last group, which can lack its padding."""
        group, self.kept = self.kept, b""
        self.is_broken = self.is_broken or bool(group)
        return self._padded(group) if group else b""

    def _groups(self, data: bytes) -> bytes:
        """Groups of four; padding ends its group, not the part."""
        parts, begin = [], 0
        while (found := data.find(b"=", begin)) >= 0:
            start = found & ~3
            parts += [binascii.a2b_base64(data[begin:start]), self._padded(data[start : start + 4])]
            begin = start + 4
        return b"".join([*parts, binascii.a2b_base64(data[begin:])])

    def _padded(self, group: bytes) -> bytes:
        """A group with padding, or one that is not complete."""
        known, _, rest = group.partition(b"=")
        self.is_broken = self.is_broken or len(known) < 2 or bool(rest.strip(b"="))
        return binascii.a2b_base64(known + b"=" * (4 - len(known))) if len(known) > 1 else b""


class QuotedPrintable:
    """Quoted-printable; the beginning of an escape waits for its end."""

    def __init__(self) -> None:
        self.kept, self.is_broken = b"", False

    def add(self, data: bytes) -> bytes:
        """What more bytes decode to."""
        data = self.kept + data
        at = data.rfind(b"=")
        tail = data[at:] if at >= 0 else b""
        # "=", "=X", or "=" with blanks before a line end that has not come yet
        is_open = tail and (len(tail) < 3 or not tail[1:].strip(_BLANK)) and len(tail) < _LONGEST
        self.kept = tail if is_open else b""
        return binascii.a2b_qp(data[:at] if is_open else data)

    def gap(self) -> None:
        """Bytes are missing."""
        self.kept, self.is_broken = b"", True

    def end(self) -> bytes:
        """An escape that is not complete; a soft line break at the end is nothing."""
        return binascii.a2b_qp(self.kept)


class Uuencode:
    """The lines between `begin` and `end`."""

    def __init__(self) -> None:
        self.kept, self.is_broken, self.is_open = b"", True, False

    def add(self, data: bytes) -> bytes:
        """What more bytes decode to."""
        *lines, self.kept = (self.kept + data).split(b"\n")
        if len(self.kept) > _LONGEST:
            lines, self.kept = [*lines, self.kept], b""
        return b"".join(map(self._line, lines))

    def gap(self) -> None:
        """Bytes are missing."""
        self.kept = b""

    def end(self) -> bytes:
        """The last line."""
        line, self.kept = self.kept, b""
        return self._line(line)

    def _line(self, line: bytes) -> bytes:
        line = line.rstrip(b"\r")
        if not self.is_open:
            self.is_open = line.startswith(b"begin ")
            return b""
        if line == b"end":
            self.is_broken = self.is_open = False
            return b""
        try:
            return binascii.a2b_uu(line)
        except binascii.Error:
            return b""
