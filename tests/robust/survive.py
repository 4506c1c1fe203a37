"""Decodes one capture repeatedly: complete, truncated, changed."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import netlake
from netlake.errors import InputError
from tests.compare.capture import Outcome

# one of this many bytes is changed
RATE = 500
# larger captures are truncated and changed within their first bytes only
LARGE = 4 << 20
SPINE = ("captured", "length", "offset", "ts", "ts_nanos")

Tables = dict[str, pa.Table]


def decoded(path: Path) -> Tables | None:
    """The tables of a capture, None if it is not a capture; AssertionError if a reader failed."""
    try:
        tables = netlake.decode(path)
    except InputError as error:
        if not str(error).endswith("."):
            raise AssertionError(f"incomplete message: {error}") from error
        return None
    for name, rows in tables.items():
        if "fault" in rows.column_names and pc.any(pc.equal(rows["fault"], "reader_failed")).as_py():
            raise AssertionError(f"the reader of {name} failed")
    return tables


def check_cut(whole: Tables | None, cut: Tables | None, at: int) -> None:
    """AssertionError unless the packets of `cut`, truncated after byte `at`, are the first packets of `whole`."""
    if cut is None or "packet" not in cut:
        return
    assert whole is not None
    count = cut["packet"].num_rows
    # the last packet may differ: it can be truncated, or reassembled from fewer bytes
    for name in SPINE:
        first, second = (tables["packet"][name].slice(0, max(0, count - 1)) for tables in (whole, cut))
        assert first.equals(second), f"truncated at byte {at}: {name} differs"


def survive(path: Path, name: str, *, cuts: int, changes: int, seed: int) -> Outcome:
    """Decode one capture, named `name` in reports, in all these ways; AssertionError for a failure."""
    began = time.monotonic()
    chance = random.Random(f"{seed} {name}")  # noqa: S311 - offsets, not secrets
    whole, data = decoded(path), path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / path.name
        for _ in range(cuts):
            at = chance.randrange(min(len(data), LARGE) + 1)
            changed.write_bytes(data[:at])
            check_cut(whole, decoded(changed), at)
        for _ in range(changes):
            other = bytearray(data[: min(len(data), LARGE)])
            for _ in range(len(other) // RATE + 1):
                if other:
                    other[chance.randrange(len(other))] = chance.randrange(256)
            changed.write_bytes(other)
            decoded(changed)
    packets = whole["packet"].num_rows if whole and "packet" in whole else 0
    return Outcome(name, "survived", "", packets, seconds=time.monotonic() - began)
