"""Compares netlake's rows of a frame with tshark's layers of it, value by value.

If a frame has different numbers of rows and layers, they are paired so that most values are equal, in the order of
both: the rest are rows that only one of the two has. Such a row counts as a differing value, and the number of its
values is counted separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from tests.compare import values
from tests.compare.exceptions import Difference
from tests.compare.layers import TRANSPORTS, Field, Layered
from tests.compare.rows import Row, Rows, leaves
from tests.compare.tally import Tally
from tests.compare.tshark import Frame, Layer
from tests.compare.values import Value

# the elements of longer lists are compared by index, without alignment
LONGEST = 500
# more pairs of rows and layers are compared by index
PAIRS = 400

# what tshark shows for the segments of a message, a layer with their frames
SEGMENTS, SEGMENT = "tcp.segments", "tcp.segment"

Pair = tuple[Row | None, Layer | None]


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a comparison: capture and its format, frame, where its walk stopped, and the connections by flow."""

    capture: str
    format: str
    frame: Frame
    stop: tuple[str, int | None] | None
    flows: Mapping[int | None, Row]


def layers_of(one: Layered, frame: Frame) -> Iterator[Layer]:
    """The layers of a frame that correspond to rows of a table."""
    own = [layer for layer in at_ports(one, frame) if layer.name in one.layers and not layer.quoted]
    for layer in joined(own, one.begins) if one.begins else own:
        if one.split:
            for value in layer.fields.get(one.split, ()):
                yield Layer(layer.name, quoted=False, fields={one.split: [value]}, at=layer.at)
        elif not one.only or _passes(one, layer):
            yield layer


def at_ports(one: Layered, frame: Frame) -> Iterator[Layer]:
    """The layers of a frame; for a table with `inside` or ports, only those inside of such layers (with the ports)."""
    inside = not (one.ports or one.inside)
    for layer in frame.layers:
        inside = inside or layer.name in one.inside
        if one.ports and layer.name == "udp":
            inside = any(int(port) in one.ports for port in ports(layer))
        if inside:
            yield layer


def ports(layer: Layer) -> list[str]:
    """The ports that a layer of a transport protocol shows."""
    return [shown for name in TRANSPORTS.get(layer.name, ()) for shown, _ in layer.fields.get(name, ())]


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
    if any(layer.name == name and needed not in layer.fields for name, needed in one.needs):
        return False
    found = [value for name in one.only for value in layer.fields.get(name, ())]
    return bool(found) and (not one.values or found[0][0] in one.values)


class Unpaired(NamedTuple):
    """A row that only netlake has in a frame, or a layer that only tshark has."""

    row: Row | None
    layer: Layer | None
    place: Place


Later = list[Unpaired]


def compare(one: Layered, rows: Rows | None, place: Place, tally: Tally, later: Later) -> None:
    """Compare the rows of one table in one frame.

    `later` are rows and layers of earlier frames that only one program has, of a table with `records` or `bodies`; what
    is left in it at the end is for `finish`.
    """
    mine = rows.of(place.frame.number) if rows is not None else []
    if one.merged and mine:
        mine = [merged(one, mine)]
    for row, layer in paired(one, mine, list(layers_of(one, place.frame))):
        if row is not None and layer is not None:
            _pair(one, (row, layer), place, tally)
        elif one.records and layer is not None and (found := completed(one, layer, place.frame, later)) is not None:
            _pair(one, (later.pop(found).row or {}, layer), place, tally)
        elif one.waits or (one.records and layer is None):
            later.append(Unpaired(row, layer, place))
        else:
            _alone(one, Unpaired(row, layer, place), tally)


def finish(one: Layered, tally: Tally, later: Later) -> None:
    """Count what only one program has in a frame.

      For a table with `bodies` or `dialog` a row and a layer with the same ports and values are one message, of which
    the programs see the end in different frames: its values are equal, and `frame` is a difference. For one with
    `within` a layer between the first and the last packet of a row, with its ports, is that of the row.
    """
    layers = [index for index, found in enumerate(later) if found.row is None]
    taken: set[int] = set()
    for index, found in enumerate(later):
        if not one.waits or found.row is None:
            continue
        free = [other for other in layers if other not in taken]
        same = (other for other in free if _is_message(one, found.row, later[other]))
        spanned = (other for other in free if one.within and _is_within(found, later[other]))
        other = next(same, None) if not one.within else next(spanned, None)
        if other is not None:
            taken |= {index, other}
            pair, frames = (found.row, later[other].layer), (found.place.frame.number, later[other].place.frame.number)
            _pair(one, pair, found.place, tally)
            if not one.within and not (one.dialog and frames[0] == frames[1]):
                tally.differs(_difference(one, "frame", frames, pair, found.place))
    for index, found in enumerate(later):
        if index not in taken:
            _alone(one, found, tally)


def _pair(one: Layered, pair: tuple[Row, Layer], place: Place, tally: Tally) -> None:
    tally.rows += 1
    for wanted in one.fields:
        _field(one, wanted, pair, place, tally)


def _alone(one: Layered, found: Unpaired, tally: Tally) -> None:
    row, layer, place = found
    shown = _summary(one, layer) if layer else None
    ours = _row(row) if row is not None else None
    tally.differs(_difference(one, "row", (ours, shown), (row, layer), place))


def _is_message(one: Layered, row: Row, found: Unpaired) -> bool:
    return found.layer is not None and _is_same(one, row, found.layer, found.place.frame)


def _is_within(found: Unpaired, shown: Unpaired) -> bool:
    """Whether a layer is in a frame between the first and the last packet of a row, and has its ports.

    A row that did not end has no last packet.
    """
    row, layer, last = found.row or {}, shown.layer, found.place.frame.number
    ended = row.get("packet") != last
    if layer is None or shown.place.frame.number < row.get("packet", 0) or (ended and shown.place.frame.number > last):
        return False
    return is_carried([str(row["src_port"]), str(row["dst_port"])], layer, shown.place.frame)


def is_carried(between: list[str], layer: Layer, frame: Frame) -> bool:
    """Whether a layer is in a TCP segment with the ports of a row."""
    return any(other.name == "tcp" and ports(other) == between for other in frame.layers if other.at <= layer.at)


def completed(one: Layered, layer: Layer, frame: Frame, later: Later) -> int | None:
    """The index in `later` of the row that a layer of tshark has in the frame that completes its record; None if none.

    The proof: tshark lists the frame of the row, the one with the last byte of the message, among the segments from
    which it has the record (tcp.segment), the ports are the same, and so are all values.
    """
    segments = {int(show) for part in frame.layers if part.name == SEGMENTS for show, _ in part.fields.get(SEGMENT, ())}
    for index, (row, _, place) in enumerate(later):
        if row is not None and place.frame.number in segments and _is_same(one, row, layer, frame):
            return index
    return None


def _is_same(one: Layered, row: Row, layer: Layer, frame: Frame) -> bool:
    """Whether a row and a layer have the same values, and the ports of one segment."""
    between = [str(row["src_port"]), str(row["dst_port"])]
    # the last message of a dialog can be that of the other side
    carried = is_carried(between, layer, frame) or (one.dialog and is_carried(between[::-1], layer, frame))
    values_ = [both(one, wanted, row, layer) for wanted in one.fields if not _is_left_out(wanted, layer)]
    return carried and all(ours == theirs for ours, theirs in values_) and any(ours for ours, _ in values_)


def paired(one: Layered, rows: list[Row], layers: list[Layer]) -> list[Pair]:
    """Pairs of rows and layers in order, with the greatest number of equal values; None where only one has a row."""
    if len(rows) == len(layers) or not rows or not layers or len(rows) * len(layers) > PAIRS:
        return list(zip_longest(rows, layers))
    # best[i][j]: greatest score of rows[i:] and layers[j:]; a pair without an equal value scores less than one with
    likeness = [[1 + 2 * alike(one, row, layer) for layer in layers] for row in rows]
    best = [[0] * (len(layers) + 1) for _ in range(len(rows) + 1)]
    for i in reversed(range(len(rows))):
        for j in reversed(range(len(layers))):
            best[i][j] = max(likeness[i][j] + best[i + 1][j + 1], best[i + 1][j], best[i][j + 1])
    found: list[Pair] = []
    i = j = 0
    while i < len(rows) and j < len(layers):
        if best[i][j] == likeness[i][j] + best[i + 1][j + 1]:
            found.append((rows[i], layers[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append((rows[i], None))
            i += 1
        else:
            found.append((None, layers[j]))
            j += 1
    return found + [(row, None) for row in rows[i:]] + [(None, layer) for layer in layers[j:]]


def alike(one: Layered, row: Row, layer: Layer) -> int:
    """Number of fields of which both have equal values."""
    return sum(ours == theirs != [] for ours, theirs in (both(one, wanted, row, layer) for wanted in one.fields))


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
    return " ".join(f"{name}={value}" for name, value in list(row.items())[:9] if value is not None)


def _difference(one: Layered, name: str, both_: tuple[Any, Any], pair: Pair, place: Place) -> Difference:
    """A difference with the facts that the conditions of exceptions.toml may name."""
    row, layer = pair
    transport, own = around(row, layer, place.frame)
    stop = place.stop
    return Difference(
        one.table.name,
        name,
        *both_,
        place.capture,
        place.frame.number,
        fault=row["fault"] if row else None,
        stop=frozenset({stop[0], f"{stop[0]} {stop[1]:#x}" if stop[1] is not None else stop[0]} if stop else ()),
        layers=frozenset(place.frame.names),
        format=place.format,
        transport=transport,
        port=own,
        columns=row or {},
        shows={field: found[0][0] for field, found in layer.fields.items()} if layer else {},
        flow=place.flows.get(row.get("flow"), {}) if row else {},
        values=_count(one, pair) if name == "row" else 1,
    )


def around(row: Row | None, layer: Layer | None, frame: Frame) -> tuple[str | None, frozenset[str]]:
    """(transport protocol, its ports) around a row: those of tshark's last layer before it, or with the row's ports."""
    given = frozenset(str(row[name]) for name in ("src_port", "dst_port") if row and row.get(name) is not None)
    found: tuple[str | None, frozenset[str]] = (None, given)
    for other in frame.layers:
        if other.name not in TRANSPORTS or other.quoted:
            continue
        shown = frozenset(ports(other))
        if (layer is not None and other.at <= layer.at) or (layer is None and (not given or shown == given)):
            found = (other.name, shown)
    return found


def _count(one: Layered, pair: Pair) -> int:
    """The number of values of a row that only one of the two has."""
    row, layer = pair
    found = 0
    for wanted in one.fields:
        ours, theirs = both(one, wanted, row, layer)
        found += len(ours) + len(theirs)
    return max(1, found)


def aligned(ours: list[Value], theirs: list[Value]) -> Iterator[tuple[Value, Value]]:
    """Align two lists; an additional value of one is paired with None."""
    if len(ours) == len(theirs) or max(len(ours), len(theirs)) > LONGEST:
        yield from zip_longest(ours, theirs)
        return
    for _, i, j, k, m in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        yield from zip_longest(ours[i:j], theirs[k:m])


def both(one: Layered, wanted: Field, row: Row | None, layer: Layer | None) -> tuple[list[Value], list[Value]]:
    """The values of a field in a row and in a layer, in a common form."""
    kind = wanted.parts[0].kind
    found = [shown for name in wanted.names for shown in layer.fields.get(name, ())] if layer else []
    theirs = [values.theirs(kind, *shown) for shown in found]
    if wanted.single:
        theirs = theirs[:1]
    ours = [
        values.ours(part.kind, value)
        for part in wanted.parts
        for value in (leaves(row[part.path[0]], part.path[1:]) if row else ())
    ]
    if wanted.form:
        ours, theirs = values.formed(wanted.form, ours, theirs)
    if wanted.silent:
        ours = [value for value in ours if value not in wanted.silent]
        theirs = [value for value in theirs if value not in wanted.silent]
    if one.merged:
        ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    return ours, theirs


def _is_left_out(wanted: Field, layer: Layer) -> bool:
    """Whether a field is not compared in this layer, because of the value of another one (`unless`)."""
    return bool(wanted.unless) and any(
        shown in wanted.unless[1:] for shown, _ in layer.fields.get(wanted.unless[0], ())
    )


def _field(one: Layered, wanted: Field, pair: tuple[Row, Layer], place: Place, tally: Tally) -> None:
    row, layer = pair
    if _is_left_out(wanted, layer):
        return
    ours, theirs = both(one, wanted, row, layer)
    if ours == theirs:
        tally.same(wanted.name, len(ours))
        return
    for mine, other in aligned(ours, theirs):
        if mine == other:
            tally.same(wanted.name, 1)
        else:
            tally.differs(_difference(one, wanted.name, (mine, other), pair, place))
