"""A catalog in PostgreSQL: the commands, concurrent writers and errors, with a real server."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import small
from small import on_disk, paths
from test_compact import check_rows, counts
from test_crash import Writers, check_owners, check_whole, writers  # noqa: F401 - a fixture

import netlake
from netlake import cli
from netlake.errors import LakeError
from netlake.lake import Catalog, elsewhere
from netlake.lake.compact import Wanted

psycopg = pytest.importorskip("psycopg")
import postgresql  # noqa: E402 - after the check of its package

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
NUMBERS = count(1)
A, B, C = (small.identity(number) for number in (10, 20, 30))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql.server() as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    """An own schema of the database."""
    schema = f"lake{next(NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{server}?options=-csearch_path%3D{schema}"


def run(capfd: Any, *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


def lake_at(folder: Path, url: str) -> Catalog:
    elsewhere.write(folder, elsewhere.Elsewhere(url))
    return Catalog(folder, create=True)


def test_commands_are_those_of_a_lake_in_a_folder(tmp_path: Path, url: str, capfd: Any) -> None:
    lake, plain = tmp_path / "lake", tmp_path / "plain"
    assert run(capfd, "util", "connect", "--catalog", url, "--lake", lake)[0] == 0
    # a second machine with the same folder of data
    assert run(capfd, "util", "connect", "--catalog", url, "--lake", tmp_path / "other")[0] == 0
    for folder in (lake, plain):
        captured = (CAPTURES / "demo.pcapng", CAPTURES / "classic.pcap", "--jobs", 1)
        assert run(capfd, "capture", *captured, "--lake", folder)[0] == 0
    queries = [
        ("tables",),
        ("captures",),
        ("dump", "packet", "--sort", "capture,packet", "--format", "csv"),
        ("dump", "dns", "--sort", "capture,packet,place", "--format", "jsonl"),
        ("sql", "SELECT capture, count(*) FROM packet GROUP BY 1 ORDER BY 1", "--format", "csv"),
        ("util", "validate", "--deep"),
    ]

    def same() -> None:
        for query in queries:
            expected = run(capfd, *query, "--lake", plain)
            assert expected[0] == 0
            assert run(capfd, *query, "--lake", lake) == run(capfd, *query, "--lake", tmp_path / "other") == expected

    same()
    name = netlake.Lake(plain).captures[0].capture
    for command in (("compact",), ("captures", "rm", name), ("compact",), ("util", "expire", "--days", 0)):
        results = [run(capfd, *command, "--lake", folder) for folder in (plain, lake)]
        assert [result[0] for result in results] == [0, 0], results
        same()
    assert run(capfd, "captures", "rm", name, "--purge", "--lake", lake)[0] == 1
    assert not (lake / "catalog.sqlite").exists()
    assert on_disk(Catalog(lake)) == paths(Catalog(lake))


def test_history_replacement_and_purge(tmp_path: Path, url: str) -> None:
    catalog = lake_at(tmp_path / "lake", url)
    for capture, number in ((A, 20), (B, 25), (C, 5)):
        small.put(catalog, capture, number)
    catalog.compact(Wanted())
    assert set(counts(catalog).values()) == {1}
    small.put(catalog, B, 7, replace=True)
    check_rows(catalog, {A: 20, B: 7, C: 5})
    assert len(small.rows(catalog, "wire", 3)) == 50
    assert catalog.snapshot(dt.datetime.now(dt.UTC)) == catalog.snapshot() == 5
    catalog.purge(B)
    check_rows(catalog, {A: 20, C: 5})
    assert {row["capture"] for row in small.rows(catalog, "wire", 3)} == {A, C}
    assert [snapshot.id for snapshot in catalog.snapshots()] == list(range(7))
    small.derive(catalog, "one", 1)
    assert check_owners(catalog, 5) == {"one": 1}
    catalog.expire(dt.datetime.now(dt.UTC))
    assert on_disk(catalog) == paths(catalog)


def test_four_writers_commit_all_captures(tmp_path: Path, url: str, writers: Writers) -> None:  # noqa: F811
    lake_at(tmp_path / "lake", url)
    jobs = [(1000 * number, 25, 12, False) for number in range(1, 5)]
    acknowledged = writers.run(tmp_path / "lake", *jobs)
    catalog = Catalog(tmp_path / "lake")
    assert Counter(status for status, _ in acknowledged) == {"added": 100}
    assert check_whole(catalog) == {capture for _, capture in acknowledged}
    assert [snapshot.id for snapshot in catalog.snapshots()] == list(range(101))


def test_killed_writers_and_compactions(tmp_path: Path, url: str, writers: Writers) -> None:  # noqa: F811
    lake_at(tmp_path / "lake", url)
    acknowledged = set()
    began = time.monotonic()
    writers.run(tmp_path / "lake", (1, 5, 12, False), (1, 2, 12, "compact"))
    longest = time.monotonic() - began
    for turn in range(1, 9):
        jobs = [(1000 * turn, 30, 12, False), (1, 30, 12, "compact"), (1, 30, 12, "compact")]
        done = writers.run(tmp_path / "lake", *jobs, kill=longest * turn / 4)
        assert "error" not in {status for status, _ in done}
        acknowledged |= {capture for status, capture in done if status == "added"}
        catalog = Catalog(tmp_path / "lake")
        stored = {entry.facts.capture for entry in catalog.captures()}
        assert acknowledged <= stored
        check_rows(catalog, dict.fromkeys(stored, 12)) if stored else None
    assert acknowledged


def test_creation_by_several_writers_at_once(tmp_path: Path, url: str, writers: Writers) -> None:  # noqa: F811
    elsewhere.write(tmp_path / "lake", elsewhere.Elsewhere(url))
    acknowledged = writers.run(tmp_path / "lake", *[(number, 1, 12, False) for number in range(1, 5)])
    assert Counter(status for status, _ in acknowledged) == {"added": 4}
    assert len(Catalog(tmp_path / "lake").snapshots()) == 5


def test_writer_that_waits_too_long_fails(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = lake_at(tmp_path / "lake", url)
    monkeypatch.setattr("netlake.lake.postgresql.PATIENCE", 0.05)
    files = small.write(catalog, A, small.tables_of(A, 12))
    with catalog._database.write(), pytest.raises(LakeError, match="is locked by another process"):
        catalog.commit(small.facts(A), files)
    assert on_disk(catalog) == set()


def test_mistakes_are_one_sentence(tmp_path: Path, url: str, capfd: Any) -> None:
    absent = "postgresql://netlake@/postgres?host=/no/such/folder"
    code, out, err = run(capfd, "util", "connect", "--catalog", absent, "--lake", tmp_path / "lake")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "cannot be opened" in err
    assert not (tmp_path / "lake").exists()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (x int)")
    code, _, err = run(capfd, "util", "connect", "--catalog", url, "--lake", tmp_path / "lake")
    assert (code, err.count("\n")) == (1, 1)
    assert "not a netlake catalog" in err
    small.put(Catalog(tmp_path / "plain", create=True), A, 3)
    code, _, err = run(capfd, "util", "connect", "--catalog", url, "--lake", tmp_path / "plain")
    assert (code, err.count("\n")) == (1, 1)
    assert "has a lake with its own catalog" in err
