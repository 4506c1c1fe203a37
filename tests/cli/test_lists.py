"""`tables`, `captures` and `util`: lists and maintenance."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import lakes
import pytest

from netlake.cli import listing
from netlake.schema import Column, Table

Run = Callable[..., tuple[int, str, str]]


def test_tables_lists_tables_with_rows(run: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "captures  view  One row for each capture in the lake.\nsample      40  One row for each sample.\n"
    assert run("tables", "--lake", lake) == (0, listed, "")
    code, out, _ = run("tables", "--all", "--lake", lake)
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()}
    assert (code, lines["sample"], lines["dns"], lines["connection"]) == (0, "40", "0", "0")
    # declared tables are listed without a lake
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("tables", "--all")
    assert code == 0
    assert "\ndns " in out


def test_tables_name_describes_columns(run: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run("tables", "sample", "--lake", lake)
    assert code == 0
    assert out.startswith("sample: One row for each sample.\n\n")
    lines = [line.split(maxsplit=2) for line in out.splitlines()[2:]]
    assert ["number", "BIGINT", "A number."] in lines
    assert lines[1][:2] == ["ts", "TIMESTAMPTZ"]
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("tables", "udp")
    assert code == 0
    assert "src_port" in out
    # a lake that is named must exist
    for arguments in (["udp"], ["--all"], []):
        code, out, err = run("tables", *arguments, "--lake", tmp_path / "mistyped")
        assert (code, out) == (1, "")
        assert f"There is no lake at {tmp_path / 'mistyped'}" in err
    code, out, err = run("tables", "upd", "--lake", lake)
    assert (code, out) == (1, "")
    assert err == "netlake: There is no table upd; nearest are utp and udp.\n"


@pytest.mark.parametrize(("width", "shown"), [(30, "first  12,345  a …"), (80, "first  12,345  a sentence")])
def test_narrow_terminal_cuts_text_not_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, shown: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    listing.show([("first", "12,345", "a sentence" + " with many words" * (width < 80))], right=(1,))
    listing.show([("a name that is long", "12,345", "678,901")], right=(1, 2))
    listing.show([("a name that is very long", "12,345", "a sentence")], right=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "a name that is long  12,345  678,901"
    assert lines[2].startswith("a name that is very long  12,345  ")
    assert lines[0].startswith(shown[:15])
    assert len(lines[0]) <= width


def test_undeclared_table_in_lake_is_listed_and_read(run: Run, tmp_path: Path) -> None:
    """Its names and descriptions come from the catalog, which is untrusted, and are escaped."""
    path = tmp_path / "lake"
    foreign = Table("foreign_one", "Rows of \x1b[31manother.", "none", (), (Column("x", "i64", "X \x9b."),))
    lakes.commit(path, "a" * 16, {foreign: [{"x": 7}]})
    _, out, _ = run("tables", "--lake", path)
    assert out.splitlines()[1] == r"foreign_one     1  Rows of \x1b[31manother."
    _, out, _ = run("tables", "foreign_one", "--lake", path)
    assert "X \\x9b." in out
    assert run("dump", "foreign_one", "--lake", path, "--select", "x", "--format", "csv")[1] == "x\n7\n"


def test_captures_lists_and_removes_captures(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    for capture in ("aa11" * 4, "aa22" * 4, "bb33" * 4):
        begin = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
        lakes.commit(
            path, capture, {lakes.SAMPLE: [{"number": 1}]}, size=1500, begin=begin, path=f"\x1b/{capture}.pcap"
        )
    code, out, _ = run("captures", "--lake", path)
    assert code == 0
    head, first, *rest = out.splitlines()
    assert head.split() == ["capture", "packets", "size", "first", "packet", "state", "source"]
    assert first.split()[:7] == ["aa11" * 4, "1", "1.5", "kB", "2024-01-02", "03:04:05", "complete"]
    assert first.endswith(f"\\x1b/{'aa11' * 4}.pcap")
    assert len(rest) == 2
    code, _, err = run("captures", "rm", "aa", "--lake", path)
    assert code == 1
    assert "The ids of 2 captures in the lake start with aa" in err
    code, _, err = run("captures", "rm", "cc", "--lake", path)
    assert (code, "No capture" in err) == (1, True)
    code, out, _ = run("captures", "rm", "bb", "aa11", "--lake", path)
    assert code == 0
    assert out.count("removed") == 2
    # --lake is accepted before rm too
    assert run("captures", "--lake", path, "rm", "aa22")[0] == 0
    assert run("captures", "--lake", path)[1].count("\n") == 1
    assert run("sql", "SELECT count(*) FROM sample", "--lake", path, "--format", "csv")[1].splitlines()[1] == "0"


@pytest.fixture
def own_lake(tmp_path: Path) -> Path:
    """A lake that a test may damage."""
    lakes.commit(tmp_path / "lake", "a" * 16, {lakes.SAMPLE: [{"number": 1}]})
    return tmp_path / "lake"


def test_validate_finds_changed_and_missing_files(run: Run, own_lake: Path) -> None:
    size = "All files exist and have the size with which they were written; --deep also compares their bytes.\n"
    assert run("util", "validate", "--lake", own_lake) == (0, size, "")
    deep = "All files exist, and have the size and SHA-256 with which they were written.\n"
    assert run("util", "validate", "--deep", "--lake", own_lake) == (0, deep, "")
    file = next(own_lake.rglob("*.parquet"))
    assert file.stat().st_mode & 0o777 == 0o444
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    assert run("util", "validate", "--lake", own_lake)[0] == 0
    code, out, _ = run("util", "validate", "--deep", "--lake", own_lake)
    assert code == 3
    assert file.name in out
    file.unlink()
    assert run("util", "validate", "--lake", own_lake)[0] == 3


def test_relocate_updates_path_of_moved_lake(run: Run, own_lake: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "lake"
    shutil.copytree(own_lake, moved)
    assert run("sql", "SELECT number FROM sample", "--lake", moved, "--format", "csv")[:2] == (0, "number\n1\n")
    for arguments in (["tables"], ["captures"]):
        code, out, err = run(*arguments, "--lake", moved)
        assert (code, "moved" in err, "sample" in out or "capture" in out) == (0, True, True)
    code, out, _ = run("util", "relocate", "--lake", moved)
    assert code == 0
    assert str(moved / "data") in out
    with sqlite3.connect(moved / "catalog.sqlite") as database:
        ((place,),) = database.execute("SELECT value FROM ducklake_metadata WHERE key = 'data_path'")
    database.close()
    assert place == f"{moved}/data/"
    assert run("tables", "--lake", moved)[2] == ""


def test_gc_removes_old_orphans_only(run: Run, own_lake: Path) -> None:
    kept = next(own_lake.rglob("*.parquet"))
    orphan = kept.with_name("b" * 16 + kept.name[16:])
    orphan.write_bytes(b"left behind by a killed run")
    assert run("util", "gc", "--lake", own_lake) == (0, "", "")
    old = time.time() - 3 * 86_400
    os.utime(orphan, (old, old))
    code, out, _ = run("util", "gc", "--lake", own_lake)
    assert (code, out) == (0, f"{orphan}\n")
    assert kept.exists()
    assert not orphan.exists()


def test_generate_writes_files_and_check_reports_changes(run: Run, tmp_path: Path) -> None:
    assert run("util", "generate", "--check", tmp_path)[0] == 1
    assert list(tmp_path.iterdir()) == []
    code, out, _ = run("util", "generate", tmp_path)
    assert code == 0
    assert (tmp_path / "schemas" / "udp.json").is_file()
    assert (tmp_path / "proto" / "udp.proto").is_file()
    assert len(out.splitlines()) > 10
    assert run("util", "generate", "--check", tmp_path) == (0, "", "")


def test_purge_and_expire_delete_files(run: Run, own_lake: Path, captures: Path) -> None:
    def files() -> int:
        return len(list(own_lake.rglob("*.parquet")))

    before = files()
    for _ in range(2):
        assert run("capture", captures / "classic.pcap", "--lake", own_lake, "--jobs", 1, "--replace")[0] == 0
    once = (files() - before) // 2
    code, out, _ = run("util", "gc", "--grace", 0, "--lake", own_lake)
    assert (code, out, files()) == (0, "", before + 2 * once)
    assert (
        run("util", "expire", "--lake", own_lake)[1]
        == "0 snapshots were removed, and 0 files that only they contained.\n"
    )
    code, out, _ = run("util", "expire", "--days", 0, "--lake", own_lake)
    assert (code, files()) == (0, before + once)
    assert out.endswith(f"snapshots were removed, and {once} files that only they contained.\n")
    assert run("sql", "SELECT 1", "--at", 1, "--lake", own_lake)[0] == 2
    (name,) = [line.split()[0] for line in run("captures", "--lake", own_lake)[1].splitlines() if "classic" in line]
    code, out, _ = run("captures", "rm", name[:8], "--lake", own_lake)
    assert "earlier snapshots still contain it" in out
    assert files() == before + once
    code, out, _ = run("captures", "rm", name[:8], "--purge", "--lake", own_lake)
    assert out == f"Capture {name} was removed from all snapshots, and its {once} files were deleted.\n"
    assert files() == before
    code, _, err = run("captures", "rm", name[:8], "--purge", "--lake", own_lake)
    assert (code, "No capture in the lake has an id that starts with" in err) == (1, True)


def test_validate_lists_damage_of_earlier_snapshots_separately(run: Run, own_lake: Path, captures: Path) -> None:
    assert run("capture", captures / "classic.pcap", "--lake", own_lake, "--jobs", 1)[0] == 0
    before = set(own_lake.rglob("*.parquet"))
    assert run("capture", captures / "classic.pcap", "--lake", own_lake, "--jobs", 1, "--replace")[0] == 0
    present = set(own_lake.rglob("*.parquet")) - before
    replaced = next(path for path in before if any(path.parent == other.parent for other in present))
    replaced.unlink()
    code, out, _ = run("util", "validate", "--lake", own_lake)
    assert code == 0
    assert out.splitlines()[0] == (
        "All files of the newest snapshot exist and have the size with which they were written; --deep also compares"
        " their bytes."
    )
    assert "only earlier snapshots contain" in out.splitlines()[1]
    assert out.splitlines()[2] == f"{replaced}  It is missing."
    next(iter(present)).unlink()
    code, out, _ = run("util", "validate", "--lake", own_lake)
    assert code == 3
    assert out.index("It is missing.") < out.index("only earlier snapshots")


def test_first_capture_that_fails_leaves_no_lake(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"this is no capture")
    for there in (False, True):
        lake = tmp_path / ("there" if there else "new")
        if there:
            lake.mkdir()
        for given in (bad, tmp_path / "absent.pcap"):
            assert run("capture", given, "--lake", lake, "--jobs", 1)[0] == 1
            assert list(lake.rglob("*")) == []
            assert lake.exists() == there
    assert run("captures", "--lake", tmp_path / "new")[0] == 1


def test_compact_merges_files_and_snapshots_are_listed(run: Run, own_lake: Path, captures: Path) -> None:
    assert run("capture", captures, "--lake", own_lake)[0] in (0, 3)
    before = run("dump", "packet", "--sort", "capture,packet", "--format", "csv", "--lake", own_lake)
    code, planned, _ = run("compact", "--dry-run", "--lake", own_lake)
    assert code == 0
    assert re.search(r"\d+ files would become \d+\.", planned)
    code, out, err = run("compact", "--lake", own_lake)
    assert (code, err) == (0, "")
    assert "`netlake util expire` deletes the former ones" in out
    assert run("compact", "packet", "--lake", own_lake) == (0, "No files were merged.\n", "")
    assert run("compact", "--dry-run", "--lake", own_lake) == (0, "No files would be merged.\n", "")
    assert run("dump", "packet", "--sort", "capture,packet", "--format", "csv", "--lake", own_lake) == before
    code, out, _ = run("util", "snapshots", "--limit", 2, "--lake", own_lake)
    lines = out.splitlines()
    assert code == 0
    assert re.fullmatch(r"id +time \(UTC\) +tables +author +message", lines[0])
    assert len(lines) == 3
    assert re.search(r" netlake \S+ +merged \d+ files into \d+$", lines[2])
    assert run("util", "snapshots", "--limit", 0, "--lake", own_lake)[1].count("\n") == 1
    code, out, _ = run("util", "expire", "--days", 0, "--keep", 2, "--lake", own_lake)
    assert (code, len(run("util", "snapshots", "--lake", own_lake)[1].splitlines())) == (0, 3)
    code, _, err = run("compact", "no_such_table", "--lake", own_lake)
    assert (code, err.count("\n")) == (1, 1)
