"""The rules that map the wording of a question to a saved query and the part of its rows that is the answer.

tests/exam/rules.toml has the format of this version:

- An `aspect` is what a question asks for, whatever it is about: source, target, first time, technique. `asks` is a
  regular expression, and `kinds` are the kinds of answers that it can have.
- A `topic` is what the question is about: `words` is a regular expression. `query` is the saved query with its
  `params`; `columns` says which column answers each aspect.
- An `answers` entry of a topic is for questions of this topic alone; it comes before the aspects, and may have its own
  query, params, where, prefer and focus.
- A column is `name`, or `name:pick`: first (of the first row), list, count, sum, min, max, company (the first one
  without its legal form), or any (yes if a value is above 0). Without a pick, a question for a list gets `list`, the
  others `first`. `@technique` is the technique in the header of the query, `@technique:NAME` in that of another one:
  one for ICS (T0...) if the question asks for that. `@header` needs no rows.
- `prefer` sorts the rows: "listed server" puts those first whose column has an address of the inventory, "unapproved
  source" those of unlisted hosts and then of those that are no operator's ("approved" the other way round), and "latest
  first_seen" the latest; further words of a list sort those that are equal by the first.
- `focus` keeps the rows that have the value of the first row in this column, `where` those whose column has this text.
- `each` makes a copy of the topic for each of its entries, with a name, words and facts: "$port" stands for the fact
  `port`, and `{name}` in `left_out` for the name.
- `left_out` is the reason why a question is not answered. With `if`, a saved query with a column that must have a
  value, it is so only if that is the case in this capture: a protocol is not decoded if its port is in
  `undecoded_traffic`.

In params, `$inventory` is the list of known addresses, and `$host` the source that the scenario's first answers found.
A question whose wording has no topic belongs to the topic of the question before it, then to that of the title; the
topics without words are tried last.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "rules.toml"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Aspect:
    """What a question can ask for."""

    name: str
    asks: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """How one question of a topic is answered, or why it is left out."""

    name: str
    asks: re.Pattern[str]
    kinds: tuple[str, ...] = ()
    query: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    column: str = ""
    prefer: tuple[str, ...] = ()
    focus: str = ""
    where: dict[str, Any] = field(default_factory=dict)
    left_out: str = ""
    condition: dict[str, Any] = field(default_factory=dict)

    def fits(self, text: str, kind: str) -> bool:
        """Whether it answers questions of this wording and kind."""
        return self.asks.search(text) is not None and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """What questions are about, and the answers to them: first its own, then those by aspect."""

    name: str
    words: re.Pattern[str]
    answers: tuple[Answer, ...]


def read(file: Path = FILE) -> tuple[Topic, ...]:
    """The topics of a file of rules, in its order; ValueError for another version or an unknown aspect."""
    given = tomllib.loads(file.read_text(encoding="utf-8"))
    if given.get("version") != VERSION:
        raise ValueError(f"{file}: version {given.get('version')} is not {VERSION}.")
    aspects = [Aspect(one["name"], one["asks"], tuple(one.get("kinds", ()))) for one in given["aspect"]]
    return tuple(_topic(one, aspects) for topic in given["topic"] for one in _each(topic))


def _regex(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _each(topic: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The topic itself, or its copies."""
    topic = dict(topic)
    for entry in topic.pop("each", [{}]):
        yield topic | _filled(topic, entry) | {key: entry[key] for key in ("name", "words") if key in entry}


def _filled(value: Any, facts: dict[str, Any]) -> Any:
    """`value` with the facts in the place of their names."""
    if isinstance(value, dict):
        return {key: _filled(one, facts) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, facts) for one in value]
    if isinstance(value, str) and value.startswith("$") and value[1:] in facts:
        return facts[value[1:]]
    return value.replace("{name}", facts.get("name", "")) if isinstance(value, str) and facts else value


def _topic(given: dict[str, Any], aspects: list[Aspect]) -> Topic:
    name, columns = given["name"], given.get("columns", {})
    if unknown := set(columns) - {one.name for one in aspects}:
        raise ValueError(f"The topic {name} has columns for unknown aspects: {', '.join(sorted(unknown))}.")
    shared = {key: given[key] for key in ("query", "params", "prefer", "focus", "where") if key in given}
    own = [_answer(f"{name}: {one['name']}", shared | one) for one in given.get("answers", ())]
    general = [
        _answer(f"{name}: {one.name}", shared | {"asks": one.asks, "kinds": one.kinds, "column": columns[one.name]})
        for one in aspects
        if one.name in columns
    ]
    return Topic(name, _regex(given["words"]), tuple(own + general))


def _answer(name: str, given: dict[str, Any]) -> Answer:
    given = dict(given) | {"name": name, "asks": _regex(given["asks"]), "kinds": tuple(given.get("kinds", ()))}
    given["condition"] = given.pop("if", {})
    prefer = given.get("prefer", ())
    given["prefer"] = (prefer,) if isinstance(prefer, str) and prefer else tuple(prefer)
    return Answer(**given)
