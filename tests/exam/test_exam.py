"""The exam on a small scenario, its rules against the saved queries, and the scenarios of LABELLED if it is set."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake.query import saved
from tests.exam import __main__ as exam
from tests.exam import answering, briefing, marking, rules
from tests.query import lakes

BRIEFING = """\
# Port scan on a laboratory network

## Asset inventory

| Name | Role | IP | Vendor |
|---|---|---|---|
| web-01 | web | 10.20.0.2, fd00:20::2 | ABB |

## Questions

1. **[scanner]** Which IP address scanned the server? *(15 points)*
2. **[hosts]** How many hosts did that host probe? *(10 points)*
3. **[beacon_interval]** How often, in seconds, does the beacon check in? *(5 points)*
4. **[wrong]** Which IP address received the beacon? *(20 points)*
5. **[points]** Which BACnet setpoints were overridden? (object list point names) *(3 points)*
6. **[unknown]** What is the colour of the rack? *(2 points)*
"""
TEMPLATE = """\
# 1. Which IP address scanned the server?
#    (15 points; answer: an IP address)
#    Hint (using it costs 2 points): it answers: a number)
scanner:
#    (10 points; answer: a number)
hosts:
#    (5 points; answer: a number)
beacon_interval:
#    (20 points; answer: an IP address)
wrong:
#    (3 points; answer: a list: [a, b, c])
points:
#    (2 points)
unknown:
hints_used: []
"""
ENTRIES = [
    {"id": "scanner", "type": "ip", "answer": "10.10.0.66"},
    {"id": "hosts", "type": "number", "answer": 1},
    {"id": "beacon_interval", "type": "number", "answer": 1.2, "tolerance": 0.5},
    {"id": "wrong", "type": "ip", "answer": "192.0.2.1"},
    {"id": "points", "type": "set", "answer": ["a"]},
    {"id": "unknown", "type": "text", "answer": "grey"},
]


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    """A scenario of the bundled capture, with a key that the answers of one question do not have."""
    folder = tmp_path_factory.mktemp("exam") / "scenarios" / "laboratory"
    folder.mkdir(parents=True)
    (folder / "capture.pcapng").symlink_to(captures / "demo.pcapng")
    (folder / "briefing.md").write_text(BRIEFING, encoding="utf-8")
    (folder / "submission_template.yaml").write_text(TEMPLATE, encoding="utf-8")
    (folder / "answers.json").write_text(json.dumps({"questions": ENTRIES}), encoding="utf-8")
    return folder


def test_small_scenario(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Right and wrong answers, one left out, and one that no rule fits; the score is of the rest."""
    arguments = [str(scenario.parent), "--lakes", str(tmp_path)]
    assert exam.main([*arguments, "--least", "57"]) == 0
    printed = capsys.readouterr().out
    marks = [line.split()[:2] for line in printed.splitlines() if line.startswith("  ") and "?" in line]
    assert marks == [["right", "15"], ["right", "10"], ["right", "5"], ["WRONG", "20"], ["left", "out"], ["WRONG", "2"]]
    assert "score: 30 of 52 points, 57.7 %" in printed
    assert "left out: 1 questions, 3 of 55 points" in printed
    assert "1 questions: not in the capture" in printed
    assert "10.10.0.66  [scan: source, query scanners]" in printed
    assert "no rule fits the wording" in printed
    assert exam.main([*arguments, "--least", "58"]) == 1


def test_answers_need_no_key(scenario: Path, tmp_path: Path) -> None:
    """The answers are the same from the briefing, the template and the lake alone."""
    alone = tmp_path / "laboratory"
    alone.mkdir()
    for name in ("capture.pcapng", "briefing.md", "submission_template.yaml"):
        (alone / name).symlink_to(scenario / name)
    read = briefing.read(alone)
    assert read.inventory == {"10.20.0.2": "web", "fd00:20::2": "web"}
    assert [one.kind for one in read.questions] == ["ip", "number", "number", "ip", "set", "text"]
    netlake.capture(read.capture, tmp_path / "lake", sha256=False)
    found = list(answering.Desk(read, rules.read(), netlake.Lake(tmp_path / "lake")).answers())
    assert [one.value for one in found] == ["10.10.0.66", 1, 1.0, "10.20.0.2", None, None]


MARKS: list[tuple[Any, dict[str, Any], bool]] = [
    (None, {"type": "text", "answer": "a"}, False),
    ("KDC_ERR_PREAUTH_FAILED", {"type": "text", "answer": "24", "accept": ["kdc err preauth failed"]}, True),
    ("T1046", {"type": "text", "answer": "T1071", "accept": ["T1071.001"]}, False),
    (["A", "b"], {"type": "set", "answer": ["b", "a"]}, True),
    (["a"], {"type": "set", "answer": ["b", "a"]}, False),
    (["a", "b", "c"], {"type": "set", "answer": ["b", "a"]}, False),
    ([7], {"type": "number", "answer": 7}, True),
    (7.4, {"type": "number", "answer": 7}, False),
    ("seven", {"type": "number", "answer": 7}, False),
    ([7, 8], {"type": "number", "answer": 7}, False),
    ("soon", {"type": "timestamp", "answer": "2024-01-01T00:00:00Z"}, False),
    (7.4, {"type": "number", "answer": 7, "tolerance": 0.5}, True),
    ("2024-01-01T00:00:01Z", {"type": "timestamp", "answer": "2024-01-01T00:00:00Z", "tolerance_s": 2}, True),
    ("2024-01-01T00:00:03Z", {"type": "timestamp", "answer": "2024-01-01T00:00:00Z", "tolerance_s": 2}, False),
]


@pytest.mark.parametrize(("value", "entry", "right"), MARKS)
def test_marking(value: Any, entry: dict[str, Any], right: object) -> None:
    assert marking.right(value, entry) is right


REDUCED = [
    ([["a"], ["b", "a"]], "list", ["a", "b"]),
    ([["b", "a"], ["c"]], "first", "b"),
    ([[], ["c"]], "first", None),
    ([None, 2, 3], "sum", 5),
    ([0, 2], "any", "yes"),
    ([0, 0], "any", "no"),
    ([3, 1, 3], "count", 2),
    ([3, 1], "min", 1),
    (["Raspberry Pi (Trading) Ltd"], "company", "Raspberry Pi"),
    (["Dell Inc."], "company", "Dell"),
    (["Siemens AG"], "company", "Siemens"),
    (["Cisco Systems, Inc"], "company", "Cisco Systems"),
    ([], "count", None),
]


@pytest.mark.parametrize(("values", "pick", "expected"), REDUCED)
def test_rows_are_reduced_to_one_answer(values: list[Any], pick: str, expected: Any) -> None:
    assert answering.reduced(values, pick) == expected


def test_rules_name_queries_parameters_and_columns(tmp_path: Path) -> None:
    """Every rule can run: its query has the parameters and the columns that it names."""
    lakes.commit(tmp_path, "a" * 16, {})
    lake = netlake.Lake(tmp_path)
    for topic in rules.read():
        for rule in topic.answers:
            uses = rule.condition or {"query": rule.query, "params": rule.params, "column": rule.column}
            query = saved.find(uses["query"]) if uses["query"] else None
            assert query is not None or rule.left_out, rule.name
            if query is None:
                continue
            params = {
                name: "10.0.0.1" if isinstance(value, str) else value for name, value in uses.get("params", {}).items()
            }
            columns = lake.query(query.name, **params).arrow().column_names
            named = [
                uses["column"].partition(":")[0],
                rule.focus,
                *rule.where,
                *(one.split()[1] for one in rule.prefer),
            ]
            missing = {name for name in named if name and not name.startswith("@")} - {*columns}
            assert not (missing and not rule.left_out), f"{rule.name}: {missing}"
            assert not rule.condition or rule.condition["column"] in columns, rule.name


def test_rules_of_another_version_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("version = 2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="version 2 is not 1"):
        rules.read(file)
    file.write_text(
        'version = 1\naspect = []\n[[topic]]\nname = "a"\nwords = "a"\ncolumns = { b = "c" }\n', encoding="utf-8"
    )
    with pytest.raises(ValueError, match="unknown aspects: b"):
        rules.read(file)


def test_folder_without_scenarios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exam.main([str(tmp_path)]) == 2
    assert "There is no scenario in" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif("LABELLED" not in os.environ, reason="LABELLED is not set")
def test_labelled_scenarios_reach_the_score(tmp_path: Path) -> None:
    folder = Path(os.environ["LABELLED"])
    assert len(briefing.folders(folder)) == 8
    assert exam.main([str(folder), "--lakes", str(tmp_path)]) == 0
