r"""Decides from a filter and the statistics in the catalog which files can contain a matching row.

Input: the filters of a scan, as text of DuckDB's plan. Output: a `Test`, a predicate over the `Range` (least and
greatest value, number of nulls and of values) of each column in a file. A test may be true for a file without a
matching row, never false for a file with one.

Grammar, read by recursive descent (`_Reader`):

    filter      = ["optional:"] sequence
    sequence    = expression {"AND" expression} | expression {"OR" expression}
    expression  = "(" sequence ")" | comparison
    comparison  = column operator constant | constant operator column | column "IN" "(" constant {"," constant} ")"
                | column "IS" ["NOT"] "NULL"

Rules:
- Text outside the grammar is `ALWAYS`, which every file passes. This is correct for a part of AND or OR and for a whole
  filter. NOT is outside the grammar, so that `ALWAYS` is never negated.
- DuckDB splits the filters of a scan at newlines, also those *inside constants*: `src_ip = 'a\n(packet = 5)\nb'` is
  printed as three filters, the second of which is no filter. The pieces are joined until quotes and brackets are
  closed, and a filter with a newline is `ALWAYS`.
- Constants are compared as values of the column's type, not as text. Text is compared by code point, which is DuckDB's
  order (UTF-8 bytes). Floating-point constants are `ALWAYS`: NaN is greater than every number, and statistics omit it.
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
_REVERSED = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


# by column id; a column without an entry can contain any value
Ranges = Mapping[int, Range]


@dataclass(frozen=True, slots=True)
class Test:
    """Whether a file can contain a matching row; `columns` are the ids of the columns whose ranges are needed."""

    __test__ = False

    columns: frozenset[int]
    may: Callable[[Ranges], bool]

    def __call__(self, ranges: Ranges) -> bool:
        """Whether a file with these ranges can contain a matching row."""
        return self.may(ranges)


# the test for text outside the grammar
ALWAYS = Test(frozenset(), lambda _: True)


def test(filters: list[str] | str | None, columns: Mapping[str, int]) -> Test:
    """The test for the conjunction of `filters`, which are text of DuckDB's plan.

    `columns` are the names of the table's columns with their ids. If one of the names is not a simple word the result
    is ALWAYS, because the plan prints names without quotes.
    """
    if not filters or not all(SIMPLE.fullmatch(column) for column in columns):
        return ALWAYS
    pieces = [filters] if isinstance(filters, str) else filters
    return _all([_read(whole, columns) for whole in _rejoined(pieces)])


def _rejoined(pieces: list[str]) -> Iterator[str]:
    """Join pieces until quotes and brackets are closed; a remainder that is never closed is returned as it is."""
    joined = ""
    for piece in pieces:
        joined = f"{joined}\n{piece}" if joined else piece
        if _closed(joined):
            yield joined
            joined = ""
    if joined:
        yield joined


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
    except _OutsideGrammarError:
        return ALWAYS
    return found if reader.done else ALWAYS


class _OutsideGrammarError(Exception):
    """The text is outside the grammar."""


class _Reader:
    """Recursive-descent parser over the tokens of one filter."""

    def __init__(self, tokens: list[re.Match[str]], columns: Mapping[str, int]) -> None:
        self.tokens, self.columns, self.at = tokens, columns, 0

    @property
    def done(self) -> bool:
        """Whether all tokens are consumed."""
        return self.at == len(self.tokens)

    def peek(self) -> re.Match[str] | None:
        """The next token."""
        return None if self.done else self.tokens[self.at]

    def word(self, *words: str) -> bool:
        """Consume `words` if they are next."""
        found = [token["word"] for token in self.tokens[self.at : self.at + len(words)]]
        if found != list(words):
            return False
        self.at += len(words)
        return True

    def mark(self, *marks: str) -> str | None:
        """Consume one of `marks` if it is next, and return it."""
        token = self.peek()
        if token is None or token["mark"] not in marks:
            return None
        self.at += 1
        return str(token["mark"])

    def expect(self, mark: str) -> None:
        """Consume `mark`, which must be next."""
        if not self.mark(mark):
            raise _OutsideGrammarError

    def expression(self) -> Test:
        """A sequence in brackets, or a comparison; brackets with text outside the grammar are ALWAYS."""
        if not self.mark("("):
            return self.comparison()
        start = self.at
        try:
            found = self.sequence()
            self.expect(")")
        except _OutsideGrammarError:
            self.at = start
            return self.skip_brackets()
        return found

    def sequence(self) -> Test:
        """Expressions joined by AND, or by OR; stops before the other word, so that a mixture is not consumed."""
        parts = [self.expression()]
        joint = ""
        while self.word(joint) if joint else (joint := self.joint()):
            parts.append(self.expression())
        return any_of(parts) if joint == "OR" else _all(parts)

    def joint(self) -> str:
        """Consume the AND or OR that is next, if any."""
        return next((word for word in ("AND", "OR") if self.word(word)), "")

    def skip_brackets(self) -> Test:
        """Skip to after the bracket that closes the one before `at`."""
        depth = 1
        while depth:
            token = self.peek()
            if token is None:
                raise _OutsideGrammarError
            self.at += 1
            depth += {"(": 1, ")": -1}.get(token["mark"] or "", 0)
        return ALWAYS

    def comparison(self) -> Test:
        """Column op constant, constant op column, column IN (...), column IS [NOT] NULL."""
        token = self.peek()
        if token is None or token["word"] not in self.columns:
            return self.constant_first()
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
            raise _OutsideGrammarError
        return _compared(column, operator, self.constant())

    def constant_first(self) -> Test:
        """Constant op column."""
        value = self.constant()
        operator = self.mark("=", "<", ">", "<=", ">=")
        token = self.peek()
        if operator is None or token is None or token["word"] not in self.columns:
            raise _OutsideGrammarError
        self.at += 1
        return _compared(self.columns[token["word"]], _REVERSED[operator], value)

    def within(self, column: int) -> Test:
        """The list after IN."""
        self.expect("(")
        values = [self.constant()]
        while self.mark(","):
            values.append(self.constant())
        self.expect(")")
        return any_of([_compared(column, "=", value) for value in values])

    def constant(self) -> Any:
        """An integer, text, a date, a time in UTC, or a boolean."""
        token = self.peek()
        if token is None:
            raise _OutsideGrammarError
        self.at += 1
        if token["number"] is not None:
            return int(token["number"])
        if token["text"] is not None:
            return _typed(token["text"][1:-1].replace("''", "'"), token["type"])
        if token["word"] in ("true", "false"):
            return token["word"] == "true"
        raise _OutsideGrammarError


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
    raise _OutsideGrammarError


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
    """Whether a value at or beyond `bound`, towards the other end of the range, can satisfy `operator value`."""
    if lowest:
        return bool({"=": bound <= value, "<": bound < value, "<=": bound <= value}.get(operator, True))
    return bool({"=": bound >= value, ">": bound > value, ">=": bound >= value}.get(operator, True))


def _all(tests: list[Test]) -> Test:
    return Test(_columns(tests), lambda ranges: all(may(ranges) for may in tests))


def any_of(tests: list[Test]) -> Test:
    """The test that a file passes if it passes one of `tests`."""
    return Test(_columns(tests), lambda ranges: any(may(ranges) for may in tests))


def _columns(tests: list[Test]) -> frozenset[int]:
    return frozenset().union(*(one.columns for one in tests))
