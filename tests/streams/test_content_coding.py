"""Content codings: what a body decodes to depends on its bytes only, not on the pieces in which they arrive."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels.http1_state import Coding
from netlake.layers.content_coding import BLOCK, Decoder, Kept

WINDOW_BITS = {"gzip": 31, "deflate": 15, "raw deflate": -15}
# longer than several blocks when compressed
CONTENT = random.Random(1).randbytes(3 * BLOCK) + b"text " * 1000  # noqa: S311


def coded(name: str, content: bytes) -> bytes:
    return zlib.compress(content, wbits=WINDOW_BITS[name])


def decoded(coding: int, body: bytes, sizes: list[int]) -> tuple[bytes, bool]:
    """The content of a body in pieces of these sizes, repeated, and whether it is broken."""
    kept = Kept()
    decoder, found, at, piece = Decoder(coding, kept), bytearray(), 0, 0
    while at < len(body):
        size = sizes[piece % len(sizes)]
        found += b"".join(decoder.decode(memoryview(body)[at : at + size]))
        at, piece = at + size, piece + 1
    found += b"".join(decoder.end())
    assert (kept.bytes, kept.decoders) == (0, 0)
    return bytes(found), decoder.broken


PIECES = ([1 << 20], [BLOCK], [BLOCK - 1], [BLOCK + 1, 1, 700], [1460], [13])


@pytest.mark.parametrize("name", WINDOW_BITS)
@pytest.mark.parametrize("sizes", PIECES, ids=str)
def test_whole_body(name: str, sizes: list[int]) -> None:
    coding = Coding.GZIP if name == "gzip" else Coding.DEFLATE
    assert decoded(coding, coded(name, CONTENT), sizes) == (CONTENT, False)


@pytest.mark.parametrize("size", [*range(BLOCK - 30, BLOCK + 3), 0, 1, 100, 2 * BLOCK])
@pytest.mark.parametrize("sizes", PIECES[:4], ids=str)
def test_several_members_that_end_around_a_block(size: int, sizes: list[int]) -> None:
    """What is behind the last member is not content, and no fault."""
    contents = [CONTENT[:size], b"second", b""]
    body = b"".join(coded("gzip", one) for one in contents)
    assert decoded(Coding.GZIP, body, sizes) == (b"".join(contents), False)
    assert decoded(Coding.GZIP, body + b"\0", sizes) == (b"".join(contents), False)


@pytest.mark.parametrize("sizes", PIECES, ids=str)
def test_wrong_checksum_leaves_the_content(sizes: list[int]) -> None:
    body = bytearray(coded("gzip", CONTENT))
    body[-5] ^= 1
    assert decoded(Coding.GZIP, bytes(body), sizes) == (CONTENT, True)


def test_error_keeps_what_is_before_it() -> None:
    """A stored block in which a length is wrong, behind a whole one."""
    whole = zlib.compressobj(0, wbits=-15)
    body = whole.compress(b"first") + whole.flush(zlib.Z_FULL_FLUSH)
    assert decoded(Coding.DEFLATE, body + b"\x01\x05\x00\x00\x00hello", [1 << 20]) == (b"first", True)


@pytest.mark.parametrize("body", [b"", b"\x1f", b"\x78", b"\x1f\x8b", b"plain text"], ids=repr)
@pytest.mark.parametrize("coding", [Coding.GZIP, Coding.DEFLATE])
def test_no_coded_content_is_broken(coding: int, body: bytes) -> None:
    assert decoded(coding, body, [1 << 20]) == (b"", True)
    assert decoded(coding, body, [1]) == (b"", True)


@given(
    name=st.sampled_from(sorted(WINDOW_BITS)), seed=st.integers(0, 1 << 30), size=st.integers(0, 3 * BLOCK),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=2),
    sizes=st.lists(st.integers(1, BLOCK + 10), min_size=1, max_size=5),
)  # fmt: skip
@settings(deadline=None, max_examples=150)
def test_pieces_change_nothing(
    name: str, seed: int, size: int, changes: list[tuple[float, int]], sizes: list[int]
) -> None:
    rng = random.Random(seed)  # noqa: S311
    body = bytearray(coded(name, bytes(rng.choices(b"abcd" if seed % 2 else range(256), k=size))))
    for place, value in changes:
        body[int(place * len(body))] = value
    coding = Coding.GZIP if name == "gzip" else Coding.DEFLATE
    assert decoded(coding, bytes(body), sizes) == decoded(coding, bytes(body), [1 << 20])
