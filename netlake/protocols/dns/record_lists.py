"""Converts the arrays of records.py to Arrow: spans to strings, sections to lists of structs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels.dns import DnsSection, gather_spans, measure_spans
from netlake.kernels.dns_text import Type
from netlake.layers.read import column_type
from netlake.packets import Bytes, Ints
from netlake.protocols.dns.found import NO_NUMBER, DnsRecords, Found, has_type
from netlake.protocols.dns.types import LAYOUTS, RCODES, rcode_name, type_name
from netlake.schema import Table

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]


def spans(source: Bytes, found: Found, data_type: pa.DataType) -> pa.Array:
    """A string or binary array of the SPANs `found` of `source`; null where their start is negative."""
    size, nulls = measure_spans(found)
    if 0 < nulls == len(found):
        return pa.nulls(nulls, data_type)
    valid = pa.py_buffer(np.packbits(found["start"] >= 0, bitorder="little")) if nulls else None
    offsets, target = np.empty(len(found) + 1, np.int32), np.empty(size, np.uint8)
    gather_spans(source, found, offsets, target)
    return pa.Array.from_buffers(data_type, len(found), [valid, pa.py_buffer(offsets), pa.py_buffer(target)])


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


def questions(table: Table, batch: DnsRecords, mdns: Mask) -> dict[str, pa.Array]:
    """Columns of the questions: the list, and the fields of the first one."""
    count, found = batch.found["questions"], batch.questions
    kind, klass = found["type"], found["klass"]
    multicast = mdns[found["message"]]
    unicast = pa.array(klass > 0x7FFF, mask=~multicast)
    klass = np.where(multicast, klass & 0x7FFF, klass)
    name = spans(batch.arena, batch.names["text"], pa.string())
    typed, classed, named = numbers(kind, pa.int32()), numbers(klass, pa.int32()), TYPES.of(kind)
    listed = lists(column_type(table, "questions"), count, name, typed, named, classed, unicast)
    firsts = {"query_name": name, "query_type": typed, "query_type_name": named, "query_class": classed}
    if not (count == 1).all():
        index = pa.array(np.cumsum(count) - count, mask=count == 0)
        firsts = {column: values.take(index) for column, values in firsts.items()}
    return {**firsts, "questions": listed}


def sections(table: Table, batch: DnsRecords, mdns: Mask) -> dict[str, pa.Array]:
    """Columns of the records: one list for each section."""
    count = len(batch.found)
    section = batch.records["section"]
    result = {}
    for number, name in (
        (DnsSection.ANSWER, "answers"),
        (DnsSection.AUTHORITY, "authorities"),
        (DnsSection.ADDITIONAL, "additionals"),
    ):
        data_type = column_type(table, name)
        index = np.flatnonzero(section == number.value)
        if len(index):
            lengths = np.bincount(batch.records["message"][index], minlength=count)
            result[name] = lists(data_type, lengths, *_record_columns(data_type.value_type, batch, index, mdns))
        else:
            result[name] = no_lists(data_type, count)
    return result


def _record_columns(record: pa.StructType, batch: DnsRecords, index: Index, mdns: Mask) -> list[pa.Array]:
    """The fields of `record` for the records `index`, in declared order."""
    records, texts = batch.records, batch.texts
    if len(index) < len(records):
        # not records[index], which copies one field at a time
        records, texts = records.take(index), texts.take(index)

    def span(name: str) -> pa.Array:
        return spans(batch.arena, texts[name], pa.string())

    kind, klass = records["type"], records["klass"]
    option = has_type(records, Type.OPT)
    multicast = mdns[records["message"]] & ~option
    made = {
        "name": span("name"),
        "type": numbers(kind, pa.int32()),
        "type_name": TYPES.of(kind),
        "class": numbers(np.where(multicast, klass & 0x7FFF, klass), pa.int32(), option),
        "cache_flush": pa.array(klass > 0x7FFF, mask=~multicast),
        "ttl": numbers(records["ttl"], pa.int64(), option),
        "data": span("data"),
        "address": span("address"),
        "target": span("target"),
        "preference": numbers(texts["preference"], pa.int32()),
        "weight": numbers(texts["weight"], pa.int32()),
        "port": numbers(texts["port"], pa.int32()),
        "fields": _fields(record.field("fields").type, batch, index),
    }
    return [made[field.name] for field in record]


def _fields(data_type: pa.DataType, batch: DnsRecords, index: Index) -> pa.Array:
    """The column `fields` of the records `index`."""
    of = batch.fields["record"]
    chosen = np.zeros(len(batch.records), np.bool_)
    chosen[index] = True
    fields = batch.fields.take(np.flatnonzero(chosen[of]))
    if not len(fields):
        return no_lists(data_type, len(index))
    lengths = np.bincount(of, minlength=len(chosen))[index]
    return lists(
        data_type,
        lengths,
        pa.array(batch.words, pa.string()).take(pa.array(fields["name"])),
        numbers(fields["number"], pa.int64(), fields["number"] == NO_NUMBER),
        spans(batch.arena, fields["text"], pa.string()),
    )
