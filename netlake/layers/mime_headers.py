"""Headers of mails and of their parts (RFC 5322, RFC 2045, RFC 2047, RFC 2231).

Values are unfolded. A header with a column is read from its first LONGEST bytes, so that no value costs more than its
length allows: Python's parser of parameters needs quadratic time.

Some charsets (UTF-7 is one) have sequences for surrogates that are no pair, which are no text: each is U+FFFD.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from netlake.layers.spans import text_of

LONGEST, LONGEST_PARAMETERS = 8192, 2048
MOST_HEADERS = 4096
# codecs that are texts for Python, but no charsets of mails; some need quadratic time
_NO_CHARSETS = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"))
_SURROGATE = re.compile("[\ud800-\udfff]")
# encoded words in succession
_WORD = r"=\?[^?\s]*\?[bBqQ]\?[^?]*\?="
_WORDS = re.compile(rf"{_WORD}(?:\s+{_WORD})*")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")


@dataclass(slots=True)
class PartHeaders:
    """What the headers of a part say; `pairs` are all headers in order, unfolded, `is_cut` if there are more."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "text/plain"
    boundary: bytes = b""
    charset: str | None = None
    disposition: str | None = None
    name: str | None = None
    encoding: str = ""
    is_cut: bool = False

    def first(self, *names: str) -> str | None:
        """The value of the first header with one of these names, in lower case; names before others."""
        for name in names:
            for given, value in self.pairs:
                if given.lower() == name:
                    return value
        return None

    def every(self, name: str) -> list[str]:
        """The values of all headers with this name, in lower case."""
        return [value for given, value in self.pairs if given.lower() == name]


def headers_of(block: bytes) -> PartHeaders:
    """The headers in `block`, whose lines end with LF."""
    found = PartHeaders()
    lines = _FOLD.sub(b"", block).rstrip(b"\n").split(b"\n")
    found.is_cut = len(lines) > MOST_HEADERS
    for line in lines[:MOST_HEADERS]:
        header, colon, value = line.partition(b":")
        if colon and header.strip():
            found.pairs.append((text_of(header.strip()), text_of(value.strip())))
    message = Message()
    for name in ("Content-Type", "Content-Disposition"):
        given = found.first(name.lower())
        if given is not None:
            message[name] = given[:LONGEST_PARAMETERS]
    found.encoding = (found.first("content-transfer-encoding") or "").strip().lower()
    try:
        found.content_type = message.get_content_type()
        found.boundary = without_surrogates(message.get_boundary() or "").encode()
        found.charset = message.get_content_charset()
        found.disposition = message.get_content_disposition()
        name_given = message.get_filename()
    except (LookupError, TypeError, ValueError):
        return found
    found.name = None if name_given is None else decoded(without_surrogates(name_given))
    return found


def decoded(value: str | None) -> str | None:
    """A header value with its encoded words (RFC 2047) decoded; text beside them and malformed ones are as they are."""
    if value is None or "=?" not in value:
        return value
    return _WORDS.sub(lambda words: _decoded(words[0]), value[:LONGEST])


def _decoded(words: str) -> str:
    """Encoded words with only white space between them, which is no part of the text."""
    try:
        parts = decode_header(words)
    except (HeaderParseError, ValueError):
        return words
    return "".join(part if isinstance(part, str) else in_charset(part, charset) for part, charset in parts)


def in_charset(data: bytes, charset: str | None) -> str:
    """Text in a charset; an unknown one is UTF-8, bytes that it does not have are U+FFFD."""
    try:
        known = codecs.lookup(charset or "utf-8")
        if known.name not in _NO_CHARSETS:
            return without_surrogates(data.decode(known.name, "replace"))
    except (LookupError, ValueError, UnicodeError):
        pass
    return data.decode("utf-8", "replace")


def without_surrogates(text: str) -> str:
    """`text` with U+FFFD for each surrogate."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
