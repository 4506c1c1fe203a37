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
    """Where the content of a BER element begins; behind the header if its length is not of up to four bytes."""
    length = header[at + 1] if len(header) > at + 1 else 0xFF
    if length < 0x80:
        return at + 2
    return at + 2 + (length & 0x7F) if 0x81 <= length <= 0x84 else len(header)


def behind(header: bytes, at: int, elements: int) -> int:
    """The offset behind some BER elements."""
    for _ in range(elements):
        start = content(header, at)
        if start >= len(header):
            return start
        length = int.from_bytes(header[at + 2 : start], "big") if start > at + 2 else header[at + 1]
        at = start + length
    return at


def is_dns_response(payload: bytes) -> bool:
    """Whether dnspython reads a payload as a response with one question."""
    try:
        message = dns.message.from_wire(payload)
    except (dns.exception.DNSException, ValueError):
        return False
    return bool(message.flags & 0x8000) and message.opcode() == 0 and len(message.question) == 1
