"""`netlake sql` and `dump`: several statements, files, captures, limits, formats by ending, and the prompt."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import lakes
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netlake import tables
from netlake.query import landlock
from netlake.query.output.elastic import ECS, VERSION

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tests" / "captures" / "demo.pcapng"
# escape sequences of terminals
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


# (text to wait for, text to type)
Typed = tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of the bundled capture and of a second one with two rows."""
    import netlake

    folder = tmp_path_factory.mktemp("sql") / "lake"
    netlake.capture(DEMO, folder, sha256=False)
    rows = [{"operation": 1, "sender_ip": "192.0.2.1"}, {"operation": 2, "sender_ip": "192.0.2.2"}]
    lakes.commit(folder, "b" * 16, {tables.table("arp"): rows}, path="here/office.one.pcap")
    return folder


def on_terminal(lake: Path, *arguments: object, typed: Typed = (), width: int = 80, home: Path) -> str:
    """What the program prints on a terminal; each text is typed when the one before it appears."""
    command = [sys.executable, "-m", "netlake", *map(str, arguments), "--lake", str(lake)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TERM": "xterm", "COLUMNS": ""}
    environment |= {"XDG_STATE_HOME": str(home), "PROMPT_TOOLKIT_NO_CPR": "1"}
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, width))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True, cwd=home
    )
    os.close(theirs)
    printed, waiting, since = b"", list(typed), 0
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([ours], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        printed += data
        if waiting and waiting[0][0] in ESCAPES.sub("", printed[since:].decode(errors="replace")):
            since = len(printed)
            os.write(ours, waiting.pop(0)[1].encode())
    os.close(ours)
    process.wait(timeout=60)
    return ESCAPES.sub("", printed.decode(errors="replace"))


def test_every_query_of_several_is_written(run: Run, lake: Path, tmp_path: Path) -> None:
    sql = "SELECT 1 AS a; CREATE TEMP TABLE t AS SELECT 2 AS b; FROM t; SELECT count(*) AS n FROM sample"
    assert run("sql", sql, "--lake", lake, "--format", "csv") == (0, "a\n1\n\nb\n2\n\nn\n40\n", "")
    for form in ("json", "parquet", "arrow"):
        code, _, err = run("sql", sql, "--lake", lake, "--format", form, "-o", tmp_path / "out")
        assert (code, err.count("\n")) == (2, 1)
        assert f"--format {form} holds the rows of one query" in err
        assert list(tmp_path.iterdir()) == []
    assert run("sql", "CREATE TEMP TABLE t AS SELECT 2 AS b; FROM t", "--format", "json", "--lake", lake)[0] == 0


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1;\nSELECT nosuch FROM sample;", "Statement 2 of 2: Binder Error: .* \\(line 2\\)"),
        ("SELECT 1;\n\nSELECT nosuch(1);SELECT 2", "Statement 2 of 3: Catalog Error: .* \\(line 3\\)"),
        ("SELECT 1; FROM smaple; SELECT 1", "Statement 2 of 3: There is no table smaple; nearest are sample"),
        ("SELECT entropie('x')", "Near it: entropy"),
        ("SELECT\n1 +", "Parser Error: .*\\(line 2\\)"),
    ],
)
def test_error_names_statement_and_line(run: Run, lake: Path, sql: str, expected: str) -> None:
    code, _, err = run("sql", sql, "--lake", lake)
    assert code == 1
    assert err.count("\n") == 1
    assert re.search(expected, err), err


def test_statements_in_a_file(run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "query.sql"
    file.write_bytes(b"\xef\xbb\xbf-- a comment\nSELECT count(*) AS n\nFROM sample;\n")
    assert run("sql", "-f", file, "--lake", lake, "--format", "csv") == (0, "n\n40\n", "")
    code, _, err = run("sql", "SELECT 1", "-f", file, "--lake", lake)
    assert (code, err.count("\n")) == (2, 1)
    file.write_bytes(b"SELECT '\xff'")
    code, _, err = run("sql", "-f", file, "--lake", lake)
    assert code == 2
    assert "not UTF-8" in err
    assert run("sql", "--lake", lake)[0] == 2


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_file_is_a_table_that_cannot_be_changed(run: Run, lake: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"it's.{kind}"
    if kind == "csv":
        file.write_text("number,label\n3,bad\n4,good\n")
    else:
        pq.write_table(pa.table({"number": [3, 4], "label": ["bad", "good"]}), file)
    before = file.read_bytes()
    sql = "SELECT number, label FROM sample JOIN Truth USING (number) ORDER BY 1"
    given = ["--with", f"truth={file}", "--lake", lake, "--format", "csv"]
    assert run("sql", sql, *given) == (0, "number,label\n3,bad\n4,good\n", "")
    plan = run("sql", "FROM sample JOIN truth ON true WHERE sample.number = 3", "--plan", *given)
    assert plan[2] == "netlake: sample: 1 of 8 files, 5 rows\n"
    quoted = str(file).replace("'", "''")
    for attack in (
        f"COPY (SELECT 1) TO '{quoted}' (USE_TMP_FILE false)",
        f"COPY (SELECT 1) TO '{quoted}' (FORMAT parquet, USE_TMP_FILE false)",
        "INSERT INTO truth VALUES (1, 'x')",
        f"FROM read_csv('{tmp_path}/other.csv')",
    ):
        assert run("sql", attack, *given)[0] == 1 or not landlock.version()
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_file_that_is_no_table_is_one_sentence(run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(b"PAR1 and nothing")
    code, _, err = run("sql", "FROM truth", "--with", f"truth={file}", "--lake", lake)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("netlake: --with: truth cannot be read from ")


@pytest.mark.parametrize("name", ["b" * 16, "bbbb", "here/office.one.pcap", "office.one.pcap", "office"])
def test_rows_of_one_capture(run: Run, demo: Path, name: str) -> None:
    chosen = ["--capture", name, "--lake", demo, "--format", "csv"]
    assert run("sql", "SELECT count(*) AS n FROM arp", *chosen) == (0, "n\n2\n", "")
    assert run("sql", "SELECT count(*) AS n FROM connection", *chosen) == (0, "n\n0\n", "")
    assert run("sql", "SELECT id FROM captures", *chosen) == (0, f"id\n{'b' * 16}\n", "")
    assert run("dump", "arp", "--select", "sender_ip", *chosen) == (0, "sender_ip\n192.0.2.1\n192.0.2.2\n", "")
    both = run("sql", "SELECT count(*) AS n FROM arp", "--capture", "demo", *chosen)
    assert both == (0, "n\n69\n", "")


def test_capture_that_is_not_there_has_near_names(run: Run, demo: Path) -> None:
    code, _, err = run("sql", "FROM arp", "--capture", "offise", "--lake", demo)
    assert (code, err) == (
        2, "netlake: --capture: the lake has no capture offise; nearest is office; `netlake captures` lists them.\n"
    )  # fmt: skip


def test_rows_merged_with_others_are_filtered(tmp_path: Path, run: Run) -> None:
    """A name of two captures is refused; rows of both are in tables of the lake without a capture."""
    for capture in ("a" * 16, "b" * 16):
        lakes.commit(tmp_path / "lake", capture, {lakes.SAMPLE: [{"number": 1}]}, path=f"{capture[0]}/x.pcap")
    code, _, err = run("sql", "FROM sample", "--capture", "x.pcap", "--lake", tmp_path / "lake")
    assert code == 2
    assert "the name of 2 captures: aaaaaaaaaaaaaaaa a/x.pcap; bbbbbbbbbbbbbbbb b/x.pcap" in err
    assert run("sql", "SELECT count(*) AS n FROM sample", "--capture", "a/x.pcap", "--format", "csv", "--lake",
               tmp_path / "lake") == (0, "n\n1\n", "")  # fmt: skip


@pytest.mark.parametrize("ending", ["parquet", "csv", "tsv", "json", "jsonl", "arrow", "md", "txt", "PARQUET"])
def test_format_by_ending(run: Run, lake: Path, tmp_path: Path, ending: str) -> None:
    by_ending, chosen = tmp_path / f"out.{ending}", tmp_path / "other"
    name = {"md": "markdown", "txt": "table"}.get(ending.lower(), ending.lower())
    query = ["FROM sample", "--lake", lake]
    assert run("sql", *query, "-o", by_ending) == (0, "", "")
    assert run("sql", *query, "-o", chosen, "--format", name) == (0, "", "")
    if ending == "arrow":  # the padding in its buffers is not defined
        assert pa.ipc.open_stream(by_ending).read_all() == pa.ipc.open_stream(chosen).read_all()
    else:
        assert by_ending.read_bytes() == chosen.read_bytes()
    assert run("sql", *query, "-o", by_ending, "--format", "csv") == (0, "", "")
    assert by_ending.read_bytes().startswith(b"day,ts,")


def test_limit(run: Run, lake: Path) -> None:
    given = ["--lake", lake, "--format", "csv", "--limit"]
    code, out, err = run("sql", "SELECT number FROM sample", *given, 3)
    assert (code, out.count("\n"), err) == (0, 4, "netlake: showing 3 of 40 rows; --limit 0 for all.\n")
    assert run("sql", "SELECT number FROM sample", *given, 40)[2] == ""
    assert run("sql", "SELECT number FROM sample", *given, 0)[1].count("\n") == 41
    assert run("dump", "sample", *given, 0)[1].count("\n") == 41


def test_lake_before_the_command(run: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one after the command has priority, that before it over the environment."""
    monkeypatch.setenv("NETLAKE_LAKE", str(tmp_path / "absent"))
    query = ["sql", "SELECT count(*) AS n FROM sample", "--format", "csv"]
    assert run("--lake", lake, *query) == (0, "n\n40\n", "")
    assert run("--lake", tmp_path / "absent", *query, "--lake", lake) == (0, "n\n40\n", "")
    assert run(*query)[0] == 1
    assert os.environ["NETLAKE_LAKE"] == str(tmp_path / "absent")


def test_markdown_and_box(run: Run, lake: Path) -> None:
    sql = "SELECT 1 AS n, 'a|b' || chr(10) || '<i>' AS t UNION ALL SELECT 22, NULL ORDER BY 1"
    assert run("sql", sql, "--lake", lake, "--format", "markdown")[1] == (
        "| n | t |\n| ---: | --- |\n| 1 | a\\|b\\\\n\\<i\\> |\n| 22 |  |\n"
    )
    assert run("sql", sql, "--lake", lake, "--format", "box")[1] == (
        "┌────┬──────────┐\n│  n │ t        │\n├────┼──────────┤\n"
        "│  1 │ a|b\\n<i> │\n│ 22 │          │\n└────┴──────────┘\n"
    )


def test_elasticsearch_has_names_of_ecs(run: Run, demo: Path) -> None:
    code, out, _ = run("dump", "dns", "--limit", 5, "--format", "elasticsearch", "--lake", demo)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines[::2] == [{"create": {}}] * 5
    _, rows, _ = run("dump", "dns", "--limit", 5, "--format", "jsonl", "--lake", demo)
    expected = [
        {"event.dataset": "netlake.dns"}
        | {ECS.get(name, f"netlake.{name}"): value for name, value in json.loads(row).items() if value is not None}
        for row in rows.splitlines()
    ]
    assert lines[1::2] == expected
    assert {"@timestamp", "source.ip", "destination.port", "netlake.query_name"} <= set(lines[1])


def test_views_of_ecs_are_documents_of_elasticsearch(run: Run, demo: Path) -> None:
    options = ["--limit", 5, "--lake", demo]
    documents = [
        json.loads(line) for line in run("dump", "ecs.dns", "--format", "elasticsearch", *options)[1].splitlines()
    ]
    rows = [json.loads(row) for row in run("dump", "ecs.dns", "--format", "jsonl", *options)[1].splitlines()]
    assert documents[::2] == [{"create": {}}] * 5
    assert documents[1::2] == [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert documents[1]["ecs.version"] == VERSION
    assert {"@timestamp", "source.ip", "dns.question.name"} <= set(documents[1])


def test_answer_on_a_terminal_is_bounded(demo: Path, tmp_path: Path) -> None:
    out = on_terminal(demo, "sql", "FROM range(27313)", home=tmp_path)
    assert "showing 1,000 of 27,313 rows; --limit 0 for all." in out
    assert re.search(r"^ *999$", out, re.MULTILINE)
    assert not re.search(r"^ *1000$", out, re.MULTILINE)


def test_connections_on_a_terminal_have_addresses(demo: Path, tmp_path: Path) -> None:
    out = on_terminal(demo, "dump", "connection", "--limit", 5, home=tmp_path)
    head = out.splitlines()[0].split()
    assert {"ts", "orig_ip", "resp_ip", "resp_port"} <= set(head)
    assert all(len(line) <= 80 for line in out.splitlines()[:7])


def test_error_on_a_terminal_has_the_line_and_a_caret(demo: Path, tmp_path: Path) -> None:
    out = on_terminal(demo, "sql", "SELECT packet,\n  nosuch FROM arp", home=tmp_path).splitlines()
    place = out.index("  line 2:   nosuch FROM arp")
    assert out[place + 1] == " " * out[place].index("nosuch") + "^^^^^^"


def test_prompt(demo: Path, tmp_path: Path) -> None:
    """Statements of several lines, a mistake, commands, completion and the history."""
    typed = (
        ("netlake>", "SELECT count(*) AS pack\x1b[D\x1b[C\rFROM arp;\r"), (" 69", "FROM nosuch;\r"),
        ("no table nosuch", "\\d captures\r"), ("Rows of each table", "\\f\r"),
        ("zeek_uid(", "FROM dns_ans\t"), ("dns_answer", " LIMIT 1;\r"), ("responses", "\\q\r"),
    )  # fmt: skip
    out = on_terminal(demo, "sql", typed=typed, width=200, home=tmp_path)
    assert "2 captures in " in out
    assert re.search(r"^pack\n-+\n +69$", out, re.MULTILINE), out
    assert "There is no table nosuch" in out
    assert "One row for each capture in the lake." in out
    assert "beacons(min_connections := 5" in out
    assert re.search(r"query +name +type", out)
    history = (tmp_path / "netlake" / "history").read_text()
    assert "FROM dns_answer LIMIT 1;" in history
    assert (tmp_path / "netlake" / "history").stat().st_mode & 0o077 == 0


def test_names_that_the_prompt_completes() -> None:
    from netlake.cli import prompt
    from netlake.query.snapshot import Snapshot

    known = prompt.words(Snapshot.declared(), "SELECT * FROM dns, asset")
    assert {"dns", "asset", "in_net", "beacons", "net", "query_name", "os_hints", "SELECT"} <= set(known)
    assert "sender_ip" not in known
    assert {"zeek.conn", "trans_depth"} <= set(prompt.words(Snapshot.declared(), "SELECT * FROM zeek.http"))


@pytest.mark.parametrize("form", ["parquet", "csv", "json", "jsonl"])
def test_capture_writes_files_of_tables(run: Run, demo: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    code, _, err = run("capture", DEMO, "--to", out, "--as", form, "--include", "dns,arp,connection")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.{form}" for name in ("arp", "connection", "dns")]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    reader = {"parquet": "read_parquet", "csv": "read_csv"}.get(form, "read_json")
    for table, count in (("arp", 67), ("connection", 299), ("dns", 238)):
        found = duckdb.sql(f"SELECT count(*), max(ts)::VARCHAR FROM {reader}('{out}/{table}.{form}')").fetchall()
        assert found[0][0] == count


def test_capture_to_a_folder_leaves_nothing_after_a_failure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.pcap").write_bytes(b"this is no capture")
    assert run("capture", tmp_path / "no.pcap", "--to", tmp_path / "out")[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["no.pcap"]
    for option in ("--proto", "--replace"):
        code, _, err = run("capture", DEMO, "--to", tmp_path / "out", option)
        assert (code, err.count("\n")) == (2, 1)


def test_decode_writes_files_of_tables(tmp_path: Path) -> None:
    import netlake

    found = netlake.decode(DEMO, include=["dns"], to=tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "dns.parquet").num_rows == found["dns"].num_rows == 238
    with pytest.raises(netlake.NetlakeError, match="not empty"):
        netlake.decode(DEMO, to=tmp_path / "out")
