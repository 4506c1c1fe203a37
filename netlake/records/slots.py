"""One column of a row group while it fills: numbers in a preallocated array, codes, or Arrow arrays.

Filling preallocated arrays and making Arrow of them once a row group is what keeps a batch at 200-300 us of Python; an
Arrow array for each batch and column would double that.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.layers.pools import Pool
from netlake.packets import Codes, Nullable


class Slot(Protocol):
    """`put` rows `first` to `last`; `finish` the first `count` rows as Arrow; a row that was never put is null."""

    def put(self, value: Any, first: int, last: int) -> None:
        """Take the values of rows `first` to `last`."""

    def finish(self, count: int) -> pa.Array:
        """The first `count` rows."""


# an array that begins with fewer rows than this fills slowly, and lives long
FEW = 8192


def room(rows: int, dtype: npt.DTypeLike, begun: int = FEW) -> npt.NDArray[Any]:
    """Zeros; where it begins with few rows, in pages of its own that go back to the system with it.

    Arrays of rare tables live as long as the capture among those of common ones, which live for a moment: from one heap
    they took 0.2 GiB more on 4 million packets. Pages of their own for all arrays cost a tenth of decoding.
    """
    if begun >= FEW:
        return np.zeros(rows, dtype)
    return np.frombuffer(mmap.mmap(-1, max(1, rows) * np.dtype(dtype).itemsize), dtype)[:rows]


class Numbers:
    """Numbers, booleans and times: an array of the stored width, and which of its rows are valid once any is not."""

    def __init__(self, data_type: pa.DataType, rows: int, begun: int = FEW) -> None:
        self.data_type, self.rows, self.begun = data_type, rows, begun
        self.values: npt.NDArray[Any] = room(rows, storage(data_type), begun)
        self.valid: npt.NDArray[np.bool_] | None = None
        self.filled = 0

    def put(self, value: npt.NDArray[Any] | Nullable, first: int, last: int) -> None:
        """Copy `value`; rows passed over since the last call are null."""
        if first > self.filled:
            self._validity()[self.filled : first] = False
        if isinstance(value, Nullable):
            self._validity()[first:last] = value.valid
            self.values[first:last] = value.values
        else:
            if self.valid is not None:
                self.valid[first:last] = True
            self.values[first:last] = value
        self.filled = last

    def _validity(self) -> npt.NDArray[np.bool_]:
        if self.valid is None:
            self.valid = room(self.rows, np.bool_, self.begun)
            self.valid[: self.filled] = True
        return self.valid

    def finish(self, count: int) -> pa.Array:
        """An Arrow array over the values, which are handed over."""
        if self.filled < count:
            self._validity()[self.filled : count] = False
        valid = None if self.valid is None else self.valid[:count]
        nulls = 0 if valid is None else count - int(np.count_nonzero(valid))
        bits = pa.py_buffer(np.packbits(valid, bitorder="little")) if valid is not None and nulls else None
        values = self.values[:count]
        if self.data_type == pa.bool_():
            values = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(self.data_type, count, [bits, pa.py_buffer(values)], nulls)


class Interned:
    """Codes of a pool, which become text when the row group is finished."""

    def __init__(self, pool: Pool, rows: int, begun: int = FEW) -> None:
        self.pool = pool
        self.codes = room(rows, np.int32, begun)
        self.filled = 0

    def put(self, value: Codes, first: int, last: int) -> None:
        """Copy the codes; rows passed over since the last call are null."""
        self.codes[self.filled : first] = -1
        self.codes[first:last] = value.codes
        self.filled = last

    def finish(self, count: int) -> pa.Array:
        """dictionary<int32, string> of the addresses that these rows use."""
        self.codes[self.filled : count] = -1
        return self.pool.text(self.codes[:count])


class Words:
    """Words of a list by their number in it, 0 for null; `words` is asked for the list at the end."""

    def __init__(self, words: Callable[[], Sequence[str | None]], rows: int, begun: int = FEW) -> None:
        self.words = words
        self.codes = room(rows, np.int16, begun)

    def put(self, value: npt.NDArray[Any], first: int, last: int) -> None:
        """Copy the numbers."""
        self.codes[first:last] = value

    def finish(self, count: int) -> pa.Array:
        """dictionary<int32, string> of the words that these rows use."""
        codes, known = self.codes[:count], self.words()
        used = np.flatnonzero(np.bincount(codes, minlength=1)) if codes.any() else np.zeros(1, np.int64)
        used = used[used > 0]
        places = np.zeros(int(used[-1]) + 1 if len(used) else 1, np.int32)
        # two numbers may mean the same word, which stands once
        words = [known[code] for code in used.tolist()]
        index = {word: place for place, word in enumerate(dict.fromkeys(words))}
        places[used] = [index[word] for word in words]
        return pa.DictionaryArray.from_arrays(
            pa.array(places[codes], mask=codes == 0), pa.array(list(index), pa.string())
        )


class Arrays:
    """Arrow arrays of any type, put together when the row group is finished."""

    def __init__(self, data_type: pa.DataType, pools: Mapping[str, Pool], *, dictionary: bool) -> None:
        self.data_type, self.pools, self.dictionary = data_type, pools, dictionary
        self.parts: list[pa.Array] = []
        self.filled = 0

    def put(self, value: Any, first: int, last: int) -> None:
        """Keep an array (or codes, made text now); rows passed over since the last call are null."""
        self._pass_over(first)
        if isinstance(value, Codes):
            value = self.pools[value.pool].text(value.codes)
        if pa.types.is_dictionary(value.type):
            value = value.dictionary_decode()
        self.parts.append(value if value.type == self.data_type else value.cast(self.data_type))
        self.filled = last

    def _pass_over(self, first: int) -> None:
        if first > self.filled:
            self.parts.append(empty(self.data_type, first - self.filled))
            self.filled = first

    def finish(self, count: int) -> pa.Array:
        """One array, as a dictionary where the column is stored as one."""
        self._pass_over(count)
        whole = pa.concat_arrays(self.parts) if len(self.parts) != 1 else self.parts[0]
        return whole.dictionary_encode() if self.dictionary else whole


def empty(data_type: pa.DataType, count: int) -> pa.Array:
    """`count` nulls, or empty lists where the type is a list."""
    if pa.types.is_list(data_type):
        offsets = pa.array(np.zeros(count + 1, np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array([], data_type.value_type), type=data_type)
    return pa.nulls(count, data_type)


def storage(data_type: pa.DataType) -> npt.DTypeLike:
    """The NumPy type whose memory is that of an Arrow type of fixed width."""
    if data_type == pa.bool_():
        return np.bool_
    return {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}[data_type.bit_width] if not pa.types.is_floating(
        data_type
    ) else np.float64  # fmt: skip


def slot_for(  # noqa: PLR0913 - what a slot is made of
    value: Any, data_type: pa.DataType, pools: Mapping[str, Pool], rows: int, begun: int, *, dictionary: bool
) -> Slot:
    """The slot that fits the first value of a column, which is of `begun` rows."""
    if isinstance(value, Codes):
        return Interned(pools[value.pool], rows, begun)
    if isinstance(value, np.ndarray | Nullable):
        return Numbers(data_type, rows, begun)
    return Arrays(data_type, pools, dictionary=dictionary)
