"""SQL of commands and services cannot change the lake, and cannot read other files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import lakes
import pytest

from netlake.errors import QueryError
from netlake.lake.catalog import Catalog
from netlake.query import guard, landlock
from netlake.query.guard import Request

needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")


def answer(request: Request, tmp_path: Path, **settings: float) -> tuple[int, str]:
    """(exit code, output) of a request."""
    with (tmp_path / "out").open("w+b") as out:
        code = guard.run(request, out, **settings)
        out.seek(0)
        return code, out.read().decode()


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Path -> (SHA-256, mode) of every file below `folder`."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def own_lake(tmp_path: Path) -> Path:
    """A lake with writable files, as for a privileged user."""
    path = tmp_path / "lake"
    lakes.commit(path, "a" * 16, {lakes.SAMPLE: [{"number": number} for number in range(5)]})
    for file in path.rglob("*.parquet"):
        file.chmod(0o644)
    return path


ATTACKS = [
    "COPY (SELECT 1) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)",
    "WITH x AS (COPY (SELECT 1) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)) SELECT * FROM sample",
    "WITH x AS (COPY (FROM sample) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)) FROM x",
    "EXPLAIN ANALYZE COPY (FROM sample) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)",
    "FROM sample; COPY (FROM sample) TO '{file}' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY (FROM sample) TO '{lake}/data/new.parquet'",
    "COPY (FROM sample) TO '{outside}/new.csv'",
    "COPY (FROM sample) TO '{outside}/parts' (FORMAT parquet, PARTITION_BY (day))",
    "EXPORT DATABASE '{outside}/export'",
    "ATTACH '{outside}/new.duckdb'",
    "ATTACH '{lake}/catalog.sqlite' (TYPE sqlite)",
    "INSTALL httpfs",
    "LOAD '{outside}/x.duckdb_extension'",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "SELECT * FROM read_text('{outside}/secret')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_blob('{lake}/catalog.sqlite')",
    "SELECT * FROM read_blob('{lake}/data/../catalog.sqlite')",
    "FROM '{outside}/secret.parquet'",
    "SELECT * FROM glob('{outside}/*')",
    "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
    "PRAGMA enable_profiling = 'json'; PRAGMA profiling_output = '{outside}/profile'; FROM sample",
]


ATTACKER = """
import json, sys
request, attacks = json.loads(sys.stdin.read())
from netlake.query import child
from pathlib import Path
assert child.lock(Path(request["lake"]), Path(request["spill"]))
from netlake.errors import QueryError
connection, source, _ = child.ready(request, locked=True)
found = {}
for attack in attacks:
    try:
        found[attack] = repr(connection.run(attack, source)[0].fetchall())
    except Exception as error:
        found[attack] = type(error).__name__
print(json.dumps(found))
"""


@needs_landlock
def test_attacks_fail_and_change_no_file(own_lake: Path, tmp_path: Path) -> None:
    """All attacks run in one restricted process; the next test runs three of them through `guard.run`."""
    outside, spill = tmp_path / "outside", tmp_path / "spill"
    outside.mkdir()
    spill.mkdir()
    (outside / "secret").write_text("secret words")
    file = next(own_lake.rglob("*.parquet"))
    before, other_files = state(own_lake), state(outside)
    attacks = [attack.format(file=file, lake=own_lake, outside=outside) for attack in ATTACKS]
    request = dataclasses.asdict(Request(str(own_lake), sql="")) | {"spill": str(spill)}
    ran = subprocess.run(
        [sys.executable, "-c", ATTACKER],
        input=json.dumps([request, attacks]),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout)
    assert {attack: what for attack, what in found.items() if what not in ("QueryError", "Error")} == {}
    assert len(found) == len(ATTACKS)
    assert state(own_lake) == before
    assert state(outside) == other_files
    assert Catalog(own_lake, readonly=True).validate(deep=True) == []


@pytest.mark.parametrize("attack", [ATTACKS[1], ATTACKS[4], ATTACKS[16]])
@needs_landlock
def test_attack_through_guard_fails_with_one_message(
    attack: str, own_lake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("secret words")
    before = state(own_lake)
    statement = attack.format(file=next(own_lake.rglob("*.parquet")), lake=own_lake, outside=tmp_path)
    code, out = answer(Request(str(own_lake), sql=statement, format="csv"), tmp_path)
    err = capfd.readouterr().err
    assert code == 1, (out, err)
    assert "secret words" not in out
    assert err.startswith("netlake: ")
    assert err.count("\n") == 1
    assert state(own_lake) == before


@needs_landlock
def test_duckdb_settings_alone_do_not_protect_files(own_lake: Path) -> None:
    """Without Landlock the same statement overwrites the file, so the tests above depend on Landlock."""
    file = next(own_lake.rglob("*.parquet"))
    code = (
        "import sys, duckdb; from netlake.query.connection import Connection, allow_only; from pathlib import Path;"
        "c = Connection(); allow_only(c.database, [Path(sys.argv[1])], spill=None);"
        "c.database.execute(f\"COPY (SELECT 1 AS x) TO '{sys.argv[1]}' (FORMAT parquet, USE_TMP_FILE false)\")"
    )
    before = file.read_bytes()
    subprocess.run([sys.executable, "-c", code, str(file)], check=True)
    assert file.read_bytes() != before


@needs_landlock
def test_landlock_denies_other_reads_all_writes_and_execution(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "shut").mkdir()
    for name in ("open/file", "shut/file"):
        (tmp_path / name).write_text("x")
    program = """
import json, os, socket, sys
from pathlib import Path
from netlake.query import landlock
base = Path(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0))
assert landlock.restrict([base / "open", Path("/absent")], [base / "open" / "spill"] if len(sys.argv) > 2 else [])
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps([attempt(action) for action in (
    lambda: (base / "open" / "file").read_text(),
    lambda: (base / "shut" / "file").read_text(),
    lambda: os.listdir(base),
    lambda: (base / "open" / "file").write_text("y"),
    lambda: (base / "open" / "new").write_text("y"),
    lambda: (base / "open" / "file").unlink(),
    lambda: (base / "open" / "file").rename(base / "open" / "other"),
    lambda: os.truncate(base / "open" / "file", 0),
    lambda: os.execv("/bin/true", ["true"]),
)]))
"""
    run = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    refused = "PermissionError"
    assert json.loads(run.stdout) == ["done", refused, refused, refused, refused, refused, refused, refused, refused]
    assert (tmp_path / "open" / "file").read_text() == "x"


def test_without_landlock_a_warning_is_printed_and_duckdb_restricts(
    own_lake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_BOOT", "import netlake.query.landlock as l; l.version = lambda: 0\n" + guard._BOOT)
    monkeypatch.setenv("PYTHONPATH", str(Path(guard.__file__).resolve().parents[2]))
    before = state(own_lake)
    request = Request(str(own_lake), sql="SELECT count(*) FROM sample", format="csv")
    assert answer(request, tmp_path) == (0, "count_star()\n5\n")
    assert capfd.readouterr().err.count("no Landlock") == 1
    code, _ = answer(Request(str(own_lake), sql=f"COPY (FROM sample) TO '{own_lake}/data/x.parquet'"), tmp_path)
    assert code == 1
    assert state(own_lake) == before
    file = tmp_path / "truth.csv"
    file.write_text("number\n3\n")
    files = {"truth": str(file)}
    joined = Request(
        str(own_lake), sql="FROM sample JOIN truth USING (number) SELECT number", format="csv", files=files
    )
    assert answer(joined, tmp_path) == (0, "number\n3\n")
    for change in (f"COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)", f"FROM read_csv('{file}')"):
        assert answer(Request(str(own_lake), sql=change, files=files), tmp_path)[0] == 1
    assert file.read_text() == "number\n3\n"


def test_requests_of_sql_and_dump_return_rows(lake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    statement = "SELECT number, word FROM sample WHERE number >= 308 ORDER BY number"
    code, out = answer(Request(str(lake), sql=statement, format="jsonl", plan=True), tmp_path)
    assert (code, out) == (0, '{"number":308,"word":"word 3"}\n{"number":309,"word":"word 3"}\n')
    assert "sample: 1 of 8 files, 5 rows" in capfd.readouterr().err
    late = Request(str(lake), sql="SELECT count(*) FROM query('FROM sample')", format="csv")
    assert answer(late, tmp_path) == (0, "count_star()\n40\n")
    selection = {"table": "sample", "select": ["number"], "where": "number > 5 -- few", "sort": ["-number"], "limit": 2}
    assert answer(Request(str(lake), dump=selection, format="csv"), tmp_path) == (0, "number\n309\n308\n")


def test_limits_of_rows_time_and_memory(lake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = answer(Request(str(lake), sql="SELECT i FROM range(100000) r(i)", format="csv", rows=3), tmp_path)
    assert (code, out) == (0, "i\n0\n1\n2\n")
    assert "showing 3 of 100,000 rows" in capfd.readouterr().err
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range < 0"
    began = time.monotonic()
    with pytest.raises(QueryError, match="stopped after 1 s"):
        answer(Request(str(lake), sql=endless), tmp_path, timeout=1)
    assert time.monotonic() - began < 60
    much = "SELECT list(i) FROM range(100000000) r(i)"
    code, _ = answer(Request(str(lake), sql=much, memory="50MB", threads=1, format="csv"), tmp_path)
    assert code == 1
    assert "Out of Memory" in capfd.readouterr().err


def test_spill_folder_is_removed(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spills = tmp_path / "spills"
    spills.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spills))
    statement = "SELECT count(*) FROM (SELECT md5(i::VARCHAR) AS x FROM range(800000) r(i) ORDER BY x OFFSET 1)"
    request = Request(str(lake), sql=statement, memory="40MB", threads=1, format="csv")
    assert answer(request, tmp_path) == (0, "count_star()\n799999\n")
    assert list(spills.iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "table", "parquet", "arrow"])
def test_closed_pipe_ends_child_without_message(form: str, lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert guard.run(Request(str(lake), sql="SELECT i FROM range(200000) r(i)", format=form), writing) == 0
    finally:
        os.close(writing)
    assert capfd.readouterr().err == ""


def test_statements_do_not_import_pandas(lake: Path) -> None:
    """Where pandas is installed pyarrow would import it, which takes longer than many statements."""
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    command = [sys.executable, "-m", "netlake", "sql", "SELECT 'a' AS a, 1 AS b", "--lake", str(lake)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "duckdb" in ran.stderr
    assert "pandas.core" not in ran.stderr
