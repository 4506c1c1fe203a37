"""Plugins: tables from a file and from an installed package, errors in them, and lakes used without the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import netlake
from netlake import tables
from netlake.errors import SchemaError
from netlake.schema import contract

CAPTURES = Path(__file__).resolve().parent / "captures"
GOOD = '''
"""The first two bytes of messages from and to port 53."""
from netlake.schema import Column, Table
TABLES = (
    Table("first_byte", "One row for each message.", spec="none", on=("udp.port=53",), columns=(
        Column("first", "u8", "First byte, 0 to 255.", why="a test"),
        Column("second", "u8", "Second byte, 0 to 255.", why="a test"),
    )),
)
def parse(message):
    yield "first", message.number(1)
    yield "second", message.number(1)
'''


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unload plugins after each test."""
    monkeypatch.setattr(tables, "_LOADED", {})
    monkeypatch.setattr(contract, "directories", list(contract.directories))
    tables.entries.cache_clear()
    yield
    monkeypatch.undo()
    contract.frozen.cache_clear()
    tables.entries.cache_clear()


def plugin(folder: Path, text: str = GOOD, name: str = "plugin.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def run(*arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "netlake", *map(str, arguments)]
    around = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=around, timeout=300)


def wheel(folder: Path) -> Path:
    """Write a wheel with one module and an entry point."""
    path = folder / "outside_first_byte-1.0-py3-none-any.whl"
    about = "outside_first_byte-1.0.dist-info"
    files = {
        "outside_first_byte.py": GOOD,
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: outside-first-byte\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[netlake.protocols]\nfirst_byte = outside_first_byte\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_lake_has_rows_of_installed_plugin_after_its_removal(tmp_path: Path) -> None:
    site, lake = tmp_path / "site", tmp_path / "lake"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", site]
    subprocess.run([*pip, wheel(tmp_path)], check=True)
    listed = run("tables", "--all", PYTHONPATH=site)
    assert "first_byte" in listed.stdout
    # two captures, so that worker processes load the plugin too
    ran = run("capture", CAPTURES / "classic.pcap", CAPTURES / "demo.pcapng", "--jobs", 2, "--lake", lake,
                PYTHONPATH=site)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "first_byte" not in run("tables", "--all").stdout
    result = run("sql", "SELECT count(*) AS rows, count(DISTINCT capture) AS captures FROM first_byte", "--lake", lake,
                "--format", "csv")  # fmt: skip
    rows, captures = map(int, result.stdout.splitlines()[1].split(","))
    assert rows > 150
    assert captures == 2
    assert "Second byte" in run("tables", "first_byte", "--lake", lake).stdout
    assert run("dump", "first_byte", "--lake", lake, "--limit", 2, "--format", "jsonl").stdout.count("\n") == 2


def test_plugin_file_is_loaded_in_every_process(tmp_path: Path) -> None:
    path, lake = plugin(tmp_path), tmp_path / "lake"
    ran = run("capture", CAPTURES / "classic.pcap", CAPTURES / "demo.pcapng", "--jobs", 2, "--lake", lake,
                "--plugin", path, "--include", "first_byte")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    counted = run("sql", "SELECT count(DISTINCT capture) AS n FROM first_byte", "--lake", lake, "--format", "csv")
    assert counted.stdout.split() == ["n", "2"]
    assert "first_byte" in run("tables", "--all", NETLAKE_PLUGINS=path).stdout


def test_plugin_reads_messages_beside_table_of_same_port(tmp_path: Path) -> None:
    found = netlake.decode(CAPTURES / "classic.pcap", plugins=[plugin(tmp_path)])
    assert found["first_byte"].num_rows == found["udp"].filter(
        (found["udp"]["src_port"].to_numpy() == 53) | (found["udp"]["dst_port"].to_numpy() == 53)
    ).num_rows  # fmt: skip
    assert found["dns"].num_rows > 0


BROKEN = {
    "no file": (None, "plugin.py"),
    "no python": ("TABLES = (", r"SyntaxError: .* \(line 1\)"),
    "raises": ("1 / 0", r"ZeroDivisionError: division by zero \(.*plugin.py, line 1\)"),
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "no tables": ("x = 1", "TABLES"),
    "no table": ("TABLES = ('dns',)", "Table"),
    "a taken name": (GOOD.replace("first_byte", "dns"), "dns"),
    "no sentence": (GOOD.replace("0 to 255.", "0 to 255"), r"first_byte: first has no description"),
    "no kind": (GOOD.replace('"u8"', '"u7"'), "has the unknown kind u7"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_invalid_plugin_raises_schema_error(name: str, tmp_path: Path) -> None:
    text, expected = BROKEN[name]
    path = tmp_path / "plugin.py" if text is None else plugin(tmp_path, text)
    with pytest.raises(SchemaError, match=expected):
        tables.load([path])
    assert "first_byte" not in tables.entries()
    assert "dns" in tables.entries()


def test_invalid_plugin_ends_command_before_writing(tmp_path: Path) -> None:
    ran = run("capture", CAPTURES / "classic.pcap", "--lake", tmp_path / "lake", "--plugin", plugin(tmp_path, "1 / 0"))
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "lake").exists()


FAILING = {
    "parse": GOOD.replace('yield "second", message.number(1)', 'yield "second", message.number(1) / 0'),
    "read": GOOD[: GOOD.index("def parse")]
    + "def read(messages):\n    return {'first': messages.start / 0 + nothing}\n",
    "unknown column": GOOD.replace('yield "second"', 'yield "third"'),
    "probe": GOOD + "def probe(messages):\n    return messages.nothing\n",
}


@pytest.mark.parametrize("name", FAILING)
def test_failing_reader_marks_rows_and_capture_is_added(name: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    report = netlake.capture(CAPTURES / "demo.pcapng", lake, jobs=1, plugins=[plugin(tmp_path, FAILING[name])])
    assert report.exit_code == 0
    quality = report.captures[0].quality
    assert "plugin.py" in quality["failures"]["first_byte"] or name == "unknown column"
    rows = netlake.Lake(lake).sql("SELECT fault, first FROM first_byte").pl()
    assert len(rows) > 100
    if name != "probe":
        assert quality["faults"]["first_byte"]["reader_failed"] == len(rows)
        assert set(rows["fault"]) == {"reader_failed"}
    if name == "parse":
        assert rows["first"].null_count() == 0
    assert report.captures[0].tables["dns"].rows > 100


def test_value_of_wrong_type_is_null_with_fault(tmp_path: Path) -> None:
    text = GOOD.replace('yield "second", message.number(1)', 'yield "second", "text"')
    found = netlake.decode(CAPTURES / "classic.pcap", plugins=[plugin(tmp_path, text)])["first_byte"]
    assert set(found["fault"].to_pylist()) == {"out_of_range"}
    assert found["second"].null_count == found.num_rows
    assert found["first"].null_count == 0


def test_contract_beside_plugin_sets_ids(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    frozen = '{"columns": [{"name": "second", "id": 32, "type": "u8"}, {"name": "first", "id": 33, "type": "u8"}]}'
    (tmp_path / "schemas" / "first_byte.json").write_text(frozen, encoding="utf-8")
    tables.load([plugin(tmp_path)])
    ids = contract.ids(tables.table("first_byte"))
    assert (ids["first"], ids["second"]) == (33, 32)


def test_columns_of_plugin_may_be_reordered_and_added(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    zeroth = 'Column("zeroth", "u8", "Nothing, 0.", why="a test"),'
    second = 'Column("second", "u8", "Second byte, 0 to 255.", why="a test"),'
    moved = GOOD.replace(second, "").replace(
        '        Column("first"', f'        {second}\n        {zeroth}\n        Column("first"'
    )
    moved += '    yield "zeroth", 0\n'
    for capture, path in (("classic.pcap", plugin(tmp_path)), ("demo.pcapng", plugin(tmp_path, moved, "moved.py"))):
        ran = run("capture", CAPTURES / capture, "--lake", lake, "--proto", "--plugin", path)
        assert ran.returncode == 0, ran.stderr
    columns = ["first", "second", "zeroth"]
    found = netlake.Lake(lake).sql("SELECT first, second, zeroth FROM first_byte ORDER BY zeroth NULLS FIRST, packet")
    rows = found.arrow().to_pydict()
    older = netlake.decode(CAPTURES / "classic.pcap", plugins=[plugin(tmp_path)])["first_byte"].select(columns[:2])
    newer = netlake.decode(CAPTURES / "demo.pcapng", plugins=[plugin(tmp_path)])["first_byte"].select(columns[:2])
    for name in columns[:2]:
        assert rows[name] == [*older[name].to_pylist(), *newer[name].to_pylist()]
    assert rows["zeroth"] == [None] * older.num_rows + [0] * newer.num_rows


def test_lake_refuses_column_of_another_type(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    changed = plugin(
        tmp_path, GOOD.replace('"first", "u8"', '"first", "text"').replace("message.number(1)", '"x"', 1), "other.py"
    )
    assert run("capture", CAPTURES / "classic.pcap", "--lake", lake, "--plugin", plugin(tmp_path)).returncode == 0
    ran = run("capture", CAPTURES / "cooked.pcap", CAPTURES / "demo.pcapng", "--lake", lake, "--plugin", changed)
    assert ran.returncode == 1
    assert "first_byte" in ran.stdout + ran.stderr
