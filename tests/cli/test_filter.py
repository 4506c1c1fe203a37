"""`dump --filter`: rows of matching packets; a mistake has a caret under its place, and exit code 2."""

from __future__ import annotations

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
