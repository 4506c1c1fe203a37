"""Numbers, times and lengths of packets are those that tshark prints, on real captures where they are at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from netlake.packets import NO_TIME
from netlake.sources import open_capture

TESTS = Path(__file__).resolve().parents[1]
SHARED = TESTS.parents[1] / "shared" / "captures"
# every so many of the shared captures, so that a run takes seconds
STRIDE = 100
# SunATM: tshark counts its pseudo-header of 4 bytes to neither length
PSEUDO_HEADER = {123: 4}

CAPTURES = [
    *sorted(path for path in (TESTS / "captures").glob("*.pcap*") if path.is_file()),
    *sorted(path for path in SHARED.rglob("*") if path.is_file() and path.suffix != ".md")[::STRIDE],
]

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def tshark(path):
    """(number, time in ns, captured, length) of each frame, and whether tshark opens the file."""
    fields = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len")
    asked = [argument for field in fields for argument in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-n", "-r", path, "-T", "fields", *asked], capture_output=True, text=True, check=False
    )
    rows = []
    for line in done.stdout.splitlines():
        number, time, captured, length = line.split("\t")
        seconds, _, nanoseconds = time.partition(".")
        ts = int(seconds) * 10**9 + int(nanoseconds) if time else NO_TIME
        rows.append((int(number), ts, int(captured), int(length)))
    return rows, "doesn't support" not in done.stderr and "isn't a capture" not in done.stderr


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_packets_are_those_of_tshark(path, collected):
    theirs, opens = tshark(path)
    if not opens:
        pytest.skip("tshark does not read this link type")
    with open_capture(path, sha256=False) as source:
        ours = collected(source)
    assert [p.number for p in ours] == [row[0] for row in theirs]
    ahead = [PSEUDO_HEADER.get(p.link_type, 0) for p in ours]
    assert [(p.ts, p.captured - n, p.length - n) for p, n in zip(ours, ahead, strict=True)] == [r[1:] for r in theirs]
