"""Write a capture as pcapng, with the labels of its packets as comments.

Theory of operation
- The packets come from the original file, in its order, and are written as they are: bytes, lengths, interfaces, link
  types. Times have nanoseconds (`if_tsresol` 9). Comments and options of packets are kept.
- A packet gets one comment for each rule that labels it, before its own comments. The first is the label of its class
  (by priority, then attack before benign, see netlake.query.labelled). Readers of pcapML take the first comment.
- A comment is `s=SAMPLE,label=LABEL,state=STATE,rule=SOURCE:RULE`, with `,attempted=CATEGORY` for attempts. The sample
  is the flow of the packet, 0 without one. Commas, semicolons and control characters of a label become blanks.
- A version without labels of packets, only of connections, labels all packets of these.
- Edges are read in the order of packets beside the capture, so that memory does not grow with its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from netlake.errors import InputError, QueryError
from netlake.label.join.versions import known
from netlake.lake.facts import CaptureFacts
from netlake.originals import notes
from netlake.originals.writer import Pcapng
from netlake.packets import Packets
from netlake.query.lake import Lake
from netlake.schema.sql import literal
from netlake.sources import Source, as_one, open_capture
from netlake.spelling import spelled, unspelled

_EDGE = "l.packet, l.flow, l.label, l.state, l.source, l.rule, l.attempted"
_ORDER = "packet, priority DESC, state = 'attack' DESC, attempted NULLS FIRST, label, source, rule"


@dataclass(slots=True)
class Written:
    """What was written: numbers of packets, of those with a label, of labels, and of packets without a time."""

    packets: int = 0
    labelled: int = 0
    labels: int = 0
    untimed: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """A label of one packet."""

    packet: int
    text: str


def write(
    lake: Path, capture: str, file: BinaryIO, version: str, progress: Callable[[int, int], None] | None = None
) -> Written:
    """Write the capture, a path or an id in the lake, with its labels of `version` to `file`.

    `progress` gets packets done and all packets. InputError if the capture is not in the lake, or its file is not there
    or changed; LakeError without the version, QueryError if it has no label of a packet.
    """
    with Lake(lake) as opened:
        known(opened.catalog, version)
        facts, source = _find(opened, capture)
        with source:
            edges = _edges(opened, facts, version)
            first = next(edges, None)
            if first is None:
                raise QueryError(
                    f"No packet of {facts.called} has a label of version {version}; see `netlake label coverage`."
                )
            writer = _Writer(source, file)
            for batch in source.batches():
                first = writer.packets(batch, edges, first)
                if progress:
                    progress(writer.done.packets, facts.packets)
            _refuse_changed(facts, source, writer.done)
    return writer.done


def _find(lake: Lake, capture: str) -> tuple[CaptureFacts, Source]:
    """The capture in the lake, and its opened file."""
    listed = lake.captures
    if Path(capture).exists():
        source = open_capture(capture, sha256=True)
        ids = (source.capture_id, source.former_id)
        found = [one for one in listed if one.capture in ids or _same_path(one, capture)]
        if found:
            return found[0], source
        source.close()
        raise InputError(f"{spelled(capture)} is not in the lake: add it with `netlake capture`, and label it.")
    found = [one for one in listed if one.capture.startswith(capture)]
    if len(found) != 1 or not capture:
        many = (
            f"{len(found)} captures in the lake have an id" if found else "there is no file and no capture in the lake"
        )
        raise InputError(f"{spelled(capture)}: {many} of this name; list them with `netlake captures`.")
    paths = [unspelled(path) for path in found[0].path.split("\n")]
    if missing := [path for path in paths if not Path(path).exists()]:
        raise InputError(f"{spelled(missing[0])}, the file of capture {found[0].capture}, is not there: give its path.")
    return found[0], as_one(paths, sha256=True) if len(paths) > 1 else open_capture(paths[0], sha256=True)


def _same_path(facts: CaptureFacts, given: str) -> bool:
    return "\n" not in facts.path and Path(unspelled(facts.path)).resolve() == Path(given).resolve()


def _refuse_changed(facts: CaptureFacts, source: Source, done: Written) -> None:
    digest = source.sha256
    if done.packets != facts.packets or (facts.sha256 and digest and facts.sha256 != digest):
        raise InputError(
            f"{source.name} has changed since it was decoded: `netlake capture --replace` decodes it again."
        )


def _edges(lake: Lake, facts: CaptureFacts, version: str) -> Iterator[Edge]:
    """The labels of packets, in the order of packets and then of precedence."""
    where = f"l.version = {literal(version)} AND l.capture = {literal(facts.capture)}"
    packets = f"FROM label l WHERE {where} AND l.record_table = 'packet'"
    if not lake.sql(f"SELECT 1 {packets} LIMIT 1").rows():
        packets = (
            "FROM (SELECT l.* REPLACE (p.packet AS packet) FROM label l JOIN packet p USING (capture, flow)"  # noqa: S608
            f" WHERE {where} AND l.record_table = 'connection') l"
        )
    rows = f"SELECT DISTINCT {_EDGE}, l.priority {packets}"
    columns = _EDGE.replace("l.", "")
    for batch in lake.sql(f"SELECT {columns} FROM ({rows}) ORDER BY {_ORDER}").batches():  # noqa: S608 - as above
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield Edge(row[0], notes.of_label(*row[1:]))


class _Writer:
    """Writes packets of a source as one section of a pcapng file."""

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self.source, self.done = source, Written()
        about: dict[str, Any] = {}
        for section in source.sections[:1]:
            about |= {f"shb_{name}": value for name in ("hardware", "os") if (value := getattr(section, name))}
        self.out = Pcapng(file, about)

    def packets(self, batch: Packets, edges: Iterator[Edge], first: Edge | None) -> Edge | None:
        """Write the packets of a batch; `first` is the next edge, and so is the result."""
        self.out.interfaces(None, self.source.interfaces)
        own = notes.own(self.source)
        for row in range(batch.count):
            number = int(batch.number[row])
            texts: list[str] = []
            while first is not None and first.packet <= number:
                if first.packet == number:
                    texts.append(first.text)
                first = next(edges, None)
            self.done.labelled += bool(texts)
            self.done.labels += len(texts)
            self.out.packet(None, batch, row, notes.noted(own.get(number), texts))
        self.done.packets += batch.count
        self.done.untimed = self.out.untimed
        return first
