"""Columns as text, a whole array at a time: plain cells, JSON values, and what makes hostile text harmless.

Everything is done by Arrow's kernels; a value with a control character, which needs an escape that no kernel can
compute, is found by one regular expression over the column and done by Python alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output.visible import ALL_BUT_SPACES, EVERY, SHORT, visible

_FORMULA = r"^[=+\-@\t\r]"
# rows rendered at once, and their bytes: a byte becomes 12 characters at worst (a control character twice escaped)
ROWS = 16_384
BYTES = 64 << 20


def _re2(pattern: re.Pattern[str]) -> str:
    r"""The same class for Arrow's regular expressions, which know neither `\x9f` as a code point nor NUL as text."""
    body = "".join(f"\\x{{{ord(c):x}}}" if ord(c) > 127 else c for c in pattern.pattern)
    return re.sub(r"\\x([0-9a-f]{2})", r"\\x{\1}", body)


_RE2 = {EVERY: _re2(EVERY), ALL_BUT_SPACES: _re2(ALL_BUT_SPACES)}


def is_text(kind: pa.DataType) -> bool:
    """Whether values of `kind` are text that came from somewhere: what guards look at."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _rare(values: pa.Array, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str]) -> pa.Array:
    """`values` with every match of `pattern` changed by Python, where there is one at all."""
    hit = pc.match_substring_regex(values, _RE2[pattern])
    if not pc.any(hit).as_py():
        return values
    changed = [pattern.sub(change, value) for value in values.filter(hit).to_pylist()]
    return pc.replace_with_mask(values, hit.fill_null(False), pa.array(changed, values.type))


def _json_escape(match: re.Match[str]) -> str:
    return SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"


def harmless(values: pa.Array, *, spaces: bool) -> pa.Array:
    """Text with control and reordering characters made visible; tab, CR and LF are left when `spaces`."""
    return _rare(values, ALL_BUT_SPACES if spaces else EVERY, visible)


def guarded(values: pa.Array) -> pa.Array:
    """Text that a spreadsheet would run as a formula, with an apostrophe before it."""
    hit = pc.match_substring_regex(values, _FORMULA)
    if not pc.any(hit).as_py():
        return values
    return pc.if_else(hit, pc.binary_join_element_wise("'", values, ""), values)


def plain(values: pa.Array) -> pa.Array:
    """Each value as text without quotes, null where it is null; nested values as JSON."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return plain(values.dictionary_decode())
    return values if pa.types.is_string(kind) else _rendered(values, kind)


def _rendered(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """`plain` for what is no text yet."""
    types = pa.types
    if types.is_nested(kind):
        return pc.if_else(values.is_valid(), json_text(values), pa.scalar(None, pa.string()))
    if types.is_timestamp(kind):
        return _time(values)
    if _casts(kind):
        return values.cast(pa.string())
    write = bytes.hex if types.is_binary(kind) or types.is_large_binary(kind) else str
    return pa.array([None if value is None else write(value) for value in values.to_pylist()], pa.string())


def _casts(kind: pa.DataType) -> bool:
    """Whether Arrow's own cast writes `kind` as people expect it."""
    types = pa.types
    return bool(
        types.is_null(kind)
        or types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
        or types.is_date(kind) or types.is_time(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    )  # fmt: skip


def _time(values: pa.Array) -> pa.Array:
    """ISO 8601; a zoned time is UTC and ends in Z. Arrow holds zoned times in UTC whatever zone it names."""
    zoned = values.type.tz is not None
    naive = values.cast(pa.timestamp(values.type.unit)) if zoned else values
    if zoned:
        # a cast to naive shifts to the zone's own clock; the stored number is the UTC one
        naive = values.cast(pa.int64()).cast(pa.timestamp(values.type.unit))
    return pc.replace_substring(
        pc.binary_join_element_wise(naive.cast(pa.string()), "Z" if zoned else "", ""), " ", "T", max_replacements=1
    )


def json_text(values: pa.Array) -> pa.Array:
    """Each value as JSON; null is `null`, and so are numbers that JSON has none of (NaN, infinity)."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return json_text(values.dictionary_decode())
    if pa.types.is_struct(kind):
        made = _json_struct(values)
    elif pa.types.is_map(kind) or pa.types.is_union(kind):
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
    """Text as JSON strings; control and reordering characters stand as escapes."""
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    return pc.binary_join_element_wise('"', _rare(escaped, EVERY, _json_escape), '"', "")


def json_name(name: str) -> str:
    """A field's name as a JSON string."""
    return str(json_quoted(pa.array([name]))[0])


def _json_struct(values: pa.Array) -> pa.Array:
    parts: list[Any] = []
    for index in range(values.type.num_fields):
        name = json_name(values.type.field(index).name)
        parts += [("," if index else "{") + name + ":", json_text(pc.struct_field(values, index))]
    return pc.binary_join_element_wise(*parts, "}", "") if parts else pa.array(["{}"] * len(values))


def _json_list(values: pa.Array) -> pa.Array:
    lengths = pc.list_value_length(values).cast(pa.int64()).fill_null(0)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)]).cast(pa.int32())
    elements = pa.ListArray.from_arrays(offsets, json_text(pc.list_flatten(values)))
    return pc.binary_join_element_wise("[", pc.binary_join(elements, ","), "]", "")


def portions(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """`batch` in pieces whose text is sure to fit the 32-bit offsets of an Arrow string array."""
    if batch.num_rows > ROWS or (batch.num_rows > 1 and batch.nbytes > BYTES):
        half = min(ROWS, (batch.num_rows + 1) // 2)
        yield from portions(batch.slice(0, half))
        yield from portions(batch.slice(half))
    elif batch.num_rows:
        yield batch


def lines(parts: list[Any]) -> memoryview | bytes:
    """`parts` (arrays and constants) joined element by element: the bytes of all the rows, one after another.

    No part may hold null.
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
