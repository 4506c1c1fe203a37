"""Entropy against its definition."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.kernels.entropy import entropy


def plain(data: bytes) -> float:
    return -sum(n / len(data) * math.log2(n / len(data)) for n in Counter(data).values())


def of(data: bytes, ranges: list[tuple[int, int]]) -> list[float]:
    result = np.full(len(ranges), -1.0)
    start, end = np.array(ranges, np.int64).reshape(-1, 2).T.copy()
    entropy(np.frombuffer(data, np.uint8).copy(), start, end, np.zeros(256, np.int64), result)
    return result.tolist()


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_entropy_equals_its_definition(parts: list[bytes]) -> None:
    ends = np.cumsum([len(part) for part in parts]).tolist()
    ranges = [(end - len(part), end) for part, end in zip(parts, ends, strict=True)]
    assert of(b"".join(parts), ranges) == pytest.approx([plain(part) for part in parts], abs=1e-9)


def test_bounds_of_entropy() -> None:
    assert of(bytes(range(256)), [(0, 256)]) == [8.0]
    assert of(bytes(256), [(0, 256), (0, 0), (-1, 5), (0, 257)]) == [0.0, 0.0, 0.0, 0.0]
