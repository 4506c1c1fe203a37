"""`dump --filter`: rows of matching packets; a mistake has a caret under its place, and exit code 2."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import netlake
from netlake.query.filter import applied

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def test_dump_with_a_filter(run: Any, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    netlake.capture(CAPTURES / "tunnel.pcap", lake)
    code, out, err = run(
        "dump", "tcp", "--lake", lake, "--filter", "tcp.flags.syn == 1", "--format", "jsonl", "--select", "syn"
    )
    assert code == 0
    assert set(out.splitlines()) == {'{"syn":true}'}
    code, out, err = run("dump", "tcp", "--lake", lake, "--filter", "tcp.flgs.syn == 1")
    assert code == 2
    assert err.splitlines()[-2:] == ["  tcp.flgs.syn == 1", "  ^"]
    code, out, err = run("dump", "address", "--lake", lake, "--filter", "tcp")
    assert code == 2
    assert "are of no packet" in err


def test_bytes_are_read_of_the_captures_of_the_option_only(run: Any, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for name in ("classic.pcap", "cooked.pcap"):
        shutil.copy(CAPTURES / name, tmp_path / name)
        netlake.capture(tmp_path / name, lake)
    (tmp_path / "cooked.pcap").unlink()
    arguments = ("dump", "packet", "--lake", lake, "--filter", "frame.len > 0 && frame[0] != ff", "--select", "packet")
    code, out, err = run(*arguments, "--capture", "classic.pcap")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) > 2
    code, _, err = run(*arguments)
    assert code == 2
    assert "cooked.pcap is gone" in err


def test_bytes_are_read_in_the_guarded_process(run: Any, tmp_path: Path) -> None:
    """The timeout covers the reading, and SQL of the user cannot read the originals that the filter may read."""
    lake, path = tmp_path / "lake", tmp_path / "classic.pcap"
    shutil.copy(CAPTURES / "classic.pcap", path)
    netlake.capture(path, lake)
    arguments = ("dump", "packet", "--lake", lake, "--filter", "frame contains 00", "--select", "packet")
    code, out, err = run(*arguments, "--timeout", "0.01")
    assert (code, out) == (1, "")
    assert "was stopped after 0.01 s" in err
    code, out, err = run(*arguments, "--where", f"(SELECT count(*) > 0 FROM read_blob('{path}'))")  # noqa: S608 - the attack
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "Permission Error" in err or "disabled" in err
    code, out, err = run(*arguments, "--format", "csv")
    assert (code, err, len(out.splitlines())) == (0, "", 301)


def test_matches_are_no_literals_of_the_statement(tmp_path: Path) -> None:
    """A filter that selects all packets has a condition as short as one that selects a few."""
    netlake.capture(CAPTURES / "classic.pcap", tmp_path / "lake")
    with netlake.Lake(tmp_path / "lake") as lake:
        snapshot, connection = lake._snapshot(), lake._opened()
        few = applied.packets("frame[0:2] == 00:00 && frame contains 00", snapshot, connection)
        every = applied.packets("frame[0:2] != ff:fe && frame contains 00", snapshot, connection)
    assert len(every.sql) < 1000
    assert every.tables.keys() == {"netlake_found_1", "netlake_found_2"}
    assert sum(table.num_rows for table in every.tables.values()) > sum(one.num_rows for one in few.tables.values())
