"""Answers the questions of a scenario from its lake by the rules; it never sees the key."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import netlake
from netlake.errors import NetlakeError
from netlake.query import saved
from tests.exam.briefing import Question, Scenario
from tests.exam.rules import Answer, Topic

Row = dict[str, Any]
# roles of the hosts from which operators command a plant
OPERATORS = frozenset({"hmi", "scada", "operator", "master", "mtu"})
# what follows the name by which a company is known: the register of IEEE has "Raspberry Pi (Trading) Ltd"
_LEGAL = re.compile(
    r"[\s,]+(\(.*|trading\b.*|inc\b.*|ltd\b.*|co\b.*|corp\w*\b.*|gmbh\b.*|ag\b.*|llc\b.*|s\.?a\.?\b.*)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Given:
    """What is answered to a question: a value, or none for the reason `why`; a true reason makes it `left_out`."""

    question: Question
    value: Any = None
    rule: str = ""
    query: str = ""
    why: str = ""
    left_out: bool = False


class Desk:
    """Answers the questions of one scenario in their order."""

    def __init__(self, scenario: Scenario, topics: tuple[Topic, ...], lake: netlake.Lake) -> None:
        self.scenario, self.topics, self.lake = scenario, topics, lake
        self.topic: Topic | None = None
        self.host: str | None = None
        self.cache: dict[str, list[Row]] = {}

    def answers(self) -> Iterator[Given]:
        """One for each question."""
        for question in self.scenario.questions:
            yield self.answer(question)

    def answer(self, question: Question) -> Given:
        """The answer by the first rule that fits and finds something."""
        tried: list[Given] = []
        for topic, rule in self._fitting(question):
            if rule.left_out:
                if not rule.condition or self._holds(rule.condition):
                    self.topic = topic
                    return Given(question, rule=rule.name, why=rule.left_out, left_out=True)
                continue
            value, why = self._tried(rule, question)
            given = Given(question, value, rule.name, rule.query, why)
            if value is not None:
                self.topic = topic
                self._remember(rule, value)
                return given
            tried.append(given)
        return tried[0] if tried else Given(question, why="no rule fits the wording")

    def _fitting(self, question: Question) -> Iterator[tuple[Topic, Answer]]:
        named = [topic for topic in self.topics if topic.words.pattern]
        about = [topic for topic in named if topic.words.search(question.text)]
        about += [self.topic] if self.topic else []
        about += [topic for topic in named if topic.words.search(self.scenario.title)]
        about += [topic for topic in self.topics if not topic.words.pattern]
        for topic in dict.fromkeys(about):
            for rule in topic.answers:
                if rule.fits(question.text, question.kind):
                    yield topic, rule

    def _sorted(self, rows: list[Row], how: str, column: str) -> list[Row]:
        """Rows in the order of an entry of `prefer`."""
        known = self.scenario.inventory
        if how == "latest":
            return sorted(rows, key=lambda row: (row[column] is not None, row[column]), reverse=True)
        if how == "listed":
            return sorted(rows, key=lambda row: row[column] not in known)
        if how in {"approved", "unapproved"}:
            return sorted(rows, key=lambda row: _approved(known.get(row[column])), reverse=how == "approved")
        raise ValueError(f"{how} {column}: prefer has listed, approved, unapproved or latest, and a column.")

    def _remember(self, rule: Answer, value: Any) -> None:
        """The first source that a scenario's questions are about."""
        if self.host is None and rule.name.endswith(": source") and isinstance(value, str):
            self.host = value

    def _holds(self, condition: dict[str, Any]) -> bool:
        rows = self._rows(condition["query"], condition.get("params", {}))
        return any(_has(row[condition["column"]], condition["has"]) for row in rows)

    def _rows(self, query: str, params: dict[str, Any]) -> list[Row]:
        """The rows of a saved query; a parameter whose fact is not known keeps its default."""
        facts = {"$inventory": ",".join(self.scenario.inventory) or None, "$host": self.host}
        bound = {name: facts.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
        bound = {name: value for name, value in bound.items() if value is not None}
        key = f"{query} {sorted(bound.items())}"
        if key not in self.cache:
            self.cache[key] = self.lake.query(query, **bound).arrow().to_pylist()
        return self.cache[key]

    def _tried(self, rule: Answer, question: Question) -> tuple[Any, str]:
        """(value, why there is none)."""
        try:
            value = self._value(rule, question)
        except NetlakeError as error:
            return None, f"the query failed: {error}"
        return value, "" if value is not None else "the query found nothing"

    def _value(self, rule: Answer, question: Question) -> Any:
        if rule.column == "@header":
            return _technique(rule.query, question.text)
        if rule.column.startswith("@technique"):
            found = self._rows(rule.query, rule.params)
            return _technique(rule.column.partition(":")[2] or rule.query, question.text) if found else None
        if self.host is None and "$host" in (*rule.params.values(), *rule.where.values()):
            return None
        where = {column: self.host if text == "$host" else text for column, text in rule.where.items()}
        rows = [row for row in self._rows(rule.query, rule.params) if _kept(row, where)]
        for words in reversed(rule.prefer):
            rows = self._sorted(rows, *words.split())
        if rule.focus and rows:
            rows = [row for row in rows if row[rule.focus] == rows[0][rule.focus]]
        column, _, pick = rule.column.partition(":")
        return reduced([row[column] for row in rows], pick or ("list" if question.kind == "set" else "first"))


def reduced(values: list[Any], pick: str) -> Any:
    """One value of a column; None without rows. For `any` it is yes or no, whether some number is above 0."""
    if not values:
        return None
    flat = list(dict.fromkeys(_flat(values)))
    first = next(_flat(values[:1]), None)
    picks: dict[str, Callable[[], Any]] = {
        "first": lambda: first,
        "company": lambda: first and _LEGAL.sub("", first).strip(" ,"),
        "list": lambda: flat or None,
        "count": lambda: len(flat),
        "sum": lambda: sum(value for value in values if value is not None),
        "any": lambda: "yes" if any(flat) else "no",
        "min": lambda: min(flat, default=None),
        "max": lambda: max(flat, default=None),
    }
    return picks[pick]()


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif value is not None:
            yield value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value


def _approved(role: str | None) -> int:
    """0 for an unlisted host, 1 for a listed one, 2 for one of an operator."""
    return 0 if role is None else 1 + (role.lower() in OPERATORS)


def _technique(query: str, wording: str) -> str | None:
    """The first technique of a saved query in the matrix that the question names: for ICS, or for enterprises."""
    ics = re.search(r"\bICS\b", wording) is not None
    return next((one for one in saved.find(query).techniques if one.startswith("T0") is ics), None)


def _kept(row: Row, where: dict[str, Any]) -> bool:
    return all(_has(row[column], wanted) for column, wanted in where.items())


def _has(value: Any, wanted: Any) -> bool:
    """Whether a value, or one of a list, is `wanted` or has this text."""
    return any(
        one == wanted or (isinstance(one, str) and isinstance(wanted, str) and wanted.lower() in one.lower())
        for one in _flat([value])
    )
