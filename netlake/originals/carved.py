"""Write chosen packets of a lake to one capture, from the originals.

The packets arrive as record batches with the columns of `COLUMNS`, ordered by capture and packet. A capture is opened
once, for all its packets, because a compressed one is unpacked from its start: the rows of one capture, about 50 bytes
for each packet, are in memory, and of the packets themselves one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.errors import InputError
from netlake.lake.facts import CaptureFacts
from netlake.originals import notes, opened
from netlake.originals.selected import Part, Wanted, parts
from netlake.originals.writer import Writer
from netlake.packets import NO_TIME, Ints

# columns of table `packet`; `labels` may follow, structs with the arguments of `notes.of_label`
COLUMNS = ("capture", "packet", "offset", "captured", "ts", "interface", "flow")
Progress = Callable[[int], None]


@dataclass(slots=True)
class Carved:
    """What was written: packets, their bytes, labels, packets whose time the format cannot express; by capture."""

    packets: int = 0
    bytes: int = 0
    labels: int = 0
    untimed: int = 0
    captures: dict[str, int] = field(default_factory=dict)


def write(  # noqa: PLR0913 - what carving works with
    batches: Iterable[pa.RecordBatch],
    captures: Mapping[str, CaptureFacts],
    writer: Writer,
    *,
    folder: Path | None = None,
    verified: bool = False,
    progress: Progress = lambda _: None,
) -> Carved:
    """Write the packets of `batches` with `writer`; InputError if an original is gone or changed.

    `folder` and `verified` are those of `opened.files_of`; `progress` gets the number of packets written.
    """
    done = Carved()
    for capture, tables in groupby(_by_capture(batches), lambda one: one[0]):
        if capture not in captures:
            raise InputError(f"Capture {capture} is not in the lake any more, so its packets cannot be read.")
        facts = captures[capture]
        paths = opened.files_of(facts, folder, verified=verified)
        table = pa.Table.from_batches([rows for _, rows in tables])
        _capture(facts, paths, table, writer, done, progress)
    writer.close()
    done.untimed = writer.untimed
    return done


def wanted(table: pa.Table | pa.RecordBatch) -> Wanted:
    """The packets in rows with the columns of COLUMNS, which are of one capture."""

    def numbers(name: str, missing: int) -> Ints:
        column = table.column(name)
        column = column.cast(pa.int64()) if name != "ts" else column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        found: Ints = (
            column.fill_null(missing).to_numpy(zero_copy_only=False)
            if isinstance(column, pa.Array)
            else column.fill_null(missing).to_numpy()
        )
        return found

    return Wanted(
        numbers("packet", 0), numbers("offset", -1), numbers("captured", -1), numbers("ts", NO_TIME),
        numbers("interface", -1),
    )  # fmt: skip


def _by_capture(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(capture, its rows) of batches in which several captures can follow each other."""
    for batch in batches:
        if not batch.num_rows:
            continue
        codes = batch.column("capture").dictionary_encode()
        codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
        index = codes.indices.to_numpy()
        names = codes.dictionary.to_pylist()
        begins = np.flatnonzero(np.append(True, index[1:] != index[:-1]))
        for begin, end in zip(begins.tolist(), np.append(begins[1:], len(index)).tolist(), strict=True):
            yield names[index[begin]], batch.slice(begin, end - begin)


def _capture(  # noqa: PLR0913 - as above
    facts: CaptureFacts, paths: list[Path], table: pa.Table, writer: Writer, done: Carved, progress: Progress
) -> None:
    labels = table.column("labels") if "labels" in table.column_names else None
    about = f"netlake: capture {facts.capture}, {facts.called}"
    for part in parts(facts, paths, wanted(table)):
        writer.interfaces(facts.capture, part.source.interfaces, about)
        here = None if labels is None else labels.slice(part.at, len(part.rows)).to_pylist()
        _part(facts.capture, part, here, writer, done)
        progress(done.packets)
    done.captures[facts.capture] = table.num_rows


def _part(capture: str, part: Part, labels: list[Any] | None, writer: Writer, done: Carved) -> None:
    own, batch = notes.own(part.source), part.batch
    for place, row in enumerate(part.rows.tolist()):
        texts = [notes.of_label(**one) for one in (labels[place] if labels else None) or ()]
        options = own.get(int(batch.number[row]))
        writer.packet(capture, batch, row, notes.noted(options, texts) if texts else options or {})
        done.labels += len(texts)
    done.packets += len(part.rows)
    done.bytes += int(batch.captured[part.rows].sum())
