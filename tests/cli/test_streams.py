"""Who reads may leave, the disk may be full, streams may be closed: a sentence or nothing, and the right exit code."""

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
def test_whoever_reads_may_have_enough(program: Program, lake: Path, command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    place = () if command == ("--help",) else ("--lake", lake)
    with program(*command, *place, stdout=writer) as process:
        os.close(writer)
        assert (process.communicate()[1], process.returncode) == (b"", 0)


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_report_that_nobody_reads_changes_nothing(program: Program, tmp_path: Path, more: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    truncated = CAPTURES / "truncated.pcap"
    with program("capture", truncated, "--lake", tmp_path / "lake", *more, stdout=writer) as process:
        os.close(writer)
        told = process.communicate()[1].decode()
    assert process.returncode == 3
    assert "Traceback" not in told
    assert ("ends in the middle of a packet" in told) == (not more)
    assert len(Catalog(tmp_path / "lake").captures()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="the system has no full device")
@pytest.mark.parametrize(
    "command", [("captures",), ("dump", "udp", "--format", "proto"), ("dump", "udp")], ids=" ".join
)
def test_a_full_disk_is_a_sentence(program: Program, lake: Path, command: tuple[str, ...]) -> None:
    with FULL.open("wb") as full, program(*command, "--lake", lake, stdout=full) as process:
        told = process.communicate()[1].decode()
    assert process.returncode == 1
    assert told.startswith("netlake: The ")
    assert told.endswith("could not be written: No space left on device.\n")
    assert told.count("\n") == 1


def test_a_lake_that_cannot_be_made_or_written_is_a_sentence(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    command = ("capture", CAPTURES / "cooked.pcap", "--jobs", 1, "--lake")
    code, _, told = run(*command, tmp_path / "file" / "lake")
    assert (code, told) == (1, f"netlake: {tmp_path}/file: File exists.\n")
    Catalog(tmp_path / "lake", create=True)
    (tmp_path / "lake" / "data" / "packet").touch()
    code, _, told = run(*command, tmp_path / "lake")
    assert (code, told.count("\n")) == (1, 1)
    assert f"cooked.pcap could not be taken in: {tmp_path}/lake/data/packet" in told


def test_a_file_that_is_left_out_of_several_is_named_once(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pcap"
    empty.touch()
    code, _, told = run("capture", CAPTURES / "cooked.pcap", empty, "--as-one", "--lake", tmp_path / "lake")
    assert (code, told) == (3, f"netlake: {empty} is empty.\n")


def test_closed_streams_are_no_files_of_the_lake(tmp_path: Path) -> None:
    """A file that took the number of stdout would be written to by whatever is printed."""
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
