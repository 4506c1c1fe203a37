"""Collects messages of tables that are rare in a batch, so that one call of the reader reads many.

Why: one call of a reader and the writing of its rows cost 0.2 to 2 ms, also for one message, and a batch of real
traffic contains a few messages of dozens of protocols. Without waiting this was a quarter of the decoding time of the
benchmark's capture.

Rules:
- A table with COMMON messages in a batch is read at once, after its waiting messages, so that the order of rows stays.
- Waiting messages are copies, bytes and context: the source reuses the batch's buffer.
- They are read when they reach MOST_MESSAGES or MOST_BYTES, before pools are reset (contexts contain codes), and at
  the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netlake.packets import Messages
from netlake.records.context import BatchContext
from netlake.schema import Table

# messages of a table in one batch, from which on they do not wait
COMMON = 512
MOST_MESSAGES = 1024
MOST_BYTES = 1 << 20


@dataclass(slots=True)
class Waiting:
    """The messages of one table, in the order in which they were added."""

    table: Table
    parts: list[Messages] = field(default_factory=list)
    count: int = 0
    size: int = 0

    def add(self, messages: Messages, context: BatchContext | None) -> None:
        """Add copies of messages of a batch, and their context; without `context` they have their own."""
        part = messages.compact()
        if context is not None:
            part.context = context.of(messages, self.table)
        self.parts.append(part)
        self.count += len(part)
        self.size += len(part.data)

    @property
    def full(self) -> bool:
        """Whether a bound is reached, so that the messages must be read."""
        return self.count >= MOST_MESSAGES or self.size >= MOST_BYTES

    def take(self) -> Messages:
        """All waiting messages with their context; none wait afterwards."""
        messages = Messages.concat(self.parts)
        self.parts = []
        self.count = self.size = 0
        return messages
