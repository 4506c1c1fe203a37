r"""Texts of spans of a buffer, by column.

A text that is UTF-8 is as sent. In any other one each byte that is not UTF-8 is `\xNN`, a control character `\n`, `\t`,
`\r` or `\xNN`, and a backslash `\\`, as in names of files (netlake.spelling): no byte is lost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels import http1_split as kernels
from netlake.packets import Bytes, Ints, Mask
from netlake.spelling import spelled


def texts(data: Bytes, starts: Ints, ends: Ints, valid: Mask | None = None) -> pa.StringArray:
    """The spans of `data` as text; null where not `valid`, or where the start is negative."""
    starts, ends, shown = _given(starts, ends, valid)
    offsets, out = np.empty(len(starts) + 1, np.int32), np.empty(int((ends - starts).sum()), np.uint8)
    kernels.gather(data, starts, ends, offsets, out)
    return _strings(offsets, out, shown)


def unescaped(data: Bytes, starts: Ints, ends: Ints, *, plus: bool, valid: Mask | None = None) -> pa.StringArray:
    """As `texts`, with `%XX` decoded, and with `plus` a plus as a space."""
    starts, ends, shown = _given(starts, ends, valid)
    offsets, out = np.empty(len(starts) + 1, np.int32), np.empty(int((ends - starts).sum()), np.uint8)
    used = kernels.unescape(data, starts, ends, int(plus), offsets, out)
    return _strings(offsets, out[:used], shown)


def text_of(data: bytes) -> str:
    """One text, as in `texts`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return spelled(data.decode("utf-8", "surrogateescape"))


def not_utf8(array: pa.StringArray, buffer: Bytes, offsets: npt.NDArray[np.int32]) -> list[str | None]:
    """The values of `array`, over `buffer`, of which some are not UTF-8."""
    valid = array.is_valid().to_pylist()
    ends = offsets.tolist()
    whole = buffer.tobytes()
    return [text_of(whole[ends[i] : ends[i + 1]]) if shown else None for i, shown in enumerate(valid)]


def _given(starts: Ints, ends: Ints, valid: Mask | None) -> tuple[Ints, Ints, Mask | None]:
    """Starts and ends as kernels take them, with empty spans for nulls; and which are not null."""
    shown = starts >= 0 if valid is None else valid & (starts >= 0)
    if shown.all():
        return np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(ends, np.int64), None
    return np.where(shown, starts, 0).astype(np.int64), np.where(shown, ends, 0).astype(np.int64), shown


def _strings(offsets: npt.NDArray[np.int32], out: Bytes, shown: Mask | None) -> pa.StringArray:
    bits: Any = None if shown is None else pa.py_buffer(np.packbits(shown, bitorder="little"))
    array = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(out), bits)
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array(not_utf8(array, out, offsets), pa.string())
    return array
