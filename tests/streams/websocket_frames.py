"""Frames of WebSocket for cases (RFC 6455 section 5.2)."""

from __future__ import annotations

from typing import Any

OPCODES = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


def message(part: dict[str, Any]) -> bytes:
    """The frame that a part of a turn describes.

    `websocket` is its opcode or a number; `fin` and `rsv` its first bits; `mask` the masking key in hexadecimal. The
    payload is `hex`, or `text` (repeated `times`). `length` is another length.
    """
    opcode = part["websocket"]
    opcode = OPCODES[opcode] if isinstance(opcode, str) else opcode
    payload = bytes.fromhex(part.get("hex", "")) + part.get("text", "").encode() * part.get("times", 1)
    key, size = bytes.fromhex(part.get("mask", "")), part.get("length", len(payload))
    first = part.get("fin", True) << 7 | part.get("rsv", 0) << 4 | opcode
    bit = 0x80 if key else 0
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 1 << 16:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload)) if key else payload
    return head + key + masked
