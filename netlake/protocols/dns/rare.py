"""Record data that the kernel does not write: in Python, record by record, each distinct data of a batch once.

The size of text and fields per message has the limit of the kernel (kernels/dns_text.py); both together may use twice
that limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlake.kernels import dns_text as t
from netlake.packets import Malformed, Messages, Short
from netlake.protocols.dns.found import DnsRecords, FieldText, Span, TextWriter, has_type
from netlake.protocols.dns.names import NameCursor
from netlake.protocols.dns.rdata import Data, layout, present, unknown
from netlake.schema import faults

SPANS = ("data", "target", "address")
NUMBERS = ("preference", "weight", "port")
# the fields of TEXT that this module writes
WRITTEN = np.dtype([(name, t.TEXT[name]) for name in (*SPANS, *NUMBERS, "state")])
NOTHING: dict[str, Span | int] = {**dict.fromkeys(SPANS, (-1, -1)), **dict.fromkeys(NUMBERS, -1)}

# a value of WRITTEN
Text = tuple[Span | int, ...]


def _text(values: dict[str, Span | int]) -> Text:
    """The value of WRITTEN with `values`; -1 for the fields that are not among them."""
    return tuple((NOTHING | values).values())


TOO_LARGE = _text({"state": faults.TOO_LARGE})


@dataclass(slots=True)
class _Written:
    """Result for one record: its text, its fields, and its share of the message's size limit."""

    text: Text
    fields: list[FieldText]
    cost: int


def write_rare(messages: Messages, result: DnsRecords, writer: TextWriter) -> None:
    """Write the data of the records that the kernel did not write; data that it could not read as unknown data."""
    left = np.flatnonzero(result.texts["state"])
    if not len(left):
        return
    records, states = result.records.take(left), result.texts["state"][left]
    # a class with other addresses (see records.py): unknown data without a fault
    states[has_type(records, t.Type.A) & (records["klass"] == t.Class.CHAOS.value)] = 0
    # records repeat often: the result is reused for records with the same data
    memory: dict[tuple[int, bytes], _Written] = {}
    texts: list[Text] = []
    current, room, base, data = -1, 0, 0, b""
    of, kinds, bounds = records["message"], records["type"], records["data"]
    columns = (left, states, of, kinds, bounds["start"], bounds["end"])
    for record, state, message, kind, start, end in zip(*(column.tolist() for column in columns), strict=True):
        if message != current:
            current, base = message, int(messages.start[message])
            data = messages.data[base : messages.end[message]].tobytes()
            room = t.TEXT_BASE + t.TEXT_FACTOR * len(data)
        if state == faults.TOO_LARGE or room < 0:
            texts.append(TOO_LARGE)
            continue
        written = _written(kind, state, NameCursor(data, start - base, end - base), writer, memory)
        room -= written.cost
        if room < 0:
            texts.append(TOO_LARGE)
            continue
        texts.append(written.text)
        writer.fields += [(record, *field) for field in written.fields]
    made = np.array(texts, WRITTEN)
    for name in WRITTEN.names or ():
        result.texts[name][left] = made[name]


def _written(
    kind: int, state: int, cursor: NameCursor, writer: TextWriter, memory: dict[tuple[int, bytes], _Written]
) -> _Written:
    """Result for the data at the cursor, from `memory` if the same data was written before."""
    data = cursor.data[cursor.at : cursor.end]
    typed = state == t.RARE and layout(kind)
    # keys below 0: data written as unknown data, of any type
    key = (kind if typed else min(-state, 0) - 1, data)
    known = memory.get(key)
    if known is None:
        shown, fault = _understood(kind, cursor, data) if typed else (Data(unknown(data)), max(state, 0))
        known = _write(shown, fault, writer)
        if not cursor.pointed:
            memory[key] = known
    return known


def _understood(kind: int, cursor: NameCursor, data: bytes) -> tuple[Data, int]:
    """The data at the cursor and its fault; unknown data if it does not fit the layout of its type."""
    try:
        shown = present(kind, cursor)
        return shown, faults.CODES[cursor.faults[0]] if cursor.faults else 0
    except Short:
        return Data(unknown(data)), faults.BAD_LENGTH
    except Malformed as error:
        return Data(unknown(data)), faults.CODES[error.fault]


def _write(shown: Data, fault: int, writer: TextWriter) -> _Written:
    values: dict[str, Span | int] = {"data": writer.span(shown.text), "state": fault}
    for name, value in shown.columns.items():
        values[name] = writer.span(str(value)) if name in SPANS else int(value)
    cost = len(shown.text) + sum(t.FIELD_COST + len(text or "") for _, _, text in shown.fields)
    return _Written(_text(values), [writer.field(*field) for field in shown.fields], cost)
