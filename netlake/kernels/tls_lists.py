"""Gather spans of bytes and of numbers into the arrays of Arrow."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.dns import SPAN  # noqa: F401 - in signatures
from netlake.kernels.stream_arena import copy


@kernel("int64(SPAN[:])")
def measure(spans):
    """The sum of the sizes of `spans`; a negative start is null."""
    size = 0
    for index in range(spans.size):
        if spans[index].start >= 0:
            size += spans[index].end - spans[index].start
    return size


@kernel("void(uint8[::1], SPAN[:], int32[::1], uint8[::1])")
def gather_bytes(data, spans, offsets, out):
    """Copy the bytes of `spans` to `out`, in order; `offsets` (n + 1) become Arrow's."""
    used = 0
    for index in range(spans.size):
        offsets[index] = used
        start = spans[index].start
        if start >= 0:
            copy(data, start, spans[index].end - start, out, used)
            used += spans[index].end - start
    offsets[spans.size] = used


@kernel("void(int32[::1], SPAN[:], int32[::1], int32[::1])")
def gather_numbers(numbers, spans, offsets, out):
    """Copy the numbers of `spans`, which are not null, to `out`, in order; `offsets` (n + 1) become Arrow's."""
    used = 0
    for index in range(spans.size):
        offsets[index] = used
        for at in range(spans[index].start, spans[index].end):
            out[used] = numbers[at]
            used += 1
    offsets[spans.size] = used
