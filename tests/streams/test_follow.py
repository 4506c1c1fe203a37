"""A sample of the captures beside the project: streams have the bytes of tshark's. `make follow` compares all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.flows.count import capture_files
from tests.streams.drive import streams
from tests.streams.follow import Pair, Theirs, compared, judged

PARTS = 4
NO_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@NO_TSHARK
@pytest.mark.parametrize("part", range(PARTS))
def test_streams_have_the_bytes_of_tshark(part: int, shared_captures: Path) -> None:
    sample = list(capture_files(shared_captures, 0.3))[17 * part :: 420]
    outcomes = [compared(path) for path in sample]
    assert [line for _, lines in outcomes for line in lines] == []
    assert sum(found["equal"] for found, _ in outcomes) > 0


@NO_TSHARK
def test_capture_of_the_project_has_the_bytes_of_tshark(captures: Path) -> None:
    outcomes, lines = compared(captures / "demo.pcapng")
    assert lines == []
    assert outcomes["equal"] > 0, outcomes


def test_streams_of_a_capture_do_not_depend_on_batches(captures: Path) -> None:
    whole = streams(captures / "demo.pcapng")
    assert whole
    assert streams(captures / "demo.pcapng", batch=7) == whole


def test_differences_without_a_reason_are_listed(captures: Path) -> None:
    ours = next(
        stream for stream in streams(captures / "demo.pcapng") if len(stream.payload) > 1 and not stream.missing
    )
    ours.behind = 0
    same = Theirs([bytearray(), bytearray(ours.payload)])
    assert judged(Pair(same, [ours])) == ("equal", "")
    assert judged(Pair(Theirs([bytearray(), bytearray(ours.payload[:-1])]), [ours]))[0] == "different"
    longer = Theirs([bytearray(), bytearray(ours.payload + b"x")])
    assert judged(Pair(longer, [ours]))[0] == "different"
    ours.behind = 1
    assert judged(Pair(longer, [ours])) == ("explained: bytes behind the FIN or RST", "")
    lost = Theirs([bytearray(), bytearray(b"[9 bytes missing in capture file]")])
    assert judged(Pair(lost, [ours])) == ("explained: bytes are missing", "")
