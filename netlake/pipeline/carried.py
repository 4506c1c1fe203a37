"""Handshakes of TLS that datagrams carry: which readers find them, and their messages (netlake.layers.handshake).

A table whose memory is a Carrier is also read if only a table of its handshakes is written. Its messages always wait,
so that they have their context, and are read before those of the tables of handshakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from netlake import tables
from netlake.layers.handshake import TABLES_OF, Carrier
from netlake.packets import Messages
from netlake.records.handshakes import Places, by_table
from netlake.schema import Table


class Carried:
    """The carriers of one capture: `memories` has what the hook `memory` returned, by table."""

    def __init__(self, wants: Callable[[str], bool], pools: Mapping[str, Any]) -> None:
        self.pools, self.places = pools, Places()
        made = {name: entry.hooks.memory() for name, entry in tables.entries().items() if entry.hooks.memory}
        some = any(map(wants, TABLES_OF.values()))
        carriers = {name: memory for name, memory in made.items() if isinstance(memory, Carrier)}
        self.carriers: dict[str, Carrier] = carriers if some else {}
        self.memories = {name: memory for name, memory in made.items() if wants(name) or name in self.carriers}

    def found(self, name: str) -> Iterator[tuple[Table, Messages]]:
        """The messages that the reader of table `name` found since the last call."""
        carrier = self.carriers.get(name)
        if carrier is not None and (found := carrier.handshakes.take()):
            for table, messages in by_table(found, self.places, self.pools):
                yield tables.table(table), messages

    def finish(self) -> Iterator[tuple[Table, Messages]]:
        """The messages that are not whole, because the capture ends."""
        for name, carrier in self.carriers.items():
            carrier.finish()
            yield from self.found(name)
