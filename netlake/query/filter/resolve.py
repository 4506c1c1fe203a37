"""Syntax tree -> plan: names become columns, constants get the type of what they are compared with.

Both sides of a comparison have one type. Numbers, flags and times of day are numbers; addresses are compared as text
if only for equality, and by their bytes otherwise. A constant that is not of the type is an error at its place, also
where Wireshark would look it up in its own names: netlake has the names of a number only in a column `NAME_name`
beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from netlake.errors import FilterError
from netlake.query.filter import constants, fields, plan, syntax
from netlake.query.filter.constants import TYPE_NAMES, WrongConstantError
from netlake.query.filter.fields import Source
from netlake.query.filter.instead import INSTEAD
from netlake.query.filter.plan import AllOf, AnyOf, Condition, Const, Every, Exists, InNetwork, Plan, Relation, Some
from netlake.query.filter.syntax import SPELLINGS

# bytes of packets, by the name in filters: `payload` reads them
PAYLOADS = ("frame", "tcp.payload", "udp.payload")
# the quantifier of an operator, and the operator of a value
MEANINGS = {"==": ("any", "=="), "!=": ("all", "!="), "===": ("all", "=="), "!==": ("any", "!=")}
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
FUNCTIONS = ("abs", "count", "len", "lower", "max", "min", "string", "upper")


def resolve(source: str, tree: syntax.Node, has: Callable[[str, str], bool] | None = None) -> Plan:
    """The plan of a filter; FilterError where it names what netlake does not have.

    `has(table, column)` is True if a lake has the column; without it all declared columns are there.
    """
    return _Resolver(source, has).node(tree)


class _Resolver:
    def __init__(self, source: str, has: Callable[[str, str], bool] | None) -> None:
        self.source, self.has = source, has
        self.names = fields.names()

    def error(self, at: int, reason: str) -> FilterError:
        """An error at a place of the filter."""
        return FilterError.at(self.source, at, reason)

    def node(self, tree: syntax.Node) -> Plan:
        """The plan of a tree."""
        if isinstance(tree, syntax.Not):
            return plan.Not(self.node(tree.of))
        if isinstance(tree, (syntax.And, syntax.Or, syntax.Xor)):
            parts = tuple(map(self.node, tree.of))
            if isinstance(tree, syntax.Xor):
                return plan.Xor(parts)
            return plan.And(parts) if isinstance(tree, syntax.And) else plan.Or(parts)
        if isinstance(tree, syntax.Compare):
            return self.compared(tree)
        if isinstance(tree, syntax.Within):
            return self.within(tree)
        return self.test(tree)

    def test(self, tree: syntax.Test) -> Plan:
        """The plan of a value alone."""
        of = tree.of
        if isinstance(of, syntax.Name):
            return self.presence(of)
        found = self.value(of)
        if isinstance(of, syntax.Call):
            raise self.error(of.at, f"{of.name}() alone is no test; compare it with a value")
        if isinstance(found, (plan.Math, plan.Apply)):
            return Some(Relation("!=", found, Const("number", 0)))
        return Exists(found)

    def presence(self, name: syntax.Name) -> Plan:
        """The plan of a name alone: of a field, a layer or a table."""
        if name.name in self.names.fields:
            return Exists(self.field(name))
        if name.name in PAYLOADS[1:]:
            return Exists(plan.Bytes(name.name))
        found = self.names.layers.get(name.name) or self.names.own.get(name.name)
        if found is None:
            raise self.unknown(name)
        if not found[0].path:
            return plan.Layer(name.name, self.placed(name, self.present(name, found)))
        return Exists(self.field(name))

    def unknown(self, name: syntax.Name) -> FilterError:
        """The error for a name that does not exist, with what to use instead or the nearest ones."""
        if (instead := INSTEAD.get(name.name)) is not None:
            return self.error(name.at, f"there is no field {name.name}; {instead}")
        near = self.names.near(name.name)
        hint = f"; nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}" if near else ""
        return self.error(name.at, f"there is no field {name.name}{hint}")

    def present(self, name: syntax.Name, found: Iterable[Source]) -> tuple[Source, ...]:
        """The sources whose columns the lake has."""
        there = tuple(one for one in found if self.has is None or self.has(one.table, _column(one)))
        if not there:
            raise self.error(name.at, f"an older netlake wrote this lake, without a column for {name.name}")
        return there

    def placed(self, name: syntax.Name, found: tuple[Source, ...]) -> tuple[Source, ...]:
        """The sources, with the numbers of layers of the name."""
        if not name.layers:
            return found
        if any(one.flow or one.computed for one in found):
            raise self.error(name.at, f"{name.name} has no layer that could be counted")
        if any(0 in (span.first, span.second) for span in name.layers):
            raise self.error(name.at, "layers are counted from 1, or from -1 at the end")
        return tuple(replace(one, layers=name.layers) for one in found)

    def field(self, name: syntax.Name) -> plan.Value:
        """The values of a name."""
        found = self.names.fields.get(name.name)
        if found is None:
            if name.name in PAYLOADS or self.has_bytes(name):
                return plan.Bytes(name.name)
            found = self.names.own.get(name.name)
        if found is None and name.name in self.names.layers:
            raise self.error(name.at, f"{name.name} has no bytes in packets; compare one of its fields")
        if found is None:
            raise self.unknown(name)
        if not found[0].path and not found[0].computed:
            raise self.error(name.at, f"{name.name} is a table and has no value; name one of its columns")
        sources = self.placed(name, self.present(name, found))
        return plan.Field(name.name, sources[0].type, sources)

    def has_bytes(self, name: syntax.Name) -> bool:
        """Whether a name is that of a layer whose headers are in packets, and not only in streams."""
        among = [one for one in self.names.layers.get(name.name, ()) if not one.equal]
        return not name.layers and bool(among) and all(map(fields.in_packets, among))

    def value(self, node: syntax.Value) -> plan.Value:
        """A value that is no constant; FilterError for a constant."""
        if isinstance(node, syntax.Name):
            return self.field(node)
        if isinstance(node, syntax.Slice):
            return self.sliced(node)
        if isinstance(node, syntax.Call):
            return self.called(node)
        if isinstance(node, syntax.Minus):
            return plan.Apply("minus", self.number(node.of), "number")
        if isinstance(node, syntax.Math):
            return self.math(node)
        raise self.error(node.at, f"{syntax.value(node)} is a constant; here must be a field")

    def number(self, node: syntax.Value) -> plan.Value:
        """A number: a constant, or a value that is or can be one."""
        if isinstance(node, syntax.Number):
            return self.constant(node, "number")
        found = self.value(node)
        if found.type == "bool":
            return plan.Apply("number", found, "number")
        if found.type != "number":
            raise self.error(node.at, f"{syntax.value(node)} is {TYPE_NAMES[found.type]}; here must be a number")
        return found

    def math(self, node: syntax.Math) -> plan.Value:
        """Two numbers with an operator."""
        left, right = self.number(node.left), self.number(node.right)
        if isinstance(left, Const) and isinstance(right, Const):
            raise self.error(node.at, "both numbers are constants; write their result")
        if node.sign == "&" and any(isinstance(one, Const) and isinstance(one.value, float) for one in (left, right)):
            raise self.error(node.at, "`&` needs whole numbers")
        return plan.Math(node.sign, left, right)

    def sliced(self, node: syntax.Slice) -> plan.Value:
        """Bytes, or characters, of a value."""
        of = self.value(node.of)
        if of.type not in ("hex", "bytes", "ip", "mac", "text"):
            raise self.error(node.at, f"{syntax.value(node.of)} is {TYPE_NAMES[of.type]}, which has no bytes to select")
        for span in node.spans:
            if span.mode == ":" and span.second is not None and span.second <= 0:
                raise self.error(node.at, "a slice has at least one byte: [first:count]")
            if span.mode == "-" and span.second is not None and 0 <= span.second < span.first:
                raise self.error(node.at, "a slice [first-last] does not end before it begins")
        return plan.Cut(of, node.spans, "text") if of.type == "text" else plan.Cut(_hex(of), node.spans, "hex")

    def called(self, node: syntax.Call) -> plan.Value:  # noqa: C901 - a case for each function
        """A function of values."""
        if node.name not in FUNCTIONS:
            raise self.error(node.at, f"there is no function {node.name}(); there are {', '.join(FUNCTIONS)}")
        if node.name in ("max", "min"):
            found = tuple(map(self.number, node.arguments))
            if all(isinstance(one, Const) for one in found):
                raise self.error(node.at, f"{node.name}() needs a field")
            return plan.Group(node.name, found)
        if len(node.arguments) != 1:
            raise self.error(node.at, f"{node.name}() has one argument")
        argument = node.arguments[0]
        if node.name == "abs":
            return plan.Apply("abs", self._of_field(self.number(argument), node), "number")
        of = self.value(argument)
        if node.name == "count":
            return plan.Group("count", (of,))
        if node.name == "len":
            return self.length(of, node)
        if node.name == "string":
            if of.type in ("time", "day", "bytes"):
                raise self.error(node.at, f"string() has no text for {TYPE_NAMES[of.type]}")
            return of if of.type == "text" else plan.Apply("string", of, "text")
        if of.type != "text":
            raise self.error(node.at, f"{node.name}() needs a text, and {syntax.value(argument)} is "
                             f"{TYPE_NAMES[of.type]}")  # fmt: skip
        return plan.Apply(node.name, of, "text")

    def _of_field(self, found: plan.Value, node: syntax.Call) -> plan.Value:
        if isinstance(found, Const):
            raise self.error(node.at, f"{node.name}() needs a field")
        return found

    def length(self, of: plan.Value, node: syntax.Call) -> plan.Value:
        """The length of a value in bytes."""
        if of.type in ("text", "hex"):
            return plan.Apply("len", of, "number")
        if of.type in ("ip", "mac", "bytes"):
            return plan.Apply("len", _hex(of), "number")
        sizes = {one.size for one in of.sources} if isinstance(of, plan.Field) else {None}
        if len(sizes) != 1 or None in sizes:
            raise self.error(node.at, f"len() of {TYPE_NAMES[of.type]} is not known")
        # the size of the value in the packet, where there is a value
        return plan.Math("+", plan.Math("*", plan.Apply("number", of, "number"), Const("number", 0)),
                         Const("number", sizes.pop() or 0))  # fmt: skip

    def compared(self, node: syntax.Compare) -> Plan:
        """The plan of a comparison; a constant on the left side changes places."""
        left, right, operator = node.left, node.right, node.operator
        if _is_literal(left):
            if operator in ("contains", "matches"):
                raise self.error(left.at, f"the left side of {operator} must be a field")
            left, right, operator = right, left, MIRRORED.get(operator, operator)
        how, plain = MEANINGS.get(operator, ("any", operator))
        how = node.how or how
        if plain == "matches":
            return _quantified(how, self.matched(self.value(left), right, left))
        value = self.value(left)
        if _is_literal(right) or (isinstance(right, syntax.Name) and self.is_word(right, value)):
            condition = self.with_constant(plain, value, right, left)
        else:
            condition = self.with_value(plain, value, self.value(right), node)
        return _quantified(how, condition)

    def is_word(self, name: syntax.Name, beside: plan.Value) -> bool:
        """Whether a name without quotes is a constant, because no field has this name."""
        known = name.name in self.names.fields or name.name in self.names.own or name.name in PAYLOADS
        known = known or (name.name in self.names.layers and beside.type in ("bytes", "hex"))
        if known or name.layers:
            return False
        first, dot, _ = name.name.partition(".")
        return not (dot and first in self.names.layers)

    def with_value(self, operator: str, left: plan.Value, right: plan.Value, node: syntax.Compare) -> Condition:
        """The condition for two fields."""
        if operator == "contains":
            left, right = (_hex(one) if one.type in ("bytes", "mac") else one for one in (left, right))
            if left.type != right.type or left.type not in ("hex", "text"):
                raise self.error(node.at, "contains compares texts, or bytes")
            return Relation(operator, left, right)
        if {left.type, right.type} == {"bool", "number"}:
            left, right = (plan.Apply("number", one, "number") if one.type == "bool" else one for one in (left, right))
        types = {left.type, right.type}
        if len(types) > 1 and types <= {"bytes", "hex", "mac", "ip"} and types & {"bytes", "hex"}:
            left, right = _hex(left), _hex(right)
        if left.type != right.type:
            raise self.error(node.at, f"{TYPE_NAMES[left.type]} cannot be compared with {TYPE_NAMES[right.type]}")
        if left.type == "bytes" or (left.type == "ip" and operator not in ("==", "!=")):
            left, right = _hex(left), _hex(right)
        return Relation(operator, left, right)

    def with_constant(self, operator: str, value: plan.Value, node: syntax.Value, left: syntax.Value) -> Condition:
        """The condition for a field and a constant."""
        if operator == "contains":
            return self.contained(value, node, left)
        if (named := self.by_name(value, node, operator)) is not None:
            return named
        found = self.constant(node, value.type)
        if found.type == "network":
            return _in_network(operator, value, found)
        if value.type == "ip" and operator not in ("==", "!="):
            packed = _packed(str(found.value))
            same = Relation("==", plan.Apply("len", _hex(value), "number"), Const("number", len(packed) // 2))
            return AllOf((Relation(operator, _hex(value), Const("hex", packed)), same))
        return Relation(operator, _hex(value) if value.type == "bytes" else value, found)

    def by_name(self, value: plan.Value, node: syntax.Value, operator: str) -> Condition | None:
        """The comparison of a number with the text of a column `NAME_name` beside it; None for another comparison."""
        word = node.value if isinstance(node, syntax.Text) and not node.char else None
        word = node.name if isinstance(node, syntax.Name) else word
        if word is None or value.type != "number" or not isinstance(value, plan.Field):
            return None
        named = tuple(replace(one, path=one.names, kind="word") for one in value.sources if one.names)
        if len(named) < len(value.sources) or operator not in ("==", "!="):
            return None
        return Relation(operator, plan.Field(value.name, "text", named), Const("text", word))

    def contained(self, value: plan.Value, node: syntax.Value, left: syntax.Value) -> Condition:
        """The condition that a text or bytes contain a constant."""
        if value.type not in ("text", "bytes", "hex", "mac"):
            raise self.error(left.at, f"{syntax.value(left)} is {TYPE_NAMES[value.type]}, which contains nothing")
        kind = "text" if value.type == "text" else "hex"
        if kind == "text" and isinstance(node, syntax.Literal) and set(":-") & set(node.text):
            digits = str(self.constant(node, "hex").value)
            found = Const("text", bytes.fromhex(digits).decode("utf-8", "replace"))
        else:
            found = self.constant(node, kind)
        if found.value == "":
            raise self.error(node.at, "contains needs at least one character")
        return Relation("contains", value if kind == "text" else _hex(value), found)

    def matched(self, value: plan.Value, node: syntax.Value, left: syntax.Value) -> Condition:
        """The condition that a regular expression is found."""
        if not isinstance(node, syntax.Text):
            raise self.error(node.at, "matches needs a regular expression in quotes")
        if value.type not in ("text", "bytes", "hex"):
            raise self.error(
                left.at, f"{syntax.value(left)} is {TYPE_NAMES[value.type]}; matches needs a text: string()"
            )
        try:
            pc.match_substring_regex(pa.array([""]), node.value, ignore_case=True)
        except pa.ArrowInvalid as error:
            reason = str(error).partition("Invalid regular expression:")[2].strip() or "it is invalid"
            raise self.error(node.at, f"the regular expression cannot be used: {reason.rstrip('.')}") from None
        return Relation("matches", value, Const("text", node.value))

    def within(self, node: syntax.Within) -> Plan:
        """The plan of a membership."""
        value = self.value(node.of)
        found: list[Condition] = []
        for item in node.items:
            if isinstance(item, syntax.Range):
                low = self.with_constant(">=", value, self._constant(item.low), node.of)
                found.append(AllOf((low, self.with_constant("<=", value, self._constant(item.high), node.of))))
            else:
                found.append(self.with_constant("==", value, self._constant(item), node.of))
        return _quantified(node.how or "any", AnyOf(tuple(found)) if len(found) > 1 else found[0])

    def _constant(self, item: syntax.Value) -> syntax.Value:
        if _is_literal(item) or (isinstance(item, syntax.Name) and self.is_word(item, Const("text", ""))):
            return item
        raise self.error(item.at, f"{syntax.value(item)} is no constant, and a set contains constants only")

    def constant(self, node: syntax.Value, kind: str) -> Const:
        """A constant of the type `kind`."""
        try:
            return constants.of_node(node, kind)
        except WrongConstantError as error:
            if isinstance(node, syntax.Name) and "." not in node.name:
                reason = f"there is no field {node.name}, and a constant here must be {TYPE_NAMES[kind]}"
                raise self.error(node.at, reason) from None
            if isinstance(node, syntax.Name):
                raise self.unknown(node) from None
            raise self.error(node.at, str(error)) from None


def _is_literal(node: syntax.Value) -> bool:
    """Whether a value is a constant that is no word."""
    if isinstance(node, syntax.Minus):
        return isinstance(node.of, syntax.Number)
    return isinstance(node, (syntax.Number, syntax.Text, syntax.Literal))


def _column(one: Source) -> str:
    return one.path[0].name if one.path else "capture"


def _hex(value: plan.Value) -> plan.Value:
    """The bytes of a value in hexadecimal."""
    return value if value.type == "hex" else plan.Hex(value)


def _packed(address: str) -> str:
    import ipaddress

    return ipaddress.ip_address(address).packed.hex()


def _in_network(operator: str, value: plan.Value, network: Const) -> Condition:
    """A comparison with a network: of the address without its host part, as in Wireshark."""
    inside = InNetwork(value, network)
    if operator == "==":
        return inside
    if operator == "!=":
        return plan.No(inside)
    first, last, _ = network.network
    edge = first if operator in ("<", ">=") else last
    same = Relation("==", plan.Apply("len", _hex(value), "number"), Const("number", len(first) // 2))
    return AllOf((Relation(operator, _hex(value), Const("hex", edge)), same))


def _quantified(how: str, condition: Condition) -> Plan:
    return Every(condition) if how == "all" else Some(condition)


assert set(MEANINGS) <= set(SPELLINGS)  # noqa: S101 - both name the operators
