"""Every option of every command with invalid values: one sentence on stderr, nothing on stdout, exit code 2."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from test_help import EVERY

from netlake.lake.catalog import Catalog

Run = Callable[..., tuple[int, str, str]]
Program = Callable[..., "subprocess.Popen[bytes]"]
CAPTURE = Path(__file__).resolve().parents[1] / "captures" / "classic.pcap"

NUMBERS = ("", "lots", "-1", "1.5", "1e3", "nan", "99999999999999999999999")
SECONDS = ("", "soon", "-1", "nan", "inf", "-inf", "1e300")
NOT_UTF8 = "a\udcffb"
TABLES = ("", ",", " , ", "no_such_table", "dns,no_such_table", NOT_UTF8)
COLUMNS = ("", ",", "no_such_column", "packet,no_such_column", "packet;", NOT_UTF8)
# option -> values that are invalid in every command that has it; {file} is an existing file, {folder} a folder
INVALID: dict[str, tuple[str, ...]] = {
    "--lake": ("", "{file}"),
    "--include": TABLES,
    "--exclude": TABLES,
    "--jobs": (*NUMBERS, "0"),
    "--keep": (*NUMBERS, "0"),
    "--catalog": ("", "sqlite://x", "file", "postgresql://u:secret@h/d", NOT_UTF8),
    "--data": ("", "{file}", "http://x/y", "s3://", "s3://b", "s3://bucket//x", NOT_UTF8),
    "--iceberg": ("", "{file}"),
    "--target-size": ("", "lots", "0MB", "-1MB", "1XB", "5", NOT_UTF8),
    "--day": ("", ",", "today", "2026-13-01", "2026-11-23,x", NOT_UTF8),
    "--flow-key": ("", ",", " , ", "lots", "VLAN", "vlan,lots", "vlan interface", NOT_UTF8),
    "--hashes": ("", ",", " , ", "md6", "MD5", "md5,sha256", NOT_UTF8),
    "--extract-files": ("", "{file}", "{file}/folder"),
    "--keylog": ("", "{folder}", "{folder}/absent.log"),
    "--plugin": ("", "{folder}", "{folder}/absent.py", "{file}", f"{NOT_UTF8}.py"),
    "--select": COLUMNS,
    "--sort": (*COLUMNS, "-", "--packet"),
    "--where": (
        "", "  ", "no_such_column = 1", "packet =", "packet = 1; DROP TABLE x", NOT_UTF8,
        "-- a comment", "/* a comment */", "packet = 1) OR (packet = 1", ") OR (", "(packet = 1", "packet = 1)", ";",
        "packet = 1, packet = 2", "packet = 1 ORDER BY 1", "SELECT true", "packet = 1 UNION SELECT 1",
        "count(*) > 1", "?",
    ),
    "--limit": NUMBERS,
    "--bpf": ("", " ", "prot 3", "tcp port", NOT_UTF8),
    "--capture": ("", " ", "no_such_capture", NOT_UTF8),
    "--max-rows": NUMBERS,
    "--format": ("", "xml", "CSV2", NOT_UTF8),
    "--output": ("", "{folder}", "{folder}/absent/out", "{lake}/out"),
    "--at": ("", "yesterday", "-1", "1.5", "99", "9" * 30, "0001-01-01T00:00+23:59", "1700-01-01", NOT_UTF8),
    "--timeout": (*SECONDS, "0"),
    "--host": ("", " ", "10.0.0.256", "10.0.0.0/33", "::g", "no_such_host", NOT_UTF8),
    "--flow": (*NUMBERS, "0", "999999999"),
    "--from": ("", "yesterday", "1", "2024-13-01", "0001-01-01T00:00+23:59", NOT_UTF8),
    "--kinds": ("", ",", " , ", "no_such_table", "dns,no_such_table", "address", NOT_UTF8),
    "--grace": SECONDS,
    "--days": SECONDS,
    "--memory": ("", "lots", "2", "GB", "-1GB", "nanGB", "2 potatoes", "1e9GB", "999999999999TB", NOT_UTF8),
    "--threads": (*NUMBERS, "0", "1000000"),
    "--forget": ("", ",", "no_such_table", NOT_UTF8),
    "--remove": ("", ",", "no_such_table.column", "dns", "dns.", NOT_UTF8),
}  # fmt: skip
# values that are invalid in the commands of `label` that have the option; they are also tested above if in both
INVALID |= {
    "--clock": ("", "11", NOT_UTF8),
    "--mode": ("", "inside", NOT_UTF8),
    "--tolerance": SECONDS,
    "--problems": NUMBERS,
    "--split": ("", "fair", NOT_UTF8),
    "--group": ("", "packet", NOT_UTF8),
    "--test": ("", "lots", "-1", "nan", "2"),
    "--validation": ("", "lots", "-1", "nan", "2"),
    "--purge": SECONDS,
    "--folds": (*NUMBERS, "1"),
    "--seed": NUMBERS,
    "--with": (
        "",
        "truth",
        "=x",
        "a b={file}",
        "1={file}",
        "truth=",
        "truth={folder}",
        "truth={folder}/absent",
        "sample={file}",
        NOT_UTF8,
    ),
    "--to": ("", "{file}", "{folder}", "{folder}/absent/out", "{file}/out"),
    "--as": ("", "xml", "CSV", NOT_UTF8),
    "--file": ("", "{folder}", "{folder}/absent.sql"),
    "--param": ("", "5", "=5", "no_such=5", "min_connections=many", NOT_UTF8),
    "--folder": ("", "{folder}/absent", "{file}"),
    "--search": ("", " "),
    "--local": ("", ",", "office", "10.0.0.0/33", "10.0.0.0/255.0.0.0", NOT_UTF8),
    "--budget-seconds": (*SECONDS, "0"),
    "--budget-memory": (*NUMBERS, "0"),
    "--missing": ("", "zero", NOT_UTF8),
    "--attempted": ("", "yes", NOT_UTF8),
    "--unknown": ("", "yes", NOT_UTF8),
    "--choose": ("", "any", NOT_UTF8),
    "--read": ("", "{folder}", "{folder}/absent.pcap"),
    "--suricata-config": ("", "{folder}", "{folder}/absent.yaml"),
    "--rules": ("", "{folder}", "{folder}/absent.rules"),
    "--config": ("", "{folder}", "{folder}/absent.yaml"),
    "--flow": (*NUMBERS, "0"),
    "--packet": ("", "lots", "-1", "1.5", "1-", "-", "1-2-3", "9" * 30, NOT_UTF8),
    "--write": ("", "{folder}", "{folder}/absent/out.pcapng", "{lake}/out.pcapng", "out.txt", "out"),
    "--labels": ("", " ", "no_such_version", NOT_UTF8),
    "--originals": ("", "{file}", "{folder}/absent"),
    "--direction": ("", "up", NOT_UTF8),
    "--hex": ("", " ", "0", "xyz", "0x00", NOT_UTF8),
}
# options of commands of `label` whose values are checked against a lake or a file: see tests/label and tests/features
CHECKED_LATER = {
    "--custom", "--zone", "--out", "--sep", "--name", "--version", "--source", "--table", "--features", "--policy",
    "--kind", "--benign",
}  # fmt: skip
# two lines that show the place follow the sentence: see test_filter.py
WITH_PLACE = {"--filter"}
# options that are that in one command only
OTHERWISE = {
    (("label",), "--exclude"), (("label", "dataset"), "--exclude"), (("label", "dataset"), "--include"),
    (("label", "features"), "--where"), (("label", "features"), "--capture"), (("label", "import"), "--capture"),
    (("timeline",), "--to"),
}  # fmt: skip
# names by which messages call an option
SHORT = {"--output": "-o", "--write": "-w"}
# arguments that a command needs besides the option
NEEDED: dict[tuple[str, ...], list[object]] = {
    ("capture",): [CAPTURE],
    ("dump",): ["packet"],
    ("query",): ["beacons"],
    ("sql",): ["SELECT 1"],
    ("carve",): ["--where", "true", "--write", "no_such_folder/out.pcapng"],
    ("follow",): ["--flow", "1"],
    ("search",): ["x"],
    ("captures", "rm"): ["0123456789abcdef"],
    ("label", "compare"): ["one", "other"],
    ("label", "dataset"): ["no_such_folder/out"],
    ("label", "explain"): ["packet", "1"],
    ("label", "features"): ["cic"],
    ("label", "import"): ["pack:swat-2019"],
    ("label", "pcap"): [CAPTURE, "no_such_folder/out.pcapng"],
    ("label", "rm"): ["one"],
    ("label", "suricata"): [CAPTURE],
    ("label", "versions", "rm"): ["one"],
}


def options() -> Iterator[tuple[tuple[str, ...], str]]:
    """Every option with a value, by the words of its command and its longest name."""
    for path, command in EVERY:
        for param in command.params:
            if isinstance(param, click.Option) and not param.is_flag and not param.count:
                yield path, max(param.opts, key=len)


EACH = [
    (path, name, value) for path, name in options() if (path, name) not in OTHERWISE for value in INVALID.get(name, ())
]


def test_every_option_with_a_value_has_invalid_values() -> None:
    assert {name for _, name in options()} == INVALID.keys() | CHECKED_LATER | WITH_PLACE
    assert set(options()) >= OTHERWISE
    assert not INVALID.keys() & CHECKED_LATER


@pytest.mark.parametrize(("path", "name", "value"), EACH, ids=[" ".join((*p, n, ascii(v))) for p, n, v in EACH])
def test_invalid_value_is_one_sentence_and_exit_code_2(
    run: Run, lake: Path, tmp_path: Path, path: tuple[str, ...], name: str, value: str
) -> None:
    file = tmp_path / "file"
    file.write_text("this is no Python {")
    given = value.format(file=file, folder=tmp_path, lake=lake)
    # the last value of an option counts
    arguments: list[object] = [*path, *NEEDED.get(path, ()), f"{name}={given}"]
    if name != "--lake" and any(option == "--lake" for command, option in options() if command == path):
        arguments += ["--lake", lake if path != ("capture",) else tmp_path / "lake"]
    code, out, err = run(*arguments)
    assert code == 2, err
    assert out == ""
    assert err.startswith("netlake: ")
    assert name in err or SHORT.get(name, name) in err
    assert err.count("\n") == 1
    assert len(err) < 1000
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("value", ["'text'", "[1]", "error('x')", "CAST('x' AS INTEGER) = packet"])
def test_condition_that_fails_on_a_row_is_an_invalid_value(run: Run, tmp_path: Path, value: str) -> None:
    assert run("capture", CAPTURE, "--include", "packet", "--lake", tmp_path / "lake")[0] == 0
    code, _, err = run("dump", "packet", "--where", value, "--lake", tmp_path / "lake")
    assert (code, err.count("\n")) == (2, 1), err
    assert err.startswith("netlake: --where: ")


@pytest.mark.parametrize(
    "value",
    ["packet = 1 -- one", "(packet) = (1)", "packet IN (1) /* ( */", "packet = 1 AND ')(' != '('",
     "(packet = 2 OR packet = 1) AND packet < 2", "packet IN (SELECT 1)", "(SELECT packet = 1)"],
)  # fmt: skip
def test_condition_with_brackets_and_comments(run: Run, tmp_path: Path, value: str) -> None:
    assert run("capture", CAPTURE, "--include", "packet", "--lake", tmp_path / "lake")[0] == 0
    code, out, err = run(
        "dump", "packet", "--where", value, "--select", "packet", "--format", "csv", "--lake", tmp_path / "lake"
    )
    assert (code, out, err) == (0, "packet\n1\n", "")


@pytest.mark.parametrize("value", ["lots", "1 TB x"])
def test_invalid_memory_as_the_program_is_run(program: Program, lake: Path, value: str) -> None:
    process = program("sql", "SELECT 1", "--memory", value, "--lake", lake)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert (
        err
        == (
            f"netlake: Invalid value for '--memory': {value!r} is not a size; give one such as 2GB or 512MB;"
            " see `netlake sql --help`.\n"
        ).encode()
    )


@pytest.mark.parametrize("value", ["1GB", "512mb", "0.5 GiB", "100000000B"])
def test_sizes_of_memory(run: Run, lake: Path, value: str) -> None:
    assert run("sql", "SELECT 1 AS one", "--memory", value, "--lake", lake, "--format", "csv") == (0, "one\n1\n", "")


@pytest.mark.parametrize(
    "statement", ["-- a comment\nSELECT 1 AS one", "--a comment=1\nSELECT 1 AS one", "/* -- */ SELECT 1 AS one"]
)
def test_statement_may_begin_with_a_comment(run: Run, lake: Path, statement: str) -> None:
    for arguments in (
        ["--lake", lake, "--format", "csv", statement],
        [statement, "--lake", lake, "--format", "csv"],
        ["--lake", lake, "--format", "csv", "--", statement],
    ):
        assert run("sql", *arguments) == (0, "one\n1\n", "")


def test_lake_with_white_space_is_an_option_and_no_statement(run: Run, lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "a lake"
    path.symlink_to(lake)
    assert run("sql", f"--lake={path}", "SELECT 1 AS one", "--format=csv") == (0, "one\n1\n", "")
    code, _, err = run("sql", "--no-such-option", "--lake", lake)
    assert code == 2
    assert "No such option" in err


@pytest.mark.parametrize(
    "statement",
    ["", ";", "-- only a comment", "SELECT", "SELECT 1 +", "FROM no_such_table", "SELECT no_such_function()",
     "SELECT 'a", "SELECT error('x')", "FROM read_csv('/etc/passwd')", "SELECT 'x'::INTEGER",
     "COPY (SELECT 1) TO '/tmp/netlake-test-file'", "ATTACH '/tmp/netlake-test-file.db'", "SET memory_limit='lots'",
     "PRAGMA no_such_pragma", "SELECT repeat('x', 10000000000000)", "LOAD no_such_extension"],
)  # fmt: skip
def test_invalid_statement_is_one_sentence_and_exit_code_1(run: Run, lake: Path, statement: str) -> None:
    code, out, err = run("sql", statement, "--lake", lake)
    assert (code, err.count("\n")) == (1, 1), err
    assert err.startswith("netlake: ")
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    "statement",
    ["CREATE TEMP TABLE t(a INT)", "SET threads=1", "SHOW TABLES", "DESCRIBE packet", "EXPLAIN SELECT 1",
     "SELECT 1 AS a, INTERVAL 1 DAY AS a", "VALUES (1)"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["table", "csv", "parquet"])
def test_statement_that_is_no_query_ends_without_traceback(
    run: Run, lake: Path, tmp_path: Path, statement: str, form: str
) -> None:
    code, out, err = run("sql", statement, "--lake", lake, "--format", form, "-o", tmp_path / "out")
    assert "Traceback" not in out + err
    assert code in {0, 1}
    assert err.count("\n") == code


def test_removing_the_empty_id_is_refused(run: Run, lake: Path) -> None:
    captures = len(Catalog(lake).captures())
    assert run("captures", "rm", "", "--lake", lake)[0] == 2
    assert len(Catalog(lake).captures()) == captures


def test_statement_on_stdin_that_is_not_utf8_is_one_sentence(program: Program, lake: Path) -> None:
    process = program("sql", "-", "--lake", lake, stdin=subprocess.PIPE)
    out, err = process.communicate(b"SELECT '\xff'", timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"netlake: The statement on stdin is not UTF-8")
    assert err.count(b"\n") == 1
