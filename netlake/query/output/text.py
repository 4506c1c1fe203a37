"""Columns as text, an array at a time: plain cells, JSON values, and escaping of untrusted text.

Arrow's kernels do the work. Values with a control character are found by one regular expression over the column and
escaped in Python, because no kernel computes the escape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output.visible import ALL_BUT_SPACES, EVERY, SHORT, visible

_FORMULA = r"^[=+\-@\t\r]"
# most rows and bytes rendered at once; a byte becomes up to 12 characters (a control character escaped twice)
ROWS = 16_384
BYTES = 64 << 20


def _re2(pattern: re.Pattern[str]) -> str:
    r"""`pattern` for Arrow (RE2), which reads `\x9f` as a byte and does not accept NUL: both become `\x{..}`."""
    body = "".join(f"\\x{{{ord(c):x}}}" if ord(c) > 127 else c for c in pattern.pattern)
    return re.sub(r"\\x([0-9a-f]{2})", r"\\x{\1}", body)


_RE2 = {EVERY: _re2(EVERY), ALL_BUT_SPACES: _re2(ALL_BUT_SPACES)}


def is_text(kind: pa.DataType) -> bool:
    """Whether values of `kind` are strings, which can come from a capture and need escaping."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _rare(values: pa.Array, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str]) -> pa.Array:
    """`values` with every match of `pattern` replaced by `change`, in Python for matching values only."""
    hit = pc.match_substring_regex(values, _RE2[pattern])
    if not pc.any(hit).as_py():
        return values
    changed = [pattern.sub(change, value) for value in values.filter(hit).to_pylist()]
    return pc.replace_with_mask(values, hit.fill_null(False), pa.array(changed, values.type))


def _json_escape(match: re.Match[str]) -> str:
    return SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def harmless(values: pa.Array, *, spaces: bool) -> pa.Array:
    """Text with control and reordering characters escaped; `spaces` keeps tab, CR and LF."""
    return _rare(values, ALL_BUT_SPACES if spaces else EVERY, visible)


def guarded(values: pa.Array) -> pa.Array:
    """Text with an apostrophe before values that a spreadsheet would run as a formula."""
    hit = pc.match_substring_regex(values, _FORMULA)
    if not pc.any(hit).as_py():
        return values
    return pc.if_else(hit, pc.binary_join_element_wise("'", values, ""), values)


def plain(values: pa.Array) -> pa.Array:
    """Each value as text without quotes; null stays null, nested values are JSON."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return plain(values.dictionary_decode())
    return values if pa.types.is_string(kind) else _rendered(values, kind)


def _rendered(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """`plain` for values that are not strings."""
    types = pa.types
    if types.is_nested(kind):
        return pc.if_else(values.is_valid(), json_text(values), pa.scalar(None, pa.string()))
    if types.is_timestamp(kind):
        return _time(values)
    if types.is_date32(kind):
        return _in_range(values, values.cast(pa.string()), "D")
    if _casts(kind):
        return values.cast(pa.string())
    write = bytes.hex if types.is_binary(kind) or types.is_large_binary(kind) else str
    return pa.array([None if value is None else write(value) for value in values.to_pylist()], pa.string())


def _casts(kind: pa.DataType) -> bool:
    """Whether Arrow's cast to string gives the wanted text for `kind`."""
    types = pa.types
    return bool(
        types.is_null(kind)
        or types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
        or types.is_date(kind) or types.is_time(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    )  # fmt: skip


def _time(values: pa.Array) -> pa.Array:
    """ISO 8601; a time with a zone is UTC and ends in Z. Arrow stores it in UTC, whatever zone the type names."""
    zoned = values.type.tz is not None
    naive = values.cast(pa.timestamp(values.type.unit)) if zoned else values
    if zoned:
        # a cast to a type without zone would convert to local time; the stored number is UTC
        naive = values.cast(pa.int64()).cast(pa.timestamp(values.type.unit))
    written = pc.replace_substring(naive.cast(pa.string()), " ", "T", max_replacements=1)
    return _in_range(naive, pc.binary_join_element_wise(written, "Z" if zoned else "", ""), values.type.unit)


def _in_range(values: pa.Array, written: pa.Array, unit: str) -> pa.Array:
    """`written`, with the text of times that Arrow cannot write: infinite ones, and those beyond its range of years.

    DuckDB's infinity is the greatest number of the type, -infinity its negative.
    """
    outside = pc.match_substring(written, "out of range").fill_null(False)
    if not pc.any(outside).as_py():
        return written
    wide = values.type.bit_width
    numbers = values.cast(pa.int32() if wide == 32 else pa.int64()).filter(outside).to_pylist()
    infinite = (1 << (wide - 1)) - 1
    known = {infinite: "infinity", -infinite: "-infinity"}
    ends = "Z" if pc.any(pc.ends_with(written, "Z")).as_py() else ""
    changed = [known.get(number) or f"{np.array(number).astype(f'M8[{unit}]')}{ends}" for number in numbers]
    return pc.replace_with_mask(written, outside, pa.array(changed, pa.string()))


def json_text(values: pa.Array) -> pa.Array:
    """Each value as JSON; null, NaN and infinity are `null`."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return json_text(values.dictionary_decode())
    if pa.types.is_struct(kind):
        made = _json_struct(values)
    elif pa.types.is_map(kind):
        made = _json_map(values)
    elif pa.types.is_union(kind):
        made = pa.array([json.dumps(value, default=str) for value in values.to_pylist()], pa.string())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        made = _json_list(values)
    elif pa.types.is_nested(kind):
        return json_text(values.cast(pa.list_(kind.value_type)))
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        made = values.cast(pa.string())
    elif pa.types.is_floating(kind):
        made = pc.if_else(pc.is_finite(values), values.cast(pa.string()), pa.scalar(None, pa.string()))
    else:
        made = json_quoted(plain(values))
    return pc.if_else(values.is_valid(), made, pa.scalar(None, pa.string())).fill_null("null")


def json_quoted(values: pa.Array) -> pa.Array:
    """Text as JSON strings; control and reordering characters are escaped."""
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', _rare(escaped, EVERY, _json_escape), '"', "")


def json_name(name: str) -> str:
    """`name` as a JSON string."""
    return str(json_quoted(pa.array([name]))[0])


def _json_struct(values: pa.Array) -> pa.Array:
    parts: list[Any] = []
    for index in range(values.type.num_fields):
        name = json_name(values.type.field(index).name)
        parts += [("," if index else "{") + name + ":", json_text(pc.struct_field(values, index))]
    return pc.binary_join_element_wise(*parts, "}", "") if parts else pa.array(["{}"] * len(values))


def _json_list(values: pa.Array) -> pa.Array:
    return _bracketed(values, json_text(pc.list_flatten(values)))


def _json_map(values: pa.Array) -> pa.Array:
    """A map as a list of pairs, because its keys may be of any type."""
    kind = values.type
    lists = values.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
    pairs = pc.list_flatten(lists)
    keys, items = (json_text(pc.struct_field(pairs, place)) for place in (0, 1))
    return _bracketed(lists, pc.binary_join_element_wise("[", keys, ",", items, "]", ""))


def _bracketed(values: pa.Array, elements: pa.Array) -> pa.Array:
    """The JSON list of each value, whose elements are given as JSON, those of all values in order."""
    lengths = pc.list_value_length(values).cast(pa.int64()).fill_null(0)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)]).cast(pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, elements), ",")
    return pc.binary_join_element_wise("[", joined, "]", "")


def portions(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """`batch` in pieces whose text fits the 32-bit offsets of an Arrow string array."""
    if batch.num_rows > ROWS or (batch.num_rows > 1 and batch.nbytes > BYTES):
        half = min(ROWS, (batch.num_rows + 1) // 2)
        yield from portions(batch.slice(0, half))
        yield from portions(batch.slice(half))
    elif batch.num_rows:
        yield batch


def lines(parts: list[Any]) -> memoryview | bytes:
    """`parts` (arrays and constants) joined element by element: the bytes of all rows, one after another.

    The parts must not contain null.
    """
    joined = pc.binary_join_element_wise(*parts, "")
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.combine_chunks()
    if not len(joined):
        return b""
    _, offsets, data = joined.buffers()
    places = memoryview(offsets).cast("i")
    first, last = places[joined.offset], places[joined.offset + len(joined)]
    return memoryview(data)[first:last] if data is not None else b""
