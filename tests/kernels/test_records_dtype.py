"""Kernels over records: structured dtypes and NamedTuples in signatures, bounds, enumerations, and the cache."""

import enum
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import numba
import numpy as np
import pytest

from netlake.kernels import evaluate, imported, kernel
from netlake.packets import Bytes, Ints

FLOW = np.dtype(
    [("packets", np.int64), ("state", np.uint8), ("history", np.uint8, (32,)), ("end", np.int64)], align=True
)
SPAN = np.dtype([("start", np.int64), ("end", np.int64)], align=True)
TEXT = np.dtype([("state", np.uint8), ("name", SPAN), ("data", SPAN)], align=True)
PACKED = np.dtype([("state", np.uint8), ("packets", np.int64)])


class Step(enum.IntEnum):
    """Two codes."""

    UDP = 1
    TCP = 2


class Pool(NamedTuple):
    """A tuple of arrays, one of them of records."""

    keys: Annotated[Bytes, "uint8[:, ::1]"]
    codes: Annotated[Ints, "int64[::1]"]
    flows: Annotated[np.ndarray, "FLOW[::1]"]


@kernel()
def add_packet(flow, at, value):
    """Change a record that the caller passes."""
    flow.packets += 1
    flow.history[at] = value


@kernel()
def read_history(history, at):
    """Read a nested array that the caller passes."""
    return history[at]


@kernel("int64(FLOW[::1], int64, int64, int64)")
def change(flows, row, at, value):
    """Change one row, partly in a helper; return the value written to the nested array."""
    flow = flows[row]
    flow.state = Step.TCP
    flows[row].end = value
    add_packet(flow, at, value)
    return read_history(flows[row].history, at)


@kernel("int64(FLOW[:, ::1], int64, int64)")
def change_side(sides, row, side):
    """Change a record of a two-dimensional array."""
    sides[row, side].packets += 5
    return sides[row, 0].packets + sides[row, 1].packets


@kernel()
def move(span, by):
    """Change a record that is a field of another."""
    span.start += by
    span.end += by


@kernel("void(TEXT[::1], int64)")
def move_either(texts, by):
    """Change one of two fields of each record, by its state."""
    for row in range(len(texts)):
        text = texts[row]
        move(text.name if text.state == 0 else text.data, by)


@kernel("int64(SPAN[:])")
def size_of(spans):
    """Sum the sizes of spans that may be fields of wider records."""
    size = 0
    for row in range(len(spans)):
        size += spans[row].end - spans[row].start
    return size


@kernel("int64(PACKED[::1])")
def total(rows):
    """Sum a field that is not aligned."""
    found = 0
    for row in range(len(rows)):
        found += rows[row].packets
    return found


@kernel("int64(Pool, int64)")
def find(pool, code):
    """The row of a code, its flow counted; -1 if there is none."""
    for row in range(len(pool.codes)):
        if pool.codes[row] == code:
            pool.flows[row].packets += 1
            pool.keys[row, Step.UDP] = 7
            return row
    return -1


@kernel("int64(int64, int64[::1])")
def by_step(step, counts):
    """Count by an enumeration's members."""
    if step == Step.TCP:
        counts[Step.TCP] += 1
    elif step in (Step.UDP, Step.TCP):
        counts[Step.UDP] += 1
    counts[0] = Step.TCP
    return Step.TCP | Step.UDP


def test_record_fields_are_read_and_written_in_place():
    flows = np.zeros(3, FLOW)
    assert change(flows, 1, 31, 9) == 9
    assert flows["packets"].tolist() == [0, 1, 0]
    assert flows[1]["state"] == Step.TCP
    assert flows[1]["history"].tolist() == [0] * 31 + [9]
    assert flows[1]["end"] == 9


def test_record_of_two_dimensions():
    sides = np.zeros((2, 2), FLOW)
    assert change_side(sides, 1, 0) == 5
    assert sides["packets"].tolist() == [[0, 0], [5, 0]]


def test_record_within_a_record_is_written_in_place():
    texts = np.zeros(2, TEXT)
    texts["state"] = [0, 1]
    move_either(texts, 5)
    assert texts["name"].tolist() == [(5, 5), (0, 0)]
    assert texts["data"].tolist() == [(0, 0), (5, 5)]


def test_field_of_records_is_read_without_a_copy():
    texts = np.zeros(3, TEXT)
    texts["data"]["end"] = [1, 2, 4]
    assert size_of(texts["data"]) == 7
    assert size_of(np.ascontiguousarray(texts["data"])) == 7


def test_packed_record_is_read():
    rows = np.array([(1, 2**40), (1, 3)], PACKED)
    assert total(rows) == 2**40 + 3


@pytest.mark.parametrize(("row", "at"), [(3, 0), (-4, 0), (1, 32), (1, -33)])
def test_index_outside_rows_or_nested_array_raises(row, at):
    with pytest.raises(IndexError):
        change(np.zeros(3, FLOW), row, at, 1)


@pytest.mark.parametrize(("row", "side"), [(2, 0), (0, 2)])
def test_index_outside_a_two_dimensional_array_raises(row, side):
    with pytest.raises(IndexError):
        change_side(np.zeros((2, 2), FLOW), row, side)


def test_array_of_another_dtype_is_refused():
    with pytest.raises(TypeError):
        change(np.zeros(3, PACKED), 0, 0, 0)


def test_named_tuple_is_passed_as_its_arrays():
    pool = Pool(np.zeros((2, 4), np.uint8), np.array([5, 6]), np.zeros(2, FLOW))
    assert find(pool, 6) == 1
    assert pool.flows["packets"].tolist() == [0, 1]
    assert pool.keys[1].tolist() == [0, 7, 0, 0]
    assert find(pool, 7) == -1


def test_enumeration_members_are_numbers():
    counts = np.zeros(3, np.int64)
    assert by_step(2, counts) == 3
    by_step(1, counts)
    by_step(17, counts)
    assert counts.tolist() == [2, 1, 1]


def test_names_of_a_signature_are_dtypes_and_numba_types():
    names = {"FLOW": FLOW, "int64": 5}
    assert evaluate("int64(FLOW[::1])", names) == numba.int64(numba.from_dtype(FLOW)[::1])


def test_unknown_name_in_a_signature_is_an_error():
    with pytest.raises(NameError, match="FLWO"):
        evaluate("int64(FLWO[::1])", {"FLOW": FLOW})


def test_named_tuple_without_types_is_an_error():
    class Untyped(NamedTuple):
        codes: int

    with pytest.raises(TypeError, match=r"Untyped\.codes"):
        evaluate("int64(Untyped)", {"Untyped": Untyped})


def test_imports_of_every_form_are_found():
    text = (
        "import netlake.kernels.bytes\nfrom netlake.kernels import addresses as a, kernel\n"
        "def late():\n    from netlake.kernels.steps import (\n        TCP,\n        UDP,\n    )\n"
        "from netlake.kernels.warm import every  # a comment\nfrom netlake.packets import Bytes\n"
    )
    names = ("bytes", "addresses", "kernel", "steps", "steps.TCP", "steps.UDP", "warm", "warm.every")
    assert imported(text) == [f"netlake.kernels.{name}" for name in names]


MODULES = {
    "seam_layout": "import numpy as np\nFLOW = np.dtype([('packets', np.int64)], align=True)\nLIMIT = 3\n",
    "seam_kernel": (
        '"""A kernel whose dtype and constant another module declares."""\n'
        "from netlake.kernels import kernel\n"
        "from netlake.kernels.seam_layout import FLOW, LIMIT\n\n"
        "@kernel('int64(FLOW[::1])')\n"
        "def first(flows):\n"
        "    return flows[0].packets + LIMIT\n"
    ),
}
RUN = """
import sys, netlake.kernels
netlake.kernels.__path__.append(sys.argv[1])
import numpy as np
from netlake.kernels import seam_kernel as made
flows = np.zeros(1, made.FLOW)
print(made.first(flows), sum(made.first.compiled.stats.cache_hits.values()))
"""


def run(folder: Path, program: str = RUN) -> str:
    """Result and cache hits of the kernel of MODULES, in a process of its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_compiled_code_is_cached_until_a_module_that_it_imports_changes(tmp_path):
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert run(tmp_path) == "3 0"
    assert run(tmp_path) == "3 1"
    (tmp_path / "seam_layout.py").write_text(MODULES["seam_layout"].replace("LIMIT = 3", "LIMIT = 44"))
    assert run(tmp_path) == "44 0"
    (tmp_path / "seam_layout.py").write_text(MODULES["seam_layout"].replace("np.int64", "np.int32"))
    assert run(tmp_path) == "3 0"


def test_file_that_changes_after_its_import_does_not_change_the_cached_code(tmp_path):
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    changed = MODULES["seam_kernel"].replace("+ LIMIT", "- LIMIT")
    edit = f"open(sys.argv[1] + '/seam_kernel.py', 'w').write({changed!r})\nflows ="
    assert run(tmp_path, RUN.replace("flows =", edit, 1)) == "3 0"
    assert run(tmp_path) == "-3 0"


def test_kernels_keep_numba_settings_unchanged(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/another/folder")
    from numba.core.caching import Cache

    load = Cache.load_overload

    @kernel("int64(int64)")
    def double(value):
        return 2 * value

    assert double(4) == 8
    assert numba.config.CACHE_DIR == "/another/folder"
    assert Cache.load_overload is load
