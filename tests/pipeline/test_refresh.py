"""`netlake capture --refresh`: captures of an older contract are decoded again, and until then the lake is refused."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

import netlake
import netlake.pipeline
from netlake.cli import main
from netlake.errors import LakeError
from netlake.lake.catalog import Catalog
from netlake.tables import entries

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
COLUMN = entries()["connection"].table.columns[0].name


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A lake of contract 1, in which a column of table connection has another name; its originals are beside it."""
    for name in ("classic.pcap", "cooked.pcap"):
        shutil.copy(CAPTURES / name, tmp_path / name)
    lake = tmp_path / "lake"
    netlake.capture(tmp_path / "classic.pcap", lake)
    netlake.capture(tmp_path / "cooked.pcap", lake, exclude=["tcp"])
    with sqlite3.connect(lake / "catalog.sqlite") as connection:
        connection.execute("DELETE FROM netlake_metadata WHERE key = 'contract'")
        connection.execute("UPDATE ducklake_column SET column_name = 'former' WHERE column_name = ?", (COLUMN,))
    connection.close()
    return lake


def columns(lake: Path) -> list[str]:
    return [column.name for column in Catalog(lake, older=True).columns("connection")]


@pytest.mark.parametrize(
    "command",
    [
        ["sql", "SELECT 1 FROM packet"],
        ["dump", "packet"],
        ["tables"],
        ["tables", "--all"],
        ["tables", "connection"],
        ["capture", str(CAPTURES / "tunnel.pcap")],
        ["util", "validate"],
    ],
)
def test_commands_refuse_an_older_lake(older: Path, capfd: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert main([*command, "--lake", str(older)]) == 1
    printed = capfd.readouterr()
    # the line before may be about compiling
    last = printed.err.splitlines()[-1]
    assert last.endswith(f"run `netlake capture --refresh --lake {older}` to decode its captures again.")
    assert (printed.err.count("has contract 1"), printed.out) == (1, "")


def test_library_refuses_an_older_lake(older: Path) -> None:
    for attempt in (lambda: netlake.Lake(older), lambda: netlake.capture(CAPTURES / "tunnel.pcap", older)):
        with pytest.raises(LakeError, match="has contract 1"):
            attempt()


def test_captures_of_an_older_lake_are_listed(older: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["captures", "--lake", str(older)]) == 0
    assert "cooked.pcap" in capfd.readouterr().out


@pytest.mark.parametrize("jobs", [1, 2])
def test_refresh_makes_an_older_lake_readable(older: Path, jobs: int) -> None:
    assert "former" in columns(older)
    assert main(["capture", "--refresh", "--jobs", str(jobs), "--lake", str(older)]) == 0
    assert COLUMN in columns(older)
    assert "former" not in columns(older)
    with netlake.Lake(older) as lake:
        assert lake.sql("SELECT count(*) FROM packet").rows() == [(360,)]
        assert lake.sql(f"SELECT count({COLUMN}) > 0 FROM connection").rows() == [(True,)]  # noqa: S608
        # the second capture is decoded without the table that it excluded
        assert lake.sql("SELECT count(DISTINCT capture) FROM tcp").rows() == [(1,)]
    assert netlake.pipeline.refresh(older).captures == []


def test_refresh_needs_every_original(older: Path) -> None:
    original = older.parent / "cooked.pcap"
    original.rename(older.parent / "elsewhere")
    before = Catalog(older, older=True).snapshot()
    with pytest.raises(LakeError) as error:
        netlake.pipeline.refresh(older, jobs=1)
    (capture,) = (
        entry.facts.capture for entry in Catalog(older, older=True).captures() if entry.facts.path == str(original)
    )
    assert str(error.value) == (
        f"The lake can only be refreshed with the original of every capture, but {original} is missing; restore it, or"
        f" remove the capture with `netlake captures rm {capture} --lake {older}`."
    )
    assert Catalog(older, older=True).snapshot() == before
    assert main(["captures", "rm", capture, "--lake", str(older)]) == 0
    assert [found.state for found in netlake.pipeline.refresh(older, jobs=1).captures] == ["replaced"]
    assert [entry.facts.packets for entry in Catalog(older).captures()] == [300]


def test_refresh_that_failed_is_continued(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, done = Catalog.commit, []

    def fail_second(self: Catalog, *arguments: object, **options: object) -> object:
        done.append(1)
        if len(done) == 2:
            raise LakeError("The disk is full.")
        return commit(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Catalog, "commit", fail_second)
    report = netlake.pipeline.refresh(older, jobs=1)
    assert sorted(found.state for found in report.captures) == ["failed", "replaced"]
    assert report.notices[-1] == "The lake cannot be read before `netlake capture --refresh` succeeds for all captures."
    with pytest.raises(LakeError, match="has contract 1"):
        Catalog(older)
    assert [found.state for found in netlake.pipeline.refresh(older, jobs=1).captures] == ["replaced"]
    assert sum(entry.facts.packets for entry in Catalog(older).captures()) == 360
