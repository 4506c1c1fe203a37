"""MemorySink and NullSink."""

from __future__ import annotations

import pyarrow as pa

from netlake.schema import Column, Table, arrow
from netlake.sinks.memory import MemorySink
from netlake.sinks.null import NullSink

TABLE = Table(
    "fact", "One row for each fact.", "none", (), (Column("word", "word", "It.", why="t"),), context="capture"
)


def batch(*words: str | None, dictionary: bool) -> pa.RecordBatch:
    texts = [pa.array(["c0ffee"] * len(words)), pa.array(words, pa.string())]
    columns = [text.dictionary_encode() for text in texts] if dictionary else texts
    return pa.RecordBatch.from_arrays(columns, names=["capture", "word"])


def test_row_groups_become_one_table_with_declared_schema() -> None:
    sink = MemorySink()
    sink.write(TABLE, batch("a", None, dictionary=True))
    sink.write(TABLE, batch("b", dictionary=False))
    sink.write(TABLE, batch("c", "a", dictionary=True))
    sink.write(TABLE, batch(dictionary=True))
    sink.close()
    assert list(sink.tables) == ["fact"]
    assert sink.tables["fact"].schema.equals(arrow.schema(TABLE), check_metadata=True)
    assert sink.tables["fact"]["word"].to_pylist() == ["a", None, "b", "c", "a"]


def test_aborted_memory_sink_is_empty() -> None:
    sink = MemorySink()
    sink.write(TABLE, batch("a", dictionary=True))
    sink.abort()
    sink.close()
    assert sink.tables == {}


def test_null_sink_counts_rows() -> None:
    sink = NullSink()
    for words in (("a",), ("b", "c")):
        sink.write(TABLE, batch(*words, dictionary=True))
    sink.close()
    assert sink.rows == {"fact": 3}
    sink.abort()
    assert sink.rows == {}
