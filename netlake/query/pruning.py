r"""Which files of a table can hold a row that a filter lets through, by the catalog's statistics alone.

DuckDB's plan prints the filters of a scan as text. They are read here by a grammar of a few lines: comparisons of a
column with a constant, IN, IS NULL, AND and OR. Whatever is not understood counts as "may match", so that it prunes
nothing; this holds for a part of an AND as for a whole filter, but never inside NOT, which is not understood at all.

Traps behind the care taken:
- The plan splits a filter at the newlines *inside its constants*, so that `src_ip = 'a\n(packet = 5)\nb'` comes as
  three filters, one of them made up. The pieces are joined again, and a constant with a newline in it is not
  understood.
- Constants are compared as values of the column's type, never as text, save for text itself, whose order by code point
  is DuckDB's order by UTF-8 byte. Floating numbers are left alone: NaN is greater than all, and statistics leave it
  out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netlake.lake.facts import Range

SIMPLE = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')(?:::(?P<type>[A-Z][A-Z ]*[A-Z]))?
    |(?P<number>-?\d+(?![\d.eE]))|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>!=|>=|<=|[=<>(),:])|(?P<other>\S))""",
    re.VERBOSE,
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)\+00")
_TURNED = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


# by column id; a column without an entry may hold anything
Ranges = Mapping[int, Range]


@dataclass(frozen=True, slots=True)
class Test:
    """Whether a file may hold a row that passes; `columns` are the ids of those whose ranges it looks at."""

    __test__ = False

    columns: frozenset[int]
    may: Callable[[Ranges], bool]

    def __call__(self, ranges: Ranges) -> bool:
        """Whether a file of these ranges may."""
        return self.may(ranges)


# of what is not understood
ALWAYS = Test(frozenset(), lambda _: True)


def test(filters: list[str] | str | None, columns: Mapping[str, int]) -> Test:
    """Whether a file may hold a row that passes `filters`, as the plan prints them, AND-ed.

    `columns` are the table's columns with their ids; where the name of one is no plain word nothing is understood,
    since the plan prints names without quotes.
    """
    if not filters or not all(SIMPLE.fullmatch(column) for column in columns):
        return ALWAYS
    pieces = [filters] if isinstance(filters, str) else filters
    return _all([_read(whole, columns) for whole in _rejoined(pieces)])


def _rejoined(pieces: list[str]) -> Iterator[str]:
    """Pieces until every quote and bracket is closed make one filter; what never closes is not understood."""
    held = ""
    for piece in pieces:
        held = f"{held}\n{piece}" if held else piece
        if _closed(held):
            yield held
            held = ""
    if held:
        yield held


def _closed(text: str) -> bool:
    bare = re.sub(r"'(?:[^']|'')*'", "", text)
    return "'" not in bare and bare.count("(") == bare.count(")")


def _read(text: str, columns: Mapping[str, int]) -> Test:
    tokens = [match for match in _TOKEN.finditer(text) if match[0].strip()]
    if "\n" in text or sum(len(match[0]) for match in tokens) < len(text.rstrip()):
        return ALWAYS
    reader = _Reader(tokens, columns)
    try:
        if reader.word("optional"):
            reader.expect(":")
        found = reader.sequence()
    except _NotUnderstoodError:
        return ALWAYS
    return found if reader.done else ALWAYS


class _NotUnderstoodError(Exception):
    """The text is not of this grammar."""


class _Reader:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, tokens: list[re.Match[str]], columns: Mapping[str, int]) -> None:
        self.tokens, self.columns, self.at = tokens, columns, 0

    @property
    def done(self) -> bool:
        """Whether every token was passed over."""
        return self.at == len(self.tokens)

    def peek(self) -> re.Match[str] | None:
        """The next token."""
        return None if self.done else self.tokens[self.at]

    def word(self, *words: str) -> bool:
        """Pass over `words` if they are next."""
        found = [token["word"] for token in self.tokens[self.at : self.at + len(words)]]
        if found != list(words):
            return False
        self.at += len(words)
        return True

    def mark(self, *marks: str) -> str | None:
        """Pass over one of `marks` if it is next."""
        token = self.peek()
        if token is None or token["mark"] not in marks:
            return None
        self.at += 1
        return str(token["mark"])

    def expect(self, mark: str) -> None:
        """Pass over `mark`, which must be next."""
        if not self.mark(mark):
            raise _NotUnderstoodError

    def expression(self) -> Test:
        """A sequence in brackets, or a comparison; what is in brackets and not understood may match."""
        if not self.mark("("):
            return self.comparison()
        start = self.at
        try:
            found = self.sequence()
            self.expect(")")
        except _NotUnderstoodError:
            self.at = start
            return self.passed_over()
        return found

    def sequence(self) -> Test:
        """Parts with AND between them, or with OR; where both stand side by side, the rest is left."""
        parts = [self.expression()]
        joint = ""
        while self.word(joint) if joint else (joint := self.joint()):
            parts.append(self.expression())
        return any_of(parts) if joint == "OR" else _all(parts)

    def joint(self) -> str:
        """Pass over the AND or OR that is next, if one is."""
        return next((word for word in ("AND", "OR") if self.word(word)), "")

    def passed_over(self) -> Test:
        """To behind the bracket that closes the one before `at`."""
        depth = 1
        while depth:
            token = self.peek()
            if token is None:
                raise _NotUnderstoodError
            self.at += 1
            depth += {"(": 1, ")": -1}.get(token["mark"] or "", 0)
        return ALWAYS

    def comparison(self) -> Test:
        """Column op constant, constant op column, column IN (...), column IS [NOT] NULL."""
        token = self.peek()
        if token is None or token["word"] not in self.columns:
            return self.turned()
        column = self.columns[token["word"]]
        self.at += 1
        if self.word("IS", "NULL"):
            return Test(frozenset([column]), lambda ranges: ranges.get(column, Range()).nulls != 0)
        if self.word("IS", "NOT", "NULL"):
            return Test(frozenset([column]), lambda ranges: ranges.get(column, Range()).values != 0)
        if self.word("IN"):
            return self.within(column)
        operator = self.mark("=", "<", ">", "<=", ">=")
        if operator is None:
            raise _NotUnderstoodError
        return _compared(column, operator, self.constant())

    def turned(self) -> Test:
        """A comparison whose constant stands first."""
        value = self.constant()
        operator = self.mark("=", "<", ">", "<=", ">=")
        token = self.peek()
        if operator is None or token is None or token["word"] not in self.columns:
            raise _NotUnderstoodError
        self.at += 1
        return _compared(self.columns[token["word"]], _TURNED[operator], value)

    def within(self, column: int) -> Test:
        """The list behind IN."""
        self.expect("(")
        values = [self.constant()]
        while self.mark(","):
            values.append(self.constant())
        self.expect(")")
        return any_of([_compared(column, "=", value) for value in values])

    def constant(self) -> Any:
        """A whole number, text, a day, a time in UTC, or a truth value."""
        token = self.peek()
        if token is None:
            raise _NotUnderstoodError
        self.at += 1
        if token["number"] is not None:
            return int(token["number"])
        if token["text"] is not None:
            return _typed(token["text"][1:-1].replace("''", "'"), token["type"])
        if token["word"] in ("true", "false"):
            return token["word"] == "true"
        raise _NotUnderstoodError


def _typed(text: str, kind: str | None) -> Any:
    try:
        if kind is None:
            return text
        if kind == "DATE" and len(text) == 10:
            return dt.date.fromisoformat(text)
        if kind == "TIMESTAMP WITH TIME ZONE" and (match := _TIME.fullmatch(text)):
            return dt.datetime.fromisoformat(match[1]).replace(tzinfo=dt.UTC)
    except ValueError:
        pass
    raise _NotUnderstoodError


def _compared(column: int, operator: str, value: Any) -> Test:
    def may(ranges: Ranges) -> bool:
        known = ranges.get(column)
        if known is None:
            return True
        if known.values == 0:
            return False
        least, greatest = known.least, known.greatest
        low = least is None or type(least) is not type(value) or _passes(least, operator, value, lowest=True)
        high = greatest is None or type(greatest) is not type(value) or _passes(greatest, operator, value, lowest=False)
        return low and high

    return Test(frozenset([column]), may)


def _passes(bound: Any, operator: str, value: Any, *, lowest: bool) -> bool:
    """Whether values on the inner side of `bound` can stand in `operator` to `value`."""
    if lowest:
        return bool({"=": bound <= value, "<": bound < value, "<=": bound <= value}.get(operator, True))
    return bool({"=": bound >= value, ">": bound > value, ">=": bound >= value}.get(operator, True))


def _all(tests: list[Test]) -> Test:
    return Test(_columns(tests), lambda ranges: all(may(ranges) for may in tests))


def any_of(tests: list[Test]) -> Test:
    """Whether one of `tests` lets a file through."""
    return Test(_columns(tests), lambda ranges: any(may(ranges) for may in tests))


def _columns(tests: list[Test]) -> frozenset[int]:
    return frozenset().union(*(one.columns for one in tests))
