"""Converts the arrays of records.py to Arrow: spans to strings, sections to lists of structs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels import dns as k
from netlake.kernels import dns_text as t
from netlake.layers.read import column_type
from netlake.packets import Bytes, Ints
from netlake.protocols.dns.found import F_NAME, F_NUMBER, F_RECORD, F_TEXT, F_TEXT_END, NO_NUMBER, Records, Rows
from netlake.protocols.dns.types import LAYOUTS, RCODES, rcode_name, type_name
from netlake.schema import Table

Mask = npt.NDArray[np.bool_]


def spans(source: Bytes, start: Ints, end: Ints, data_type: pa.DataType) -> pa.Array:
    """A string or binary array of source[start:end]; null where start is negative."""
    null = start < 0
    valid = None
    if null.any():
        if null.all():
            return pa.nulls(len(start), data_type)
        valid = pa.py_buffer(np.packbits(~null, bitorder="little"))
        size = int((end - start)[~null].sum())
    else:
        size = int((end - start).sum())
    offsets, target = np.empty(len(start) + 1, np.int32), np.empty(size, np.uint8)
    k.gather_spans(source, np.ascontiguousarray(start), np.ascontiguousarray(end), offsets, target)
    return pa.Array.from_buffers(data_type, len(start), [valid, pa.py_buffer(offsets), pa.py_buffer(target)])


# Arrow converts these types itself only if pandas is installed
STORED: dict[pa.DataType, type[np.generic]] = {
    pa.bool_(): np.bool_,
    pa.int16(): np.int16,
    pa.int32(): np.int32,
    pa.int64(): np.int64,
}


def numbers(values: npt.NDArray[Any], data_type: pa.DataType, null: Mask | None = None) -> pa.Array:
    """An array of numbers; null where `null`, or without it where the number is negative."""
    null = values < 0 if null is None else null
    if not null.any():
        return pa.array(values.astype(STORED[data_type]))
    if null.all():
        return pa.nulls(len(values), data_type)
    return pa.array(values.astype(STORED[data_type]), data_type, mask=null)


class Mnemonics:
    """Names of codes from 0 to `size`: from `known`, else from the function `name`."""

    def __init__(self, known: dict[int, str], name: Callable[[int], str], size: int) -> None:
        self.texts, self.name = list(known.values()), name
        self.array = pa.array(self.texts, pa.string())
        self.codes = np.full(size, -1, np.int32)
        self.codes[list(known)] = np.arange(len(known))

    def of(self, values: npt.NDArray[Any], null: Mask | None = None) -> pa.Array:
        """The name of each of `values`, null where `null`."""
        codes, array = self.codes[values], self.array
        others = np.flatnonzero(codes < 0)
        if len(others):
            different, inverse = np.unique(values[others], return_inverse=True)
            codes[others] = len(array) + inverse
            array = pa.array(self.texts + [self.name(number) for number in different.tolist()], pa.string())
        return array.take(pa.array(codes, mask=null))


TYPES = Mnemonics({kind: entry[0] for kind, entry in LAYOUTS.items()}, type_name, 1 << 16)
RCODE_NAMES = Mnemonics(RCODES, rcode_name, 1 << 12)


def lists(data_type: pa.DataType, lengths: Ints, *arrays: pa.Array) -> pa.Array:
    """Lists of structs: list i has the next lengths[i] values of `arrays`, one array for each field."""
    child = pa.StructArray.from_arrays(arrays, fields=list(data_type.value_type))
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(data_type, len(lengths), [None, pa.py_buffer(offsets)], children=[child])


@cache
def _no_elements(data_type: pa.DataType) -> pa.Array:
    return pa.array([], data_type)


def no_lists(data_type: pa.DataType, count: int) -> pa.Array:
    """`count` empty lists."""
    offsets = pa.py_buffer(np.zeros(count + 1, np.int32))
    return pa.Array.from_buffers(data_type, count, [None, offsets], children=[_no_elements(data_type.value_type)])


def questions(table: Table, batch: Records, mdns: Mask) -> dict[str, pa.Array]:
    """Columns of the questions: the list, and the fields of the first one."""
    count = batch.found[k.FOUND_QUESTIONS]
    message, kind = batch.questions[k.Q_MESSAGE], batch.questions[k.Q_TYPE]
    multicast = mdns[message]
    klass = np.where(multicast, batch.questions[k.Q_CLASS] & 0x7FFF, batch.questions[k.Q_CLASS])
    unicast = pa.array(batch.questions[k.Q_CLASS] > 0x7FFF, mask=~multicast)
    name = spans(batch.arena, batch.names[t.N_TEXT], batch.names[t.N_TEXT_END], pa.string())
    typed, classed, named = numbers(kind, pa.int32()), numbers(klass, pa.int32()), TYPES.of(kind)
    listed = lists(column_type(table, "questions"), count, name, typed, named, classed, unicast)
    firsts = {"query_name": name, "query_type": typed, "query_type_name": named, "query_class": classed}
    if not (count == 1).all():
        index = pa.array(np.cumsum(count) - count, mask=count == 0)
        firsts = {column: values.take(index) for column, values in firsts.items()}
    return {**firsts, "questions": listed}


def sections(table: Table, batch: Records, mdns: Mask) -> dict[str, pa.Array]:
    """Columns of the records: one list for each section."""
    count = batch.found.shape[1]
    section = batch.records[k.R_SECTION]
    result = {}
    for number, name in ((k.ANSWER, "answers"), (k.AUTHORITY, "authorities"), (k.ADDITIONAL, "additionals")):
        data_type = column_type(table, name)
        index = np.flatnonzero(section == number)
        if len(index):
            lengths = np.bincount(batch.records[k.R_MESSAGE][index], minlength=count)
            result[name] = lists(data_type, lengths, *_record_columns(data_type.value_type, batch, index, mdns))
        else:
            result[name] = no_lists(data_type, count)
    return result


def _record_columns(record: pa.StructType, batch: Records, index: npt.NDArray[np.intp], mdns: Mask) -> list[pa.Array]:
    """The fields of `record` for the records `index`, in declared order."""
    whole = len(index) == batch.records.shape[1]

    def row(rows: Rows, number: int) -> Rows:
        taken: Rows = rows[number] if whole else rows[number][index]
        return taken

    def span(number: int) -> pa.Array:
        return spans(batch.arena, row(batch.texts, number), row(batch.texts, number + 1), pa.string())

    kind, klass = row(batch.records, k.R_TYPE), row(batch.records, k.R_CLASS)
    option = kind == t.OPT
    multicast = mdns[row(batch.records, k.R_MESSAGE)] & ~option
    made = {
        "name": span(t.T_NAME),
        "type": numbers(kind, pa.int32()),
        "type_name": TYPES.of(kind),
        "class": numbers(np.where(multicast, klass & 0x7FFF, klass), pa.int32(), option),
        "cache_flush": pa.array(klass > 0x7FFF, mask=~multicast),
        "ttl": numbers(row(batch.records, k.R_TTL), pa.int64(), option),
        "data": span(t.T_DATA),
        "address": span(t.T_ADDRESS),
        "target": span(t.T_TARGET),
        "preference": numbers(row(batch.texts, t.T_PREFERENCE), pa.int32()),
        "weight": numbers(row(batch.texts, t.T_WEIGHT), pa.int32()),
        "port": numbers(row(batch.texts, t.T_PORT), pa.int32()),
        "fields": _fields(record.field("fields").type, batch, index),
    }
    return [made[field.name] for field in record]


def _fields(data_type: pa.DataType, batch: Records, index: npt.NDArray[np.intp]) -> pa.Array:
    """The column `fields` of the records `index`."""
    of = batch.fields[F_RECORD]
    chosen = np.zeros(batch.records.shape[1], np.bool_)
    chosen[index] = True
    fields = batch.fields[:, chosen[of]]
    if not fields.shape[1]:
        return no_lists(data_type, len(index))
    lengths = np.bincount(of, minlength=len(chosen))[index]
    return lists(
        data_type,
        lengths,
        pa.array(batch.words, pa.string()).take(pa.array(fields[F_NAME])),
        numbers(fields[F_NUMBER], pa.int64(), fields[F_NUMBER] == NO_NUMBER),
        spans(batch.arena, fields[F_TEXT], fields[F_TEXT_END], pa.string()),
    )
