"""Bodies: hashes, content codings and their bounds, types by content, storing."""

from __future__ import annotations

import gc
import gzip
import hashlib
import stat
import threading
import tomllib
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from netlake.kernels.http1_body import DROPPED, OVER
from netlake.kernels.http1_state import RUN, Coding
from netlake.layers import content_coding as module
from netlake.layers.contents import Content, Contents
from netlake.layers.magic import type_of
from netlake.sinks.extracted import ExtractedFiles, Limits

DATA = bytes(range(256)) * 300
TYPES = tomllib.loads(Path(__file__).with_name("magic.toml").read_text(encoding="utf-8"))["case"]


def given(contents: Contents, *parts: tuple[int, bytes, int], coding: int = 0, form: bool = False) -> None:
    """Add one batch: parts of bodies, each with its number and how it ends."""
    buffer = contents.buffer(sum(len(data) for _, data, _ in parts))
    runs, at = np.zeros(len(parts), RUN), 0
    for run, (body, data, last) in zip(runs, parts, strict=True):
        buffer[at : at + len(data)] = np.frombuffer(data, np.uint8)
        run["body"], run["start"], run["end"], run["last"] = body, at, at + len(data), last
        run["coding"], run["form"] = coding, form
        at += len(data)
    contents.add(buffer, runs)


def whole(data: bytes, coding: int, pieces: int = 1, **options: object) -> Content:
    """The content of a body that arrives in several batches."""
    contents = Contents(**options)  # type: ignore[arg-type]
    step = -(-len(data) // pieces) or 1
    cuts = [data[at : at + step] for at in range(0, len(data), step)] or [b""]
    for index, part in enumerate(cuts):
        given(contents, (7, part, OVER if index == len(cuts) - 1 else 0), coding=coding)
    (content,) = contents.take([7])
    contents.close()
    return content


def compressed(coding: int) -> bytes:
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    return {
        Coding.GZIP: lambda: gzip.compress(DATA[:1000]) + gzip.compress(DATA[1000:]),
        Coding.DEFLATE: lambda: zlib.compress(DATA),
        -Coding.DEFLATE: lambda: raw.compress(DATA) + raw.flush(),
        Coding.BROTLI: lambda: pa.compress(DATA, "brotli", asbytes=True),
        Coding.ZSTD: lambda: pa.compress(DATA, "zstd", asbytes=True),
    }[coding]()


@pytest.mark.parametrize("pieces", [1, 2, 50])
@pytest.mark.parametrize("coding", [Coding.GZIP, Coding.DEFLATE, -Coding.DEFLATE, Coding.BROTLI, Coding.ZSTD])
def test_codings_are_decoded(coding: int, pieces: int) -> None:
    data = compressed(coding)
    content = whole(data, abs(coding), pieces, hashes=("md5", "sha1"))
    assert not content.broken
    assert (content.size, content.content_size) == (len(data), len(DATA))
    assert content.sha256 == hashlib.sha256(data).hexdigest()
    assert content.hashes == {name: hashlib.new(name, DATA).hexdigest() for name in ("md5", "sha1", "sha256")}
    assert content.first == DATA[:512]


@pytest.mark.parametrize("coding", [Coding.GZIP, Coding.DEFLATE, Coding.BROTLI, Coding.ZSTD])
def test_bodies_that_are_not_what_their_coding_says(coding: int) -> None:
    for pieces in (1, 5):
        plain = whole(b"\xff no coding at all", coding, pieces)
        assert plain.broken
        assert plain.hashes["sha256"] == hashlib.sha256(b"\xff no coding at all").hexdigest()
    cut = whole(compressed(coding)[:-3], coding, 3)
    assert cut.broken
    assert cut.content_size <= len(DATA)


GZIP = gzip.compress(DATA, mtime=0)
EXTRA = GZIP[:3] + b"\x1e" + GZIP[4:10] + b"\x03\x00\x00\x00\x00name\0comment\0\x12\x34" + GZIP[10:]
MEMBERS = {
    "as zlib writes it": (GZIP, False),
    "with all parts of a header": (EXTRA, False),
    "reserved flags": (GZIP[:3] + b"\xe0" + GZIP[4:], True),
    "wrong CRC": (GZIP[:-8] + b"\0\0\0\0" + GZIP[-4:], True),
    "wrong size": (GZIP[:-4] + b"\0\0\0\0", True),
    "without its size": (GZIP[:-4], True),
    "without check values": (GZIP[:-8], True),
    "the first of two is wrong": (GZIP[:-4] + b"\0\0\0\0" + gzip.compress(b""), True),
}


@pytest.mark.parametrize("pieces", [1, 3, 1000])
@pytest.mark.parametrize(("data", "broken"), MEMBERS.values(), ids=MEMBERS)
def test_members_of_gzip_are_decoded_whatever_their_check_values(data: bytes, broken: bool, pieces: int) -> None:  # noqa: FBT001
    content = whole(data, Coding.GZIP, pieces)
    assert content.hashes["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert content.broken is broken


WRONG = {
    "at its beginning": b"\xff" + GZIP,
    "no method of gzip": b"\x1f\x8b\x07" + GZIP,
    "in its first block": GZIP[:10] + b"\xff" + bytes(5000),
    "in its data": GZIP[: len(GZIP) // 2] + b"\xff" * 5000,
    "behind a block without data": GZIP[:10] + b"\0\0\0\xff\xff" + b"\xff" * 100,
    "far behind blocks without data": GZIP[:10] + b"\0\0\0\xff\xff" * 1000 + b"\xff" * 100,
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_is_decoded_before_an_error_does_not_depend_on_pieces(data: bytes) -> None:
    several = [whole(data, Coding.GZIP, pieces) for pieces in (1, 2, 7, 100, len(data))]
    assert all(one.broken for one in several)
    assert len({(one.content_size, one.hashes["sha256"]) for one in several}) == 1


def test_a_header_of_gzip_without_end_is_no_gzip() -> None:
    data = GZIP[:3] + b"\x08" + GZIP[4:10] + b"x" * (module.MOST_HEADER + 1)
    content = whole(data, Coding.GZIP, 10)
    assert (content.broken, content.content_size) == (True, 0)


@pytest.mark.parametrize("coding", [Coding.GZIP, Coding.ZSTD])
def test_decoding_is_bounded_by_its_ratio(coding: int) -> None:
    zeros = bytes(64 << 20)
    data = gzip.compress(zeros) if coding == Coding.GZIP else pa.compress(zeros, "zstd", asbytes=True)
    content = whole(data, coding, 3)
    assert content.broken
    assert content.content_size <= max(module.MOST_SMALL, module.RATIO * len(data)) + module.STEP


def test_decoding_is_bounded_for_all_bodies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 400)
    monkeypatch.setattr(module, "MOST_DECODERS", 2)
    contents = Contents()
    data = pa.compress(DATA, "zstd", asbytes=True)
    assert 200 < len(data) < 400
    given(contents, (1, data[:-1], 0), (2, data[:-1], 0), (3, b"x", 0), coding=Coding.ZSTD)
    given(contents, (1, data[-1:], OVER), (2, data[-1:], OVER), (3, b"", DROPPED), coding=Coding.ZSTD)
    assert [content.broken for content in contents.take([1, 2])] == [False, True]
    assert (contents.worker.kept.bytes, contents.worker.kept.decoders) == (0, 0)
    contents.close()


def test_bodies_of_one_batch_are_apart() -> None:
    contents = Contents()
    given(contents, (1, b"a", 0), (2, b"b", OVER), (1, b"c", 0))
    given(contents, (1, b"d", OVER))
    assert [content.sha256 for content in contents.take([1, 2])] == [
        hashlib.sha256(data).hexdigest() for data in (b"acd", b"b")
    ]
    assert contents.take([9]) == [Content()]
    contents.close()


def test_the_thread_ends_with_its_owner() -> None:
    contents = Contents()
    given(contents, (1, b"a", 0))
    thread = contents.thread
    assert thread is not None
    del contents
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
    assert thread not in threading.enumerate()


class Broken:
    """A store that fails."""

    def begin(self) -> object:
        raise OSError("no store")


def test_errors_of_the_thread_are_raised() -> None:
    contents = Contents(store=Broken())  # type: ignore[arg-type]
    given(contents, (1, b"a", OVER))
    with pytest.raises(OSError, match="no store"):
        contents.take([1])
    contents.close()


@pytest.mark.parametrize("case", TYPES, ids=lambda case: case["type"])
def test_types_by_content(case: dict[str, str]) -> None:
    data = bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()
    found = type_of(bytes(case.get("at", 0)) + data)
    assert found == (None if case["type"] == "unknown" else case["type"])


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_contents_are_stored_by_hash(tmp_path: Path) -> None:
    """Decoded; equal ones once; nothing of them in the name; an empty one not at all."""
    folder = tmp_path / "files"
    files = ExtractedFiles(folder)
    large = DATA * 2
    contents = Contents(store=files)
    given(contents, (1, b"a", OVER), (2, b"a", OVER), (3, b"", OVER), (4, large[:5000], 0), (5, b"never ends", 0))
    given(contents, (4, large[5000:], OVER))
    given(contents, (6, gzip.compress(b"inner"), OVER), coding=Coding.GZIP)
    results = contents.take([1, 2, 3, 4, 6])
    assert [content.stored for content in results] == [True, True, False, True, True]
    contents.close()
    assert stored(folder) == {digest(data): data for data in (b"a", large, b"inner")}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (files.counts["stored"], files.counts["equal"]) == (3, 1)
    assert files.used == 1 + len(large) + len(b"inner")


def test_quotas(tmp_path: Path) -> None:
    """A content that is too large leaves nothing; the next one has its room."""
    files = ExtractedFiles(tmp_path / "f", Limits(file_bytes=40_000, all_bytes=50_000, files=2))
    contents = Contents(store=files)
    given(contents, (1, bytes(50_000), OVER), (2, b"b" * 40_000, OVER), (3, b"c" * 20_000, OVER), (4, b"d", OVER))
    given(contents, (5, b"e", OVER))
    assert [content.stored for content in contents.take(range(1, 6))] == [False, True, False, True, False]
    contents.close()
    assert set(stored(files.folder)) == {digest(b"b" * 40_000), digest(b"d")}
    assert files.counts["over_limit"] == 3


def test_files_are_not_written_through_links(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    files = ExtractedFiles(tmp_path / "f")
    part = files.begin()
    part.path.symlink_to(target)
    part.write(b"x")
    assert not part.end(digest(b"x"))
    assert target.read_bytes() == b""
    assert files.counts["failed"] == 1
