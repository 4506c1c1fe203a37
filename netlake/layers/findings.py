"""What machines found (netlake.layers.dialog) on its way to tables: rows, and bytes of bodies.

Rows wait as Found in the order in which they were found; their packets are LOCATED records of the pool. A row with a
body waits as Unmade until the thread of contents has read the body; it can be replaced by several rows then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from netlake.layers.bodies import Bodies
from netlake.layers.contents import Contents, file_fields
from netlake.layers.dialog import Fields, Row
from netlake.layers.streamed import Pool, Take
from netlake.layers.yielded import yielded_columns
from netlake.packets import Columns, Messages
from netlake.schema import Table, faults

# what a row counts for the bytes of a pool, beside those that its machine is fed with
ROW_SIZE = 256
# the largest number of the column `place`
MOST_PLACE = 0x7FFF


@dataclass(slots=True)
class Places:
    """The packet of the last row and its position there, by table and side, of one flow."""

    last: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def of(self, table: str, row: Row) -> int:
        """The position of a row of `table` among those that begin in the same packet."""
        if row.place is not None and table == row.table:
            return min(row.place, MOST_PLACE)
        packet, count = self.last.get((table, row.begin.side), (0, 0))
        count = count + 1 if packet == row.begin.packet else 0
        self.last[table, row.begin.side] = (row.begin.packet, count)
        return min(count, MOST_PLACE)


class Found(NamedTuple):
    """A row that is not written yet, at message `at` of the pool."""

    at: int
    table: str
    fields: Fields
    fault: int
    place: int


class Unmade(NamedTuple):
    """A row whose body is not read yet."""

    at: int
    row: Row
    places: Places


class Findings:
    """Rows and bodies of one protocol, until they are written; `tables` are those of the rows."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables, self.contents, self.bodies = tables, Contents(), Bodies()
        self.pool = Pool(data=np.zeros(0, np.uint8))
        self.found: list[Found | Unmade] = []

    def give(self) -> None:
        """Give the bytes of bodies that were found to the thread."""
        self.bodies.give(self.contents)

    def put(self, places: Places, stream: int, due: int, row: Row) -> None:
        """Add a row of a flow, one of whose streams is `stream`; without an end it ends in packet `due`."""
        pool, index = self.pool, len(self.found)
        if index == len(pool.messages):
            pool.grow()
        located = pool.messages[index]
        located["start"] = located["end"] = located["missing"] = located["place"] = 0
        located["number"], located["ts"] = row.begin.packet, row.begin.ts
        located["at"] = due if row.end is None else row.end.due
        located["stream"] = stream & ~1 | row.begin.side
        if not row.bodies:
            fault = faults.CODES[row.fault] if row.fault else 0
            self.found.append(Found(index, row.table, row.fields, fault, places.of(row.table, row)))
        else:
            self.found.append(Unmade(index, row, places))
        pool.control["messages"] += 1
        pool.control["used"] += ROW_SIZE

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows, by table, if there are many or with `every`.

        If those of a table cannot be made, the first error is raised behind the rows of the other tables; the caller
        calls `forget` then.
        """
        if not (len(self.found) and (every or self.pool.full)):
            return
        self.give()
        found, errors = self._made(), []
        for name, table in self.tables.items():
            some = [one for one in found if one.table == name]
            if some:
                try:
                    made = self._of_table(table, some, take)
                except Exception as error:  # noqa: BLE001 - any exception; raised below
                    errors.append(error)
                else:
                    yield made
        self.forget()
        if errors:
            raise errors[0]

    def forget(self) -> None:
        """Forget all rows, which were written or cannot be."""
        self.found.clear()
        self.pool.clear()

    def _of_table(self, table: Table, some: list[Found], take: Take) -> tuple[Table, Messages, Columns]:
        """The rows of one table."""
        messages = take(self.pool, table, np.array([one.at for one in some], np.intp))
        messages.fault = np.array([one.fault for one in some], np.int8)
        messages.place = np.array([one.place for one in some], np.int16)
        return table, messages, yielded_columns(table, [one.fields for one in some], messages)

    def _made(self) -> list[Found]:
        """All rows, with those of bodies."""
        numbers = dict.fromkeys(body.number for one in self.found if isinstance(one, Unmade) for body in one.row.bodies)
        contents = dict(zip(numbers, self.contents.take(numbers), strict=True)) if numbers else {}
        made: list[Found] = []
        for one in self.found:
            if isinstance(one, Found):
                made.append(one)
            else:
                made += _made_of(one, [contents[body.number] for body in one.row.bodies])
        return made


def _made_of(unmade: Unmade, contents: list[Any]) -> Iterator[Found]:
    """The rows of a row with bodies, whose contents are known."""
    row = unmade.row
    fault = next(filter(None, [row.fault, *(getattr(content, "fault", None) for content in contents)]), None)
    for table, fields in (row.made or _as_file(row.table))(row.fields, *contents):
        code = faults.CODES[fault] if fault and table == row.table else 0
        yield Found(unmade.at, table, fields, code, unmade.places.of(table, row))


def _as_file(table: str) -> Callable[[Fields, Any], list[tuple[str, Fields]]]:
    """Rows of a table with the columns of a file: those of the message and those of its content."""
    return lambda fields, content: [(table, fields | file_fields(content))]
