"""Plugins: tables from a file and from an installed package, errors in them, and lakes used without the plugin."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import netlake
from netlake import tables
from netlake.errors import SchemaError
from netlake.pipeline import run as run_of_capture
from netlake.records import waiting
from netlake.schema import contract
from tests.layers.build import ethernet, ipv4, udp

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


def test_plugin_on_the_port_of_a_table_changes_no_row_of_that_table(tmp_path: Path) -> None:
    """The port's table still rejects payloads, which probes take, and the stack names that table."""
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    calls = [struct.pack(">BBHII", 0x80, 0, 100 + n, 160 * n, 7) + bytes(160) for n in range(5)]
    path = tmp_path / "shared.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, payload in enumerate([stun, *calls]):
            frame = ethernet(ipv4(udp(payload, 40000, 3478), 17))
            file.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame)
    alone = netlake.decode(path)
    text = GOOD.replace("=53", "=3478").replace("first_byte", "another_byte")
    beside = netlake.decode(path, plugins=[plugin(tmp_path, text)])
    assert alone["rtp"].num_rows == 5
    assert beside.pop("another_byte")["packet"].to_pylist() == [1]
    assert {name: found.to_pylist() for name, found in beside.items() if name != "address"} == {
        name: found.to_pylist() for name, found in alone.items() if name != "address"
    }


def test_columns_of_a_plugin_may_change_their_type_between_batches(tmp_path: Path) -> None:
    text = "CALLS = []\n" + reading(
        "CALLS.append(1)\n"
        "    values = messages.data[messages.start].astype(np.int16)\n"
        "    return {'first': pa.array(values, pa.int64()) if len(CALLS) % 2 else values}"
    )
    expected = netlake.decode(CAPTURES / "demo.pcapng", plugins=[plugin(tmp_path)])["first_byte"]["first"]
    tables._LOADED.clear()
    tables.entries.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "MOST_MESSAGES", 10)
        patch.setattr(run_of_capture, "BATCH", 500)
        found = netlake.decode(CAPTURES / "demo.pcapng", plugins=[plugin(tmp_path, text, "other.py")])["first_byte"]
    assert found["fault"].null_count == found.num_rows
    assert found["first"].to_pylist() == expected.to_pylist()


BROKEN = {
    "no file": (None, "plugin.py"),
    "no python": ("TABLES = (", r"SyntaxError: .* \(line 1\)"),
    "raises": ("1 / 0", r"ZeroDivisionError: division by zero \(.*plugin.py, line 1\)"),
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "no tables": ("x = 1", "TABLES"),
    "no table": ("TABLES = ('dns',)", "Table"),
    "a taken name": (GOOD.replace("first_byte", "dns"), "dns"),
    "no sentence": (GOOD.replace("0 to 255.", "0 to 255"), r"first_byte: first has no description"),
    "a port that is a name": (GOOD.replace("udp.port=53", "udp.port=http"), "first_byte: dispatch key udp.port=http"),
    "a port with a leading zero": (GOOD.replace("=53", "=0123"), "key udp.port=0123 has no valid value"),
    "a port that is too large": (GOOD.replace("=53", "=70000"), "udp.port=70000 .* use a number from 0 to 65535"),
    "a negative port": (GOOD.replace("=53", "=-1"), "key udp.port=-1 has no valid value"),
    "a key without a value": (GOOD.replace("=53", "="), "udp.port= is not of the form"),
    "a reserved key": (GOOD.replace("udp.port=53", "tcp.port=80"), "tcp.port=80 cannot be declared"),
    "an unknown key": (GOOD.replace("udp.port=53", "tpc.port=80"), "tpc.port=80 has no known space"),
    "the key of a header": (GOOD.replace("udp.port=53", "ip.protocol=17"), "ip.protocol=17 is a key of header udp"),
    "the name of a header": (GOOD.replace("first_byte", "linux_sll"), "linux_sll is the name of a header"),
    **{
        f"context {context}": (
            GOOD.replace('spec="none"', f'spec="none", context="{context}", key=()'),
            f"table first_byte has the context {context}, which rows of messages do not have; use one of record",
        )
        for context in ("connection", "capture", "lake")
    },
    "no document": (GOOD.replace('spec="none", ', ""), "first_byte: there is no `spec`; name the document"),
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
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "lake").exists()


def reading(body: str) -> str:
    """The plugin with a hook `read` of this body."""
    imports = "import numpy as np\nimport pyarrow as pa\nfrom netlake.packets import Codes, Nullable\n"
    return imports + GOOD[: GOOD.index("def parse")] + f"def read(messages):\n    {body}\n"


def filling(body: str) -> str:
    """The plugin with a hook `fill_from_flow` of this body."""
    return f"import numpy as np\n{GOOD}def fill_from_flow(messages, columns, shifts):\n    {body}\n"


INVALID_RESULTS = {
    "returns None": "return None",
    "returns a list": "return [messages.start]",
    "is a generator": "yield 'first', messages.start",
    "returns an unknown column": "return {'third': messages.start}",
    "returns a context column": "return {'packet': messages.start}",
    "returns a name that is no text": "return {1: messages.start}",
    "returns too few values": "return {'first': messages.start[1:]}",
    "returns too few values of an Arrow array": "return {'first': pa.array([], pa.int16())}",
    "returns one value": "return {'first': 1}",
    "returns a list of values": "return {'first': [1] * len(messages)}",
    "returns a table of values": "return {'first': np.zeros((len(messages), 2), np.int16)}",
    "returns floats": "return {'first': np.zeros(len(messages))}",
    "returns objects": "return {'first': np.array([None] * len(messages))}",
    "returns text": "return {'first': pa.array(['x'] * len(messages))}",
    "returns a chunked array": "return {'first': pa.chunked_array([pa.array([1] * len(messages))])}",
    "returns codes": "return {'first': Codes(np.zeros(len(messages), np.int32), 'ip')}",
    "returns validity of another length": "return {'first': Nullable(messages.start, np.ones(1, np.bool_))}",
    "returns messages of its own": "messages.row = messages.row + 1000000; return messages, {}",
    "returns something beside its columns": "return 'first', {'first': messages.start}",
    "sets an unknown fault": "messages.fault[:] = 99; return {'first': messages.start}",
    "shortens an array of the messages": "messages.place = messages.place[1:]; return {'first': messages.start}",
}
FAILING = {
    **{f"read {name}": reading(body) for name, body in INVALID_RESULTS.items()},
    "fill_from_flow raises": filling("1 / 0"),
    "fill_from_flow adds an unknown column": filling("columns['third'] = shifts"),
    "fill_from_flow adds too few values": filling("columns['second'] = shifts[1:]"),
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
    if name == "parse" or name.startswith("fill_from_flow"):
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
