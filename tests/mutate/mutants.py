"""Mutants of a module's source: every place that can be changed, and a sample that other changes do not disturb.

Rules:
- A mutant is one change of one node of the syntax tree: a comparison, an integer by one, `and` or `or`, an arithmetic
  or bit operator, the bound of a slice, a `not` dropped or added, a statement removed (a call for its effect, such as
  `mark(...)` or `message.fault(...)`; a `yield`; a `raise`; an assignment with an operator), True or False, the name of
  a fault, two entries of a dispatch table exchanged.
- Docstrings, annotations, imports and declarations are left alone. In a declaration (Column, Table, ...) only the
  numbers of `at`, `bits` and `size` are code: a reader is compiled from them.
- Left alone, as no row depends on them: the hooks in UNREACHED, which the checks do not call; sizes of caches
  (lru_cache) and the argument `strict` of zip; the index of TABLES in a module that declares one table.
- A mutant is identified by its module, the text of its line, the change and how often that came before in the module,
  not by the number of its line. A sample is the mutants with the lowest hashes of these, so that a change elsewhere in
  the module keeps the sample.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netlake.schema import faults

DECLARATIONS = {"Column", "Table", "Struct", "List", "column_type"}
PLACED = {"at", "bits", "size"}
CACHE = "lru_cache"
# hooks that are called for `--entropy` and by the flow tracker
UNREACHED = {"entropy", "fill_from_flow"}

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*",
    ast.FloorDiv: "//", ast.Div: "/", ast.Mod: "%", ast.Pow: "**", ast.LShift: "<<", ast.RShift: ">>",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip
DROPPED = {ast.Not: "not", ast.Invert: "~", ast.USub: "-"}

Change = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: in which module, on which line, what, and the number of the change in the module."""

    module: str
    line: int
    text: str
    change: str
    number: int
    repetition: int

    def rank(self, seed: int) -> bytes:
        """A number that is random by the seed, the same wherever the line is."""
        key = f"{seed}\0{self.module}\0{self.text}\0{self.change}\0{self.repetition}"
        return hashlib.sha256(key.encode()).digest()


def mutants(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its source."""
    lines = source.splitlines()
    seen: Counter[tuple[str, str]] = Counter()
    result = []
    for number, (node, change, _) in enumerate(_changes(ast.parse(source))):
        text = lines[node.lineno - 1].strip()
        result.append(Mutant(module, node.lineno, text, change, number, seen[text, change]))
        seen[text, change] += 1
    return result


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The syntax tree of `source` with the change of `mutant`."""
    tree = ast.parse(source)
    for number, (_, _, apply) in enumerate(_changes(tree)):
        if number == mutant.number:
            apply()
            return ast.fix_missing_locations(tree)
    raise IndexError(mutant)


def sample(found: list[Mutant], size: int, seed: int) -> list[Mutant]:
    """`size` of the mutants (0: all), in their order."""
    chosen = sorted(found, key=lambda mutant: mutant.rank(seed))[: size or None]
    return sorted(chosen, key=lambda mutant: mutant.number)


Found = tuple[ast.stmt | ast.expr, str, Change]


def _changes(tree: ast.Module) -> Iterator[Found]:
    """Every change: the node whose line names it, the change in words, and what makes it in the tree."""
    for statement in tree.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from _inside(statement)


def _inside(node: ast.AST) -> Iterator[Found]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        if node.name not in UNREACHED:
            for statement in node.body:
                yield from _inside(statement)
        return
    if isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield from _inside(node.value)
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {*DECLARATIONS, CACHE}:
        if node.func.id in DECLARATIONS:
            yield from _declaration(node)
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "TABLES":
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    yield from _of_node(node)
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.arguments):
            yield from _inside(child)


def _declaration(call: ast.Call) -> Iterator[Found]:
    for argument in call.args:
        if not isinstance(argument, ast.Constant):
            yield from _inside(argument)
    for keyword in call.keywords:
        if keyword.arg in PLACED or keyword.arg == "columns":
            yield from _inside(keyword.value)


def _of_node(node: ast.AST) -> Iterator[Found]:
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            other = COMPARISONS[type(operator)]
            yield node, _swap(operator, other()), _set_item(node.ops, position, other())
    elif isinstance(node, ast.BoolOp):
        other_bool: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        names = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield node, f"{names[0]} -> {names[1]}", _set(node, "op", other_bool)
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        new = OPERATORS[type(node.op)]()
        yield node, _swap(node.op, new), _set(node, "op", new)
    elif isinstance(node, ast.UnaryOp) and type(node.op) in DROPPED:
        yield node, f"drop {DROPPED[type(node.op)]} of {ast.unparse(node.operand)}", _replace(node, node.operand)
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "faults":
        if node.attr.lower() in faults.CODES:
            new_name = "BAD_LENGTH" if node.attr == "BAD_VALUE" else "BAD_VALUE"
            yield node, f"{node.attr} -> {new_name}", _set(node, "attr", new_name)
    elif isinstance(node, ast.Slice):
        yield from _slice(node)
    elif isinstance(node, ast.Dict):
        yield from _dispatch(node)
    elif isinstance(node, (ast.If, ast.IfExp)) and isinstance(node.test, (ast.Name, ast.Attribute, ast.Call)):
        negated = ast.UnaryOp(ast.Not(), node.test)
        yield node.test, f"if not {ast.unparse(node.test)}", _set(node, "test", negated)
    if isinstance(node, (ast.Expr, ast.Raise, ast.AugAssign)):
        yield from _removed(node)


def _constant(node: ast.Constant) -> Iterator[Found]:
    value = node.value
    if isinstance(value, bool):
        yield node, f"{value} -> {not value}", _set(node, "value", not value)
    elif isinstance(value, int):
        for other in (value + 1, value - 1):
            yield node, f"{value} -> {other}", _set(node, "value", other)
    elif isinstance(value, str) and value in faults.CODES:
        fault = "bad_length" if value == "bad_value" else "bad_value"
        yield node, f"{value} -> {fault}", _set(node, "value", fault)


def _slice(node: ast.Slice) -> Iterator[Found]:
    """Constant bounds are numbers, which are changed anyway."""
    for name in ("lower", "upper"):
        bound = getattr(node, name)
        inner = bound.operand if isinstance(bound, ast.UnaryOp) else bound
        if bound is not None and not isinstance(inner, ast.Constant):
            shifted = ast.BinOp(bound, ast.Add(), ast.Constant(1))
            yield bound, f"{ast.unparse(bound)} -> {ast.unparse(shifted)} in a slice", _set(node, name, shifted)
    if node.lower is None and node.upper is not None:
        yield node.upper, f"[:{ast.unparse(node.upper)}] without its first", _set(node, "lower", ast.Constant(1))
    if node.upper is None and node.lower is not None:
        yield node.lower, f"[{ast.unparse(node.lower)}:] without its last", _set(node, "upper", ast.Constant(-1))


def _dispatch(node: ast.Dict) -> Iterator[Found]:
    """Two neighbors that lead to different functions are exchanged."""
    for position in range(len(node.values) - 1):
        first, second = node.values[position : position + 2]
        if isinstance(first, ast.Name) and isinstance(second, ast.Name) and first.id != second.id:

            def exchange(values: list[ast.expr] = node.values, at: int = position) -> None:
                values[at], values[at + 1] = values[at + 1], values[at]

            yield first, f"exchange {first.id} and {second.id}", exchange


def _removed(node: ast.Expr | ast.Raise | ast.AugAssign) -> Iterator[Found]:
    if isinstance(node, ast.Expr):
        if not isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom)):
            return
        # a generator without its last `yield` would be none
        empty = ast.YieldFrom(ast.Tuple([], ast.Load()))
        new: ast.expr = empty if not isinstance(node.value, ast.Call) else ast.Constant(None)
        yield node, f"remove {_short(node)}", _set(node, "value", new)
        return
    yield node, f"remove {_short(node)}", _replace(node, ast.Pass())


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _swap(old: ast.AST, new: ast.AST) -> str:
    return f"{SIGNS[type(old)]} -> {SIGNS[type(new)]}"


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


def _set_item(values: list[ast.cmpop], position: int, value: ast.cmpop) -> Change:
    return lambda: values.__setitem__(position, value)


def _replace(node: ast.AST, new: ast.AST) -> Change:
    """`node` becomes `new` in place, so that nothing needs to know its parent."""

    def change() -> None:
        where = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
        node.__class__ = new.__class__  # type: ignore[assignment]
        node.__dict__.clear()
        node.__dict__.update(new.__dict__, **where)

    return change
