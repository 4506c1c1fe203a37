"""The SQL of a timeline: one SELECT for each kind that has rows, joined and sorted by time.

Theory of operation:
- `Timeline` resolves a question on a snapshot once: its kinds, the addresses of its host, the capture of its flow.
- `statement` is the SQL of a period. For each kind the files are chosen whose statistics allow a matching row; a kind
  without such files is left out. Each SELECT reads its files itself, with only the columns that it needs: views of 100
  tables, as for statements of users, would take seconds.
- `periods` splits a timeline into periods of about SLICE rows by the statistics of the files, so that a long one is
  written while it is read, in bounded memory, and a short answer from its beginning reads only that.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from netlake.errors import OptionError
from netlake.lake.facts import FileInfo
from netlake.query import pruning
from netlake.query.connection import Connection, source
from netlake.query.output.visible import harmless
from netlake.query.snapshot import Snapshot
from netlake.query.timeline import hosts, kinds, messages, slices
from netlake.query.timeline.kinds import Kind
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

if TYPE_CHECKING:
    import pyarrow as pa

# the columns of a timeline
COLUMNS = ("ts", "kind", "message", "source", "destination", "flow", "packet", "capture")
# those that formats for other programs have too
WIDE = ("source_ip", "source_port", "destination_ip", "destination_port", "about")
_WORD = re.compile(r"\w+")
_EMPTY = ("TIMESTAMP WITH TIME ZONE", *["VARCHAR"] * 4, "BIGINT", "BIGINT", "VARCHAR")
_WIDE = ("VARCHAR", "INTEGER", "VARCHAR", "INTEGER", "VARCHAR")
_PORTS = {"src_ip": "src_port", "dst_ip": "dst_port", "orig_ip": "orig_port", "resp_ip": "resp_port"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a timeline shows; the fields are the options of `netlake timeline`.

    `since` and `until` are times in UTC, the second one excluded. `conditions` are SQL conditions by table, of a
    display filter: kinds without one are left out; None without a filter. `given` are tables that they need.
    With `wide`, rows have the columns WIDE too.
    """

    host: str | None = None
    flow: int | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    kinds: Sequence[str] = ()
    limit: int | None = None
    conditions: Mapping[str, str] | None = None
    given: Mapping[str, pa.Table] | None = None
    wide: bool = False


@dataclass(slots=True)
class Statement:
    """The SQL of a period, and for each kind in it (files read, files of the table, rows in the files read).

    `reads` is SQL that names the tables that conditions read besides.
    """

    sql: str
    reads: str
    files: dict[str, tuple[int, int, int]] = field(default_factory=dict)


class Timeline:
    """A question on a snapshot; raises OptionError if a kind, the host or the flow does not exist."""

    def __init__(self, question: Question, snapshot: Snapshot, connection: Connection) -> None:
        if question.since and question.until and question.since >= question.until:
            raise OptionError("--to: the time is not after that of --from; give a later one.")
        self.question, self.snapshot = question, snapshot
        self.host = None if question.host is None else hosts.resolved(question.host, snapshot, connection)
        # files of each kind with the statistics that questions need; the catalog is asked once for all periods
        self._known: dict[str, Sequence[FileInfo]] = {}
        self.kinds = [kind for kind in kinds.chosen(question.kinds, snapshot) if self._has_events(kind)]
        if question.flow is not None:
            self._check_flow(question.flow, connection)

    def _has_events(self, kind: Kind) -> bool:
        asked = self.question
        if asked.flow is not None and "flow" not in kind.columns:
            return False
        if asked.conditions is not None and kind.name not in asked.conditions:
            return False
        return self.host is None or hosts.condition(kind, self.host) is not None

    def _check_flow(self, flow: int, connection: Connection) -> None:
        """OptionError unless exactly one capture has this flow."""
        sql = f"SELECT DISTINCT capture FROM connection WHERE flow = {int(flow)} ORDER BY 1 LIMIT 4"  # noqa: S608 - a number
        found = [row[0] for row in connection.run(sql, self.snapshot)[0].fetchall()]
        names = {facts.capture: facts.called for facts in self.snapshot.captures()}
        if len(found) > 1:
            shown = ", ".join(f"{one} ({harmless(names.get(one, ''))})" for one in found[:3])
            more = ", ..." if len(found) > 3 else ""
            raise OptionError(f"--flow: several captures have a flow {flow}; add --capture with one of {shown}{more}.")
        if not found:
            raise OptionError(
                f"--flow: there is no flow {flow}; `netlake dump connection --select flow,ts` lists flows."
            )

    def periods(self) -> list[tuple[dt.datetime | None, dt.datetime | None]]:
        """The periods, one after another, that `statement` is to be asked for; rows without a time are in the last."""
        known = [
            (found.least, found.greatest, file.rows)
            for kind in self.kinds
            for file in self._files(kind, self.question)[0]
            if (found := file.stats.get(kind.columns[kind.time].number)) is not None
        ]
        return slices.periods(known, self.question.since, self.question.until)

    def statement(
        self, since: dt.datetime | None, until: dt.datetime | None, *, last: bool = True, limit: int | None = None
    ) -> Statement:
        """The statement for a period, with the first `limit` rows; rows without a time are in the last period."""
        untimed = last and self.question.since is None and self.question.until is None
        asked = replace(self.question, since=since, until=until, limit=limit)
        made = Statement("", self._reads())
        selects = []
        for rank, kind in enumerate(sorted(self.kinds, key=_rank)):
            files, every = self._files(kind, asked, untimed=untimed)
            if files:
                selects.append(self._select(kind, files, asked, rank, untimed=untimed))
                made.files[kind.name] = (len(files), every, sum(file.rows for file in files))
        shown = ", ".join(COLUMNS + (WIDE if asked.wide else ()))
        order = "ORDER BY ts NULLS LAST, capture, packet NULLS FIRST, rank, flow, place"
        rest = "" if limit is None else f"\nLIMIT {limit}"
        joined = "\nUNION ALL\n".join(selects) or _nothing()
        made.sql = f"SELECT {shown} FROM (\n{joined}\n)\n{order}{rest}"  # noqa: S608 - names are quoted
        return made

    def _reads(self) -> str:
        """SQL with the conditions that read other tables: those of a filter, and of a network."""
        named = list((self.question.conditions or {}).values())
        if self.host and self.host.network:
            named += [condition for kind in self.kinds[:1] if (condition := hosts.condition(kind, self.host))]
        return f"SELECT {', '.join(f'({one})' for one in named) or 1}"

    def _files(self, kind: Kind, asked: Question, *, untimed: bool = True) -> tuple[list[FileInfo], int]:
        """(the files that can have a matching row, number of files) of a kind."""
        filters = _times(kind.time, asked, untimed=untimed)
        filters += [f"flow = {asked.flow}"] if asked.flow is not None else []
        named = hosts.filters(kind, self.host) if self.host else None
        filters += [named] if named else []
        numbers = {name: one.number for name, one in kind.columns.items() if pruning.SIMPLE.fullmatch(name)}
        test = pruning.test(filters, numbers)
        if kind.name not in self._known:
            # the columns of a question are those of its periods, and the time
            self._known[kind.name] = self.snapshot.files(kind.name, test.columns | {numbers[kind.time]})
        found = self._known[kind.name]
        return [file for file in found if file.rows and test(file.stats)], len(found)

    def _select(self, kind: Kind, files: Sequence[FileInfo], asked: Question, rank: int, *, untimed: bool) -> str:
        columns = kind.columns
        conditions = [f"({one})" for one in _times(quoted(kind.time), asked, untimed=untimed)]
        if asked.flow is not None:
            conditions.append(f"flow = {asked.flow}")
        if self.host and (about := hosts.condition(kind, self.host)):
            conditions.append(f"({about})")
        if kind.table and kind.message and not kind.every and kind.message.only:
            conditions.append(messages.only(kind.table, kind.message, columns))
        if asked.conditions is not None:
            conditions.append(f"({asked.conditions[kind.name]})")
        if self.snapshot.only is not None and "capture" in columns:
            conditions.append(f"capture IN ({', '.join(map(literal, sorted(self.snapshot.only))) or 'NULL'})")
        where = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
        values = [
            *_values(kind),
            *(_wide(kind) if asked.wide else ()),
            f"{rank} AS rank",
            _own(kind, "place", "INTEGER"),
        ]
        words = set(_WORD.findall(f"{', '.join(values)} {where}"))
        needed = [field for field in kind.fields if field.name in words or not pruning.SIMPLE.fullmatch(field.name)]
        return f"SELECT {', '.join(values)}\nFROM {source(needed, files)}{where}"


def _nothing() -> str:
    """A SELECT without rows."""
    kinds_of = zip(COLUMNS + WIDE, _EMPTY + _WIDE, strict=True)
    shown = ", ".join(f"NULL::{kind} AS {name}" for name, kind in kinds_of)
    return f"SELECT {shown}, 0 AS rank, 0 AS place WHERE false"


def _rank(kind: Kind) -> tuple[int, str]:
    """The order of kinds with rows of one packet: connections, then lower layers, then what is in them."""
    order = {"connection": 0, "packet": 1, "record": 2, "network": 3, "transport": 4, "stream": 5}
    return order.get(kind.table.context if kind.table else "", 6), kind.name


def _times(column: str, asked: Question, *, untimed: bool) -> list[str]:
    """The conditions of a period, which has rows without a time too if `untimed`; it then has no end."""
    if untimed:
        return [f"{column} >= {_moment(asked.since)} OR {column} IS NULL"] if asked.since else []
    found = [f"{column} >= {_moment(asked.since)}"] if asked.since else []
    found += [f"{column} < {_moment(asked.until)}"] if asked.until else []
    return found or [f"{column} IS NOT NULL"]


def _moment(time: dt.datetime) -> str:
    """A constant as the plans of DuckDB have it."""
    text = time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return f"'{text}+00'::TIMESTAMP WITH TIME ZONE"


def _values(kind: Kind) -> list[str]:
    """The SQL of COLUMNS."""
    stored = kind.columns.keys()
    sentence = messages.generic(kind.name, kind.fields)
    if kind.table and kind.message:
        sentence = messages.of_table(kind.table, kind.message, stored)
    source_end, destination = (_end(kind, place) for place in (0, 1))
    packet = kind.message.packet if kind.message else "packet"
    return [
        f"{quoted(kind.time)} AS ts", f"{literal(kind.name)} AS kind", f"{sentence} AS message",
        f"{source_end} AS source", f"{destination} AS destination", _own(kind, "flow", "BIGINT"),
        _own(kind, "packet", "BIGINT", packet), _own(kind, "capture", "VARCHAR"),
    ]  # fmt: skip


def _own(kind: Kind, name: str, sql_type: str, column: str | None = None) -> str:
    """The column of a kind as `name`, null if it has none."""
    column = column or name
    return f"{quoted(column)} AS {name}" if column in kind.columns else f"NULL::{sql_type} AS {name}"


def _end(kind: Kind, place: int) -> str:
    """The text of one end: the address, and the port if there is one."""
    address, port = _address(kind, place)
    if address is None:
        return "NULL::VARCHAR"
    if port is None:
        return _text(kind, address)
    name, number = quoted(address), quoted(port)
    return (
        f"CASE WHEN {number} IS NULL THEN {name} WHEN contains({name}, ':') THEN '[' || {name} || ']:' || {number}"
        f" ELSE {name} || ':' || {number} END"
    )


def _wide(kind: Kind) -> list[str]:
    """The SQL of WIDE."""
    found = []
    for place, name in enumerate(("source", "destination")):
        address, port = _address(kind, place)
        found.append(f"{_text(kind, address) if address else 'NULL::VARCHAR'} AS {name}_ip")
        found.append(f"{quoted(port)}::INTEGER AS {name}_port" if port else f"NULL::INTEGER AS {name}_port")
    about = kind.message.about if kind.message else "Packet time"
    return [*found, f"{literal(about)} AS about"]


def _address(kind: Kind, place: int) -> tuple[str | None, str | None]:
    """The columns with the address and the port of one end, None where a kind has none."""
    pair = hosts.ends(kind)
    if pair is None:
        return None, None
    port = _PORTS.get(pair[place])
    return pair[place], port if port in kind.columns else None


def _text(kind: Kind, column: str) -> str:
    """An address as text; of a list of networks, all of them."""
    if kind.columns[column].type.endswith("[]"):
        return f"nullif(array_to_string({quoted(column)}, ', '), '')"
    return quoted(column)
