"""`netlake catalog build`: a file of views that plain DuckDB opens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
READ = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as database:
    print(json.dumps([database.execute(sql).fetchall() for sql in sys.argv[2:]], default=str))
"""


@pytest.fixture(scope="module")
def lake(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of the demo capture."""
    import netlake

    place = tmp_path_factory.mktemp("catalog") / "lake"
    netlake.capture([captures / "demo.pcapng"], place)
    return place


def plain(file: Path, *statements: str) -> list[list[list[Any]]]:
    """The rows of each statement in a process that does not import netlake, in another folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", READ, str(file), *statements], capture_output=True, text=True, check=True, cwd="/"
    )
    found: list[list[list[Any]]] = json.loads(done.stdout)
    return found


def test_the_file_opens_in_plain_duckdb(run: Run, lake: Path, tmp_path: Path) -> None:
    """All views can be read, and those of connections have the same rows as by netlake."""
    file = tmp_path / "views.duckdb"
    code, out, err = run("catalog", "build", "-o", file, "--lake", lake)
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: snapshot 1, ")
    counted = "SELECT proto, conn_state, local_orig, count(*) AS rows FROM zeek.conn GROUP BY ALL ORDER BY ALL"
    [[about], rows, names, omitted] = plain(
        file, "FROM netlake_catalog", counted,
        "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal", "FROM netlake_omitted",
    )  # fmt: skip
    assert about[:2] == [str(lake.resolve()), 1]
    expected = json.loads(run("sql", counted, "--lake", lake, "--format", "json")[1])
    assert rows == [list(row.values()) for row in expected]
    assert {"zeek.conn", "ecs.dns", "ocsf.http_activity", "main.dns", "main.http"} <= {".".join(name) for name in names}
    assert {name for name, _ in omitted if name in ("asset", "host_name")} == {"asset", "host_name"}
    plain(file, *(f'SELECT count(*) FROM (SELECT * FROM "{schema}"."{name}")' for schema, name in names))
    assert file.stat().st_size < 10_000_000


def test_building_again_replaces_the_file(run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "views.duckdb"
    assert run("catalog", "build", "-o", file, "--lake", lake)[0] == 0
    before = file.stat().st_ino
    assert run("catalog", "build", "-o", file, "--lake", lake)[0] == 0
    assert file.stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == ["views.duckdb"]


def test_another_file_is_not_replaced(run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    code, out, err = run("catalog", "build", "-o", file, "--lake", lake)
    assert (code, out) == (2, "")
    assert "not a file of `netlake catalog build`" in err
    assert file.read_text() == "mine"
    code, _, err = run("catalog", "build", "-o", lake / "x.duckdb", "--lake", lake)
    assert code == 2
    assert "inside the lake" in err
