"""Data files in an object store: the commands and removals, with a real HTTP server of S3 (moto's)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import small
from small import on_disk
from test_postgresql import run, server, url  # noqa: F401 - fixtures

import netlake
from netlake import cli
from netlake.errors import LakeError
from netlake.lake import Catalog, elsewhere, remote
from netlake.lake.compact import Wanted
from netlake.sinks import parquet_copy

pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
import pyarrow.parquet as pq  # noqa: E402 - after the checks of packages

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
NUMBERS = count(1)
A, B, C = (small.identity(number) for number in (10, 20, 30))
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, in the environment's store."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "netlake", "AWS_SECRET_ACCESS_KEY": "netlake",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"bucket{next(NUMBERS)}"
    remote.filesystem().mkdir(name)
    return f"s3://{name}/some/prefix"


def objects(bucket: str) -> set[str]:
    found = remote.filesystem().find(bucket)
    return {f"s3://{name}" for name in found if not name.endswith(elsewhere.CLAIM)}


def paths(catalog: Catalog) -> set[str]:
    return {file.path for table in catalog.tables() for file in catalog.files(table)}


def rows(catalog: Catalog, table: str, at: Any = None) -> list[dict[str, Any]]:
    files = [remote.filesystem().open(file.path, "rb") for file in catalog.files(table, at)]
    found = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    for file in files:
        file.close()
    return found


def lake_at(folder: Path, bucket: str) -> Catalog:
    elsewhere.write(folder, elsewhere.Elsewhere(None, bucket))
    return Catalog(folder, create=True)


@pytest.mark.parametrize("database", [False, True], ids=["sqlite", "postgresql"])
def test_commands_are_those_of_a_lake_in_a_folder(
    tmp_path: Path, bucket: str, request: pytest.FixtureRequest, capfd: Any, *, database: bool
) -> None:
    lake, plain = tmp_path / "lake", tmp_path / "plain"
    catalog = ["--catalog", request.getfixturevalue("url")] if database else []
    assert run(capfd, "util", "connect", *catalog, "--data", bucket, "--lake", lake)[0] == 0
    for folder in (lake, plain):
        code, _, err = run(
            capfd, "capture", CAPTURES / "demo.pcapng", CAPTURES / "classic.pcap", "--jobs", 1, "--lake", folder
        )
        assert code == 0, err
    queries = [
        ("dump", "dns", "--sort", "capture,packet,place", "--format", "jsonl"),
        (
            "sql",
            "SELECT capture, count(*) FROM packet WHERE ts > '2000-01-01' GROUP BY 1 ORDER BY 1",
            "--format",
            "csv",
        ),
    ]

    def same() -> None:
        for query in queries:
            expected = run(capfd, *query, "--lake", plain)
            assert expected[0] == 0
            assert run(capfd, *query, "--lake", lake) == expected
        assert on_disk(Catalog(lake)) == set()

    same()
    assert objects(bucket) == paths(Catalog(lake))
    name = netlake.Lake(plain).captures[0].capture
    for command in (("compact",), ("captures", "rm", name), ("util", "expire", "--days", 0), ("util", "validate")):
        results = [run(capfd, *command, "--lake", folder) for folder in (plain, lake)]
        assert [result[0] for result in results] == [0, 0], results
    same()
    assert objects(bucket) == paths(Catalog(lake))
    with netlake.Lake(lake) as opened, netlake.Lake(plain) as other:
        assert opened.scan("packet").collect().sort("packet").equals(other.scan("packet").collect().sort("packet"))
    # the guarded process reads the objects of the lake, and no others
    code, _, err = run(capfd, "sql", f"FROM read_parquet('{bucket}x/other.parquet')", "--lake", lake)
    assert code == 1
    assert "disabled by configuration" in err


def test_replacement_removal_and_purge(tmp_path: Path, bucket: str) -> None:
    catalog = lake_at(tmp_path / "lake", bucket)
    for capture, number in ((A, 20), (B, 25), (C, 5)):
        small.put(catalog, capture, number)
    assert catalog.compact(Wanted())
    small.put(catalog, B, 7, replace=True)
    assert {row["capture"]: row["packet"] for row in rows(catalog, "wire")} == {A: 20, B: 7, C: 5}
    catalog.remove(C)
    assert {row["capture"] for row in rows(catalog, "wire")} == {A, B}
    catalog.purge(B)
    assert {row["capture"] for row in rows(catalog, "wire", 3)} == {A, C}
    assert small.put(catalog, A, 3).status == "unchanged"
    catalog.expire(dt.datetime.now(dt.UTC))
    assert objects(bucket) == paths(catalog)
    assert on_disk(catalog) == set()
    assert catalog.validate(deep=True) == []


def test_failed_commits_leave_no_object(tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = lake_at(tmp_path / "lake", bucket)
    small.put(catalog, A, 5)
    present = objects(bucket)

    def fail(*_: Any) -> None:
        raise LakeError("No.")

    monkeypatch.setattr("netlake.lake.captures.write", fail)
    with pytest.raises(LakeError, match="No"):
        small.put(catalog, B, 5)
    assert (objects(bucket), on_disk(catalog)) == (present, set())


def test_orphans_and_damage(tmp_path: Path, bucket: str) -> None:
    catalog = lake_at(tmp_path / "lake", bucket)
    small.put(catalog, A, 5)
    files = small.write(catalog, B, small.tables_of(B, 5))
    catalog._upload(files)  # a process that is killed before its commit leaves both
    left = objects(bucket) - paths(catalog)
    assert left
    assert catalog.collect_orphans(3600) == []
    assert set(catalog.collect_orphans(0)) == left | {str(file.path) for file in files}
    assert objects(bucket) == paths(catalog)
    gone, cut, *_ = sorted(paths(catalog))
    remote.filesystem().rm_file(gone)
    remote.filesystem().pipe_file(cut, b"x")
    assert [(problem.path, problem.sentence.split(" and")[0]) for problem in catalog.validate()] == [
        (gone, "It is missing."), (cut, "It has 1 bytes"),
    ]  # fmt: skip
    with pytest.raises(LakeError, match="cannot be read"):
        parquet_copy.copy([(gone, None)], tmp_path, "x", None)


def test_missing_bucket_is_one_sentence(tmp_path: Path, bucket: str, capfd: Any) -> None:
    lake = tmp_path / "lake"
    assert bucket
    code, out, err = run(capfd, "util", "connect", "--data", "s3://no-such-bucket/x", "--lake", lake)
    assert code == 1
    assert "cannot be written" in out + err
    assert not lake.exists()


def test_statements_of_users_cannot_change_objects(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = tmp_path / "lake"
    assert cli.main(["util", "connect", "--data", bucket, "--lake", str(lake)]) == 0
    assert cli.main(["capture", str(CAPTURES / "tunnel.pcap"), "--lake", str(lake)]) == 0
    catalog = Catalog(lake)
    victim = next(iter(paths(catalog)))
    before = {place: remote.size(place) for place in objects(bucket)}
    for place in (victim, f"{bucket}/new.csv"):
        assert cli.main(["sql", f"COPY (SELECT 1 AS a) TO '{place}'", "--lake", str(lake)]) == 1
    assert {place: remote.size(place) for place in objects(bucket)} == before
    assert catalog.validate(deep=True) == []


def test_a_place_is_of_one_lake(bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (bucket, str(tmp_path / "data")):
        first, second = (tmp_path / f"{name}-{len(place)}" for name in ("a", "b"))
        for lake in (first, second):
            assert cli.main(["util", "connect", "--data", place, "--lake", str(lake)]) == (0 if lake == first else 1)
        assert "has the data of another lake" in capsys.readouterr().err
