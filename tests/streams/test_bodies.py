"""Bodies of machines: nothing is left of those without a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from netlake.kernels.http1_state import Coding
from netlake.layers.content_coding import coding_of
from netlake.layers.dialog_walker import DialogWalker
from tests.streams.dialog_runner import DialogRunner, steps

PREFACE = [{"preface": True}, {"frame": "SETTINGS"}]
POST = {
    "frame": "HEADERS", "flags": ["END_HEADERS"], "stream": 1,
    "fields": [[":method", "POST"], [":scheme", "http"], [":path", "/"], [":authority", "h"]],
}  # fmt: skip
OPEN: list[dict[str, Any]] = [
    {"from": "client", "parts": [*PREFACE, POST, {"frame": "DATA", "stream": 1, "text": "hello"}]}
]


def left(walker: DialogWalker) -> int:
    """The bodies that are not over in the thread."""
    findings = walker.findings
    findings.bodies.give(findings.contents)
    findings.contents.take(())
    return len(findings.contents.worker.open)


def test_a_body_without_a_row_is_dropped_when_its_flow_leaves() -> None:
    runner = DialogRunner(name="http2")
    runner.batch(steps(OPEN))
    assert left(runner.walker) == 1
    runner.walker.leave(np.zeros(1, np.int32))
    assert left(runner.walker) == 0


def test_a_body_is_dropped_if_its_machine_fails() -> None:
    """The row of the failure has no body."""
    runner = DialogRunner(name="http2")
    runner.batch(steps(OPEN))
    runner.walker.dialogs[0].machine.streams = None
    runner.batch(steps([{"from": "client", "frame": "DATA", "stream": 1, "text": "more"}]))
    runner.read()
    assert len(runner.failures) == 1
    assert [row["fault"] for row in runner.found["http2_stream"]] == ["reader_failed"]
    assert left(runner.walker) == 0


def test_codings() -> None:
    names = ("gzip", " X-Gzip", "br", "identity", None, "gzip, br", "compress", ",gzip ,", "x-deflate")
    of = [
        Coding.GZIP, Coding.GZIP, Coding.BROTLI, Coding.NONE, Coding.NONE, Coding.OTHER, Coding.OTHER, Coding.GZIP,
        Coding.DEFLATE,
    ]  # fmt: skip
    assert [coding_of(name) for name in names] == of
