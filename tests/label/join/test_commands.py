"""The commands apply, explain, coverage, compare and versions, and the views with labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import frames
import pytest
from frames import at, session, udp
from truths import ask, put, rule

import netlake
from netlake.cli.label import command as label
from netlake.errors import QueryError

Run = Callable[..., tuple[int, str, str]]
A, B, V, W = "10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2"
SECOND = 1_000_000


@pytest.fixture
def lake(tmp_path: Path, decode: Any) -> Path:
    """Three sessions of A and V, the second within its window, one of B and W that no rule names."""
    made = [*session(0, A, V, 1025), *session(300 * SECOND, A, V, 1026), *session(400 * SECOND, A, V, 1027)]
    made += [(500 * SECOND, udp(B, W, (5000, 53)))]
    path: Path = decode(frames.write(tmp_path / "x.pcap", made))
    put(path, "s", [
        rule("brute force", [A], [V], begin=at(299 * SECOND), end=at(301 * SECOND), v_ports=[80], protocol=6),
        rule("nothing", [A], [V], begin=at(900 * SECOND), end=at(901 * SECOND), v_ports=[22], protocol=6),
    ])  # fmt: skip
    put(path, "t", [rule("alert", [A], [V], kind="event", begin=at(300 * SECOND), attempted=2)])
    return path


@pytest.fixture
def labelled(lake: Path, run: Run) -> Path:
    assert run("label", "apply", "--lake", lake)[0] == 0
    return lake


def capture(lake: Path) -> str:
    return str(ask(lake, "SELECT DISTINCT capture FROM packet")[0][0])


def test_apply_reports_labels_and_rules_that_match_nothing(lake: Path, run: Run) -> None:
    code, out, err = run("label", "apply", "--lake", lake)
    assert (code, err) == (0, "")
    assert "brute force            1\n" in out
    assert "3 rules of s, t gave 26 labels in version default.\n" in out
    assert (
        "1 rules matched nothing: 1 of an unknown tuple.\n  rule 2 of s (truth.csv:3), nothing: its hosts occur" in out
    )
    code, out, _ = run("label", "apply", "--lake", lake, "--source", "t", "--version", "alerts", "--json")
    report = json.loads(out)
    assert (code, report["tables"]["packet"], report["labels"], report["missed"]) == (0, 1, {"alert": 1}, [])


MISTAKES = {
    ("apply", "--source", "x"): (1, "netlake: The lake has no source 'x' of ground truth; it has: s, t."),
    ("apply", "--mode", "near"): (2, "netlake: Invalid value for '--mode'"),
    ("apply", "--tolerance", "-1"): (2, "netlake: Invalid value for '--tolerance'"),
    ("apply", "--version", "two words"): (2, "netlake: --version: 'two words' cannot name a version"),
    ("explain", "connection", "zz:1"): (2, "netlake: 'connection zz:1' names no record"),
    ("explain", "address", "0:1"): (2, "netlake: There is no table address with labels"),
    ("explain", "connection", "0123456789:1"): (1, "netlake: No capture in the lake has an id that starts with"),
    ("coverage", "--version", "x"): (1, "netlake: The lake has no version 'x' of labels; it has: default."),
    ("compare", "default", "x"): (1, "netlake: The lake has no version 'x' of labels; it has: default."),
    ("compare", "default", "default"): (1, "netlake: The version default equals itself"),
    ("versions", "rm", "x"): (1, "netlake: The lake has no version 'x' of labels; it has: default."),
}


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistake_is_one_sentence(labelled: Path, run: Run, arguments: tuple[str, ...]) -> None:
    expected, sentence = MISTAKES[arguments]
    code, out, err = run("label", *arguments, "--lake", labelled)
    assert (code, out, err.count("\n")) == (expected, "", 1)
    assert err.startswith(sentence)


@pytest.mark.parametrize("arguments", [("coverage",), ("compare", "a", "b"), ("versions", "rm", "a")], ids=" ".join)
def test_lake_without_labels(lake: Path, run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run("label", *arguments, "--lake", lake)
    assert (code, out) == (1, "")
    assert "has no labels; make some: netlake label apply." in err


def test_empty_result_writes_nothing(lake: Path, run: Run) -> None:
    put(lake, "none", [rule("x", ["192.0.2.1"], ["192.0.2.2"])])
    code, out, err = run("label", "apply", "--source", "none", "--lake", lake)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "nothing was written: none of the 2 addresses and networks of its rules (192.0.2.1, 192.0.2.2) occurs" in err
    assert run("label", "versions", "--lake", lake)[1] == ""


def test_explain_shows_rules_and_lines(labelled: Path, run: Run) -> None:
    prefix = capture(labelled)[:6]
    code, out, _ = run("label", "explain", "connection", f"{prefix}:2", "--lake", labelled)
    assert code == 0
    assert "brute force: attack, in version default\n  rule 1 of s, truth.csv:2\n  matches by itself" in out
    assert "alert: attack, attempted (category 2), in version default\n  rule 1 of t, truth.csv:2\n" in out
    assert "packets of it match" in out


NEAR = {
    ("connection", "1"): "rule 1 of s (truth.csv:2), brute force: it begins 298.400 s after the flow",
    ("connection", "3"): "brute force: it ends 99.000 s before the flow",
    ("packet", "1"): "rule 1 of s (truth.csv:2), brute force: it begins 298.400 s after the flow",
    ("ipv4", "1"): "rule 1 of s (truth.csv:2), brute force: it begins 298.400 s after the flow",
    ("connection", "4"): "No rule of the ground truth names one of its hosts.",
}


@pytest.mark.parametrize("record", NEAR, ids=" ".join)
def test_explain_says_why_there_is_no_label(labelled: Path, run: Run, record: tuple[str, str]) -> None:
    code, out, _ = run("label", "explain", record[0], f"{capture(labelled)}:{record[1]}", "--lake", labelled)
    assert code == 0
    assert "It has no label: unknown." in out
    assert NEAR[record] in out


def test_coverage(labelled: Path, run: Run) -> None:
    code, out, _ = run("label", "coverage", "--lake", labelled)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "s 2 nothing truth.csv:3" in lines
    window = "2023-11-14 22:18:19 to 22:18:21"
    assert f"s 1 brute force 1 1 {window} 2023-11-14 22:13:20 to 22:20:00" in lines
    assert "connection alert, brute force 1" in lines
    assert "2 hosts are on no side of any rule:" in lines
    assert f"{B} 1 1" in lines


def test_compare(labelled: Path, run: Run) -> None:
    assert (
        run("label", "apply", "--version", "wide", "--source", "s", "--tolerance", "3600", "--lake", labelled)[0] == 0
    )
    code, out, _ = run("label", "compare", "default", "wide", "--lake", labelled)
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["default", "\\", "wide", "brute", "force", "unknown"] in lines
    assert ["brute", "force", "1", "0"] in lines
    assert ["unknown", "2", "1"] in lines
    assert "4 records of connection, 3 with a label in either; agreement on those with a label 0.3333" in out
    _, out, _ = run("label", "compare", "wide", "default", "--table", "packet", "--lake", labelled)
    assert ["brute", "force", "1.0000", "0.2857"] in [line.split() for line in out.splitlines()]


def test_versions_stay_beside_each_other_and_can_be_removed(labelled: Path, run: Run) -> None:
    run("label", "apply", "--version", "alerts", "--source", "t", "--lake", labelled)
    rows = [line.split() for line in run("label", "versions", "--lake", labelled)[1].splitlines()]
    assert rows[1:] == [["alerts", "4", "t", "overlap", "current"], ["default", "26", "s,", "t", "overlap", "current"]]
    put(labelled, "t", [rule("other", [A], [V])])
    put(labelled, "u", [rule("new", [A], [V])])
    out = run("label", "versions", "--lake", labelled)[1]
    assert "stale: source t was changed\n" in out
    assert "stale: source t was changed; source u is new\n" in out
    code, out, _ = run("label", "versions", "rm", "alerts", "--lake", labelled)
    assert (code, out.startswith("4 rows of alerts were removed from label;")) == (0, True)
    assert ask(labelled, "SELECT DISTINCT version FROM label") == [("default",)]
    assert run("label", "apply", "--lake", labelled)[0] == 0
    assert "current" in run("label", "versions", "--lake", labelled)[1]


def test_labels_survive_decoding_again(labelled: Path, tmp_path: Path, run: Run) -> None:
    before = ask(labelled, "SELECT flow, label, state FROM labelled.connection ORDER BY flow")
    netlake.capture([str(tmp_path / "x.pcap")], str(labelled), replace=True)
    assert ask(labelled, "SELECT flow, label, state FROM labelled.connection ORDER BY flow") == before
    assert "stale: captures were decoded again or replaced" in run("label", "versions", "--lake", labelled)[1]
    netlake.capture([str(frames.write(tmp_path / "y.pcap", session(0, B, W, 1025)))], str(labelled))
    assert "stale: captures changed: 1 then, 2 now" in run("label", "versions", "--lake", labelled)[1]


def test_views_in_commands(labelled: Path, run: Run) -> None:
    query = "SELECT label, labels, attempted, state FROM labelled.connection ORDER BY flow"
    code, out, _ = run("sql", query, "--lake", labelled, "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert rows[0] == {"label": None, "labels": [], "attempted": None, "state": "unknown"}
    assert rows[1] == {"label": "brute force", "labels": ["brute force", "alert"], "attempted": None, "state": "attack"}
    code, out, _ = run("dump", "labelled.tcp", "--where", "state = 'attack'", "--select", "packet,label", "--sort",
                       "packet", "--limit", 1, "--lake", labelled, "--format", "csv")  # fmt: skip
    assert (code, out) == (0, "packet,label\n8,alert\n")
    run("label", "apply", "--version", "a-b", "--source", "t", "--lake", labelled)
    code, out, _ = run("sql", 'SELECT DISTINCT label FROM "labelled:a-b".packet ORDER BY 1', "--lake", labelled,
                       "--format", "csv")  # fmt: skip
    assert (code, out) == (0, 'label\nalert\n""\n')


@pytest.mark.parametrize(("name", "sentence"), [
    ("labelled.nothing", "There is no table"),
    ('"labelled:x".packet', "There is no version x of labels; the lake has default."),
    ("labelled.arp", "There is no table"),
    ("labelled.address", "There is no table"),
])  # fmt: skip
def test_view_that_does_not_exist(labelled: Path, run: Run, name: str, sentence: str) -> None:
    code, _, err = run("sql", f"FROM {name}", "--lake", labelled)
    assert (code, err.startswith(f"netlake: {sentence}")) == (1, True)
    code, _, err = run("dump", name, "--lake", labelled)
    assert (code, err.startswith(f"netlake: {sentence}")) == (1, True)


def test_views_before_any_labels(lake: Path) -> None:
    with (
        netlake.Lake(lake) as opened,
        pytest.raises(QueryError, match="the lake has no labels; run `netlake label apply`"),
    ):
        opened.sql("FROM labelled.packet")


def test_views_in_python(labelled: Path) -> None:
    with netlake.Lake(labelled) as opened:
        first = opened.sql("SELECT count(*) FROM labelled.packet WHERE state = 'attack'")
        assert first.rows() == [(7,)]
        joined = (
            "SELECT DISTINCT packet.label, tcp.src_port FROM labelled.packet JOIN labelled.tcp USING (capture, packet)"
        )
        assert ("brute force", 1026) in opened.sql(joined).rows()
        assert first.rows() == [(7,)]
        assert opened.sql("CREATE TABLE z AS FROM labelled.packet; SELECT count(*) FROM z").rows() == [(22,)]
        connection = opened.connect("labelled.tcp", "packet")
        assert connection.execute("SELECT count(*) FROM labelled.tcp WHERE state = 'unknown'").fetchall() == [(14,)]
    with netlake.Lake(labelled, at=1) as opened, pytest.raises(QueryError, match="has no labels"):
        opened.sql("FROM labelled.packet")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("label", "the lake has no labels; make some: netlake label apply"),
     ("truth", "the lake has no ground truth; import a file: netlake label import FILE")],
)  # fmt: skip
def test_tables_before_any_labels(tmp_path: Path, run: Run, name: str, sentence: str) -> None:
    lake = tmp_path / "empty"
    netlake.capture([str(frames.write(tmp_path / "y.pcap", session(0, B, W, 1025)))], str(lake))
    for command in (("sql", f"FROM {name}"), ("dump", name)):
        code, _, err = run(*command, "--lake", lake)
        assert (code, err) == (1, f"netlake: There is no table {name}: {sentence}.\n")


def test_memory_that_is_too_small(labelled: Path, run: Run) -> None:
    code, _, err = run("label", "apply", "--memory", "2MB", "--lake", labelled)
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("netlake: The memory is too small for this work: give more with --memory, such as 4GB (")


def test_help_has_exit_codes_and_an_example(run: Run) -> None:
    for name in (*label.list_commands(click.Context(label)), "versions rm"):
        code, out, _ = run("label", *name.split(), "--help")
        assert code == 0
        assert "Exit codes: " in out, name
        assert f"netlake label {name} " in out.partition("--help")[2], name
