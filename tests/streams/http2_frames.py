"""Frames of HTTP/2 for cases (RFC 9113 section 4.1), with header blocks of the library hpack."""

from __future__ import annotations

from typing import Any

from hpack import Encoder

TYPES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
         "CONTINUATION")  # fmt: skip
FLAGS = {"END_STREAM": 1, "ACK": 1, "END_HEADERS": 4, "PADDED": 8, "PRIORITY": 32}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(part: dict[str, Any], encoder: Encoder) -> bytes:
    """The frame that a part of a turn describes.

    `frame` is its type, or a number; `flags` are names; `stream` its stream. The payload is `hex`, `text` (repeated
    `times`), `fields` (pairs of a header block) behind them, or `settings` (pairs). `length` is another length.
    """
    kind = TYPES.index(part["frame"]) if isinstance(part["frame"], str) else part["frame"]
    payload = bytes.fromhex(part.get("hex", "")) + part.get("text", "").encode("latin-1") * part.get("times", 1)
    if "fields" in part:
        payload += encoder.encode([tuple(pair) for pair in part["fields"]], huffman=part.get("huffman", True))
    for number, value in part.get("settings", ()):
        payload += number.to_bytes(2, "big") + value.to_bytes(4, "big")
    payload = payload[part.get("begin", 0) :] + bytes.fromhex(part.get("behind", ""))
    flags = sum(FLAGS[flag] for flag in part.get("flags", ()))
    head = part.get("length", len(payload)).to_bytes(3, "big") + bytes([kind, flags])
    return head + part.get("stream", 0).to_bytes(4, "big") + payload
