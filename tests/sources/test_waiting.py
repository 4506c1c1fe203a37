"""Batches of a stream that trickles: with `max_wait` what has arrived is returned, without it a batch is filled."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import threading
import time
import zlib

import pyarrow as pa
import pytest

from netlake.sources import as_one, open_capture

WAIT = 0.3


def pieces(writer, form):
    """A file's header with three packets, then one packet in two halves, then two more."""
    one = [writer.Packet(bytes([number]) * 60, number * 10**6) for number in range(6)]
    if form == "pcap":
        head, records = writer.pcap_header(), [writer.record(packet) for packet in one]
    else:
        head, records = writer.section() + writer.interface(), [writer.packet_block(packet) for packet in one]
    return [head + b"".join(records[:3]), records[3][:20], records[3][20:], records[4] + records[5]]


class Trickle:
    """Writes pieces to a named pipe: each when `step` is called."""

    def __init__(self, path, content):
        os.mkfifo(path)
        self.left, self.steps = list(content), threading.Semaphore(0)
        self.thread = threading.Thread(target=self.write, args=(path,), daemon=True)
        self.thread.start()

    def write(self, path):
        # a reader may be closed before the last piece
        with path.open("wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
            for piece in self.left:
                self.steps.acquire()
                pipe.write(piece)

    def step(self, count=1):
        self.steps.release(count)


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("packed", ["plain", "gzip"])
def test_batch_ends_when_its_time_is_over(writer, tmp_path, form, packed):
    content = pieces(writer, form)
    if packed == "gzip":
        packer = zlib.compressobj(wbits=31)
        content = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in content]
        content[-1] += packer.flush()
    trickle = Trickle(tmp_path / "pipe", content)
    trickle.step()
    with open_capture(tmp_path / "pipe") as source:
        batches = source.batches(100, max_wait=WAIT)
        began = time.monotonic()
        first = next(batches)
        assert first.count == 3
        assert WAIT * 0.9 <= time.monotonic() - began < 20 * WAIT
        trickle.step()  # half a packet is no packet: the next batch waits for its first
        threading.Timer(WAIT, trickle.step).start()
        second = next(batches)
        assert (second.count, second.number[0]) == (1, 4)
        assert second.data[second.start[0] : second.start[0] + 60].tobytes() == bytes([3]) * 60
        trickle.step()
        assert [batch.count for batch in batches] == [2]
        assert (source.packets, source.problems) == (6, [])
        assert source.sha256 is not None


@pytest.mark.parametrize("packed", ["plain", "gzip", "bzip2", "xz", "zstd", "lz4"])
def test_packets_of_a_stream_appear_as_they_arrive(writer, tmp_path, packed):
    """Of zstd and lz4 a packet may wait for the 256 bytes that follow it."""
    packets = [writer.Packet(bytes([number]) * 600, number) for number in range(4)]
    content = [writer.pcap_header() + b"".join(map(writer.record, packets[:3])), writer.record(packets[3])]
    packers = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "plain": bytes}
    pack = packers.get(packed, lambda data: pa.compress(data, "lz4" if packed == "lz4" else packed, asbytes=True))
    trickle = Trickle(tmp_path / "pipe", [pack(piece) for piece in content])
    trickle.step()
    timer = threading.Timer(30, trickle.step)  # so that a reader that waits for more ends
    timer.start()
    with open_capture(tmp_path / "pipe") as source:
        batches = source.batches(2)
        assert next(batches).count == 2
        assert timer.is_alive()
        timer.cancel()
        trickle.step()
        assert [batch.count for batch in batches] == [2]
        assert source.problems == []


def test_full_batch_is_returned_without_waiting(writer, tmp_path):
    trickle = Trickle(tmp_path / "pipe", pieces(writer, "pcap"))
    trickle.step()
    with open_capture(tmp_path / "pipe") as source:
        began = time.monotonic()
        assert next(source.batches(3, max_wait=60.0)).count == 3
        assert time.monotonic() - began < 30
        trickle.step(3)


def test_without_max_wait_a_batch_is_filled(writer, tmp_path):
    trickle = Trickle(tmp_path / "pipe", pieces(writer, "pcap"))
    trickle.step()
    threading.Timer(WAIT, trickle.step, (3,)).start()
    with open_capture(tmp_path / "pipe") as source:
        assert [batch.count for batch in source.batches(100)] == [6]


def test_busy_stream_ends_a_batch_at_its_time(writer, tmp_path):
    """Bytes that arrive all the time do not prolong a batch."""
    packet = writer.record(writer.Packet(bytes(60), 0))
    trickle = Trickle(tmp_path / "pipe", [writer.pcap_header(), *[packet] * 400])
    trickle.step()
    busy = threading.Event()

    def feed():
        for _ in range(400):
            trickle.step()
            busy.wait(0.01)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open_capture(tmp_path / "pipe") as source:
        first = next(batches := source.batches(1000, max_wait=WAIT))
        assert 1 <= first.count < 400
        busy.set()
        assert first.count + sum(batch.count for batch in batches) == 400
    feeder.join()


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
def test_files_ignore_max_wait(writer, tmp_path, compress):
    path = tmp_path / "file"
    path.write_bytes(compress(b"".join(pieces(writer, "pcapng"))))
    for source in (open_capture(path), as_one([path])):
        with source:
            assert [batch.count for batch in source.batches(4, max_wait=0.0)] == [4, 2]


def test_members_of_gzip_that_arrive_in_parts(writer, tmp_path):
    """A wait that ends between two members loses no byte of the second."""
    content = pieces(writer, "pcap")
    first, second = gzip.compress(content[0]), gzip.compress(b"".join(content[1:]))
    trickle = Trickle(tmp_path / "pipe", [first, second[:1], second[1:]])
    trickle.step(2)
    with open_capture(tmp_path / "pipe") as source:
        batches = source.batches(100, max_wait=WAIT)
        assert next(batches).count == 3
        trickle.step()
        assert [batch.count for batch in batches] == [3]
        assert source.problems == []
