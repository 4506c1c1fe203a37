"""Every command and option has a help text, and printing it imports no large package."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import click
import pytest
from click.shell_completion import ShellComplete

from netlake import __version__
from netlake.cli import COMMANDS, netlake

HEAVY = ("pyarrow", "duckdb", "polars", "numba", "numpy", "rich", "google.protobuf")


def commands(
    group: click.Group = netlake, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that select it."""
    yield path, group
    with click.Context(group) as context:
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            if isinstance(found, click.Group):
                yield from commands(found, (*path, name))
            else:
                yield (*path, name), found


EVERY = list(commands())


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[" ".join(path) or "netlake" for path, _ in EVERY])
def test_commands_and_options_have_help_texts(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help
    assert command.help.rstrip().endswith(".")
    assert command.get_short_help_str(200)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help[0].isupper(), parameter.name
            assert parameter.help.rstrip().endswith((".", '"')), parameter.name
        else:
            name = (parameter.metavar or parameter.name or "").upper().rstrip(".").strip("[]")
            assert name in command.help, f"the help of {path} does not mention {name}"


def test_help_imports_no_large_package() -> None:
    arguments = [["--help"], *([*path, "--help"] for path, _ in EVERY if path)]
    code = (
        "import json, sys; from netlake.cli import main\n"
        "codes = [main(arguments) for arguments in json.loads(sys.argv[1])]\n"
        "print(json.dumps([codes, [name for name in json.loads(sys.argv[2]) if name in sys.modules]]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments), json.dumps(HEAVY)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    codes, imported = json.loads(ran.stdout.splitlines()[-1])
    assert codes == [0] * len(arguments)
    assert imported == []
    for name in COMMANDS:
        assert f"\n  {name} " in ran.stdout


def test_python_m_netlake_prints_version() -> None:
    ran = subprocess.run([sys.executable, "-m", "netlake", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"netlake, version {__version__}\n"


Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["dump"], ["dump", "dns", "--nonsense"], ["dump", "dns", "--limit", "-1"],
     ["sql", "x", "--format", "x"],
     ["capture"], ["captures", "rm"], ["sql", "FROM dns", "--format", "proto"],
     ["dump", "dns", "--select", "ts", "--format", "proto"]],
)  # fmt: skip
def test_wrong_usage_exits_2(arguments: list[str], run: Run) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    assert err


def completed(words: list[str], incomplete: str) -> list[str]:
    """The completions that the shell would offer."""
    return [item.value for item in ShellComplete(netlake, {}, "netlake", "_X").get_completions(words, incomplete)]


def test_shell_completes_tables_and_columns() -> None:
    assert completed([], "ca") == ["capture", "captures", "carve", "catalog"]
    assert completed(["dump"], "dns") == ["dns", "dns_answer"]
    assert completed(["tables"], "icmpv6_e") == ["icmpv6_echo"]
    assert completed(["dump"], "zeek.ss") == ["zeek.ssh", "zeek.ssl"]
    assert completed(["dump", "zeek.ssh", "--select"], "uid,cl") == ["uid,client"]
    assert "udp,tcp" in completed(["capture", "x", "--include"], "udp,t")
    assert completed(["dump", "dns", "--select"], "ts,query_n") == ["ts,query_name"]
    assert completed(["dump", "dns", "--sort"], "query_n") == ["query_name"]
    assert completed(["dump", "nonsense", "--select"], "x") == []
    assert completed(["dump"], "../*") == completed(["dump"], "")
