"""From the arrays of records.py to Arrow columns: spans become strings, sections become lists of structs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels import dns as k
from netlake.kernels import dns_text as t
from netlake.layers.read import column_type
from netlake.packets import Bytes, Ints
from netlake.protocols.dns.found import F_NAME, F_NUMBER, F_RECORD, F_TEXT, F_TEXT_END, NO_NUMBER, Records
from netlake.protocols.dns.types import LAYOUTS, rcode_name, type_name
from netlake.schema import Table

Mask = npt.NDArray[np.bool_]


def spans(source: Bytes, start: Ints, end: Ints, data_type: pa.DataType) -> pa.Array:
    """A string or binary array of source[start:end]; null where start is negative."""
    null = start < 0
    size = int((end - start)[~null].sum())
    offsets, target = np.empty(len(start) + 1, np.int32), np.empty(size, np.uint8)
    k.gather_spans(source, np.ascontiguousarray(start), np.ascontiguousarray(end), offsets, target)
    valid = pa.py_buffer(np.packbits(~null, bitorder="little")) if null.any() else None
    return pa.Array.from_buffers(data_type, len(start), [valid, pa.py_buffer(offsets), pa.py_buffer(target)])


def numbers(values: Ints, data_type: pa.DataType, null: Mask | None = None) -> pa.Array:
    """An array of numbers; null where `null`, or where the number is negative if that is not given."""
    null = values < 0 if null is None else null
    return pa.array(values.astype(data_type.to_pandas_dtype()), data_type, mask=null if null.any() else None)


def words(codes: npt.NDArray[Any], known: Sequence[str]) -> pa.Array:
    """known[codes] as text, null below 0."""
    mask = codes < 0
    return pa.array(known, pa.string()).take(pa.array(codes, mask=mask if mask.any() else None))


@cache
def _codes(size: int, known: tuple[int, ...]) -> npt.NDArray[np.int32]:
    codes = np.full(size, -1, np.int32)
    codes[list(known)] = np.arange(len(known))
    return codes


def mnemonics(values: Ints, known: dict[int, str], name: Callable[[int], str], size: int) -> pa.Array:
    """The name of each number, null below 0; `name` makes those that `known` lacks."""
    codes = np.where(values < 0, -1, _codes(size, tuple(known))[values])
    others = np.flatnonzero((codes < 0) & (values >= 0))
    texts = list(known.values())
    if len(others):
        different, inverse = np.unique(values[others], return_inverse=True)
        codes[others] = len(texts) + inverse
        texts += [name(number) for number in different.tolist()]
    return words(codes, texts)


def type_names(values: Ints) -> pa.Array:
    """Mnemonics of record types, null below 0."""
    return mnemonics(values, {kind: entry[0] for kind, entry in LAYOUTS.items()}, type_name, 1 << 16)


def rcode_names(values: Ints) -> pa.Array:
    """Mnemonics of response codes, null below 0."""
    return mnemonics(values, {code: rcode_name(code) for code in range(24)}, rcode_name, 1 << 12)


def lists(data_type: pa.DataType, lengths: Ints, *arrays: pa.Array) -> pa.Array:
    """A list of structs: list i holds the next lengths[i] of `arrays`, one array a field."""
    child = pa.StructArray.from_arrays(arrays, fields=list(data_type.value_type))
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), child, type=data_type)


def no_lists(data_type: pa.DataType, count: int) -> pa.Array:
    """`count` empty lists."""
    return pa.ListArray.from_arrays(
        pa.array(np.zeros(count + 1, np.int32)), pa.array([], data_type.value_type), type=data_type
    )


def questions(table: Table, found: Records, mdns: Mask) -> dict[str, pa.Array]:
    """The list of questions, and the first of them in columns of its own."""
    count = found.found[0]
    message, kind = found.questions[k.Q_MESSAGE], found.questions[k.Q_TYPE]
    multicast = mdns[message]
    klass = np.where(multicast, found.questions[k.Q_CLASS] & 0x7FFF, found.questions[k.Q_CLASS])
    unicast = pa.array(found.questions[k.Q_CLASS] > 0x7FFF, mask=~multicast)
    name = spans(found.arena, found.names[0], found.names[1], pa.string())
    typed, classed, named = numbers(kind, pa.int32()), numbers(klass, pa.int32()), type_names(kind)
    data_type = column_type(table, "questions")
    first = np.where(count > 0, np.cumsum(count) - count, -1)
    index = pa.array(first, mask=first < 0)
    return {
        "query_name": name.take(index),
        "query_type": typed.take(index),
        "query_type_name": named.take(index),
        "query_class": classed.take(index),
        "questions": lists(data_type, count, name, typed, named, classed, unicast),
    }


def sections(table: Table, found: Records, mdns: Mask) -> dict[str, pa.Array]:
    """The lists of records."""
    count = found.found.shape[1]
    section = found.records[k.R_SECTION]
    result = {}
    for number, name in ((k.ANSWER, "answers"), (k.AUTHORITY, "authorities"), (k.ADDITIONAL, "additionals")):
        data_type = column_type(table, name)
        index = np.flatnonzero(section == number)
        if len(index):
            lengths = np.bincount(found.records[k.R_MESSAGE][index], minlength=count)
            result[name] = lists(data_type, lengths, *_record_columns(data_type.value_type, found, index, mdns))
        else:
            result[name] = no_lists(data_type, count)
    return result


def _record_columns(record: pa.StructType, found: Records, index: npt.NDArray[np.intp], mdns: Mask) -> list[pa.Array]:
    """The fields of `record` for the records `index`, in the order in which the table declares them."""
    columns, texts = found.records[:, index], found.texts[:, index]
    kind, klass = columns[k.R_TYPE], columns[k.R_CLASS]
    option = kind == t.OPT
    multicast = mdns[columns[k.R_MESSAGE]] & ~option

    def span(row: int) -> pa.Array:
        return spans(found.arena, texts[row], texts[row + 1], pa.string())

    made = {
        "name": span(t.T_NAME),
        "type": numbers(kind, pa.int32()),
        "type_name": type_names(kind),
        "class": numbers(np.where(multicast, klass & 0x7FFF, klass), pa.int32(), option),
        "cache_flush": pa.array(klass > 0x7FFF, mask=~multicast),
        "ttl": numbers(columns[k.R_TTL], pa.int64(), option),
        "data": span(t.T_DATA),
        "address": span(t.T_ADDRESS),
        "target": span(t.T_TARGET),
        "preference": numbers(texts[t.T_PREFERENCE], pa.int32()),
        "weight": numbers(texts[t.T_WEIGHT], pa.int32()),
        "port": numbers(texts[t.T_PORT], pa.int32()),
        "fields": _fields(record.field("fields").type, found, index),
    }
    return [made[field.name] for field in record]


def _fields(data_type: pa.DataType, found: Records, index: npt.NDArray[np.intp]) -> pa.Array:
    """The further fields of the records `index`."""
    chosen = np.zeros(found.records.shape[1], np.bool_)
    chosen[index] = True
    of = found.fields[F_RECORD]
    fields = found.fields[:, chosen[of]]
    if not fields.shape[1]:
        return no_lists(data_type, len(index))
    lengths = np.bincount(of, minlength=len(chosen))[index]
    return lists(
        data_type,
        lengths,
        words(fields[F_NAME], found.words),
        numbers(fields[F_NUMBER], pa.int64(), fields[F_NUMBER] == NO_NUMBER),
        spans(found.arena, fields[F_TEXT], fields[F_TEXT_END], pa.string()),
    )
