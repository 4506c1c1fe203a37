"""Options that several commands share, and what the shell completes after them. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from netlake.query.output import FORMATS
from netlake.schema import contract

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(click.Command):
    """A command that also takes --debug after its name; `main` looks for it itself."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        debug = click.Option(
            ["--debug"], is_flag=True, expose_value=False, help="Show where in the program an error arose."
        )
        self.params.append(debug)


def _frozen(name: str) -> list[Path]:
    return [
        file for directory in contract.directories for file in sorted(directory.glob(name)) if file.stem != "contract"
    ]


def table_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tables that begin as typed; behind a comma, the next of a list. From the frozen contracts: no lake is opened."""
    del ctx, param
    before, comma, begun = incomplete.rpartition(",")
    found = {file.stem: file for file in _frozen(f"{_plain(begun)}*.json")}
    return [CompletionItem(before + comma + name, help=_doc(file)) for name, file in sorted(found.items())]


def column_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Columns of the table named before, that begin as typed."""
    del param
    before, comma, begun = incomplete.rpartition(",")
    # an option that still waits for its value leaves the words before it unread
    table = ctx.params.get("table") or next(iter(ctx.args), "")
    for file in _frozen(f"{_plain(table)}.json"):
        columns = json.loads(file.read_text(encoding="utf-8"))["columns"]
        return [
            CompletionItem(before + comma + column["name"], help=column.get("doc"))
            for column in columns
            if column["name"].startswith(begun)
        ]
    return []


def _plain(begun: str) -> str:
    return "".join(character for character in begun if character.isalnum() or character == "_")


def _doc(file: Path) -> str:
    return str(json.loads(file.read_text(encoding="utf-8")).get("doc", ""))


def lake(function: Function) -> Function:
    """--lake DIR."""
    return click.option(
        "--lake",
        "lake",
        metavar="DIR",
        default="lake",
        envvar="NETLAKE_LAKE",
        show_default=True,
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of the lake.",
    )(function)


def listed(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The names in a comma list, or in several."""
    del ctx, param
    given = (value,) if isinstance(value, str) else value or ()
    return tuple(name.strip() for part in given for name in part.split(",") if name.strip())


def plugins(function: Function) -> Function:
    """--plugin FILE, as often as wanted; the tables are there before the command looks at any other option."""
    return click.option(
        "--plugin",
        "plugins",
        metavar="FILE",
        multiple=True,
        is_eager=True,
        callback=_load,
        envvar="NETLAKE_PLUGINS",
        show_envvar=True,
        type=click.Path(dir_okay=False),
        help="A Python file that declares further tables; may be given again.",
    )(function)


def _load(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    del ctx, param
    if value:
        from netlake import tables

        tables.load(value)
    return value


def output(function: Function) -> Function:
    """Options of every command that gives rows."""
    for option in reversed(_OUTPUT):
        function = option(function)
    return function


_OUTPUT = (
    click.option(
        "--format",
        type=click.Choice(list(FORMATS)),
        default="table",
        show_default=True,
        help="How the rows are written. csv and tsv have a header line; arrow is the stream format.",
    ),
    click.option(
        "-o",
        "--output",
        "out",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write to this file, which appears only when it is whole.",
    ),
    click.option(
        "--raw",
        is_flag=True,
        help="Leave text as it is: by default control characters are made visible, and in csv and tsv an apostrophe"
        " stands before text that a spreadsheet would run as a formula.",
    ),
    click.option(
        "--at", metavar="SNAPSHOT", help="Read the lake as it was at this snapshot: its number, or a time in UTC."
    ),
    click.option(
        "--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), help="Give up after this long."
    ),
    click.option(
        "--memory", metavar="SIZE", help="Most memory for the query, such as 2GB; more is put on disk meanwhile."
    ),
    click.option(
        "--threads", metavar="N", type=click.IntRange(min=1), help="Threads of the query; every core by default."
    ),
    click.option("--plan", is_flag=True, help="Say on stderr how many files of each table were opened."),
)
