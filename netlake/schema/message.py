"""Templates of the sentence that a row of a table is in a timeline, declared beside the table.

    template    = { text | placeholder | choice }
    choice      = "[" template { "|" template } "]"
    placeholder = "{" column [ "." field ] [ ":" names | "?" [ [ "!" ] value { "," value } ] ] "}"
    names       = function | value "=" text { "," value "=" text }

Rules:
- A placeholder is the value of a column. Of a list, and of a field of a list of structs, it is the first elements.
- With names, a value that has one is replaced by it, others stay as they are: `{operation:1=request,2=reply}`. A single
  word is a function of SQL that returns the name of a code: `{type:icmp_type_name}`.
- With `?` it is a condition and shows nothing: `{response?}` that the value is true (not null, or not empty, where it
  is no truth value), `{response?false}` and `{type?3,11}` that it is one of these, `{status?!0}` that it is another.
- A choice is the first of its alternatives all of whose values are there and all of whose conditions are met, else
  nothing: `[ -> {answers.data}]`. Choices may be nested; a choice inside never makes its alternative fail.
- Outside of choices a value that is null is left out alone. Characters of the grammar cannot be text.

`parse` returns the parts, `netlake.query.timeline.messages` makes SQL of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from netlake.errors import SchemaError

_TOKEN = re.compile(r"\{(?P<inside>[^{}]*)\}|(?P<mark>[\[\]|])|(?P<text>[^\[\]{}|]+)|(?P<other>.)", re.DOTALL)
_INSIDE = re.compile(r"(?P<column>\w+)(?:\.(?P<field>\w+))?(?:(?P<sign>[:?])(?P<rest>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """The message of a row in a timeline.

    `text` is the template, `group` a word by which several kinds of rows can be chosen. `time` and `packet` are the
    columns with the time and the packet of the event; `about` says what happened at this time, for formats that need
    it. `ends` are the columns with the source and the destination where they are not src_ip and dst_ip; `hosts` are
    further columns with addresses of the hosts that the row is about. `only` is a template with conditions, for tables
    of whose rows few are events: the others are shown only if the table is named. `default` is False for
    tables of routine traffic, which are shown only if they or their group are asked for.
    """

    text: str
    group: str
    time: str = "ts"
    packet: str = "packet"
    about: str = "Packet time"
    ends: tuple[str, str] | None = None
    hosts: tuple[str, ...] = ()
    only: str = ""
    default: bool = True

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the template."""
        return frozenset(part.column for part in fields(parse(self.text)))


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value: its `column` and the `field` in its structs, and `names` of values (value, text) or a `function`.

    `condition` has the values of a condition, () for any that is true, None if it is none; `negated` is for others.
    """

    column: str
    field: str | None = None
    names: tuple[tuple[str, str], ...] = ()
    function: str | None = None
    condition: tuple[str, ...] | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """The alternatives of a choice, each a sequence of parts."""

    alternatives: tuple[tuple[Part, ...], ...]


Part = str | Placeholder | Choice


def parse(template: str) -> tuple[Part, ...]:
    """The parts of a template; SchemaError if it is outside the grammar."""
    tokens = list(_TOKEN.finditer(template))
    found, at = _sequence(template, tokens, 0)
    if at < len(tokens):
        raise SchemaError(f"The message {template!r} has {tokens[at][0]!r} outside of a choice.")
    return found


def fields(parts: tuple[Part, ...]) -> Iterator[Placeholder]:
    """Every placeholder among `parts`, those in choices too."""
    for part in parts:
        if isinstance(part, Placeholder):
            yield part
        elif isinstance(part, Choice):
            for alternative in part.alternatives:
                yield from fields(alternative)


def _sequence(template: str, tokens: list[re.Match[str]], at: int) -> tuple[tuple[Part, ...], int]:
    """The parts up to a mark that ends a sequence, and the place of the mark."""
    parts: list[Part] = []
    while at < len(tokens):
        token = tokens[at]
        if token["text"] is not None:
            parts.append(token["text"])
        elif token["inside"] is not None:
            parts.append(_placeholder(template, token["inside"]))
        elif token["mark"] == "[":
            choice, at = _choice(template, tokens, at + 1)
            parts.append(choice)
        elif token["mark"]:
            break
        else:
            raise SchemaError(f"The message {template!r} has a brace without the other one.")
        at += 1
    return tuple(parts), at


def _choice(template: str, tokens: list[re.Match[str]], at: int) -> tuple[Choice, int]:
    """The choice that begins at `at`, and the place of its closing bracket."""
    alternatives: list[tuple[Part, ...]] = []
    while True:
        parts, at = _sequence(template, tokens, at)
        alternatives.append(parts)
        if at >= len(tokens):
            raise SchemaError(f"The message {template!r} has a bracket that is not closed.")
        if tokens[at]["mark"] == "]":
            return Choice(tuple(alternatives)), at
        at += 1


def _placeholder(template: str, inside: str) -> Placeholder:
    found = _INSIDE.fullmatch(inside)
    if found is None:
        raise SchemaError(f"The message {template!r} has the placeholder {inside!r}, which names no column.")
    column, field, sign, rest = found["column"], found["field"], found["sign"], found["rest"]
    if sign == "?":
        values = tuple(value for value in rest.removeprefix("!").split(",") if value)
        return Placeholder(column, field, condition=values, negated=rest.startswith("!"))
    if sign is None:
        return Placeholder(column, field)
    if "=" not in rest:
        if not rest.isidentifier():
            raise SchemaError(f"The message {template!r} has {rest!r} in place of names, or of one function.")
        return Placeholder(column, field, function=rest)
    pairs = [pair.partition("=") for pair in rest.split(",")]
    if not all(sign and value for value, sign, _ in pairs):
        raise SchemaError(f"The message {template!r} has {rest!r}, which is not VALUE=NAME and so on.")
    return Placeholder(column, field, names=tuple((value, name) for value, _, name in pairs))
