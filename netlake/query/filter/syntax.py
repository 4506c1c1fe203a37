"""The syntax tree of a display filter, and its text: `parse(text(tree)) == tree`.

`at` is the position of a node in the filter, for messages; it takes no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

# the spelling of each comparison, first the one that `text` writes
COMPARISONS = {
    "==": ("==", "eq", "any_eq"),
    "!=": ("!=", "ne", "all_ne"),
    "===": ("===", "all_eq"),
    "!==": ("!==", "any_ne", "~="),
    "<=": ("<=", "le"),
    ">=": (">=", "ge"),
    "<": ("<", "lt"),
    ">": (">", "gt"),
    "contains": ("contains",),
    "matches": ("matches", "~"),
}
SPELLINGS = {spelling: name for name, spellings in COMPARISONS.items() for spelling in spellings}
# words that are no names of fields
WORDS = frozenset({"and", "or", "xor", "not", "in", "any", "all", "bitwise_and", "bitand"}) | {
    spelling for spelling in SPELLINGS if spelling.replace("_", "").isalpha()
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _place() -> int:
    return field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a slice, or of a list of layers.

    `mode` is ":" (`second` bytes from `first`, None for all that follow), "-" (to `second`, inclusive) or "" (one).
    """

    first: int
    mode: str = ""
    second: int | None = None

    def __str__(self) -> str:
        return f"{self.first}{self.mode}{'' if self.second is None else self.second}"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written: decimal, hexadecimal, octal, binary, with fraction or exponent."""

    text: str
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes, without them and with escapes resolved; `char` is one in single quotes."""

    value: str
    char: bool = False
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant without quotes that is no number: an address, a network, bytes or a time."""

    text: str
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a field or layer, or a word as a constant; `layers` are the occurrences of its layer that count."""

    name: str
    layers: tuple[Span, ...] = ()
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes of a value."""

    of: Value
    spans: tuple[Span, ...]
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Value, ...]
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Math:
    """Two numbers with one of + - * / % &."""

    sign: str
    left: Value
    right: Value
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Minus:
    """The negative of a number."""

    of: Value
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; `how` is the quantifier: "any", "all" or "" for that of the operator."""

    operator: str
    left: Value
    right: Value
    how: str = ""
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Range:
    """A range of a set, both ends included."""

    low: Value
    high: Value
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Within:
    """Membership in a set of values and ranges."""

    of: Value
    items: tuple[Value | Range, ...]
    how: str = ""
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Test:
    """A value alone: whether it is there; of arithmetic, whether it is not zero."""

    of: Value
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Not:
    """Packets that do not match."""

    of: Node
    at: int = _place()


@dataclass(frozen=True, slots=True)
class And:
    """Packets that match all of two or more."""

    of: tuple[Node, ...]
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Or:
    """Packets that match any of two or more."""

    of: tuple[Node, ...]
    at: int = _place()


@dataclass(frozen=True, slots=True)
class Xor:
    """Packets that match an odd number of two or more."""

    of: tuple[Node, ...]
    at: int = _place()


Value = Number | Text | Literal | Name | Slice | Call | Math | Minus
Node = Compare | Within | Test | Not | And | Or | Xor
JOINED = ((Or, "||", 1), (Xor, "^^", 2), (And, "&&", 3))


def text(node: Node) -> str:
    """The filter that the parser reads as `node`."""
    return _node(node, 0)


def _node(node: Node, outer: int) -> str:
    for kind, sign, rank in JOINED:
        if isinstance(node, kind):
            inside = f" {sign} ".join(_node(one, rank) for one in node.of)
            return f"({inside})" if outer >= rank else inside
    if isinstance(node, Not):
        inside = _node(node.of, 4)
        return f"!{inside}" if isinstance(node.of, (And, Or, Xor, Not)) else f"!({inside})"
    if isinstance(node, Compare):
        return f"{_quantifier(node.how)}{value(node.left)} {node.operator} {value(node.right)}"
    if isinstance(node, Within):
        return f"{_quantifier(node.how)}{value(node.of)} in {{{', '.join(map(_item, node.items))}}}"
    assert isinstance(node, Test)  # noqa: S101 - the last kind
    return value(node.of)


def _quantifier(how: str) -> str:
    return f"{how} " if how else ""


def _item(item: Value | Range) -> str:
    return f"{value(item.low)} .. {value(item.high)}" if isinstance(item, Range) else value(item)


def value(node: Value) -> str:  # noqa: PLR0911 - a return for each kind
    """The text of a value; arithmetic inside arithmetic is in braces."""
    if isinstance(node, (Number, Literal)):
        return node.text
    if isinstance(node, Text):
        return _quoted(node)
    if isinstance(node, Name):
        return node.name + (f"#[{_spans(node.layers)}]" if node.layers else "")
    if isinstance(node, Slice):
        return f"{_inner(node.of)}[{_spans(node.spans)}]"
    if isinstance(node, Call):
        return f"{node.name}({', '.join(map(value, node.arguments))})"
    if isinstance(node, Minus):
        return f"-{_inner(node.of)}"
    return f"{_inner(node.left)} {node.sign} {_inner(node.right)}"


def _inner(node: Value) -> str:
    return f"{{{value(node)}}}" if isinstance(node, (Math, Minus)) else value(node)


def _spans(spans: Iterable[Span]) -> str:
    return ",".join(map(str, spans))


def _quoted(node: Text) -> str:
    if node.char:
        return "'" + "".join({"'": "\\'", '"': '"'}.get(one, _escaped(one)) for one in node.value) + "'"
    return '"' + "".join(map(_escaped, node.value)) + '"'


def _escaped(character: str) -> str:
    """The escape of a character that ends a text or a line; others as they are."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\x{ord(character):02x}" if ord(character) < 32 or ord(character) == 127 else character
