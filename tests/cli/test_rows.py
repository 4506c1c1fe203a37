"""`dump` and `sql`: selected rows, formats and output files."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import lakes
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netlake import tables
from netlake.lake.catalog import Catalog
from netlake.sinks.protobuf import read

Run = Callable[..., tuple[int, str, str]]
Program = Callable[..., "subprocess.Popen[bytes]"]
ENDLESS = "SELECT a.i FROM range(1000000000) a(i), range(1000000000) b(i) WHERE random() >= 0"


def test_dump_selects_filters_sorts_and_limits(run: Run, lake: Path) -> None:
    options = ["--select", "number, word", "--where", "number > 300", "--sort=-number", "--limit", 2, "--format", "csv"]
    assert run("dump", "sample", "--lake", lake, *options) == (0, "number,word\n309,word 3\n308,word 3\n", "")
    code, out, _ = run("dump", "sample", "--lake", lake, "--limit", 1)
    assert code == 0
    assert out.split()[:3] == ["day", "ts", "capture"]
    code, out, _ = run(
        "dump", "sample", "--lake", lake, "--sort", "flag,-number", "--select", "number", "--format", "tsv"
    )
    assert out.splitlines()[:3] == ["number", "309", "307"]


def test_dump_without_sort_keeps_stored_order(run: Run, lake: Path) -> None:
    _, out, _ = run("dump", "sample", "--lake", lake, "--select", "capture,packet", "--format", "jsonl")
    keys = [tuple(json.loads(line).values()) for line in out.splitlines()]
    assert keys == sorted(keys)
    assert len(keys) == 40


def test_sql_prints_rows_plan_and_row_limit(run: Run, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAKE_LAKE", str(lake))
    assert run("sql", "SELECT count(*) AS n FROM sample", "--format", "csv") == (0, "n\n40\n", "")
    code, out, err = run("sql", "SELECT number FROM sample WHERE number = 3", "--plan", "--format", "json")
    assert (code, json.loads(out), err) == (0, [{"number": 3}], "netlake: sample: 1 of 8 files, 5 rows\n")
    code, out, err = run("sql", "SELECT i FROM range(9) r(i)", "--max-rows", 1, "--format", "tsv")
    assert (code, out) == (0, "i\n0\n")
    assert err == "netlake: showing 1 of 9 rows; --limit 0 for all.\n"


def test_sql_reads_statement_from_stdin(program: Program, lake: Path) -> None:
    process = program("sql", "-", "--lake", lake, "--format", "csv", stdin=subprocess.PIPE)
    assert process.communicate(b"SELECT count(*) AS n FROM sample")[0] == b"n\n40\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dump", "smaple"], "There is no table smaple; nearest are sample"),
        (
            ["dump", "sample", "--select", "numbr"],
            "--select: There is no column numbr in table sample; nearest is number.",
        ),
        (["dump", "sample", "--sort", "-wrod"], "--sort: There is no column wrod in table sample; nearest is word."),
        (["dump", "sample", "--where", "number ="], "Parser Error"),
        (["dump", "sample", "--where", "true) UNION (SELECT 1"], "Error"),
        (["sql", "FROM smaple"], "There is no table smaple; nearest are sample"),
        (["sql", "SELECT 1", "--at", "999"], "snapshot"),
        (["sql", "SELECT 1", "--at", "yesterday"], "is not a snapshot"),
        (["sql", "SELECT 1", "--memory", "much"], "'much' is not a size; give one such as 2GB or 512MB; see"),
        (["dump", "gone.pb.zst"], "There is no file gone.pb.zst"),
        (["sql", 'FROM "a\x1b[2J"'], "There is no table a\\x1b[2J; `netlake tables --all` lists them."),
    ],
)
def test_wrong_name_or_statement_prints_one_error(arguments: list[str], sentence: str, run: Run, lake: Path) -> None:
    code, out, err = run(*arguments, "--lake", lake)
    assert (code, out) == (2 if arguments[2:] else 1, "")  # 2: an option has an invalid value
    assert sentence in err
    assert err.startswith("netlake: ")
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_missing_lake_prints_one_error(run: Run, tmp_path: Path) -> None:
    for arguments in (["sql", "SELECT 1"], ["dump", "dns"], ["tables"], ["captures"]):
        code, out, err = run(*arguments, "--lake", tmp_path / "none")
        assert (code, out) == (1, "")
        assert err.startswith("netlake: ")
        assert str(tmp_path / "none") in err
        assert err.count("\n") == 1


def test_output_file_replaces_old_one_when_complete(run: Run, lake: Path, tmp_path: Path) -> None:
    for name in ("parquet", "arrow", "csv"):
        out = tmp_path / f"rows.{name}"
        out.write_text("before")
        assert run("dump", "sample", "--lake", lake, "--format", name, "-o", out) == (0, "", "")
        mask = os.umask(0)
        os.umask(mask)
        assert out.stat().st_mode & 0o777 == 0o666 & ~mask
    rows = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert len(rows) == 40
    assert pa.ipc.open_stream((tmp_path / "rows.arrow").read_bytes()).read_all().to_pylist() == rows
    assert (tmp_path / "rows.csv").read_bytes().count(b"\n") == 41
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.arrow", "rows.csv", "rows.parquet"]


def test_failed_query_keeps_old_output_file(run: Run, lake: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("before")
    assert run("sql", "FROM nothing", "--lake", lake, "-o", out)[0] == 1
    fails_late = "SELECT CASE WHEN i > 500000 THEN error('late') END FROM range(1000000) r(i)"
    code, _, err = run("sql", fails_late, "--lake", lake, "-o", out, "--format", "csv")
    assert code == 1
    assert "late" in err
    code, _, err = run("sql", ENDLESS, "--lake", lake, "-o", out, "--format", "csv", "--timeout", 2)
    assert code == 1
    assert "stopped after 2 s" in err
    assert out.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_output_file_inside_lake_is_refused(run: Run, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(lake)
    for folder in (lake, lake / "data", tmp_path / "link" / "data"):
        code, _, err = run("sql", "SELECT 1", "--lake", lake, "-o", folder / "catalog.sqlite", "--format", "csv")
        assert code == 2
        assert "inside the lake" in err
    code, _, err = run("sql", "SELECT 1", "--lake", lake, "-o", tmp_path / "none" / "x", "--format", "csv")
    assert code == 2
    assert "cannot be written" in err
    assert Catalog(lake, readonly=True).validate(deep=True) == []


def test_output_may_be_a_device(run: Run, lake: Path) -> None:
    assert run("sql", "SELECT 1", "--lake", lake, "-o", "/dev/null", "--format", "csv") == (0, "", "")


def test_closed_pipe_is_no_error(program: Program, lake: Path) -> None:
    process = program("sql", "SELECT i FROM range(3000000) r(i)", "--lake", lake, "--format", "csv")
    assert process.stdout.readline() == b"i\n"  # type: ignore[union-attr]
    process.stdout.close()  # type: ignore[union-attr]
    assert process.stderr.read() == b""  # type: ignore[union-attr]
    assert process.wait() == 0
    process.stderr.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["csv", "proto"])
def test_interrupt_exits_130_and_leaves_no_files(
    form: str, program: Program, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "rows"
    out.parent.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "spills"))
    (tmp_path / "spills").mkdir()
    arguments = ["sql", ENDLESS]
    if form == "proto":
        arguments = ["dump", "sample", "--where", f"number IN ({ENDLESS.replace('a.i', 'max(a.i)')})"]
    process = program(*arguments, "--lake", lake, "-o", out, "--format", form)
    deadline = time.monotonic() + 60
    while not list(out.parent.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == b"netlake: interrupted."
    assert list(out.parent.iterdir()) == list((tmp_path / "spills").iterdir()) == []


def test_binary_format_is_refused_on_terminal(program: Program, lake: Path) -> None:
    for form, code in (("parquet", 2), ("table", 0)):
        ours, theirs = pty.openpty()
        process = program("dump", "sample", "--lake", lake, "--limit", "1", "--format", form, stdout=theirs)
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:
            pass
        os.close(ours)
        err = process.stderr.read()  # type: ignore[union-attr]
        process.stderr.close()  # type: ignore[union-attr]
        assert process.wait() == code
        if form == "parquet":
            assert shown == b""
            assert b"binary format" in err
        else:
            # columns that do not fit are omitted, and the last line names them
            assert b"more columns" in shown


def test_proto_output_is_read_back(run: Run, tmp_path: Path) -> None:
    path, out = tmp_path / "lake", tmp_path / "rows.pb"
    udp = tables.table("udp")
    rows = [{"src_ip": f"10.0.0.{row}", "src_port": row, "length": 8 if row else None} for row in range(20)]
    lakes.commit(path, "a" * 16, {udp: rows})
    where = ["--where", "src_port >= 10", "--format", "proto"]
    assert run("dump", "udp", "--lake", path, *where, "-o", out) == (0, "", "")
    header, batches = read(out, udp)
    found = [row for part in batches for row in part.to_pylist()]
    assert header.table == "udp"
    assert [row["src_port"] for row in found] == list(range(10, 20))
    assert found[0]["ts"] is not None
    # a table without rows gives a header and no message
    assert run("dump", "tcp", "--lake", path, "--format", "proto", "-o", out) == (0, "", "")
    assert sum(part.num_rows for part in read(out, tables.table("tcp"))[1]) == 0
    code, _, err = run("dump", "nothing", "--lake", path, "--format", "proto", "-o", tmp_path / "none")
    assert code == 1
    assert err.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_dump_of_message_file_equals_dump_of_table(run: Run, program: Program, captures: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "lake", tmp_path / "rows.pb"
    assert run("capture", captures / "demo.pcapng", "--lake", path, "--proto", "--jobs", 1)[0] == 0
    (capture,) = (entry.facts.capture for entry in Catalog(path).captures())
    for table in ("dns", "packet", "sctp"):
        assert run("dump", table, "--lake", path, "--format", "proto", "-o", out)[0] == 0
        for form in ("csv", "jsonl", "table", "parquet"):
            expected = tmp_path / "expected"
            assert run("dump", table, "--lake", path, "--format", form, "-o", expected) == (0, "", "")
            for file in (out, path / "proto" / table / f"{capture}.pb.zst"):
                assert run("dump", file, "--format", form, "-o", tmp_path / "found") == (0, "", "")
                if form == "parquet":
                    assert pq.read_table(tmp_path / "found").to_pylist() == pq.read_table(expected).to_pylist()
                else:
                    assert (tmp_path / "found").read_text() == expected.read_text()
    some = ["--select", "dst_port,packet", "--limit", 2, "--format", "csv"]
    assert run("dump", "sctp", "--lake", path, *some) == run("dump", out, *some)
    for options, code, message in (
        (["--where", "true"], 2, "omit --where"),
        (["--sort", "packet", "--at", "1"], 2, "omit --sort and --at"),
        (["--select", "dst_prt"], 2, "no column dst_prt in table sctp; nearest are"),
        (["-o", path / "inside"], 2, "is inside the lake"),
    ):
        ended, _, err = run("dump", out, *options, "--lake", path)
        assert (ended, message in err) == (code, True)
    out.write_bytes(out.read_bytes()[:-1])
    ended, _, err = run("dump", out, "-o", tmp_path / "none")
    assert (ended, err.count("\n"), (tmp_path / "none").exists()) == (1, 1, False)
    terminal, end = pty.openpty()
    with program("dump", out, "--format", "proto", stdout=end) as process:
        assert b"binary format" in process.communicate()[1]
    for number in (terminal, end):
        os.close(number)


def test_at_queries_earlier_snapshot(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    lakes.commit(path, "a" * 16, {lakes.SAMPLE: [{"number": 1}]})
    before = Catalog(path, readonly=True).snapshot()
    lakes.commit(path, "b" * 16, {lakes.SAMPLE: [{"number": 2}]})
    count = ["sql", "SELECT count(*) FROM sample", "--lake", path, "--format", "csv"]
    assert run(*count)[1].splitlines()[1] == "2"
    assert run(*count, "--at", before)[1].splitlines()[1] == "1"
    assert run(*count, "--at", "2999-01-01")[1].splitlines()[1] == "2"
    assert run(*count, "--at", "1999-01-01T00:00:00Z")[0] == 2
