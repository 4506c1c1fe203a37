"""Options that several commands share, and their shell completion; imports no large package."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from netlake.query.output import FORMATS
from netlake.schema import contract

Function = TypeVar("Function", bound=Callable[..., Any])


class Command(click.Command):
    """A command that accepts --debug after its name too; `main` reads the option from the arguments.

    Text that is not UTF-8 is refused in all options and arguments but names of files, because SQL and JSON are UTF-8.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        debug = click.Option(["--debug"], is_flag=True, expose_value=False, help="Print the traceback of an error.")
        self.params.append(debug)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse `args` into `ctx.params`; UsageError for text that is not UTF-8."""
        left = super().parse_args(ctx, args)
        for param in self.params:
            value = ctx.params.get(param.name or "")
            if param.type is click.STRING and param.name not in PATHS:
                for text in value if isinstance(value, tuple) else (value,):
                    if isinstance(text, str) and not _is_utf8(text):
                        raise click.BadParameter("the text is not UTF-8.", ctx, param)
        return left


# arguments that may be names of files
PATHS = {"inputs", "table"}


# most digits of a number of 63 bits
MOST_DIGITS = 18


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


MOST_SECONDS = 100_000_000_000


class Seconds(click.FloatRange):
    """A finite number of seconds, or of another unit of time, up to three thousand years of seconds."""

    def __init__(self, *, min_open: bool = False) -> None:
        # without the maximum, which would be in the help of each option
        super().__init__(min=0, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`value` as a number; UsageError for another text, NaN and infinity."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        if number > MOST_SECONDS:
            self.fail(f"{value!r} is more than {MOST_SECONDS:,}.", param, ctx)
        return number


class NamedPath(click.Path):
    """A path that is not empty: an empty one, of a variable that is not set, would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`value` as a Path; UsageError for an empty one."""
        if os.fspath(value) == "":
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)


# numbers with a unit that DuckDB accepts
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*(B|[KMGT]i?B)", re.IGNORECASE)


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Callback: a size with a unit, less than 2^63 bytes."""
    found = _SIZE.fullmatch(value.strip()) if value is not None else None
    if value is not None and (found is None or float(found[1]) * 1024 ** "BKMGT".index(found[2][0].upper()) >= 1 << 63):
        raise click.BadParameter(f"{value!r} is not a size; give one such as 2GB or 512MB.", ctx, param)
    return value


def _frozen(name: str) -> list[Path]:
    return [
        file for directory in contract.directories for file in sorted(directory.glob(name)) if file.stem != "contract"
    ]


def size_in_bytes(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Callback: the bytes of a size as `size` allows, at least one; UsageError for others."""
    text = size(ctx, param, value) or ""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a size such as 128MB.", ctx, param)
    unit = match[2].upper()
    count = int(float(match[1]) * (1024 if "I" in unit else 1000) ** "BKMGT".index(unit[0]))
    if not count:
        raise click.BadParameter("the size is 0.", ctx, param)
    return count


def table_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of tables that start with the typed text, or with its part after the last comma.

    They are read from the contracts in `schemas/`, so that no lake is opened.
    """
    del ctx, param
    before, comma, prefix = incomplete.rpartition(",")
    found = {file.stem: file for file in _frozen(f"{_plain(prefix)}*.json")}
    return [CompletionItem(before + comma + name, help=_doc(file)) for name, file in sorted(found.items())]


def view_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """As `table_names`, and the views that protocols declare."""
    found = table_names(ctx, param, incomplete)
    before, comma, prefix = incomplete.rpartition(",")
    from netlake.tables import views

    names = [(name, view.doc) for name, view in views().items() if name.startswith(_plain(prefix))]
    found += [CompletionItem(before + comma + name, help=doc) for name, doc in names]
    return sorted(found, key=lambda item: str(item.value))


def column_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of columns that start with the typed text; the table is the argument before."""
    del param
    before, comma, prefix = incomplete.rpartition(",")
    # while the value of an option is missing, click leaves the arguments before it in ctx.args
    table = ctx.params.get("table") or next(iter(ctx.args), "")
    for file in _frozen(f"{_plain(table)}.json"):
        columns = json.loads(file.read_text(encoding="utf-8"))["columns"]
        return [
            CompletionItem(before + comma + column["name"], help=column.get("doc"))
            for column in columns
            if column["name"].startswith(prefix)
        ]
    from netlake.tables import views

    view = views().get(_plain(table))
    documented = view.columns.items() if view else ()
    return [CompletionItem(before + comma + name, help=doc) for name, doc in documented if name.startswith(prefix)]


def _plain(prefix: str) -> str:
    return "".join(character for character in prefix if character.isalnum() or character in "_.").lstrip(".")


def _doc(file: Path) -> str:
    return str(json.loads(file.read_text(encoding="utf-8")).get("doc", ""))


def lake(function: Function) -> Function:
    """Add the option --lake DIR."""
    return click.option(
        "--lake",
        "lake",
        metavar="DIR",
        default="lake",
        envvar="NETLAKE_LAKE",
        show_default=True,
        show_envvar=True,
        type=NamedPath(file_okay=False, path_type=Path),
        help="Folder of the lake.",
    )(function)


def listed(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Callback: the names in one comma-separated list, or in several; UsageError for a list without names."""
    given = (value,) if isinstance(value, str) else value or ()
    names = tuple(name.strip() for part in given for name in part.split(",") if name.strip())
    if given and not names:
        raise click.BadParameter("the list has no name.", ctx, param)
    return names


def filled(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Callback: text that is not empty, or several of them."""
    given = value if isinstance(value, tuple) else (value,)
    if any(text is not None and not text.strip() for text in given):
        raise click.BadParameter("the text is empty.", ctx, param)
    return value


def plugins(function: Function) -> Function:
    """Add the option --plugin FILE, repeatable; plugins are loaded before other options are checked."""
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
        help="Python file that declares further tables; may be repeated.",
    )(function)


def _load(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if value:
        from netlake import tables
        from netlake.errors import NetlakeError

        try:
            tables.load(value)
        except NetlakeError as error:
            raise click.BadParameter(str(error), ctx, param) from error
    return value


def output(function: Function) -> Function:
    """Add the options of commands that write rows."""
    return output_in(list(FORMATS), "")(function)


def output_in(formats: list[str], further: str) -> Callable[[Function], Function]:
    """Add the options of commands that write rows in one of `formats`; `further` is a sentence about formats."""

    def decorated(function: Function) -> Function:
        for option in reversed((_format(formats, further), *_OUTPUT)):
            function = option(function)
        return function

    return decorated


def _format(formats: list[str], further: str) -> Callable[[Function], Function]:
    return click.option(
        "--format",
        type=click.Choice(formats),
        help="Output format (default: by the ending of the file of -o, such as .parquet, else table). csv and tsv have"
        " a header line; arrow is the IPC stream format; elasticsearch is its bulk format with names of ECS."
        + (f" {further}" if further else ""),
    )


def capture_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names and ids of the captures in the lake that start with the typed text."""
    del param
    from netlake.errors import NetlakeError
    from netlake.lake.catalog import Catalog

    try:
        captures = [entry.facts for entry in Catalog(Path(ctx.params.get("lake") or "lake"), readonly=True).captures()]
    except NetlakeError:
        return []
    names = {Path(facts.path.split("\n")[0]).name: facts.capture for facts in captures}
    names |= {facts.capture: facts.called for facts in captures}
    return [CompletionItem(name, help=text) for name, text in names.items() if name.startswith(incomplete)]


def networks(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Callback: networks in comma-separated lists; UsageError for text that is none."""
    from netlake.errors import QueryError
    from netlake.query.functions import local

    try:
        return local.checked(listed(ctx, param, value))
    except QueryError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def limit(*further: str) -> Callable[[Function], Function]:
    """Add the option --limit N; `further` are other names of it."""
    return click.option(
        "--limit",
        *further,
        "rows",
        metavar="N",
        type=click.IntRange(0, (1 << 63) - 1),
        help="Write at most N rows, 0 for all; a message reports if there are more. Default on a terminal: 1,000.",
    )


def originals(function: Function) -> Function:
    """Add the options of commands that read originals again, and those of their query."""
    for option in reversed((*_ORIGINALS, *_QUERY[:2], *_LIMITS)):
        function = option(function)
    return function


def originals_of_a_flow(function: Function) -> Function:
    """Add those of `originals` that a command without SQL of the user has."""
    for option in reversed((*_ORIGINALS, *_QUERY[:2])):
        function = option(function)
    return function


_QUERY = (
    click.option(
        "--at", metavar="SNAPSHOT", help="Query an earlier snapshot of the lake: its number, or a time in UTC."
    ),
    click.option(
        "--capture",
        "captures",
        metavar="NAME",
        multiple=True,
        callback=filled,
        shell_complete=capture_names,
        help="Only the rows of this capture: its id, its path, or the name of its file; may be repeated.",
    ),
    click.option(
        "--local",
        metavar="NETS",
        multiple=True,
        callback=networks,
        help="Networks of is_local(), comma-separated (default: those of networks.txt in the lake, else private ones).",
    ),
)
_LIMITS = (
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=Seconds(min_open=True),
        help="Stop with an error after this many seconds.",
    ),
    click.option(
        "--memory",
        metavar="SIZE",
        callback=size,
        help="Memory limit of the query, such as 2GB; beyond it, temporary files are used.",
    ),
    click.option(
        "--threads", metavar="N", type=click.IntRange(1, 1024), help="Threads of the query (default: one per CPU)."
    ),
)
_ORIGINALS = (
    click.option(
        "--originals",
        "folder",
        metavar="DIR",
        type=NamedPath(exists=True, file_okay=False, path_type=Path),
        help="Folder in which captures are looked for by name that are not at their path.",
    ),
    click.option(
        "--verify",
        is_flag=True,
        help="Compare the SHA-256 of whole captures with that of the lake, not only samples of them.",
    ),
)
_OUTPUT = (
    click.option(
        "-o",
        "--output",
        "out",
        metavar="FILE",
        type=NamedPath(dir_okay=False, path_type=Path),
        help="Write to this file; it is created only after all rows are written.",
    ),
    click.option(
        "--raw",
        is_flag=True,
        help="Write text unchanged. By default control characters are escaped, and in csv and tsv text that a"
        " spreadsheet would run as a formula gets an apostrophe in front.",
    ),
    *_QUERY,
    *_LIMITS,
    click.option("--plan", is_flag=True, help="Print to stderr how many files of each table are read."),
)
