"""Plan -> SQL: a condition on the capture and packet of a row.

- Each test is `(capture, packet) IN (SELECT ...)` over the rows of its values; DuckDB makes semi joins of them, and
  pushes comparisons down into the scans, so that files are pruned by their statistics (netlake.query.pruning).
- Networks are comparisons of text where texts sort as the network does: the whole bytes of an IPv4 prefix.
- What the filter demands of the packet's time is also demanded of the rows of other tables, whose `ts` is that of their
  first packet, and prunes them.
- Tables of packets that were found in the originals are named, and given to the connection beside the statement.
- No text of the user is in the SQL but as a constant of `literal`; names are those of declarations, in quotes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import islice

from netlake.query.filter import addresses_sql, plan
from netlake.query.filter.fields import Source, Step
from netlake.query.filter.plan import Condition, Const, Plan, Value
from netlake.query.filter.syntax import Span
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

# nanoseconds of the years 1 to 9999, in which a time can be written
FIRST, LAST = -62_135_596_800_000_000_000, 253_402_300_799_999_999_000
Key = tuple[str, str]
Captures = tuple[str, ...] | None


def condition(of: Plan, key: Key, captures: Captures = None) -> str:
    """The SQL condition that a row's packet is in the plan; `key` are the expressions of its capture and packet.

    `captures` are those that can have such packets (netlake.query.filter.narrowed), None for any.
    """
    return _Writer(plan.times(of), captures).packets(of, key)


def packets(of: Plan, captures: Captures = None) -> str:
    """The statement for all packets of the plan: `capture` and `packet`, in order."""
    where = condition(of, ("capture", "packet"), captures)
    near = _ts(plan.times(of)) + _in(captures)
    return f"SELECT capture, packet FROM packet WHERE {near}{where} ORDER BY capture, packet"  # noqa: S608


def rows(of: Plan, columns: Sequence[str], captures: Captures = None) -> str:
    """The condition on the rows of a table, with these columns, whose packet, or one of whose flow, is in the plan."""
    late = "last_packet" in columns
    if "packet" in columns:
        near = _ts(plan.times(of) if "ts" in columns else (None, None), late=late) + _in(captures)
        return near + condition(of, ("capture", _packet(late=late)), captures)
    near = _ts(plan.times(of)) + _in(captures)
    inside = condition(of, ("capture", "packet"), captures)
    return f"{_in(captures)}(capture, flow) IN (SELECT capture, flow FROM packet WHERE {near}{inside})"  # noqa: S608


def rows_of(test: plan.Test) -> str:
    """The statement for the rows with which a test can hold, for planning."""
    return f"SELECT 1 WHERE {condition(test, ('NULL', 'NULL'))}"


def _in(captures: Captures, name: str = "capture") -> str:
    """The condition that a capture is one of `captures`, with AND behind it."""
    if captures is None:
        return ""
    # no capture has an empty id
    return f"{name} IN ({', '.join(map(literal, captures or ('',)))}) AND "


def _packet(*, late: bool) -> str:
    return "coalesce(last_packet, packet)" if late else "packet"


def _ts(times: tuple[int | None, int | None], *, late: bool = False, name: str = "ts") -> str:
    """The condition that a row's `ts` allows its packet to be in the interval, with AND behind it."""
    found = ""
    for sign, value in zip((">=", "<="), times, strict=True):
        if value is not None:
            moment = f"{name} {sign} {_moment(value)}"
            found += f"(last_packet IS NOT NULL OR {moment}) AND " if late else f"{moment} AND "
    return found


def _moment(nanoseconds: int) -> str:
    """A time as a constant, without what is below a microsecond."""
    microseconds = min(max(nanoseconds, FIRST), LAST) // 1000
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)
    return f"TIMESTAMPTZ '{moment:%Y-%m-%d %H:%M:%S.%f}+00'".replace("'", "'0" if moment.year < 1000 else "'", 1)


class _Writer:
    def __init__(self, times: tuple[int | None, int | None], captures: Captures) -> None:
        self.times, self.captures = times, captures

    def packets(self, of: Plan, key: Key) -> str:
        """The condition that the packet of `key` is in the plan."""
        if isinstance(of, plan.Known):
            return str(of.all).lower()
        if isinstance(of, plan.Listed):
            return _among(key, f"SELECT capture, packet FROM {of.name}") if of.packets.num_rows else "false"  # noqa: S608
        if isinstance(of, plan.Not):
            return f"(NOT {self.packets(of.of, key)})"
        if isinstance(of, (plan.And, plan.Or)):
            sign = " AND " if isinstance(of, plan.And) else " OR "
            return f"({sign.join(self.packets(one, key) for one in of.of)})"
        if isinstance(of, plan.Xor):
            parts = (f"{self.packets(one, key)}::INTEGER" for one in of.of)
            return f"(({' + '.join(parts)}) % 2 = 1)"
        return self.test(of, key)

    def test(self, of: plan.Test, key: Key) -> str:
        """The condition that the packet of `key` fulfils a test."""
        if isinstance(of, plan.Layer):
            found = " UNION ALL ".join(self.source(one, layer=True) for one in of.sources)
            return _among(key, found)
        if isinstance(of, plan.Exists):
            return _among(key, f"SELECT capture, packet FROM ({self.values(of.of)})")  # noqa: S608
        every = self.joined(of.of)
        holds = _condition(of.of)
        if isinstance(of, plan.Some):
            return _among(key, f"{every} WHERE {holds}")
        return f"({_among(key, every)} AND NOT {_among(key, f'{every} WHERE NOT ({holds})')})"

    def joined(self, of: Value | Condition) -> str:
        """SELECT of capture and packet from the pairs of all values in `of`, which are named v0, v1 ..."""
        return f"SELECT r0.capture, r0.packet FROM {self.relations(of)}"  # noqa: S608

    def relations(self, of: Value | Condition) -> str:
        """FROM of the pairs of all values in `of`, which are named v0, v1 ..."""
        times = plan.interval(of) if isinstance(of, (plan.Relation, plan.AllOf)) else (None, None)
        parts = []
        for number, leaf in enumerate(plan.leaves(of)):
            parts.append(f"(SELECT capture, packet, v AS v{number} FROM ({self.leaf(leaf, times)})) r{number}")  # noqa: S608
        first, *others = parts
        joins = (
            f" JOIN {one} ON r0.capture = r{number}.capture AND r0.packet = r{number}.packet"
            for number, one in enumerate(others, 1)
        )
        return first + "".join(joins)

    def values(self, of: Value) -> str:
        """SELECT of capture, packet and v of all values."""
        found = _value(of, _names(of))
        return (
            f"SELECT * FROM (SELECT r0.capture, r0.packet, {found} AS v FROM {self.relations(of)}) WHERE v IS NOT NULL"  # noqa: S608
        )

    def leaf(self, of: plan.Leaf, times: tuple[int | None, int | None]) -> str:
        """SELECT of capture, packet and v of a set of values."""
        if isinstance(of, plan.Group):
            return self.group(of)
        if isinstance(of, plan.Bytes):
            raise TypeError(f"{of.name} is not in a table")
        parts = [self.source(one, times) for one in of.sources]
        return f"SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE v IS NOT NULL"  # noqa: S608

    def group(self, of: plan.Group) -> str:
        """SELECT of capture, packet and v of one value for each packet."""
        with_leaves = [one for one in of.of if not isinstance(one, Const)]
        parts = " UNION ALL ".join(f"({self.values(one)})" for one in with_leaves)
        grouped = f"SELECT capture, packet, {of.name}(v) AS v FROM ({parts}) GROUP BY capture, packet"  # noqa: S608
        constants = [_constant(one) for one in of.of if isinstance(one, Const)]
        if not constants:
            return grouped
        function = "greatest" if of.name == "max" else "least"
        return f"SELECT capture, packet, {function}(v, {', '.join(constants)}) AS v FROM ({grouped})"  # noqa: S608

    def source(self, of: Source, times: tuple[int | None, int | None] = (None, None), *, layer: bool = False) -> str:
        """SELECT of capture, packet and v, or without v for the rows of a layer."""
        shown = f", {_of_path(of)} AS v" if of.path and not layer else ""
        if of.flow:
            where = _ts(self.times, name="p.ts") + _in(self.captures, "p.capture")
            join = f"packet p JOIN {quoted(of.table)} t ON p.capture = t.capture AND p.flow = t.flow"
            return f"SELECT p.capture, p.packet{shown} FROM {join} WHERE {where}true"  # noqa: S608
        packet, place = _packet(late=of.late), quoted(of.table)
        if of.computed is not None:
            # a window over all rows, so that no bound of the time is before it
            made = of.computed
            place = f"(SELECT *, {made.begins} AS begins FROM {place})" if made.begins else place  # noqa: S608
            chosen = f"{_in(self.captures)}true"
            shown = f"unnest({made.sql})" if made.listed else made.sql
            return f"SELECT capture, {packet} AS packet, {shown} AS v FROM {place} WHERE {chosen}"  # noqa: S608
        where = _ts(self.times, late=of.late) + _ts(times) + _in(self.captures) + _chosen(of)
        if of.layers:
            over = f"row_number() OVER (PARTITION BY capture, {packet} ORDER BY"
            counted = f"{over} packet, place) AS nth_, {over} packet DESC, place DESC) AS nth_last_"
            place = f"(SELECT *, {counted} FROM {place})"  # noqa: S608
            where += f"({' OR '.join(map(_counted, of.layers))}) AND "
        return f"SELECT capture, {packet} AS packet{shown} FROM {place} t WHERE {where}true"  # noqa: S608


def _among(key: Key, statement: str) -> str:
    return f"(({key[0]}, {key[1]}) IN ({statement}))"


def _counted(span: Span) -> str:
    """The condition that the number of a layer in its packet is in `span`."""
    first = f"nth_ >= {span.first}" if span.first > 0 else f"nth_last_ <= {-span.first}"
    if span.mode == "":
        return first.replace(">=", "=").replace("<=", "=")
    if span.second is None:
        return first
    if span.mode == ":":
        if span.first > 0:
            return f"{first} AND nth_ < {span.first + span.second}"
        return f"{first} AND nth_last_ > {-span.first - span.second}"
    return f"{first} AND " + (f"nth_ <= {span.second}" if span.second > 0 else f"nth_last_ >= {-span.second}")


def _chosen(of: Source) -> str:
    """The conditions of a source on the ports and columns of a row."""
    found = ""
    if of.ports:
        ports = ", ".join(map(str, of.ports))
        sign = "NOT " if of.without else ""
        found += f"{sign}(coalesce(src_port, -1) IN ({ports}) OR coalesce(dst_port, -1) IN ({ports})) AND "
    if of.equal:
        found += f"{quoted(of.equal[0])} = {of.equal[1]} AND "
    if of.needed:
        filled = (_filled(path) for path in of.needed)
        found += f"({' OR '.join(filled)}) AND "
    return found


def _filled(path: Sequence[Step]) -> str:
    value, listed = _steps(path)
    return f"len({value}) > 0" if listed else f"{value} IS NOT NULL"


def _steps(path: Sequence[Step]) -> tuple[str, bool]:
    """(SQL of what is at a path, whether it is a list of values)."""
    found, listed = f"t.{quoted(path[0].name)}", path[0].listed
    for step in islice(path, 1, None):
        if not listed:
            found, listed = f"struct_extract({found}, {literal(step.name)})", step.listed
            continue
        found = f"list_transform({found}, lambda one: struct_extract(one, {literal(step.name)}))"
        found = f"flatten({found})" if step.listed else found
    return found, listed


def _of_path(of: Source) -> str:
    value, listed = _steps(of.path)
    if of.type == "day":
        value = f"list_transform({value}, lambda one: CAST(one AS VARCHAR))" if listed else f"CAST({value} AS VARCHAR)"
    found = f"unnest({value})" if listed else value
    if of.type != "time":
        return found
    below = "coalesce(ts_nanos, 0)" if of.table == "packet" and value == 't."ts"' else "0"
    return f"CAST(epoch_us({found}) AS HUGEINT) * 1000 + {below}"


def _names(of: Value | Condition) -> list[str]:
    return [f"v{number}" for number, _ in enumerate(plan.leaves(of))]


def _condition(of: Condition) -> str:
    return _holds(of, _names(of))


def _holds(of: Condition, names: Sequence[str]) -> str:  # noqa: PLR0911 - a return for each kind
    if isinstance(of, plan.No):
        return f"(NOT {_holds(of.of, names)})"
    if isinstance(of, (plan.AnyOf, plan.AllOf)):
        sign = " OR " if isinstance(of, plan.AnyOf) else " AND "
        return f"({sign.join(_holds(one, names) for one in of.of)})"
    if isinstance(of, plan.InNetwork):
        return addresses_sql.within(_value(of.of, names), of.network)
    split = sum(1 for _ in plan.leaves(of.left))
    left, right = _value(of.left, names[:split]), _value(of.right, names[split:])
    if of.operator == "contains":
        if of.left.type == "hex":
            # only at whole bytes; the constant has hexadecimal digits only
            return f"regexp_matches({left}, '^(..)*' || {right})"
        return f"contains({left}, {right})"
    if of.operator == "matches":
        if of.left.type in ("hex", "bytes"):
            left = addresses_sql.latin(left if of.left.type == "hex" else f"lower(hex({left}))")
        return f"regexp_matches({left}, {right}, 'i')"
    return f"{left} {'<>' if of.operator == '!=' else of.operator.replace('==', '=')} {right}"


def _value(of: Value, names: Sequence[str]) -> str:
    if isinstance(of, Const):
        return _constant(of)
    if isinstance(of, (plan.Field, plan.Group, plan.Bytes)):
        return names[0]
    if isinstance(of, plan.Hex):
        return addresses_sql.hexadecimal(_value(of.of, names), of.of.type)
    if isinstance(of, plan.Cut):
        return _cut(of, _value(of.of, names))
    if isinstance(of, plan.Apply):
        return _applied(of, _value(of.of, names))
    split = sum(1 for _ in plan.leaves(of.left))
    left, right = _value(of.left, names[:split]), _value(of.right, names[split:])
    return _math(of, left, right)


def is_float(of: Value) -> bool:
    """Whether a number has a fraction."""
    if isinstance(of, Const):
        return isinstance(of.value, float)
    if isinstance(of, plan.Field):
        return any(one.kind in ("f64", "duration") for one in of.sources)
    if isinstance(of, plan.Math):
        return is_float(of.left) or is_float(of.right)
    return any(is_float(one) for one in _parts(of))


def _parts(of: Value) -> Iterator[Value]:
    if isinstance(of, plan.Group):
        yield from of.of if of.name != "count" else ()
    elif isinstance(of, plan.Apply) and of.name in ("abs", "minus"):
        yield of.of


def _math(of: plan.Math, left: str, right: str) -> str:
    kind = "DOUBLE" if is_float(of) else "HUGEINT"
    if of.sign == "&":
        kind = "BIGINT"
    left, right = f"CAST({left} AS {kind})", f"CAST({right} AS {kind})"
    if of.sign in ("/", "%"):
        sign = "//" if of.sign == "/" and kind == "HUGEINT" else of.sign
        return f"TRY({left} {sign} nullif({right}, 0))"
    return f"TRY({left} {of.sign} {right})"


def _applied(of: plan.Apply, inner: str) -> str:
    if of.name == "len":
        return f"length({inner}) // 2" if of.of.type == "hex" else f"strlen({inner})"
    if of.name == "string":
        if of.of.type == "bool":
            return f"CASE WHEN {inner} THEN 'True' ELSE 'False' END"
        return f"CAST({inner} AS VARCHAR)"
    if of.name == "number":
        return f"CAST({inner} AS BIGINT)"
    if of.name in ("abs", "minus"):
        kind = "DOUBLE" if is_float(of) else "HUGEINT"
        return f"{'abs' if of.name == 'abs' else '-'}(CAST({inner} AS {kind}))"
    return f"{of.name}({inner})"


def _cut(of: plan.Cut, inner: str) -> str:
    """The slice of a text, or of bytes in hexadecimal, which have two characters each."""
    width = 2 if of.type == "hex" else 1
    size = f"(length({inner}) // {width})"
    parts, within = [], []
    for span in of.spans:
        first = str(span.first) if span.first >= 0 else f"({size} - {-span.first})"
        if span.mode == "":
            count = "1"
        elif span.second is None:
            count = f"({size} - {first})"
        elif span.mode == ":":
            count = str(span.second)
        else:
            last = str(span.second) if span.second >= 0 else f"({size} - {-span.second})"
            count = f"({last} - {first} + 1)"
        within.append(f"{first} >= 0 AND {count} > 0 AND {first} + {count} <= {size}")
        parts.append(f"substr({inner}, {width} * {first} + 1, {width} * {count})")
    return f"CASE WHEN {' AND '.join(within)} THEN {' || '.join(parts)} END"


def _constant(of: Const) -> str:
    if isinstance(of.value, bool):
        return str(of.value).lower()
    if isinstance(of.value, (int, float)):
        return repr(of.value) if of.value >= 0 else f"({of.value!r})"
    if isinstance(of.value, tuple):
        raise TypeError("a network is no value")
    return literal(of.value)
