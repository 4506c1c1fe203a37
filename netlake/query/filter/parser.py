"""Display filter -> syntax tree, by recursive descent.

The grammar, from loose to tight:

    filter    = xor {("||" | "or") xor}
    xor       = and {("^^" | "xor") and}
    and       = not {("&&" | "and") not}
    not       = ("!" | "not") not | "(" filter ")" | relation
    relation  = ["any" | "all"] bits {comparison bits}
              | ["any" | "all"] bits ["not"] "in" "{" item {"," item} "}" | bits
    item      = bits [".." bits]
    bits      = sum {"&" sum}
    sum       = product {("+" | "-") product}
    product   = unary {("*" | "/" | "%") unary}
    unary     = ("-" | "+") unary | "{" bits "}" [slices] | constant
              | name ["(" bits {"," bits} ")"] ["#" layers] [slices]

`a < b < c` is `a < b && b < c`. Arithmetic is grouped with braces, as in Wireshark: parentheses group relations.
"""

from __future__ import annotations

from collections.abc import Callable

from netlake.errors import FilterError
from netlake.query.filter import lexer
from netlake.query.filter.lexer import Token
from netlake.query.filter.syntax import (
    SPELLINGS,
    WORDS,
    And,
    Call,
    Compare,
    Literal,
    Math,
    Minus,
    Name,
    Node,
    Not,
    Number,
    Or,
    Range,
    Slice,
    Span,
    Test,
    Text,
    Value,
    Within,
    Xor,
)

DEEPEST = 60  # brackets, and negations, inside each other
MOST_DIGITS = 9  # of an offset in a slice


def parse(source: str) -> Node:
    """The tree of a filter; FilterError at the character where it is not one."""
    reader = _Reader(source)
    if reader.next.kind == "end":
        raise FilterError.at(source, 0, "the filter is empty")
    found = reader.either()
    if reader.next.kind != "end":
        raise reader.unexpected("the end of the filter, `&&` or `||`")
    return found


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = lexer.tokens(source)
        self.at = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.at]

    def take(self) -> Token:
        """Consume the next token."""
        token = self.next
        self.at += 1
        return token

    def sign(self, *signs: str) -> Token | None:
        """Consume one of `signs` or words, if it is next."""
        if self.next.kind in ("sign", "name") and self.next.text in signs:
            return self.take()
        return None

    def expect(self, sign: str, what: str) -> Token:
        """Consume `sign`, which must be next; `what` is its name in messages."""
        found = self.sign(sign)
        if found is None:
            raise self.unexpected(what)
        return found

    def unexpected(self, wanted: str) -> FilterError:
        """The error that the next token is not what can be here."""
        token = self.next
        found = "the filter ends" if token.kind == "end" else f"{self._written(token)} is not expected"
        return FilterError.at(self.source, token.at, f"{found}; here can be {wanted}")

    def _written(self, token: Token) -> str:
        end = self.tokens[self.tokens.index(token) + 1].at
        return self.source[token.at : end].strip()[:40]

    def deeper(self, read: Callable[[], Node | Value]) -> Node | Value:
        """What `read` returns, one level further inside."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise FilterError.at(self.source, self.next.at, f"more than {DEEPEST} brackets are inside each other")
        found = read()
        self.depth -= 1
        return found

    def _joined(self, kind: type[And | Or | Xor], read: Callable[[], Node], *signs: str) -> Node:
        start = self.next.at
        parts = [read()]
        while self.sign(*signs):
            parts.append(read())
        return parts[0] if len(parts) == 1 else kind(tuple(parts), at=start)

    def either(self) -> Node:
        """Rule `filter`."""
        return self._joined(Or, self.odd, "||", "or")

    def odd(self) -> Node:
        """Rule `xor`."""
        return self._joined(Xor, self.both, "^^", "xor")

    def both(self) -> Node:
        """Rule `and`."""
        return self._joined(And, self.negated, "&&", "and")

    def negated(self) -> Node:
        """A negation, a filter in parentheses, or a relation."""
        if token := self.sign("!", "not"):
            return Not(self.deeper(self.negated), at=token.at)  # type: ignore[arg-type]
        if self.sign("("):
            found = self.deeper(self.either)
            self.expect(")", "`)`")
            return found  # type: ignore[return-value]
        return self.relation()

    def relation(self) -> Node:
        """A comparison, a membership, or a value alone."""
        how = self.sign("any", "all")
        left = self.bits()
        operator = self.comparison()
        if operator is not None:
            return self.compared(how.text if how else "", left, operator)
        negated = self.sign("not")
        if token := self.sign("in"):
            found = Within(left, self.items(), how.text if how else "", at=token.at)
            return Not(found, at=token.at) if negated else found
        if negated:
            raise self.unexpected("`in` after `not`")
        if how:
            raise self.unexpected(f"a comparison after `{how.text}`")
        if not isinstance(left, (Name, Slice, Call, Math, Minus)):
            raise self.unexpected("a comparison")
        return Test(left, at=left.at)

    def comparison(self) -> Token | None:
        """Consume a comparison if it is next."""
        if self.next.kind in ("sign", "name") and self.next.text in SPELLINGS:
            return self.take()
        return None

    def compared(self, how: str, left: Value, operator: Token) -> Node:
        """The comparisons that begin with `left` and `operator`."""
        start = left.at
        found: list[Node] = []
        following: Token | None = operator
        while following is not None:
            right = self.bits()
            found.append(Compare(SPELLINGS[following.text], left, right, how, at=following.at))
            left, following = right, self.comparison()
        return found[0] if len(found) == 1 else And(tuple(found), at=start)

    def items(self) -> tuple[Value | Range, ...]:
        """The set after `in`."""
        self.expect("{", "a set in braces, such as {80, 443, 8000..8080}")
        found = [self.item()]
        while self.sign(","):
            found.append(self.item())
        self.expect("}", "`,` or `}`")
        return tuple(found)

    def item(self) -> Value | Range:
        """One value or range of a set."""
        low = self.bits()
        token = self.sign("..")
        return Range(low, self.bits(), at=token.at) if token else low

    def bits(self) -> Value:
        """Sums joined by &."""
        return self._left(self.sum, "&", "bitwise_and", "bitand")

    def sum(self) -> Value:
        """Products joined by + and -."""
        return self._left(self.product, "+", "-")

    def product(self) -> Value:
        """Values joined by *, / and %."""
        return self._left(self.unary, "*", "/", "%")

    def _left(self, read: Callable[[], Value], *signs: str) -> Value:
        found = read()
        while token := self.sign(*signs):
            sign = "&" if token.text.startswith("bit") else token.text
            found = self.measured(Math(sign, found, read(), at=token.at))
        return found

    def measured(self, found: Value) -> Value:
        """The value, unless arithmetic in it is too deep to be read again."""
        deep, inner = 0, found
        while isinstance(inner, Math):
            deep, inner = deep + 1, inner.left
        if deep >= DEEPEST - self.depth:
            raise FilterError.at(self.source, found.at, f"an expression has more than {DEEPEST} operators")
        return found

    def unary(self) -> Value:  # noqa: PLR0911 - a return for each form
        """A constant, a field, a function, or an expression in braces."""
        if token := self.sign("-"):
            return Minus(self.deeper(self.unary), at=token.at)  # type: ignore[arg-type]
        if self.sign("+"):
            return self.deeper(self.unary)  # type: ignore[return-value]
        if self.sign("{"):
            inside = self.deeper(self.bits)
            self.expect("}", "`}`")
            return self.sliced(inside)  # type: ignore[arg-type]
        token = self.next
        if token.kind == "number":
            return Number(self.take().text, at=token.at)
        if token.kind == "literal":
            return Literal(self.take().text, at=token.at)
        if token.kind in ("text", "char"):
            return Text(self.take().text, token.kind == "char", at=token.at)
        if token.kind == "name" and token.text not in WORDS:
            return self.sliced(self.named(self.take()))
        raise self.unexpected("a field or a constant")

    def named(self, token: Token) -> Value:
        """A field or a function that begins with this name."""
        if self.sign("("):
            arguments = [self.deeper(self.bits)]
            while self.sign(","):
                arguments.append(self.deeper(self.bits))
            self.expect(")", "`,` or `)`")
            return Call(token.text, tuple(arguments), at=token.at)  # type: ignore[arg-type]
        return Name(token.text, self.layers() if self.sign("#") else (), at=token.at)

    def layers(self) -> tuple[Span, ...]:
        """The numbers of layers after #."""
        if self.next.kind == "number" and self.next.text.isdecimal():
            return (Span(self._small(self.take())),)
        self.expect("[", "the number of a layer, such as #1 or #[1-2]")
        return self.spans()

    def sliced(self, of: Value) -> Value:
        """`of` with the slices that follow."""
        while token := self.sign("["):
            of = Slice(of, self.spans(), at=token.at)
            self.measured(of)
        return of

    def spans(self) -> tuple[Span, ...]:
        """The parts of a slice, up to its bracket."""
        found = [self.span()]
        while self.sign(","):
            found.append(self.span())
        self.expect("]", "`,` or `]`")
        return tuple(found)

    def span(self) -> Span:
        """One part of a slice."""
        if self.sign(":"):
            return Span(0, ":", self.whole())
        first = self.whole()
        if self.sign(":"):
            ends = self.next.kind == "sign" and self.next.text in (",", "]")
            return Span(first, ":", None if ends else self.whole())
        return Span(first, "-", self.whole()) if self.sign("-") else Span(first)

    def whole(self) -> int:
        """A whole number with an optional sign."""
        sign = -1 if self.sign("-") else 1
        if self.next.kind != "whole":
            raise self.unexpected("a whole number")
        return sign * self._small(self.take())

    def _small(self, token: Token) -> int:
        if len(token.text) > MOST_DIGITS:
            raise FilterError.at(self.source, token.at, f"{token.text[:40]} is larger than any packet")
        return int(token.text)
