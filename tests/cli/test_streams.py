"""Closed pipes, a full disk and closed standard streams: one message or none, and the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netlake.lake.catalog import Catalog

Program = Callable[..., "subprocess.Popen[bytes]"]
CAPTURES = Path(__file__).resolve().parents[1] / "captures"
FULL = Path("/dev/full")


@pytest.mark.parametrize(
    "command",
    [
        ("dump", "udp", "--format", "csv"),
        ("dump", "udp", "--format", "proto"),
        ("sql", "FROM range(1000000)"),
        ("tables", "--all"),
        ("captures",),
        ("util", "validate"),
        ("--help",),
    ],
    ids=" ".join,
)
def test_closed_stdout_exits_0_without_message(program: Program, lake: Path, command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    place = () if command == ("--help",) else ("--lake", lake)
    with program(*command, *place, stdout=writer) as process:
        os.close(writer)
        assert (process.communicate()[1], process.returncode) == (b"", 0)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_closed_stdout_does_not_change_exit_code_of_capture(
    program: Program, tmp_path: Path, more: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    truncated = CAPTURES / "truncated.pcap"
    with program("capture", truncated, "--lake", tmp_path / "lake", *more, stdout=writer) as process:
        os.close(writer)
        err = process.communicate()[1].decode()
    assert process.returncode == 3
    assert "Traceback" not in err
    assert ("truncated.pcap, byte " in err) == (not more)
    assert len(Catalog(tmp_path / "lake").captures()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="the system has no full device")
@pytest.mark.parametrize(
    "command", [("captures",), ("dump", "udp", "--format", "proto"), ("dump", "udp")], ids=" ".join
)
def test_disk_full_prints_one_error(program: Program, lake: Path, command: tuple[str, ...]) -> None:
    with FULL.open("wb") as full, program(*command, "--lake", lake, stdout=full) as process:
        err = process.communicate()[1].decode()
    assert process.returncode == 1
    assert err.startswith("netlake: The ")
    assert err.endswith("could not be written: No space left on device.\n")
    assert err.count("\n") == 1


def test_unwritable_lake_prints_one_error(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = ("capture", CAPTURES / "cooked.pcap", "--jobs", 1, "--lake")
    code, _, err = run(*command, tmp_path / "file" / "lake")
    assert (code, err) == (1, f"netlake: {CAPTURES}/cooked.pcap could not be decoded: {tmp_path}/file: File exists.\n")
    Catalog(tmp_path / "lake", create=True)
    (tmp_path / "lake" / "data" / "packet").touch()
    code, _, err = run(*command, tmp_path / "lake")
    assert (code, err.count("\n")) == (1, 1)
    assert "cooked.pcap" in err
    assert f"{tmp_path}/lake/data/packet" in err


def test_skipped_file_of_several_is_reported_once(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.touch()
    code, _, err = run("capture", CAPTURES / "cooked.pcap", empty, "--as-one", "--lake", tmp_path / "lake")
    assert (code, err.count("\n"), err.count(str(empty))) == (3, 1, 1)


def test_closed_standard_streams_do_not_corrupt_lake(tmp_path: Path) -> None:
    """Otherwise a file of the lake could get the number of stdout, and printing would write to it."""
    root = Path(__file__).resolve().parents[2]
    line = 'python=$1; shift; exec "$python" -m netlake capture "$@" <&- >&- 2>&-'
    arguments = [sys.executable, str(CAPTURES / "truncated.pcap"), "--lake", str(tmp_path / "lake")]
    done = subprocess.run(
        ["sh", "-c", line, "sh", *arguments], env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == 3
    catalog = Catalog(tmp_path / "lake")
    assert len(catalog.captures()) == 1
    assert catalog.validate(deep=True) == []
