"""`dump --filter`: rows of matching packets; a mistake has a caret under its place, and exit code 2."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import netlake

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
