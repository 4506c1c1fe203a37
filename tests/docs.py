"""Runs the commands in README.md and docs/, to test them and to update their output.

The tests run a block after `<!-- run -->`, which must succeed; after `<!-- run: exact -->` it must also print the text
in the document. All blocks of a document run in order, in a new folder with a link to `tests/captures`.
`python -m tests.docs` writes the output of the commands into the documents, all help texts into
docs/commands.md, and all saved queries into docs/queries.md.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click

from netlake.query import saved
from netlake.schema import Table

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
COMMANDS = ROOT / "docs" / "commands.md"
QUERIES = ROOT / "docs" / "queries.md"
CALIBRATED = ROOT / "tests" / "calibrate" / "report.md"
BLOCK = re.compile(r"<!-- run(?P<exact>: exact)? -->\n```(?P<language>\w+)\n(?P<text>.*?)```\n", re.DOTALL)
WIDTH = "110"
EXIT_CODES = """\
| exit code | meaning |
|---|---|
| 0 | success; for `capture`: every capture is in the lake |
| 1 | failure; for `capture`: a capture failed, and the others of the run are in the lake; a full disk ends the run |
| 2 | wrong usage: an unknown command or option, or an invalid value of an option |
| 3 | partial success: a capture could not be read to its end (the lake has its beginning), or a lake is damaged |
| 130 | interrupted by SIGINT (Ctrl-C) or SIGTERM; nothing of an unfinished capture is in the lake |

A failure is one sentence on stderr that starts with `netlake: `; `--debug` also prints the traceback.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a document, and the output given in the document."""

    document: Path
    line: int
    language: str
    command: str
    printed: str
    exact: bool


def steps(document: Path) -> Iterator[Step]:
    """All commands of a document that run, in order."""
    text = document.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        exact = block["exact"] is not None
        if block["language"] == "python":
            yield Step(document, line, "python", block["text"], "", exact=False)
            continue
        for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
            command, printed = _split(part)
            yield Step(document, line, "console", command, printed, exact)


def _split(part: str) -> tuple[str, str]:
    """(command with its continuation lines or here-document up to END, output after it)."""
    lines = part.splitlines(keepends=True)
    count = 1
    if lines[0].rstrip().endswith("<<'END'"):
        count = lines.index("END\n") + 1
        return "".join(lines[:count]).rstrip("\n"), "".join(lines[count:])
    while lines[count - 1].endswith("\\\n") or "".join(lines[:count]).count('"') % 2:
        count += 1
    return "".join(lines[:count]).rstrip("\n"), "".join(lines[count:])


def folder(where: Path) -> Path:
    """Prepare the folder `where` for the commands of a document; return it."""
    (where / "tests").mkdir()
    (where / "tests" / "captures").symlink_to(ROOT / "tests" / "captures")
    return where


def run(step: Step, where: Path) -> subprocess.CompletedProcess[str]:
    """Run one step; stdout contains stderr too."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": WIDTH, "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-c", step.command] if step.language == "python" else ["bash", "-c", step.command]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=where, env=environment, text=True, check=False, timeout=600, **streams)  # type: ignore[call-overload,no-any-return]


def plain(printed: str, place: Path) -> str:
    """The output of a command, without the folder in which it ran."""
    for above in (place.resolve(), place, ROOT):
        printed = printed.replace(f"{above}/", "")
    return printed


def commands() -> Iterator[tuple[click.Command, click.Context]]:
    """(command, context) of all commands."""
    from netlake.cli import netlake as group

    def below(
        name: str, command: click.Command, above: click.Context | None
    ) -> Iterator[tuple[click.Command, click.Context]]:
        settings = {**command.context_settings, "terminal_width": int(WIDTH), "max_content_width": int(WIDTH)}
        context = click.Context(command, info_name=name, parent=above, **settings)
        yield command, context
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                if found is not None and not found.hidden:
                    yield from below(child, found, context)

    return below("netlake", group, None)


def help_page() -> str:
    """docs/commands.md: the help of every command."""
    parts = [
        "# Commands\n",
        "The output of `--help` for every command, written by `python -m tests.docs`.\n",
        EXIT_CODES,
    ]
    for command, context in commands():
        parts.append(f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _told(table: Table) -> str:
    """The template of a table, and which of its rows are shown."""
    if table.message is None:
        return ""
    notes = ["; only if asked for"] if not table.message.default else []
    notes += [f"; rows with `{table.message.only}`"] if table.message.only else []
    return f"`{table.message.text}`{''.join(notes)}"


LISTS = re.compile(r"(?<=<!-- list: )(?P<what>\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def listed(text: str) -> str:
    """`text` with the lists of functions, views and views in schemas as they are declared."""
    from netlake.query import functions
    from netlake.query.snapshot import Snapshot
    from netlake.query.views import columns
    from netlake.tables import declared, views

    def table(found: re.Match[str]) -> str:
        if found["what"] == "functions":
            every = functions.every().values()
            rows = [(f"`{one.signature}`", one.doc, f"`{one.example}`") for one in every]
            head = "| function | value | true example |\n|---|---|---|\n"
        elif found["what"] == "kinds":
            rows = sorted(
                (table.message.group, f"`{table.name}`", _told(table)) for table in declared() if table.message
            )
            head = "| group | kind | message |\n|---|---|---|\n"
        else:
            chosen = [view for view in views().values() if bool(view.schema) == (found["what"] == "schemas")]
            named = [(view, columns(view, Snapshot.declared())) for view in chosen]
            rows = [(f"`{view.name}`", view.doc, ", ".join(f"`{name}`" for name in own)) for view, own in named]
            head = "| view | rows | columns |\n|---|---|---|\n"
        body = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
        return f"{found[1]}{found[2]}\n{head}{body}\n"

    return LISTS.sub(table, text)


def written(document: Path) -> str:
    """A document with the present output of its commands."""
    text = document.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as where:
        found = iter(steps(document))
        place = folder(Path(where))

        def fresh(block: re.Match[str]) -> str:
            count = 1 if block["language"] == "python" else len(re.findall(r"^\$ ", block["text"], re.MULTILINE))
            ran = [(step, plain(run(step, place).stdout, place)) for step in islice(found, count)]
            if block["language"] == "python":
                return block[0]
            body = "".join(f"$ {step.command}\n{printed}" for step, printed in ran)
            return block[0][: block.start("text") - block.start()] + body + "```\n"

        return BLOCK.sub(fresh, listed(text))


def queries_page() -> str:
    """docs/queries.md: the saved queries, and how they were calibrated."""
    return f"{saved.page()}\n{CALIBRATED.read_text(encoding='utf-8')}"


def main() -> None:
    """Update docs/commands.md and all documents with commands."""
    COMMANDS.write_text(help_page(), encoding="utf-8")
    QUERIES.write_text(queries_page(), encoding="utf-8")
    for document in DOCUMENTS:
        if any(steps(document)) or LISTS.search(document.read_text(encoding="utf-8")):
            document.write_text(written(document), encoding="utf-8")


if __name__ == "__main__":
    main()
