"""Compares netlake's rows of a frame with tshark's layers of it, value by value, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from tests.compare import values
from tests.compare.exceptions import Difference, explained
from tests.compare.layers import PORTS, Field, Layered
from tests.compare.rows import Row, Rows, leaves
from tests.compare.tshark import Frame, Layer
from tests.compare.values import Value

EXAMPLES = 4
# most differences stored for one table of one capture, for --differences
KEPT = 200
# the elements of longer lists are compared by index, without alignment
LONGEST = 500


@dataclass(slots=True)
class Tally:
    """The results for one table: number of rows and values, and unexplained differences by field."""

    rows: int = 0
    values: int = 0
    equal: int = 0
    explained: Counter[int] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    unexplained: list[Difference] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the results of `other`."""
        self.rows += other.rows
        self.values += other.values
        self.equal += other.equal
        self.explained.update(other.explained)
        self.different.update(other.different)
        for name, examples in other.examples.items():
            mine = self.examples.setdefault(name, [])
            mine.extend(examples[: EXAMPLES - len(mine)])

    def differs(self, found: Difference) -> None:
        """Count a difference, as explained or not."""
        entry = explained(found)
        if entry is not None:
            self.explained[entry.number] += 1
            self.values -= not entry.shown
            return
        self.different[found.field] += 1
        if len(self.unexplained) < KEPT:
            self.unexplained.append(found)
        examples = self.examples.setdefault(found.field, [])
        if len(examples) < EXAMPLES:
            state = (
                f" [{' '.join(word for word in (found.fault, found.stop) if word)}]"
                if found.fault or found.stop
                else ""
            )
            examples.append(
                f"{found.capture} packet {found.frame}{state}: {_short(found.ours)} / {_short(found.theirs)}"
            )


def _short(value: Any) -> str:
    text = "nothing" if value is None else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(value))
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a comparison: capture, frame, and stop reason of the packet."""

    capture: str
    frame: Frame
    stop: str | None


def layers_of(one: Layered, frame: Frame) -> Iterator[Layer]:
    """The layers of a frame that correspond to rows of a table."""
    own = [layer for layer in at_ports(one, frame) if layer.name in one.layers and not layer.quoted]
    for layer in joined(own, one.begins) if one.begins else own:
        if one.split:
            yield from (Layer(layer.name, False, {one.split: [value]}) for value in layer.fields.get(one.split, ()))
        elif not one.only or _passes(one, layer):
            yield layer


def at_ports(one: Layered, frame: Frame) -> Iterator[Layer]:
    """The layers of a frame; for a table of datagrams or ports, only those inside datagrams (with one of the ports)."""
    inside = not one.ports and not one.datagrams
    for layer in frame.layers:
        if one.datagrams and any(name in layer.fields for name in PORTS):
            inside = True
        if one.ports and any(name in layer.fields for name in PORTS):
            inside = any(int(shown) in one.ports for name in PORTS for shown, _ in layer.fields.get(name, ()))
        if inside:
            yield layer


def joined(layers: list[Layer], begins: str) -> list[Layer]:
    """Merge layers without the field `begins` into the layer before."""
    found: list[Layer] = []
    for layer in layers:
        if begins in layer.fields or not found:
            found.append(layer)
        else:
            for name, more in layer.fields.items():
                found[-1].fields.setdefault(name, []).extend(more)
    return found


def _passes(one: Layered, layer: Layer) -> bool:
    found = [value for name in one.only for value in layer.fields.get(name, ())]
    return bool(found) and (not one.values or found[0][0] in one.values)


def compare(one: Layered, rows: Rows | None, place: Place, tally: Tally) -> None:
    """Compare the rows of one table in one frame."""
    mine = rows.of(place.frame.number) if rows is not None else []
    if one.merged and mine:
        mine = [merged(one, mine)]
    theirs = list(layers_of(one, place.frame))
    tally.rows += max(len(mine), len(theirs))
    for row, layer in zip_longest(mine, theirs):
        if row is None or layer is None:
            tally.values += 1
            shown = _summary(one, layer) if row is None else None
            ours = _row(row) if row is not None else None
            tally.differs(_difference(one, "row", ours, shown, row, place))
        else:
            for wanted in one.fields:
                _field(one, wanted, row, layer, place, tally)


def merged(one: Layered, rows: list[Row]) -> Row:
    """The rows of a frame as one row, with a list of the values of each column."""
    return rows[0] | {name: [row[name] for row in rows if row[name] is not None] for name in one.columns}


def _summary(one: Layered, layer: Layer) -> str:
    shown = [
        f"{name}={layer.fields[name][0][0]}"
        for wanted in one.fields[:4]
        for name in wanted.names
        if name in layer.fields
    ]
    return f"{layer.name} {' '.join(shown)}"


def _row(row: Row) -> str:
    return " ".join(f"{name}={value}" for name, value in list(row.items())[:7] if value is not None)


def _difference(one: Layered, name: str, ours: Any, theirs: Any, row: Row | None, place: Place) -> Difference:
    fault = row["fault"] if row else None
    layers = frozenset(place.frame.names)
    return Difference(one.table.name, name, ours, theirs, place.capture, place.frame.number, fault, place.stop, layers)


def aligned(ours: list[Value], theirs: list[Value]) -> Iterator[tuple[Value, Value]]:
    """Align two lists; an additional value of one is paired with None."""
    if len(ours) == len(theirs) or max(len(ours), len(theirs)) > LONGEST:
        yield from zip_longest(ours, theirs)
        return
    for _, i, j, k, m in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        yield from zip_longest(ours[i:j], theirs[k:m])


def _field(one: Layered, wanted: Field, row: Row, layer: Layer, place: Place, tally: Tally) -> None:
    if wanted.unless and any(shown == wanted.unless[1] for shown, _ in layer.fields.get(wanted.unless[0], ())):
        return
    found = [shown for name in wanted.names for shown in layer.fields.get(name, ())]
    kind = wanted.parts[0].kind
    theirs = [values.theirs(kind, *shown) for shown in found]
    if wanted.single:
        theirs = theirs[:1]
    ours = [
        values.ours(part.kind, value) for part in wanted.parts for value in leaves(row[part.path[0]], part.path[1:])
    ]
    if kind == "text" and wanted.name.startswith(("dns.", "dhcpv6.client_domain")):
        ours, theirs = [values.dns_name(name) for name in ours], [values.dns_name(name) for name in theirs]
    if wanted.silent is not None:
        ours = [value for value in ours if value != wanted.silent]
        theirs = [value for value in theirs if value != wanted.silent]
    if one.merged:
        ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    if ours == theirs:
        tally.values += len(ours)
        tally.equal += len(ours)
        return
    for mine, other in aligned(ours, theirs):
        tally.values += 1
        if mine == other:
            tally.equal += 1
        else:
            tally.differs(_difference(one, wanted.name, mine, other, row, place))
