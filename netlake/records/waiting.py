"""Messages of tables that are rare in a batch wait here for more of their kind, so that they are read many at a time.

Reading a table and putting its rows costs 0.2 to 2 ms however few there are, and a batch of real traffic holds a few
messages each of dozens of protocols: on the benchmark's capture that was a quarter of all decoding. What waits is
copied out of the batch (bytes and context), since the batch's buffer is reused. It is bounded by count and bytes for
each table. Codes of a pool wait with it, so everything that waits is read before the pools are reset.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netlake.packets import Messages
from netlake.records.context import BatchContext, Context
from netlake.schema import Table

# a table with at least this many messages in a batch is read at once
COMMON = 512
MOST_MESSAGES = 1024
MOST_BYTES = 1 << 20


@dataclass(slots=True)
class Waiting:
    """The messages of one table, in the order in which they were added."""

    table: Table
    parts: list[Messages] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    count: int = 0
    size: int = 0

    def add(self, messages: Messages, context: BatchContext) -> None:
        """Copy messages of a batch and the context of each."""
        part = messages.compact()
        self.contexts.append(context.of(messages, self.table))
        self.parts.append(part)
        self.count += len(part)
        self.size += len(part.data)

    @property
    def full(self) -> bool:
        """Whether it has reached a bound, and must be read."""
        return self.count >= MOST_MESSAGES or self.size >= MOST_BYTES

    def take(self) -> Messages:
        """Everything that waited, with its context; nothing waits afterwards."""
        messages = Messages.concat(self.parts)
        messages.context = Context.concat(self.contexts)
        self.parts, self.contexts = [], []
        self.count = self.size = 0
        return messages
