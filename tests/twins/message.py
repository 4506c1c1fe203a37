"""One message and its row, for the twins of columnar readers.

A twin is `rows(message)`: the rows of one message as dicts of column and value, each with its fault. It is plain Python
and reads no other message, except the twins with `batch(messages)`. Rules that all twins share:
- A column that is absent is null, or an empty list.
- A row has the fault that was found first. A message that is too short has the fault `cut` if the capture did not keep
  all of it, else the fault that fits, mostly `short_header`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes of a message, and what the layer below passes with them; fields as in netlake.packets.Messages."""

    data: bytes
    missing: int = 0
    ports: tuple[int, int] = (-1, -1)
    hint: int = 0

    @property
    def length(self) -> int:
        """Bytes on the wire."""
        return len(self.data) + self.missing

    def number(self, at: int, size: int) -> int | None:
        """The big-endian number of `size` bytes at `at`, None where the message ends before it."""
        return int.from_bytes(self.data[at : at + size]) if at + size <= len(self.data) else None

    def address(self, at: int, size: int) -> str | None:
        """The address of 4, 6 or 16 bytes at `at`, None where the message ends before it."""
        return address(self.data[at : at + size]) if at + size <= len(self.data) else None


def mark(row: Row, fault: str) -> None:
    """Set the fault of `row` unless it has one."""
    row["fault"] = row.get("fault") or fault


def mark_short(row: Row, message: Message, fault: str = "short_header") -> None:
    """Set the fault of a row whose message ends too early: `cut` if the capture lacks bytes of it, else `fault`."""
    mark(row, "cut" if message.missing > 0 else fault)


def address(data: bytes) -> str:
    """The text of an address: 6 bytes are a MAC, 4 and 16 are IP (RFC 5952, IPv4-mapped addresses dotted)."""
    if len(data) == 6:
        return ":".join(f"{byte:02x}" for byte in data)
    if len(data) == 4:
        return ".".join(map(str, data))
    if data[:12] == bytes(10) + b"\xff\xff":
        return f"::ffff:{address(data[12:])}"
    groups = ":".join(f"{int.from_bytes(data[at : at + 2]):x}" for at in range(0, 16, 2))
    # the first of the longest runs of at least two zero groups
    longest = max(re.findall(r"(?<![0-9a-f])0(?::0)+(?![0-9a-f])", groups), key=len, default="")
    text = re.sub(rf"(^|:){longest}(:|$)", "::", groups, count=1) if longest else groups
    assert ipaddress.IPv6Address(text).packed == data
    return text
