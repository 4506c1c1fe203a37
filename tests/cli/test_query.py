"""`netlake query`: runs and lists saved queries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from netlake.cli import query

Run = Callable[..., tuple[int, str, str]]
OWN = "-- Which numbers?\n-- Numbers.\n-- technique: T1046\n-- param least: integer = 308  -- Least.\n"
SQL = "SELECT number FROM sample WHERE number >= $least ORDER BY 1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the query `numbers`."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "numbers.sql").write_text(OWN + SQL, encoding="utf-8")
    return tmp_path / "own"


def test_own_query_with_parameters(run: Run, lake: Path, folder: Path) -> None:
    given = ("query", "numbers", "--lake", lake, "--folder", folder, "--format", "csv")
    assert run(*given) == (0, "number\n308\n309\n", "")
    assert run(*given, "-p", "least=309") == (0, "number\n309\n", "")
    code, out, _ = run(*given, "-p", "least=0", "--limit", "1")
    assert (code, out) == (0, "number\n0\n")


def test_rows_go_to_a_file(run: Run, lake: Path, folder: Path, tmp_path: Path) -> None:
    assert run("query", "numbers", "--lake", lake, "--folder", folder, "-o", tmp_path / "x.csv")[0] == 0
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == "number\n308\n309\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("number",), "There is no query number; nearest is numbers; `netlake query --list` lists them."),
        (("numbers", "-p", "least=x"), "--param: The parameter least is an integer, such as 5, and not 'x'."),
        (("numbers", "-p", "lest=1"), "There is no parameter lest of the query numbers; nearest is least."),
        (("numbers", "-p", "least"), "'least' is not NAME=VALUE, such as minutes=5"),
        (("numbers", "-p", "least=1", "-p", "least=2"), "least is given twice"),
        (("numbers", "--format", "proto"), "--format proto needs a table"),
        (("numbers", "--search", "x"), "Give either a NAME or --search, not both"),
        ((), "Give the NAME of a query, or --list or --search"),
    ],
)
def test_mistakes_are_one_sentence(
    run: Run, lake: Path, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run("query", *arguments, "--lake", lake, "--folder", folder)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_lists_need_no_lake(run: Run, tmp_path: Path, folder: Path) -> None:
    given = ("--lake", tmp_path / "none", "--folder", folder)
    assert run("query", "--search", "t1046 NUMBERS", *given) == (0, "numbers  T1046  Which numbers?\n", "")
    assert "beacons" in run("query", "--list", *given)[1]
    assert run("query", "numbers", "--list", *given)[1].endswith("least  integer  308  Least.\n")
    assert run("query", "numbers", "--show", *given) == (0, f"{SQL}\n", "")
    assert run("query", "--search", "nothing-like-it", *given)[0] == 1


def test_query_of_a_lake_does_not_replace_a_bundled_one(run: Run, tmp_path: Path) -> None:
    """A lake can come from somebody else."""
    (tmp_path / "queries").mkdir()
    for name in ("beacons", "numbers"):
        (tmp_path / "queries" / f"{name}.sql").write_text(OWN + SQL, encoding="utf-8")
    assert run("query", "numbers", "--show", "--lake", tmp_path) == (0, f"{SQL}\n", "")
    assert "sample" not in run("query", "beacons", "--show", "--lake", tmp_path)[1]


def test_a_query_cannot_write(run: Run, lake: Path, folder: Path, tmp_path: Path) -> None:
    made = f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'"
    (folder / "writes.sql").write_text(f"-- Which?\n-- Rows.\n{made}", encoding="utf-8")
    assert run("query", "writes", "--lake", lake, "--folder", folder)[0] == 1
    assert not (tmp_path / "out.csv").exists()


def test_completion(folder: Path) -> None:
    context = click.Context(query.command)
    context.params = {"folder": folder, "name": "numbers"}
    names = query._complete_name(context, query.command.params[0], "num")
    assert [(item.value, item.help) for item in names] == [("numbers", "Which numbers?")]
    assert [item.value for item in query._complete_param(context, query.command.params[1], "l")] == ["least="]
