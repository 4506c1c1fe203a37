"""Compressed captures: recognized by content, unpacked in bounded memory, in members, truncated, damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import threading

import pyarrow as pa
import pytest

from netlake.errors import InputError
from netlake.sources import open_capture


def arrow(name):
    def pack(data):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, name) as out:
            out.write(data)
        return sink.getvalue().to_pybytes()

    return pack


PACK = {
    "gzip": lambda data: gzip.compress(data, 1),
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": arrow("zstd"),
    "lz4": arrow("lz4"),
}


def capture(writer, count=300, form="pcap"):
    rng = random.Random(3)  # noqa: S311
    packets = [writer.Packet(rng.randbytes(50) + bytes(rng.randrange(900)), i) for i in range(count)]
    return packets, getattr(writer, form)(packets)


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("name", PACK)
def test_compression_is_recognized_by_content(writer, read, name, form):
    packets, content = capture(writer, form=form)
    got, source = read(PACK[name](content))
    assert [p.data for p in got] == [p.data for p in packets]
    assert (source.problems, source.compression) == ([], name)
    assert source.bytes_read == source.size


@pytest.mark.parametrize("name", PACK)
def test_all_members_are_read(writer, read, name):
    packets, content = capture(writer)
    middle = len(content) // 3
    got, source = read(PACK[name](content[:middle]) + PACK[name](content[middle:]))
    assert [p.data for p in got] == [p.data for p in packets]
    assert source.problems == []


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz"])
def test_zeros_after_the_last_member_are_padding(writer, read, name):
    packets, content = capture(writer)
    got, source = read(PACK[name](content) + bytes(64))
    assert (len(got), source.problems) == (len(packets), [])


@pytest.mark.parametrize("name", PACK)
def test_other_data_after_the_last_member_is_a_problem(writer, read, name):
    packets, content = capture(writer)
    got, source = read(PACK[name](content) + b"something else")
    assert len(got) == len(packets)
    assert [p.partial for p in source.problems] == [True]


def unpacked_before(name, data):
    """How many bytes a decoder of the same kind gives before the cut, fed as slowly as it goes."""
    if name in ("zstd", "lz4"):
        stream, count = pa.CompressedInputStream(pa.BufferReader(data), name), 0
        try:
            while stream.read(1):
                count += 1
        except OSError:
            pass
        return count
    if name == "gzip":
        import zlib

        return len(zlib.decompressobj(31).decompress(data))
    return len({"bzip2": bz2.BZ2Decompressor, "xz": lzma.LZMADecompressor}[name]().decompress(data))


@pytest.mark.parametrize("name", PACK)
@pytest.mark.parametrize("part", [0.35, 0.7, 0.97])
def test_truncated_stream_keeps_every_whole_packet(writer, read, name, part):
    packets, content = capture(writer, 3000)
    packed = PACK[name](content)
    cut = packed[: int(len(packed) * part)]
    there = unpacked_before(name, cut)
    ends, at = [], 24
    for packet in packets:
        at += 16 + len(packet.data)
        ends.append(at)
    if there == 0:
        with pytest.raises(InputError, match="cannot be unpacked"):
            read(cut)
        return
    got, source = read(cut)
    assert len(got) == sum(end <= there for end in ends)
    assert [p.data for p in got] == [p.data for p in packets[: len(got)]]
    reasons = " ".join(p.reason for p in source.problems)
    assert f"could only be unpacked up to byte {there}: " in reasons
    assert all(p.partial for p in source.problems)


@pytest.mark.parametrize("name", PACK)
def test_damage_keeps_the_packets_before_it(writer, read, name):
    packets, content = capture(writer, 3000)
    packed = bytearray(PACK[name](content))
    for at in range(len(packed) // 2, len(packed) // 2 + 64):
        packed[at] ^= 0x5A
    try:
        got, source = read(bytes(packed))
    except InputError as error:
        assert any(words in str(error) for words in ("cannot be unpacked", "is not a capture"))  # noqa: PT017 - or none
        assert name == "bzip2"  # whose one block is all or nothing
        return
    same = [p.data for p in got] == [p.data for p in packets]
    assert same or any(p.partial for p in source.problems)
    assert len(got) > 500


# the place of a checksum over all that was packed, from the end
CHECKSUM = {"gzip": -8, "bzip2": -3, "xz": -12 - 8 - 8}


@pytest.mark.parametrize("name", CHECKSUM)
@pytest.mark.parametrize("count", [10, 3000])
def test_wrong_checksum_loses_no_packet(writer, read, name, count):
    packets, content = capture(writer, count)
    packed = bytearray(PACK[name](content))
    packed[CHECKSUM[name]] ^= 1
    got, source = read(bytes(packed))
    assert [p.data for p in got] == [p.data for p in packets]
    assert [p.partial for p in source.problems] == [True]
    assert f"could only be unpacked up to byte {len(content)}: " in source.problems[0].reason


@pytest.mark.parametrize("name", PACK)
def test_problems_name_offsets_of_the_unpacked_stream(writer, read, name):
    _, content = capture(writer, 10)
    _, source = read(PACK[name](content[:-1]))
    assert "the file ends within the record at byte " in source.problems[0].reason
    assert "(Bytes are those of the unpacked " in source.problems[0].reason


@pytest.mark.parametrize("name", PACK)
def test_compressed_file_that_is_not_a_capture_is_refused(read, name):
    with pytest.raises(InputError, match=r"unpacked from \w+, is not a capture"):
        read(PACK[name](b"hello, this is a letter"))
    with pytest.raises(InputError, match=r"cannot be unpacked|is empty after unpacking"):
        read(PACK[name](b""))


@pytest.mark.parametrize("name", PACK)
def test_compressed_pipe_is_read(writer, tmp_path, collected, name):
    packets, content = capture(writer, 2000)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(PACK[name](content),))
    thread.start()
    with open_capture(path) as source:
        got = collected(source)
        assert source.sha256 is not None
    thread.join()
    assert [p.data for p in got] == [p.data for p in packets]
    assert (source.size, source.problems) == (None, [])
