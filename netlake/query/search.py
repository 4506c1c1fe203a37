"""Search: the matches of a regular expression in the payload of a lake's originals, as Arrow.

Whole captures are read, walked and tracked as when they were decoded, with the same flow key and BPF expression, so
that flows have the numbers of the lake. Of one flow only its packets are read (netlake.query.follow).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from netlake.lake.facts import CaptureFacts
from netlake.originals import opened
from netlake.originals.payloads import Payloads
from netlake.originals.searched import Match, Search
from netlake.query import follow
from netlake.query.carve import Originals
from netlake.query.connection import Connection
from netlake.query.snapshot import Snapshot
from netlake.sources.bpf import Filtered

BATCH = 8192
SCHEMA = pa.schema(
    [
        ("capture", pa.string()), ("packet", pa.int64()), ("flow", pa.int64()), ("direction", pa.string()),
        ("source", pa.string()), ("offset", pa.int64()), ("length", pa.int64()), ("excerpt", pa.string()),
    ]
)  # fmt: skip
DIRECTIONS = {True: "originator", False: "responder", None: None}


def rows(
    expression: Any, snapshot: Snapshot, originals: Originals, flow: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The matches of SCHEMA, capture by capture; InputError if an original is gone or was changed."""
    if flow is not None:
        connection = Connection()
        one = follow.found(snapshot, connection, flow)
        search = Search(expression, Payloads(), frames=False)
        found = search.pieces(follow.pieces(one, snapshot, connection, originals))
        yield _batch(one.facts.capture, [match._replace(flow=flow) for match in found])
        return
    for facts in snapshot.captures():
        for matches in _of_capture(expression, facts, originals):
            if matches:
                yield _batch(facts.capture, matches)


def _of_capture(expression: Any, facts: CaptureFacts, originals: Originals) -> Iterator[list[Match]]:
    paths = opened.files_of(facts, originals.folder, verified=originals.verified)
    options = facts.report.get("options", {})
    search = Search(expression, Payloads(flow_key=tuple(options.get("flow_key", ()))))
    with opened.source_of(facts, paths) as source:
        chosen = source if options.get("bpf") is None else Filtered(source, options["bpf"])
        for batch in chosen.batches(BATCH):
            source.comments.clear()
            source.options.clear()
            yield search.batch(batch)
        yield search.finish()


def _batch(capture: str, matches: Sequence[Match]) -> pa.RecordBatch:
    columns: dict[str, Sequence[Any]] = {
        "capture": [capture] * len(matches),
        "packet": [one.packet for one in matches],
        "flow": [one.flow for one in matches],
        "direction": [DIRECTIONS[one.from_originator] for one in matches],
        "source": [one.kind for one in matches],
        "offset": [one.offset for one in matches],
        "length": [one.length for one in matches],
        "excerpt": [one.excerpt.decode(errors="backslashreplace") for one in matches],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)
