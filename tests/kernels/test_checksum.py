"""The Internet checksum against RFC 1071's own example and a plain sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.kernels.checksum import internet_sum


def plain(data: bytes) -> int:
    padded = data + bytes(len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def sums(data: bytes, ranges: list[tuple[int, int]]) -> list[int]:
    result = np.full(len(ranges), -1, np.int32)
    start, end = np.array(ranges, np.int64).reshape(-1, 2).T.copy()
    internet_sum(np.frombuffer(data, np.uint8).copy(), start, end, result)
    return result.tolist()


def test_example_of_rfc_1071() -> None:
    assert sums(bytes.fromhex("0001f203f4f5f6f7"), [(0, 8)]) == [0xDDF2]


@given(st.binary(max_size=80), st.integers(0, 80), st.integers(0, 80))
def test_sum_equals_the_plain_sum(data: bytes, first: int, second: int) -> None:
    start, end = sorted((min(first, len(data)), min(second, len(data))))
    assert sums(data, [(start, end), (0, len(data))]) == [plain(data[start:end]), plain(data)]


@pytest.mark.parametrize("outside", [(-2, 4), (0, 9), (9, 12), (5, 2)])
def test_range_outside_the_data_is_not_read(outside: tuple[int, int]) -> None:
    assert sums(b"\xff" * 8, [outside]) == [0]
