"""The prompt of `netlake sql` without a statement: history, completion, and the tables and functions by name.

Each statement runs in a guarded process of its own, and sees the latest captures. A statement ends with a semicolon,
and may have several lines. Ctrl-C ends a statement that runs or discards the line, Ctrl-D ends the prompt.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import listing, rows
from netlake.errors import NetlakeError
from netlake.query.output.visible import say

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer

    from netlake.query.guard import Request
    from netlake.query.snapshot import Snapshot

HELP = """\
A statement ends with a semicolon. The Tab key completes names.
\\d        tables and views with rows
\\d NAME   columns of a table or view
\\f        functions
\\q        end (also Ctrl-D)"""
KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "JOIN", "LEFT JOIN", "USING", "UNION ALL",
    "WITH", "AS", "AND", "OR", "NOT", "NULL", "IS", "IN", "LIKE", "BETWEEN", "DISTINCT", "COUNT", "DESC", "CASE",
    "WHEN", "THEN", "ELSE", "END", "EXPLAIN", "DESCRIBE", "SUMMARIZE", "QUALIFY", "UNNEST",
)  # fmt: skip


def run(request: Request, *, timeout: float | None) -> int:
    """Ask for statements until the user ends the prompt, and run each; return the exit code."""
    from netlake.lake.catalog import Catalog
    from netlake.query.snapshot import Snapshot

    snapshot = Snapshot(Catalog(Path(request.lake), readonly=True))
    count = len(snapshot.captures())
    click.echo(f"{count:,} {'capture' if count == 1 else 'captures'} in {request.lake}; \\h for help.", err=True)
    session = _session(snapshot)
    while True:
        try:
            text = session.prompt("netlake> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if text in ("\\q", "quit", "exit", "quit;", "exit;"):
            return 0
        if text.startswith("\\"):
            _command(text, snapshot, Path(request.lake))
        elif text.strip("; "):
            _statement(replace(request, sql=text), timeout)


def _statement(request: Request, timeout: float | None) -> None:
    """Run one request; a mistake is a message."""
    try:
        rows.write(request, None, timeout=timeout)
    except click.exceptions.Exit:
        pass  # the process printed the reason
    except KeyboardInterrupt:
        say("interrupted.")
    except NetlakeError as error:
        say(str(error))


def _command(text: str, snapshot: Snapshot, lake: Path) -> None:
    """Run a command of the prompt."""
    from netlake.cli.tables import describe
    from netlake.query import functions, network
    from netlake.tables import views

    word, _, argument = text.partition(" ")
    if word == "\\d" and argument:
        try:
            describe(argument.strip().rstrip(";"), lake, needed=True)
        except NetlakeError as error:
            say(str(error))
    elif word == "\\d":
        known = [(name, snapshot.doc(name)) for name in snapshot.stored() if snapshot.files(name)]
        listing.show(sorted([*known, *((view.name, view.doc) for view in views().values())]))
    elif word == "\\f":
        listing.show([network.DESCRIBED, *((one.signature, one.doc) for one in functions.every().values())])
    else:
        click.echo(HELP)


def _session(snapshot: Snapshot) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory

    def unfinished() -> bool:
        text = session.default_buffer.text.strip()
        return bool(text) and not text.startswith("\\") and not text.endswith(";") and text not in ("quit", "exit")

    place = _history()
    kept: History = FileHistory(str(place)) if place else InMemoryHistory()
    session: PromptSession[str] = PromptSession(
        history=kept, completer=_completer(snapshot), complete_while_typing=False, multiline=Condition(unfinished)
    )
    return session


def _history() -> Path | None:
    """The file of the history, which only the user can read; None where it cannot be written."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "netlake"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / "history"
        place.touch(mode=0o600)
    except OSError:
        return None
    return place


def _completer(snapshot: Snapshot) -> Completer:
    from prompt_toolkit.completion import Completer, Completion

    class Names(Completer):
        """Completes names of tables, views, functions and keywords, and columns of the tables in the text."""

        def get_completions(self, document: Any, complete_event: object) -> Iterator[Completion]:
            """The names that begin with the word before the cursor."""
            del complete_event
            word = document.get_word_before_cursor(pattern=_word())
            # names in a schema, such as zeek.conn, contain a point
            dotted = document.get_word_before_cursor(pattern=_word("."))
            for name, what in words(snapshot, document.text).items():
                typed = dotted if "." in name else word
                if typed and name.lower().startswith(typed.lower()):
                    yield Completion(name, start_position=-len(typed), display_meta=what)

    return Names()


def _word(also: str = "") -> Any:
    """A pattern of words, which may contain the characters `also` too."""
    import re

    return re.compile(rf"[A-Za-z_][A-Za-z0-9_{re.escape(also)}]*")


def words(snapshot: Snapshot, text: str) -> dict[str, str]:
    """Every name that completion knows in a statement, with its description."""
    from netlake.query import functions, network
    from netlake.query.views import columns, qualified, view_of

    known = dict.fromkeys(KEYWORDS, "")
    known |= {name: one.doc for name, one in functions.every().items()} | {"net": network.DESCRIBED[1]}
    for table in {word.lower() for word in _word().findall(text)} | qualified(text):
        if snapshot.has(table):
            known |= {field.name: field.doc for field in snapshot.fields(table)}
        elif (view := view_of(table, snapshot)) is not None:
            known |= {name: doc for name, (_, doc) in columns(view, snapshot).items()}
    from netlake.tables import views

    known |= {name: snapshot.doc(name) for name in snapshot.names()}
    return known | {name: view.doc for name, view in views().items()}
