"""Names of NetBIOS as they lie in messages (RFC 1001 section 14): two letters a byte, in labels as of DNS."""

from __future__ import annotations

from netlake.packets import Cursor, Malformed

ENCODED = 32
MOST_LABELS = 128
# A to P, and the hexadecimal digits that they stand for
LETTERS = b"ABCDEFGHIJKLMNOP"
DIGITS = bytes.maketrans(LETTERS, b"0123456789abcdef")


def name(message: Cursor) -> tuple[str | None, int | None]:
    """The next name without the spaces that fill it up, and its last byte, the kind of service; None if malformed.

    Labels of a scope are appended with dots. A pointer leads to a name before it.
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
    """Labels up to the root, or up to a pointer, which is passed over."""
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
    """The name that lies in the first label, with the others as its scope, and its last byte."""
    if not labels or len(labels[0]) != ENCODED or labels[0].translate(None, LETTERS):
        return None, None
    raw = bytes.fromhex(labels[0].translate(DIGITS).decode())
    shown = raw[:15].rstrip(b" \0").decode("cp437")
    return ".".join([shown, *(label.decode("utf-8", "replace") for label in labels[1:])]), raw[15]
