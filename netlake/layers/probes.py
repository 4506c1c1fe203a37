"""Reading numbers of many messages at once, for `probe` and `accept` hooks.

A probe identifies UDP payloads by their content; it gets Messages and returns a mask of those that are certainly its
own. It is columnar and cheap, reads only bytes that were captured, and is strict: it checks the lengths and the
reserved bits of a header, not one byte alone. A table with a probe has a column `heuristic`, true for rows found that
way. See netlake.layers.classifier for when hooks are called.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from netlake.packets import Cursor, Ints, Messages


def byte_at(messages: Messages, offset: int) -> Ints:
    """The byte at `offset` of each message, -1 where it has none."""
    return number_at(messages, offset, 1)


def number_at(messages: Messages, offset: int | Ints, size: int) -> Ints:
    """The big-endian number of `size` bytes (at most 7) at `offset` of each message, -1 where it is short."""
    at = messages.start + offset
    inside = at + size <= messages.end
    if len(messages.data) < size:
        return np.full(len(messages), -1, np.int64)
    # any place that is there, for messages that are short
    at[~inside] = 0
    result: Ints = messages.data[at].astype(np.int64)
    for position in range(1, size):
        result <<= 8
        result |= messages.data[at + position]
    result[~inside] = -1
    return result


def by_content(message: Cursor, ports: Container[int]) -> bool:
    """Whether a message was found by content: it has ports, and neither is one of `ports`."""
    source, destination = message.source_port, message.destination_port
    return source >= 0 and source not in ports and destination not in ports
