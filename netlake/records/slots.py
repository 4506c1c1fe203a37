"""Slots: the values of one column of a row group until it is written.

The kind of slot follows from the first value of the column in the row group (`slot_for`):

| slot | values | memory |
|---|---|---|
| NumberSlot | numbers, booleans, times; arrays or Nullable | an array of ROWS values; validity once one is null |
| CodeSlot | codes of a pool | an array of ROWS codes; text when the row group is written |
| WordSlot | numbers of words of a list, such as faults and stacks | an array of ROWS numbers; text at the end |
| ArrowSlot | everything else: text, bytes, lists, structs | the Arrow arrays of each batch, concatenated at the end |

A column that a batch does not have is null (a list: empty) in its rows; each slot tracks up to which row it is filled.

Why preallocated arrays: copying into them costs 200 to 300 us of Python per batch for all tables. An Arrow array for
each batch and column would cost twice that.
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
    """The values of one column; a row without a value is null."""

    def put(self, value: Any, first: int, last: int) -> None:
        """Add the values of rows `first` to `last` (exclusive); `first` never decreases."""

    def finish(self, count: int) -> pa.Array:
        """The first `count` rows as an Arrow array; called once."""


# a table whose first batch in a row group has fewer rows than this is rare: its arrays are filled slowly and kept long
FEW = 8192


def room(rows: int, dtype: npt.DTypeLike, begun: int = FEW) -> npt.NDArray[Any]:
    """An array of zeros; for a rare table (`begun` < FEW) in memory pages that no other array shares.

    Arrays of rare tables are kept for the whole capture, those of common tables for a moment. Allocated from one heap
    they fragment it: 0.2 GiB more on 4 million packets. Separate pages for all arrays would take a tenth of the time of
    decoding.
    """
    if begun >= FEW:
        return np.zeros(rows, dtype)
    return np.frombuffer(mmap.mmap(-1, max(1, rows) * np.dtype(dtype).itemsize), dtype)[:rows]


class NumberSlot:
    """Numbers, booleans and times, in an array of the stored type; `valid` is None until a row is null."""

    def __init__(self, data_type: pa.DataType, rows: int, begun: int = FEW) -> None:
        self.data_type, self.rows, self.begun = data_type, rows, begun
        self.values: npt.NDArray[Any] = room(rows, storage(data_type), begun)
        self.valid: npt.NDArray[np.bool_] | None = None
        self.filled = 0

    def put(self, value: npt.NDArray[Any] | Nullable, first: int, last: int) -> None:
        """Copy `value`; rows between the last call and `first` are null."""
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
        """An Arrow array that shares the memory of the values."""
        if self.filled < count:
            self._validity()[self.filled : count] = False
        valid = None if self.valid is None else self.valid[:count]
        nulls = 0 if valid is None else count - int(np.count_nonzero(valid))
        bits = pa.py_buffer(np.packbits(valid, bitorder="little")) if valid is not None and nulls else None
        values = self.values[:count]
        if self.data_type == pa.bool_():
            values = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(self.data_type, count, [bits, pa.py_buffer(values)], nulls)


class CodeSlot:
    """Codes of a pool, converted to text when the row group is written."""

    def __init__(self, pool: Pool, rows: int, begun: int = FEW) -> None:
        self.pool = pool
        self.codes = room(rows, np.int32, begun)
        self.filled = 0

    def put(self, value: Codes, first: int, last: int) -> None:
        """Copy the codes; rows between the last call and `first` are null."""
        self.codes[self.filled : first] = -1
        self.codes[first:last] = value.codes
        self.filled = last

    def finish(self, count: int) -> pa.Array:
        """dictionary<int32, string> with the addresses of these rows only."""
        self.codes[self.filled : count] = -1
        return self.pool.text(self.codes[:count])


class WordSlot:
    """Numbers of words in a list, 0 for null; `words()` returns the list, which may grow until `settle` is called."""

    def __init__(self, words: Callable[[], Sequence[str | None]], rows: int, begun: int = FEW) -> None:
        self.words = words
        self.known: Sequence[str | None] = ()
        self.codes = room(rows, np.int16, begun)

    def put(self, value: npt.NDArray[Any], first: int, last: int) -> None:
        """Copy the numbers."""
        self.codes[first:last] = value

    def settle(self) -> None:
        """Take the list of words now, in the thread that decodes: `finish` runs in another one while the list grows."""
        self.known = self.words()

    def finish(self, count: int) -> pa.Array:
        """dictionary<int32, string> with the words of these rows only; call `settle` before."""
        codes, known = self.codes[:count], self.known
        used = np.flatnonzero(np.bincount(codes, minlength=1)) if codes.any() else np.zeros(1, np.int64)
        used = used[used > 0]
        places = np.zeros(int(used[-1]) + 1 if len(used) else 1, np.int32)
        # several numbers may be the same word, which is in the dictionary once
        words = [known[code] for code in used.tolist()]
        index = {word: place for place, word in enumerate(dict.fromkeys(words))}
        places[used] = [index[word] for word in words]
        return pa.DictionaryArray.from_arrays(
            pa.array(places[codes], mask=codes == 0), pa.array(list(index), pa.string())
        )


class ArrowSlot:
    """Arrow arrays of any type, concatenated when the row group is written."""

    def __init__(self, data_type: pa.DataType, pools: Mapping[str, Pool], *, dictionary: bool) -> None:
        self.data_type, self.pools, self.dictionary = data_type, pools, dictionary
        self.parts: list[pa.Array] = []
        self.filled = 0

    def put(self, value: Any, first: int, last: int) -> None:
        """Add an array, numbers, or codes as text; rows between the last call and `first` are null."""
        self._fill_to(first)
        if isinstance(value, np.ndarray | Nullable):
            # an earlier batch had an Arrow array of numbers
            numbers = NumberSlot(self.data_type, last - first)
            numbers.put(value, 0, last - first)
            value = numbers.finish(last - first)
        if isinstance(value, Codes):
            value = self.pools[value.pool].text(value.codes)
        if pa.types.is_dictionary(value.type):
            value = value.dictionary_decode()
        self.parts.append(value if value.type == self.data_type else value.cast(self.data_type))
        self.filled = last

    def _fill_to(self, first: int) -> None:
        if first > self.filled:
            self.parts.append(empty(self.data_type, first - self.filled))
            self.filled = first

    def finish(self, count: int) -> pa.Array:
        """One array, dictionary-encoded if the column is stored as a dictionary."""
        self._fill_to(count)
        whole = pa.concat_arrays(self.parts) if len(self.parts) != 1 else self.parts[0]
        return whole.dictionary_encode() if self.dictionary else whole


def empty(data_type: pa.DataType, count: int) -> pa.Array:
    """`count` nulls, or `count` empty lists if the type is a list."""
    if pa.types.is_list(data_type):
        offsets = pa.array(np.zeros(count + 1, np.int32))
        return pa.ListArray.from_arrays(offsets, pa.array([], data_type.value_type), type=data_type)
    return pa.nulls(count, data_type)


def storage(data_type: pa.DataType) -> npt.DTypeLike:
    """The NumPy type with the memory layout of an Arrow type of fixed width."""
    if data_type == pa.bool_():
        return np.bool_
    return {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}[data_type.bit_width] if not pa.types.is_floating(
        data_type
    ) else np.float64  # fmt: skip


def slot_for(  # noqa: PLR0913 - the arguments of all kinds of slots
    value: Any, data_type: pa.DataType, pools: Mapping[str, Pool], rows: int, begun: int, *, dictionary: bool
) -> Slot:
    """A slot for a column whose first value, of `begun` rows, is `value`."""
    if isinstance(value, Codes):
        return CodeSlot(pools[value.pool], rows, begun)
    if isinstance(value, np.ndarray | Nullable):
        return NumberSlot(data_type, rows, begun)
    return ArrowSlot(data_type, pools, dictionary=dictionary)
