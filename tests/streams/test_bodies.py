"""Bodies of machines: what is read of them, and that nothing is left of those without a row."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from netlake.kernels.http1_state import Coding
from netlake.layers.bodies import Bodies, Piece, coding_of, hash_of
from tests.streams.dialog_runner import DialogRunner, steps

PREFACE = [{"preface": True}, {"frame": "SETTINGS"}]
POST = {
    "frame": "HEADERS", "flags": ["END_HEADERS"], "stream": 1,
    "fields": [[":method", "POST"], [":scheme", "http"], [":path", "/"], [":authority", "h"]],
}  # fmt: skip
OPEN: list[dict[str, Any]] = [
    {"from": "client", "parts": [*PREFACE, POST, {"frame": "DATA", "stream": 1, "text": "hello"}]}
]


def left(bodies: Bodies) -> int:
    """The bodies that are not over, here and in the thread."""
    bodies.flush()
    bodies.contents.take(())
    return sum(map(len, bodies.open.values())) + len(bodies.contents.worker.open)


def test_bodies_of_several_flows_with_the_same_numbers() -> None:
    bodies = Bodies()
    for flow, data in ((1, b"one"), (2, b"two"), (1, b"!")):
        bodies.add(flow, Piece(0, data))
    first, empty = bodies.end(1, 0), bodies.end(1, 7)
    bodies.flush()
    found = bodies.take((first, empty))
    assert hash_of(found[first]) == sha256(b"one!").hexdigest()
    assert hash_of(found[empty]) is None
    bodies.drop(2)
    bodies.drop(3)
    assert left(bodies) == 0
    bodies.contents.close()


def test_a_body_without_a_row_is_dropped_when_its_flow_leaves() -> None:
    runner = DialogRunner(name="http2")
    runner.batch(steps(OPEN))
    assert left(runner.walker.bodies) == 2
    runner.walker.leave(np.zeros(1, np.int32))
    assert left(runner.walker.bodies) == 0


def test_a_body_is_dropped_if_its_machine_fails() -> None:
    """The row of the failure has no body."""
    runner = DialogRunner(name="http2")
    runner.batch(steps(OPEN))
    runner.walker.dialogs[0].machine.streams = None
    runner.batch(steps([{"from": "client", "frame": "DATA", "stream": 1, "text": "more"}]))
    runner.read()
    assert len(runner.failures) == 1
    assert [row["fault"] for row in runner.found["http2_stream"]] == ["reader_failed"]
    assert left(runner.walker.bodies) == 0


def test_codings() -> None:
    names = ("gzip", " X-Gzip", "br", "identity", None, "gzip, br", "compress")
    of = [Coding.GZIP, Coding.GZIP, Coding.BROTLI, Coding.NONE, Coding.NONE, Coding.OTHER, Coding.OTHER]
    assert [coding_of(name) for name in names] == of
