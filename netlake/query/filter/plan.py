"""What a filter means: sets of packets, made of conditions on the values of columns. Neither SQL nor Polars.

A condition has one value or several; each `Field`, `Bytes` and `Group` in it is a set of values of its own, so that a
condition with two of them is tested for all pairs of values of a packet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from netlake.query.filter.fields import Source
from netlake.query.filter.syntax import Span

# the names of `Listed` tables begin with this
LISTED = "netlake_found_"


@dataclass(frozen=True, slots=True)
class Field:
    """The values of a field."""

    name: str
    type: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Bytes:
    """The bytes of a part of packets, which only the original has: see `payload`."""

    name: str
    type: str = "bytes"


@dataclass(frozen=True, slots=True)
class Const:
    """A constant.

    number: int or float; bool; text; ip, mac: text as in columns; hex: bytes in hexadecimal; time: nanoseconds since
    1970; network: (first, last address in hexadecimal, length of the prefix).
    """

    type: str
    value: int | float | bool | str | tuple[str, str, int]

    @property
    def network(self) -> tuple[str, str, int]:
        """The value of a network."""
        if not isinstance(self.value, tuple):
            raise TypeError(f"{self.type} is no network")
        return self.value


@dataclass(frozen=True, slots=True)
class Hex:
    """The bytes of an address or of bytes, in hexadecimal."""

    of: Value
    type: str = "hex"


@dataclass(frozen=True, slots=True)
class Cut:
    """Parts of a text or of bytes in hexadecimal, joined; no value where the first part begins behind the end."""

    of: Value
    spans: tuple[Span, ...]
    type: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of one value: upper, lower, len, string, abs, minus, number."""

    name: str
    of: Value
    type: str


@dataclass(frozen=True, slots=True)
class Math:
    """Two numbers with one of + - * / % &; there is no value after division by zero."""

    sign: str
    left: Value
    right: Value
    type: str = "number"


@dataclass(frozen=True, slots=True)
class Group:
    """One value for each packet: the count, max or min of all values."""

    name: str
    of: tuple[Value, ...]
    type: str = "number"


Value = Field | Bytes | Const | Hex | Cut | Apply | Math | Group


@dataclass(frozen=True, slots=True)
class Relation:
    """`operator` is == != < > <= >=, contains, or matches with a regular expression."""

    operator: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class InNetwork:
    """An address in a network; `hex_of` is the address in hexadecimal."""

    of: Value
    network: Const


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several conditions on the same value."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of several conditions on the same value."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class No:
    """The opposite of a condition, for a value."""

    of: Condition


Condition = Relation | InNetwork | AnyOf | AllOf | No


@dataclass(frozen=True, slots=True)
class Exists:
    """Packets with a value."""

    of: Value


@dataclass(frozen=True, slots=True)
class Layer:
    """Packets with a row of one of `sources`."""

    name: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Packets with a value, or values, that fulfil a condition."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """Packets with values, all of which fulfil a condition."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Not:
    """The other packets."""

    of: Plan


@dataclass(frozen=True, slots=True)
class And:
    """Packets in all sets."""

    of: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Packets in any of the sets."""

    of: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Xor:
    """Packets in an odd number of the sets."""

    of: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """All packets, or none: what is known of a set without looking at it."""

    all: bool


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """The packets that were found by reading them: a table with `capture` and `packet`, and its name in SQL."""

    name: str
    packets: pa.Table


Test = Exists | Layer | Some | Every
Plan = Test | Not | And | Or | Xor | Known | Listed
Leaf = Field | Bytes | Group


def leaves(of: Value | Condition) -> Iterator[Leaf]:
    """The sets of values in a value or condition, in order; one that occurs twice is listed twice."""
    if isinstance(of, (Field, Bytes, Group)):
        yield of
    elif isinstance(of, (Hex, Cut, Apply, InNetwork, No)):
        yield from leaves(of.of)
    elif isinstance(of, (Math, Relation)):
        yield from leaves(of.left)
        yield from leaves(of.right)
    elif isinstance(of, (AnyOf, AllOf)):
        # conditions on one value: its leaves are those of the first
        yield from leaves(of.of[0])


def tests(plan: Plan) -> Iterator[Test]:
    """All tests of a plan."""
    if isinstance(plan, (And, Or, Xor)):
        for one in plan.of:
            yield from tests(one)
    elif isinstance(plan, Not):
        yield from tests(plan.of)
    elif not isinstance(plan, (Known, Listed)):
        yield plan


def fields(of: Value | Condition) -> Iterator[Field | Bytes]:
    """The fields in a value or condition, those in groups included."""
    for leaf in leaves(of):
        if isinstance(leaf, Group):
            for one in leaf.of:
                yield from fields(one)
        else:
            yield leaf


def sources(plan: Plan) -> Iterator[Source]:
    """The sources that a plan reads."""
    for test in tests(plan):
        if isinstance(test, Layer):
            yield from test.sources
        else:
            yield from (one for field in fields(test.of) if isinstance(field, Field) for one in field.sources)


def tables(plan: Plan) -> set[str]:
    """The tables that a plan reads."""
    return {source.table for source in sources(plan)} | (
        {"packet"} if any(source.flow for source in sources(plan)) else set()
    )


def listed(plan: Plan) -> Iterator[Listed]:
    """The tables of packets of a plan."""
    if isinstance(plan, (And, Or, Xor)):
        for one in plan.of:
            yield from listed(one)
    elif isinstance(plan, Not):
        yield from listed(plan.of)
    elif isinstance(plan, Listed):
        yield plan


def reach(of: Value | Condition) -> int | None:
    """How many of the first bytes of a packet's part decide a value or condition; None for all."""
    if isinstance(of, (Bytes, Field, Group)):
        return None
    if isinstance(of, Const):
        return 0
    if isinstance(of, Cut):
        return _end(of) if isinstance(of.of, Hex) and isinstance(of.of.of, Bytes) else reach(of.of)
    if isinstance(of, (Hex, Apply, InNetwork, No)):
        return reach(of.of)
    parts = [reach(one) for one in (of.of if isinstance(of, (AnyOf, AllOf)) else (of.left, of.right))]
    return None if None in parts else max(part for part in parts if part is not None)


def _end(of: Cut) -> int | None:
    """The greatest offset behind the parts of a slice; None if one ends at the end, or counts from it."""
    ends = []
    for span in of.spans:
        second = 1 if span.mode == "" else span.second
        if span.first < 0 or second is None or second < 0:
            return None
        ends.append(second + 1 if span.mode == "-" else span.first + second)
    return max(ends)


def is_bytes(test: Test) -> bool:
    """Whether a test needs the bytes of packets."""
    return not isinstance(test, Layer) and any(isinstance(field, Bytes) for field in fields(test.of))


def bounds(plan: Plan, *, positive: bool) -> Plan:
    """The plan without the bytes of packets: a set that contains that of `plan`, or with `positive` false is in it."""
    if isinstance(plan, Not):
        return Not(bounds(plan.of, positive=not positive))
    if isinstance(plan, (And, Or)):
        return type(plan)(tuple(bounds(one, positive=positive) for one in plan.of))
    if isinstance(plan, Xor):
        return Known(positive) if any(is_bytes(test) for test in tests(plan)) else plan
    return Known(positive) if not isinstance(plan, (Known, Listed)) and is_bytes(plan) else plan


def replaced(plan: Plan, found: Mapping[Test, Listed]) -> Plan:
    """The plan with what was found instead of tests."""
    if isinstance(plan, Not):
        return Not(replaced(plan.of, found))
    if isinstance(plan, (And, Or, Xor)):
        return type(plan)(tuple(replaced(one, found) for one in plan.of))
    return plan if isinstance(plan, (Known, Listed)) else found.get(plan, plan)


def times(plan: Plan) -> tuple[int | None, int | None]:
    """The least and the greatest time of all packets of a plan, nanoseconds; None where the filter sets none."""
    low: int | None = None
    high: int | None = None
    for part in plan.of if isinstance(plan, And) else (plan,):
        if isinstance(part, And):
            first, last = times(part)
        elif isinstance(part, (Some, Every)):
            first, last = interval(part.of)
        else:
            continue
        low = first if low is None else low if first is None else max(low, first)
        high = last if high is None else high if last is None else min(high, last)
    return low, high


def interval(condition: Condition) -> tuple[int | None, int | None]:
    """The interval that a condition on the time of the packet allows; (None, None) for other conditions."""
    if isinstance(condition, AllOf):
        return times(And(tuple(Some(one) for one in condition.of)))
    if not isinstance(condition, Relation) or not is_packet_time(condition.left):
        return None, None
    if not isinstance(condition.right, Const) or not isinstance(condition.right.value, int):
        return None, None
    value = condition.right.value
    return (
        value if condition.operator in ("==", ">", ">=") else None,
        value if condition.operator in ("==", "<", "<=") else None,
    )


def is_packet_time(value: Value) -> bool:
    """Whether a value is the time of the packet."""
    return isinstance(value, Field) and all(
        source.table == "packet" and [step.name for step in source.path] == ["ts"] for source in value.sources
    )


def joined(plan: Plan) -> int:
    """How many sets of tables without a common table a filter has: from 2 on it joins tables by packet."""
    apart: list[set[str]] = []
    for test in tests(plan):
        parts = [test.sources] if isinstance(test, Layer) else [
            field.sources for field in fields(test.of) if isinstance(field, Field)
        ]  # fmt: skip
        for part in parts:
            names = {source.table for source in part}
            if all(names.isdisjoint(other) for other in apart):
                apart.append(names)
    return len(apart)
