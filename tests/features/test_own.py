"""Features of the user: computed, and refused with one sentence where a check fails."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake import features
from netlake.errors import NetlakeError, OptionError, QueryError
from netlake.features import Feature, OwnSet

HEAD = "-- @feature size | f64 | bytes | Mean frame. | sources: packet.length\n"
BODY = "SELECT first_packet, {} AS size FROM segment_packet GROUP BY first_packet"
GOOD = HEAD + BODY.format("avg(frame)")
WRONG = {
    "no declaration": (BODY.format("1"), OptionError, "no feature is declared"),
    "unknown type": (GOOD.replace("f64", "float"), OptionError, r":1: feature 'size': the type"),
    "unknown leak": (GOOD.replace("sources: packet.length", "leak: some"), OptionError, "the leak class"),
    "no description": (GOOD.replace("Mean frame.", ""), OptionError, "description is empty"),
    "short declaration": ("-- @feature size | f64\n", OptionError, ":1: a feature is declared as"),
    "unknown part": (GOOD.replace("sources:", "source:"), OptionError, "is not null: WHEN"),
    "unknown mark": ("-- @features size\n" + GOOD, OptionError, ":1: @features is neither"),
    "twice": (HEAD + GOOD, OptionError, "declared twice"),
    "missing column": (f"{HEAD}SELECT first_packet FROM segment", QueryError, "no column size"),  # noqa: S608 - a test
    "undeclared column": (GOOD.replace(" FROM", ", 1 AS other FROM"), QueryError, "other is not declared"),
    "missing rows": (f"{GOOD} LIMIT 3", QueryError, "has 3 rows"),
    "repeated rows": (
        GOOD.replace("GROUP BY first_packet", "GROUP BY first_packet, packet"),
        QueryError,
        "one row for",
    ),
    "infinity": (HEAD + BODY.format("1e308 * 10 * count(*)"), QueryError, "NaN or infinite"),
    "null": (HEAD + BODY.format("NULL::DOUBLE"), QueryError, "is null in"),
    "no query": (HEAD + "DROP TABLE segment", QueryError, "one SELECT"),
    "two statements": (f"{GOOD}; {GOOD}", QueryError, "one SELECT"),
    "invalid SQL": (HEAD + "SELECT FROM", QueryError, "mine: Parser Error"),
    "unknown policy": ("-- @policy x\n" + GOOD, OptionError, "'x' is no policy"),
}


def test_sql_computes_features(lake: netlake.Lake, tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_text("-- @policy nfstream\n" + GOOD)
    rows = pa.Table.from_batches(features.compute(lake, str(path)), features.schema(str(path)))
    other = pa.Table.from_batches(features.compute(lake, "nfstream"))
    keys = [("capture", "ascending"), ("first_packet", "ascending")]
    assert rows.sort_by(keys)["size"].to_pylist() == pytest.approx(
        other.sort_by(keys)["bidirectional_mean_ps"].to_pylist()
    )


@pytest.mark.parametrize("name", WRONG)
def test_wrong_sql_is_refused(lake: netlake.Lake, tmp_path: Path, name: str) -> None:
    text, kind, words = WRONG[name]
    path = tmp_path / "mine.sql"
    path.write_text(text)
    with pytest.raises(kind, match=words):
        list(features.compute(lake, str(path)))


def largest(segments: pa.Table, packets: pa.Table) -> pa.Table:
    """The largest frame of each segment."""
    assert segments.num_rows
    return packets.group_by("first_packet").aggregate([("frame", "max")]).rename_columns({"frame_max": "largest"})


def test_python_computes_features(lake: netlake.Lake) -> None:
    own = OwnSet("own", (Feature("largest", "i64", "bytes", "Largest frame."),), largest, policy="nfstream")
    rows = pa.Table.from_batches(features.compute(lake, own))
    other = pa.Table.from_batches(features.compute(lake, "nfstream"))
    assert sorted(rows["largest"].to_pylist()) == sorted(other["bidirectional_max_ps"].to_pylist())


@pytest.mark.parametrize("text", ["nothing", "no.such:thing", "netlake:Lake", "missing.sql"])
def test_what_is_no_set_of_features(text: str) -> None:
    with pytest.raises(NetlakeError):
        features.own.load(text)
