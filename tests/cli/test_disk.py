"""A full disk: its cause is reported once, the run ends, and no capture in the lake is harmed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netlake.lake.catalog import Catalog

Program = Callable[..., "subprocess.Popen[bytes]"]


def _ended(process: subprocess.Popen[bytes]) -> int:
    process.communicate(timeout=60)
    return process.returncode


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this system does not allow mounting")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def folder(captures: Path, tmp_path: Path) -> Path:
    """Twenty captures that do not fit on the small disk together."""
    made = tmp_path / "captures"
    made.mkdir()
    for number in range(20):
        data = bytearray((captures / "classic.pcap").read_bytes())
        data[24] ^= number
        (made / f"{number:02}.pcap").write_bytes(data)
    return made


@pytest.mark.parametrize("jobs", [1, 2])
def test_full_disk_ends_the_run_with_one_sentence(program: Program, small_disk: Path, folder: Path, jobs: int) -> None:
    lake = small_disk / "lake"
    process = program("capture", folder, "--lake", lake, "--jobs", jobs, "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    report = json.loads(out)
    assert report["exit_code"] == 1
    added = [capture for capture in report["captures"] if capture["state"] == "added"]
    failed = [capture for capture in report["captures"] if capture["state"] == "failed"]
    assert added
    (full,) = failed
    assert full["disk_full"]
    assert "rollback" not in full["message"]
    assert "No space left on device" in full["message"] or "disk is full" in full["message"]
    assert "more captures were not decoded; free space, then repeat the command." in full["message"]
    assert str(lake) in full["message"]
    assert err == b""
    catalog = Catalog(lake)
    assert len(catalog.captures()) == len(added)
    assert catalog.validate(deep=True) == []
    assert not list(lake.rglob("*.tmp"))


@pytest.mark.parametrize("room", [0, 20_000, 100_000, 250_000])
def test_full_disk_at_the_first_capture_leaves_no_lake(
    program: Program, small_disk: Path, captures: Path, room: int
) -> None:
    rest = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(max(0, rest.f_bavail * rest.f_frsize - room)))
    process = program("capture", captures / "classic.pcap", "--lake", small_disk / "lake", "--jobs", 1)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count(b"\n") == 1
    assert b"No space left on device" in err or b"disk is full" in err
    assert out == b""
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_full_disk_of_a_commit_keeps_the_lake(program: Program, small_disk: Path, captures: Path) -> None:
    """The data files fit, the catalog does not: SQLite ends the transaction itself."""
    lake = small_disk / "lake"
    assert _ended(program("capture", captures / "cooked.pcap", "--lake", lake, "--jobs", 1)) == 0
    shutil.move(lake / "data", small_disk.parent / "data")
    (lake / "data").symlink_to(small_disk.parent / "data")
    rest = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(rest.f_bavail * rest.f_frsize))
    process = program("capture", captures / "classic.pcap", "--lake", lake, "--jobs", 1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.decode() == (
        f"netlake: The catalog {lake}/catalog.sqlite could not be written: database or disk is full.\n"
    )
    (small_disk / "filler").unlink()
    catalog = Catalog(lake, readonly=True)
    assert len(catalog.captures()) == 1
    assert catalog.validate(deep=True) == []
    assert _ended(program("capture", captures / "classic.pcap", "--lake", lake, "--jobs", 1)) == 0


@pytest.mark.parametrize("command", [("sql", "SELECT repeat('x', 3000000)"), ("dump", "packet")], ids=["sql", "dump"])
def test_full_disk_of_an_output_is_one_sentence(
    program: Program, small_disk: Path, captures: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    lake = tmp_path / "lake"
    assert _ended(program("capture", captures / "classic.pcap", "--lake", lake, "--jobs", 1)) == 0
    rest = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(rest.f_bavail * rest.f_frsize))
    for form in ("csv", "parquet", "arrow", "table"):
        process = program(*command, "--lake", lake, "--format", form, "-o", small_disk / "out")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err.count(b"\n") == 1, err
        assert b"No space left on device" in err
        assert not (small_disk / "out").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_failed_file_of_a_folder_gives_exit_code_1(program: Program, captures: Path, tmp_path: Path, jobs: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("classic.pcap", "cooked.pcap", "truncated.pcap"):
        shutil.copy(captures / name, folder)
    for expected, extra in ((3, None), (1, "bad.pcap")):
        if extra:
            (folder / extra).write_bytes(b"this is no capture")
        process = program("capture", folder, "--lake", tmp_path / "lake", "--jobs", jobs, "--replace")
        out, err = process.communicate(timeout=120)
        assert process.returncode == expected, err
        assert out.count(b"capture ") >= 3
        assert err.count(b"bad.pcap") == (1 if extra else 0)
        assert len(Catalog(tmp_path / "lake").captures()) == 3
