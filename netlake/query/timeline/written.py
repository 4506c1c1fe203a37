"""Writes a timeline period by period: the rows arrive in order, and no more than those of a period are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb

from netlake.query import output
from netlake.query.mistakes import translated
from netlake.query.output.visible import say
from netlake.query.timeline.events import Question, Timeline
from netlake.query.timeline.filtered import filtered
from netlake.query.timeline.page import Page
from netlake.query.timeline.table import EventTable
from netlake.query.timeline.times import moment

if TYPE_CHECKING:
    import pyarrow as pa

    from netlake.query.connection import Connection
    from netlake.query.snapshot import Snapshot

BATCH = 16_384


def write(request: dict[str, Any], out: BinaryIO, snapshot: Snapshot, connection: Connection) -> None:
    """Write the rows of a request (netlake.query.guard) to `out`, and a message if there are more than its limit."""
    form, most = str(request["format"]), request["rows"]
    asked = question(request["timeline"], wide=form == "timesketch")
    timeline = Timeline(filtered(asked, request["timeline"].get("filter"), snapshot, connection), snapshot, connection)
    style = output.Style(request["raw"], request["width"])
    writer: output.Writer | None = None
    count, more, last = 0, False, None
    try:
        for batch in batches(timeline, connection, None if most is None else most + 1, plan=request["plan"]):
            writer = writer or _writer(form, out, batch.schema, style, (request, snapshot))
            more = most is not None and count + batch.num_rows > most
            part = batch.slice(0, most - count) if more else batch
            writer.write(part)
            count += part.num_rows
            last = part.column("ts")[-1].as_py() if part.num_rows else last
    except duckdb.Error as error:
        raise translated(error, snapshot.names()) from error
    if isinstance(writer, Page):
        writer.more = more
    if writer is not None:
        writer.close()
    out.flush()
    if more:
        until = f", up to {last:%Y-%m-%d %H:%M:%S.%f} UTC" if last else ""
        rest = "a greater --limit" if form == "html" else "--limit 0 for all"
        say(f"showing the first {count:,} rows{until}; there are more: {rest}, or --from for later ones.")


def batches(
    timeline: Timeline, connection: Connection, limit: int | None, *, plan: bool = False
) -> Iterator[pa.RecordBatch]:
    """The first `limit` rows as record batches; at least one, which may be empty. `plan` prints what is read."""
    periods = timeline.periods()
    left, empty = limit, None
    for number, (since, until) in enumerate(periods, 1):
        made = timeline.statement(since, until, last=number == len(periods), limit=left)
        if plan:
            for name, (read, every, rows) in made.files.items():
                say(f"{name}: {read:,} of {every:,} files, {rows:,} rows")
        relation, _ = connection.reading(made.sql, timeline.snapshot, made.reads, timeline.question.given)
        reader = relation.to_arrow_reader(BATCH)
        for batch in reader:
            if batch.num_rows:
                empty = False
                left = None if left is None else left - batch.num_rows
                yield batch
        if left is not None and left <= 0:
            return
        if empty is None and number == len(periods):
            yield pa_empty(reader.schema)


def pa_empty(schema: pa.Schema) -> pa.RecordBatch:
    """A batch without rows."""
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema)


def question(given: dict[str, Any], *, wide: bool) -> Question:
    """The question of a request, whose times are text."""
    since, until = moment("--from", given.get("since")), moment("--to", given.get("until"))
    others = {name: given[name] for name in ("host", "flow", "kinds") if given.get(name) is not None}
    return Question(since=since, until=until, wide=wide, **others)


def _writer(
    form: str, out: BinaryIO, schema: pa.Schema, style: output.Style, of: tuple[dict[str, Any], Snapshot]
) -> output.Writer:
    """The writer of a format for the rows of a request on a snapshot."""
    if form == "html":
        request, snapshot = of
        names = {facts.capture: facts.called for facts in snapshot.captures()}
        return Page(out, request["lake"], request["timeline"], names)
    return EventTable(out, schema, style) if form == "table" else output.writer(form, out, schema, style)
