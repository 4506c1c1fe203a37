"""The tokens of a display filter.

Between square brackets there are only whole numbers, `:`, `-` and `,`: `[0:2]` would otherwise be an IPv6 address. A
constant without quotes is the longest text of one of these forms, tried in this order: a time (2026-01-02T03:04:05Z),
bytes, MAC and IPv6 addresses (words of hexadecimal digits with colons or hyphens), IPv4 addresses and networks,
numbers, names. A word that begins with a digit and has none of these forms is a constant too, such as the bytes `0a0b`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from netlake.errors import FilterError

MOST = 20_000  # characters of a filter
_END = r"(?![\w])"
_TOKENS = re.compile(
    rf"""
    (?P<time>\d{{4}}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?){_END}
    |(?P<colons>[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}})+(?:(?<=:)\d+(?:\.\d+){{3}}|(?:\.\d+){{3}})?(?:/\d+)?){_END}
    |(?P<hyphens>[0-9A-Fa-f]{{2}}(?:-[0-9A-Fa-f]{{2}})+)(?![\w-])
    |(?P<ipv4>\d+(?:\.\d+){{3}}(?:/\d+(?:\.\d+){{3}}|/\d+)?){_END}
    |(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?){_END}
    |(?P<digits>\d\w*)
    |(?P<raw>[rR]"(?:[^"\\]|\\.)*")
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<char>'(?:[^'\\]|\\.)+')
    |(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*)
    |(?P<sign>===|!==|==|!=|~=|<=|>=|&&|\|\||\^\^|\.\.|[-+*/%&<>!~(){{}}\[,\#])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BRACKETS = re.compile(r"(?P<whole>\d+)|(?P<sign>[-:,\]])", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]*")
_CONSTANTS = {"time": "literal", "colons": "literal", "hyphens": "literal", "ipv4": "literal", "digits": "literal"}
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_ESCAPE = re.compile(r"\\(?:x(?P<hex>[0-9a-fA-F]{1,2})|(?P<octal>[0-7]{1,3})|(?P<simple>.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, literal, text, char, name, whole (a number in brackets), sign or end; `at` is its position."""

    kind: str
    text: str
    at: int


def tokens(source: str) -> list[Token]:
    """The tokens of a filter, the last of which is the end; FilterError at the first character that begins none."""
    if len(source) > MOST:
        raise FilterError(f"The filter has {len(source):,} characters; the most are {MOST:,}.")
    found: list[Token] = []
    at, inside = 0, False
    while (at := _after_space(source, at)) < len(source):
        match = (_BRACKETS if inside else _TOKENS).match(source, at)
        if match is None:
            raise _unreadable(source, at, inside=inside)
        token = _token(source, match)
        found.append(token)
        inside = token.text == "[" if token.kind == "sign" and token.text in "[]" else inside
        at = match.end()
    return [*found, Token("end", "", len(source))]


def _after_space(source: str, at: int) -> int:
    match = _SPACE.match(source, at)
    return match.end() if match else at


def _token(source: str, match: re.Match[str]) -> Token:
    kind, at = str(match.lastgroup), match.start()
    if kind == "raw":
        return Token("text", match[0][2:-1].replace('\\"', '"'), at)
    if kind in ("text", "char"):
        return Token(kind, _unescaped(source, match[0][1:-1], at + 1), at)
    return Token(_CONSTANTS.get(kind, kind), match[0], at)


def _unescaped(source: str, inside: str, at: int) -> str:
    def plain(match: re.Match[str]) -> str:
        if match["hex"]:
            return chr(int(match["hex"], 16))
        if match["octal"]:
            return chr(int(match["octal"], 8) & 0xFF)
        if match["simple"] not in _SIMPLE:
            raise FilterError.at(source, at + match.start(), f"{match[0]} is no escape in a text; write \\\\ for \\")
        return _SIMPLE[match["simple"]]

    return _ESCAPE.sub(plain, inside)


def _unreadable(source: str, at: int, *, inside: bool) -> FilterError:
    character = source[at]
    if inside:
        return FilterError.at(source, at, "a slice is written with whole numbers: [0:4], [2-5], [-2:], [1]")
    if character in "\"'" or source[at : at + 2] in ('r"', 'R"'):
        return FilterError.at(source, at, "the quotes of this text are not closed")
    hint = {"=": "; equal is ==", "|": "; or is ||", "^": "; exclusive or is ^^", "]": "; there is no [ before it"}
    return FilterError.at(source, at, f"a filter has no {character!r} here{hint.get(character, '')}")
