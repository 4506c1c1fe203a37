"""Saved queries: files of SQL with a header in comments, which names the question and the parameters.

    -- Which hosts connect to the same server at regular intervals?
    -- What the rows are, in one or more lines.
    -- technique: T1071, T1573
    -- param min_connections: integer = 5  -- Least number of connections.
    SELECT ... WHERE connections >= $min_connections

Rules:
- The first line is the title, a question. A parameter without a default must be given; the default `null` is NULL.
- Parameters are bound as those of a prepared statement. Their values never become part of the SQL.
- netlake/queries has the queries of netlake. Those of a folder that the user names have priority over them, but those
  in the folder `queries` of a lake have not: a lake can come from somebody else.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlake.errors import QueryError
from netlake.spelling import spelled

BUNDLED = Path(__file__).resolve().parent.parent / "queries"
IN_LAKE = "queries"
_NAMES = Path(__file__).with_name("techniques.toml")
_PARAM = re.compile(r"param (?P<name>[a-z]\w*): (?P<type>\w+)(?: = (?P<default>.*?))?\s+-- (?P<doc>.+)", re.ASCII)
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_FLAGS = {"true": True, "false": False}


def _number(given: Any) -> float:
    value = float(given)
    if not math.isfinite(value):
        raise ValueError
    return value


def _integer(given: Any) -> int:
    value = int(given)
    if isinstance(given, float) or not -(1 << 63) <= value < 1 << 63:
        raise ValueError
    return value


def _time(given: Any) -> str:
    """A time as ISO text in UTC; one without a zone is in UTC."""
    value = given if isinstance(given, dt.datetime) else dt.datetime.fromisoformat(str(given))
    return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()


# type -> (what is expected, its conversion from text or from a value of Python; KeyError, TypeError or ValueError)
TYPES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "integer": ("an integer, such as 5", _integer),
    "number": ("a number, such as 0.5", _number),
    "boolean": ("true or false", lambda given: _FLAGS[str(given).lower()]),
    "text": ("a text", str),
    "time": ("a time in UTC, such as 2024-02-28T23:54", _time),
}


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: its name, a key of TYPES, its sentence, and its default as text, None if it must be given."""

    name: str
    type: str
    doc: str
    default: str | None

    def value(self, given: Any) -> Any:
        """`given` as a value of the type; QueryError for another. Null is None, and the text `null`."""
        if given is None or given == "null":
            return None
        expected, convert = TYPES[self.type]
        try:
            return convert(given)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise QueryError(f"The parameter {self.name} is {expected}, and not {str(given)!r}.") from None


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved query: the name of its file, the title, what it answers, ids of MITRE ATT&CK techniques, and the SQL."""

    name: str
    title: str
    doc: str
    techniques: tuple[str, ...]
    params: tuple[Param, ...]
    sql: str

    def bound(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The value of each parameter, for JSON and DuckDB; QueryError for an unknown, a wrong or a missing one."""
        from netlake.query import names

        known = {param.name: param for param in self.params}
        for name in given:
            if not known:
                raise QueryError(f"The query {self.name} has no parameters.")
            if name not in known:
                raise names.unknown("parameter", name, known, f" of the query {self.name}")
        for param in self.params:
            if param.default is None and param.name not in given:
                raise QueryError(f"The query {self.name} needs the parameter {param.name}: {param.doc}")
        return {name: param.value(given.get(name, param.default)) for name, param in known.items()}

    def matches(self, words: Iterable[str]) -> bool:
        """Whether each of `words` is in the name, the title, the description or a technique; case is ignored."""
        text = " ".join([self.name, self.title, self.doc, *self.techniques]).lower()
        return all(word.lower() in text for word in words)


def read(path: Path) -> Saved:
    """The query in a file; QueryError if it cannot be read, or its header has a mistake."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise QueryError(f"The query {spelled(path)} cannot be read: {error}.") from error
    count = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    header = [line.removeprefix("--").strip() for line in lines[:count]]
    if not header or not header[0]:
        raise QueryError(f"{spelled(path)}: line 1 must be a comment with the question that the query answers.")
    doc: list[str] = []
    techniques: list[str] = []
    params: list[Param] = []
    for number, line in enumerate(header[1:], 2):
        where = f"{spelled(path)}: line {number}"
        if line.startswith("param "):
            params.append(_param(line, where))
        elif line.startswith("technique: "):
            techniques += [text.strip() for text in line.removeprefix("technique: ").split(",")]
            if wrong := [text for text in techniques if not _TECHNIQUE.fullmatch(text)]:
                raise QueryError(f"{where}: {wrong[0]!r} is not the id of a technique, such as T1071.001.")
        else:
            doc.append(line)
    # empty lines for the header, so that errors have the number of the line in the file
    sql = "\n" * count + "\n".join(lines[count:])
    return Saved(path.stem, header[0], " ".join(doc).strip(), tuple(techniques), tuple(params), sql)


def _param(line: str, where: str) -> Param:
    found = _PARAM.fullmatch(line)
    if found is None:
        raise QueryError(f"{where} is not such as: -- param minutes: integer = 5  -- Length of an interval.")
    if found["type"] not in TYPES:
        raise QueryError(f"{where}: {found['type']} is not a type; the types are {', '.join(TYPES)}.")
    param = Param(found["name"], found["type"], found["doc"], found["default"])
    if param.default is not None:
        try:
            param.value(param.default)
        except QueryError as error:
            raise QueryError(f"{where}: {error}") from error
    return param


def paths(folder: Path | None = None, lake: Path | None = None) -> dict[str, Path]:
    """Name -> file of every query, sorted; QueryError if `folder` has none."""
    found = {path.stem: path for path in lake.joinpath(IN_LAKE).glob("*.sql")} if lake is not None else {}
    found |= {path.stem: path for path in BUNDLED.glob("*.sql")}
    if folder is not None:
        own = {path.stem: path for path in folder.glob("*.sql")}
        if not own:
            raise QueryError(f"The folder {spelled(folder)} has no file *.sql.")
        found |= own
    return dict(sorted(found.items()))


def find(name: str | os.PathLike[str], folder: Path | None = None, lake: Path | None = None) -> Saved:
    """The query with this name, or in the file of a path; QueryError with the nearest names if there is none."""
    if isinstance(name, os.PathLike):
        return read(Path(name))
    known = paths(folder, lake)
    if name not in known:
        from netlake.query import names

        missing = str(names.unknown("query", name, known)).rstrip(".")
        raise QueryError(f"{missing}; `netlake query --list` lists them.")
    return read(known[name])


def technique_names() -> dict[str, str]:
    """Id -> name of every technique of MITRE ATT&CK that a bundled query names."""
    return tomllib.loads(_NAMES.read_text(encoding="utf-8"))


_PAGE = """\
# Saved queries

The queries in `netlake/queries`, one file each; written by `python -m tests.docs` from their headers. Run one with
`netlake query NAME --param NAME=VALUE`, or with `lake.query("NAME", name=value)` in Python. A file with such a header
in a folder of your own (`--folder`, or `queries` in the lake) is run in the same way. `--show` prints the SQL.

| query | question | MITRE ATT&CK |
|---|---|---|"""


def page() -> str:
    """docs/queries.md: every bundled query with its parameters and techniques."""
    parts = [_PAGE]
    every = [read(path) for path in paths().values()]
    parts += [f"| [{one.name}](#{one.name}) | {one.title} | {_linked(one.techniques)} |" for one in every]
    for one in every:
        parts.append(f"\n## {one.name}\n\n{one.title} {one.doc}\n")
        if one.techniques:
            parts.append(f"MITRE ATT&CK: {_linked(one.techniques, technique_names())}.\n")
        if one.params:
            parts.append("| parameter | type | default | meaning |\n|---|---|---|---|")
            parts += [f"| `{p.name}` | {p.type} | {_default(p)} | {p.doc} |" for p in one.params]
    return "\n".join(parts) + "\n"


def _default(param: Param) -> str:
    return "must be given" if param.default is None else f"`{_cell(param.default)}`"


def _cell(text: str) -> str:
    """`text` for a cell of a table."""
    return text.replace("|", r"\|")


def _linked(techniques: Iterable[str], names: Mapping[str, str] | None = None) -> str:
    """Links to techniques by their ids, with their names if these are given."""
    return ", ".join(
        f"[{f'{one} {names[one]}' if names else one}](https://attack.mitre.org/techniques/{one.replace('.', '/')}/)"
        for one in techniques
    )
