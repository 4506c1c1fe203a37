"""Every column of every set has a complete definition, and keeps it on real captures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import netlake
from netlake import features
from netlake.errors import OptionError
from netlake.features.definition import LEAKS, TYPES
from netlake.tables import entries
from tests.features import page

NAMES = list(features.SETS)


@pytest.mark.parametrize("name", NAMES)
def test_definitions_are_complete(name: str) -> None:
    found = features.definitions(name)
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert one.kind in TYPES
        assert one.leak in LEAKS
        assert one.description.endswith("."), one.name
        assert one.sources or one.null_when == "always", one.name
        for source in one.sources:
            table, _, column = source.partition(".")
            assert table in entries(), (one.name, source)
            if name != "nprint":
                assert column in {known.name for known in entries()[table].table.all_columns}, (one.name, source)


@pytest.mark.parametrize("name", NAMES)
def test_values_keep_their_definitions(lake: netlake.Lake, name: str) -> None:
    """No NaN or infinity, null only where it is declared, the same rows on a second run, metadata in the schema."""
    made = features.schema(name)
    rows = pa.Table.from_batches(features.compute(lake, name), made)
    assert rows.num_rows > 100
    for one in features.definitions(name):
        column = rows[one.name]
        if pa.types.is_floating(column.type):
            assert np.isfinite(column.drop_null().to_numpy()).all(), one.name
        assert column.null_count == 0 or one.null_when, one.name
        if one.null_when == "always":
            assert column.null_count == rows.num_rows
    assert rows.equals(pa.Table.from_batches(features.compute(lake, name), made))
    assert made.metadata[b"netlake.features"].decode() == name
    assert made.field(5).metadata[b"leak"]


def test_page_is_up_to_date() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `python -m tests.features.page`"


def test_unknown_names(lake: netlake.Lake) -> None:
    with pytest.raises(OptionError, match="no feature set 'cicc'"):
        features.definitions("cicc")
    with pytest.raises(OptionError, match="no capture 'x'"):
        features.compute(lake, "cic", captures=["x"])
    with pytest.raises(OptionError, match="no segmentation"):
        features.compute(lake, "kitsune", policy="nfstream")
    with pytest.raises(OptionError, match="1 to 1000"):
        features.definitions("sequence:0")


def test_where_selects_flows(lake: netlake.Lake) -> None:
    rows = pa.Table.from_batches(features.compute(lake, "cic", where="protocol = 17"))
    assert set(rows["Protocol"].to_pylist()) == {17}


@pytest.mark.parametrize(
    "where", ["nothing = 1", "-- a comment", "", "true) OR (true", "true ORDER BY 1; SELECT 1", "'x'"]
)
def test_where_is_one_condition(lake: netlake.Lake, where: str) -> None:
    with pytest.raises(OptionError, match=r"^--where: "):
        list(features.compute(lake, "cic", where=where))
