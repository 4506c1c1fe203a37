"""A capture whose worker dies or exceeds its budget fails alone: real processes, with a plugin that misbehaves."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import netlake
from netlake.lake.catalog import Catalog
from netlake.pipeline import workers
from tests.layers import build as b

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
PLUGIN = '''
"""Does what the first bytes of a message say."""

import ctypes
import os
import signal

from netlake.schema import Column, Table

TABLES = (
    Table("trap", "One row for each trap.", spec="none", on=("udp.port=47777",), size=4,
          columns=(Column("word", "u32", "What it does.", at=0, why="our own"),)),
)


def accept(messages):
    what = bytes(messages.data[messages.start[0] : messages.end[0]])
    if what == b"kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == b"segv":
        ctypes.string_at(0)
    if what == b"deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what in (b"loop", b"deaf"):
        while True:
            pass
    if what == b"grow":
        held = []
        for _ in range(60):
            held.append(b"x" * (50 << 20))
        raise RuntimeError("the budget of memory did not end this")
    raise AssertionError(what)
'''
KILLED, SEGFAULT = r"its worker process died 2 times \(signal 9\)", r"its worker process died 2 times \(signal 11\)"
SECONDS, MEMORY = r"it took more than 15 seconds \(--budget-seconds\)", r"it needed more than 900 MiB of memory"
# word of the message, budgets, the reason
CASES = [
    ("kill", {}, KILLED),
    ("segv", {}, SEGFAULT),
    ("loop", {"budget_seconds": 15}, SECONDS),
    ("deaf", {"budget_seconds": 15}, SECONDS),
    ("grow", {"budget_memory": 900}, MEMORY),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for captures, beside the plugin."""
    (tmp_path / "plugin.py").write_text(PLUGIN)
    made = tmp_path / "captures"
    made.mkdir()
    return made


def trap(folder: Path, word: str) -> Path:
    """A capture with one datagram for the plugin, behind 1,000 others."""
    path = folder / f"a-{word}.pcap"
    frames = [b.ethernet(b.ipv4(b.udp(b"plain", 9, 9), 17)) for _ in range(1000)]
    frames.append(b.ethernet(b.ipv4(b.udp(word.encode(), 1000, 47777), 17)))
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in enumerate(frames):
            file.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(data), len(data)) + data)
    return path


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own: the plugin would stay loaded in this one."""
    return subprocess.run(
        [sys.executable, "-m", "netlake", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("word", "budget", "reason"), CASES, ids=[case[0] for case in CASES])
def test_one_capture_fails_and_the_others_are_committed(
    folder: Path, word: str, budget: dict[str, int], reason: str
) -> None:
    bad, lake = trap(folder, word), folder.parent / "lake"
    good = CAPTURES / "classic.pcap"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in budget.items()]
    done = program("capture", bad, good, "--lake", lake, "--plugin", folder.parent / "plugin.py", "--json", *options)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert [one["state"] for one in report["captures"]] == ["failed", "added"]
    assert report["exit_code"] == 1
    found = {Path(stored.facts.path).name: stored.facts for stored in Catalog(lake).captures()}
    assert found["classic.pcap"].state == "complete"
    assert found[bad.name].state == "failed"
    assert (found[bad.name].packets, dict(found[bad.name].rows)) == (0, {})
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found[bad.name].report["failure"])
    assert found[bad.name].report["failure"] in report["captures"][0]["message"]
    listed = program("captures", "--lake", lake).stdout
    assert f"failed: {found[bad.name].report['failure']}" in listed


def test_failed_capture_is_decoded_again(folder: Path) -> None:
    bad, lake = trap(folder, "kill"), folder.parent / "lake"
    good = CAPTURES / "classic.pcap"
    assert program("capture", bad, good, "--lake", lake, "--plugin", folder.parent / "plugin.py").returncode == 1
    report = netlake.capture([bad, good], lake, jobs=1)
    assert [one.state for one in report.captures] == ["added", "unchanged"]
    stored = next(one.facts for one in Catalog(lake).captures() if one.facts.path == str(bad))
    assert (stored.state, stored.packets) == ("complete", 1001)
    assert "failure" not in stored.report


def test_decoding_that_is_in_the_lake_stays_when_another_one_fails(folder: Path) -> None:
    bad, lake = trap(folder, "kill"), folder.parent / "lake"
    netlake.capture(bad, lake)
    before = [stored.facts for stored in Catalog(lake).captures()]
    plugin = folder.parent / "plugin.py"
    done = program("capture", bad, "--lake", lake, "--plugin", plugin, "--replace", "--budget-seconds=60")
    assert done.returncode == 1
    assert [stored.facts for stored in Catalog(lake).captures()] == before


def test_no_budget_is_exceeded_by_an_ordinary_capture(tmp_path: Path) -> None:
    report = netlake.capture(CAPTURES / "classic.pcap", tmp_path / "lake", budget_seconds=300, budget_memory=1 << 20)
    assert [one.state for one in report.captures] == ["added"]


@pytest.mark.parametrize(
    ("error", "says"),
    [(MemoryError(), "not enough memory"), (KeyError("x"), r"KeyError: 'x' \(.*test_budgets.py, line \d+\)")],
)
def test_exception_that_no_input_should_cause_costs_one_capture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    from netlake.pipeline.decoder import Decoder

    batch = Decoder.batch

    def fails(self: Decoder, packets: object) -> None:
        if packets.count != 300:  # type: ignore[attr-defined]
            raise error
        batch(self, packets)  # type: ignore[arg-type]

    monkeypatch.setattr(Decoder, "batch", fails)
    report = netlake.capture([CAPTURES / "cooked.pcap", CAPTURES / "classic.pcap"], tmp_path / "lake", jobs=1)
    assert [one.state for one in report.captures] == ["failed", "added"]
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(report.captures[0].message)
    assert [stored.facts.state for stored in Catalog(tmp_path / "lake").captures()] == ["failed", "complete"]


def test_resident_memory_of_this_process() -> None:
    import os

    assert workers.resident(os.getpid()) > 10 << 20
    assert workers.resident(-1) == 0
