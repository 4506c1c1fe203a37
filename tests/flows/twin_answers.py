"""Signs of answers in the twin."""

from __future__ import annotations

import dns.exception
import dns.message

from netlake.flows.answers import Sign, Word
from netlake.kernels.flow_state import Form


def has_sign(header: bytes, sign: Sign) -> bool:
    """Whether a transport header with its payload has the sign of an answer."""
    if sign.form == Form.DNS:
        return is_dns_response(header[sign.at :])
    if sign.form == Form.TEXT:
        assert isinstance(sign.values, tuple)
        text = b"".join(value.to_bytes(4, "big") for value in sign.values).rstrip(b"\0")
        return text in header[sign.at :]
    at = sign.at
    if sign.form == Form.ELEMENT:
        at = behind(header, content(header, at), sign.elements)
        at = at if sign.inner < 0 else behind(header, content(header, at), sign.inner)
    return has_word(header, at, Word(at, sign.mask, sign.values)) and all(
        has_word(header, content(header, one.at) if one.form == Form.ELEMENT else one.at, one) for one in sign.also
    )


def has_word(header: bytes, at: int, word: Word) -> bool:
    """Whether the bits of a word are those of a sign; bytes behind the end are 0."""
    least, most = word.values if isinstance(word.values, tuple) else (word.values, word.values)
    found = int.from_bytes(header[at : at + 4].ljust(4, b"\0"), "big")
    return at < len(header) and least <= found & word.mask <= most


def content(header: bytes, at: int) -> int:
    """Where the content of a BER element begins."""
    return at + 2 + (header[at + 1] & 127 if len(header) > at + 1 and header[at + 1] & 128 else 0)


def behind(header: bytes, at: int, elements: int) -> int:
    """The offset behind some BER elements."""
    for _ in range(elements):
        length = header[at + 1 : at + 2]
        size = length[0] & 127 if length and length[0] & 128 else 0
        at += 2 + size + int.from_bytes(header[at + 2 : at + 2 + size] if size else length, "big")
    return at


def is_dns_response(payload: bytes) -> bool:
    """Whether dnspython reads a payload as a response with one question."""
    try:
        message = dns.message.from_wire(payload)
    except (dns.exception.DNSException, ValueError):
        return False
    return bool(message.flags & 0x8000) and len(message.question) == 1
