"""NetBIOS names in messages (RFC 1001 section 14): each byte is two letters, in DNS labels."""

from __future__ import annotations

from functools import lru_cache

from netlake.packets import Cursor, Malformed

ENCODED = 32
MOST_LABELS = 128
# the letters A to P, and their hexadecimal digits
LETTERS = b"ABCDEFGHIJKLMNOP"
DIGITS = bytes.maketrans(LETTERS, b"0123456789abcdef")


def name(message: Cursor) -> tuple[str | None, int | None]:
    """The next name without padding, and its last byte, the service type; None if malformed.

    Labels of a scope are appended, joined by dots. A pointer must lead to a name before it.
    """
    at = message.at
    labels: list[bytes] = []
    _labels(message, labels)
    if not labels and message.data[at] >= 0xC0:
        target = int.from_bytes(message.data[at : at + 2], "big") & 0x3FFF
        if target >= at:
            raise Malformed("bad_name")
        _labels(Cursor(message.data, target, at), labels)
    return decoded(labels)


def _labels(message: Cursor, labels: list[bytes]) -> None:
    """Append the labels up to the root or a pointer, and skip these."""
    for _ in range(MOST_LABELS):
        size = message.number(1)
        if not size:
            return
        if size >= 0xC0:
            message.skip(1)
            return
        if size > 63:
            raise Malformed("bad_name")
        labels.append(message.take(size))
    raise Malformed("bad_name")


def decoded(labels: list[bytes]) -> tuple[str | None, int | None]:
    """The name in the first label, with the other labels as its scope, and its last byte."""
    if not labels or len(labels[0]) != ENCODED or labels[0].translate(None, LETTERS):
        return None, None
    shown, service = _decoded(labels[0])
    return ".".join([shown, *(label.decode("utf-8", "replace") for label in labels[1:])]), service


# the same few names are in most messages of a network
@lru_cache(1 << 12)
def _decoded(label: bytes) -> tuple[str, int]:
    """The name in a first label, and its last byte."""
    raw = bytes.fromhex(label.translate(DIGITS).decode())
    return raw[:15].rstrip(b" \0").decode("cp437"), raw[15]
