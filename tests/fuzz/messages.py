"""The targets of what is not a stream: messages of every table, frames, and files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from netlake.packets import Messages
from netlake.pipeline.decoder import Decoder, Options
from netlake.sinks.memory import MemorySink
from tests.fuzz.mutate import bytes_changed, messages_changed
from tests.layers.build import batch
from tests.messages import NO_PORTS
from tests.robust.survive import decoded
from tests.test_protocols import JOINED, Case, Layer, filled, messages, read_rows
from tests.test_protocols import READ as READABLE

READ = sorted(READABLE)
HEAD = struct.Struct("<HHHqB")  # table, ports + 1, hint, missing bytes
AROUND = b"\xff" * 64
# bytes of a message, at most
MOST = 1 << 15


def packed(case: Case) -> bytes:
    """A case as an input of the target `readers`."""
    ports = [(port + 1) & 0xFFFF for port in case.layer.ports]
    return HEAD.pack(READ.index(case.table), *ports, case.layer.hint, min(case.missing, 255)) + case.data


class ReaderTarget:
    """Messages of each table that is read from packets: no failure, and no byte beside the message is read."""

    name = "readers"

    def change(self, data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
        """Another message, mostly of the same table; often with a part of another message of that table."""
        if len(data) < HEAD.size:
            return chance.choice(seeds)
        head = bytearray(data[: HEAD.size])
        if chance.random() < 0.05:
            head[-1] = chance.choice((0, 1, 40))
        if chance.random() < 0.05:
            head[:2] = struct.pack("<H", chance.randrange(len(READ)))
        alike = [seed[HEAD.size :] for seed in seeds if seed[:2] == data[:2]]
        return bytes(head) + messages_changed(data[HEAD.size :], alike, chance)[:MOST]

    def run(self, data: bytes) -> None:
        """Read a message alone, and among others."""
        if len(data) < HEAD.size:
            return
        table, source, destination, hint, missing = HEAD.unpack(data[: HEAD.size])
        name, payload = READ[table % len(READ)], data[HEAD.size :]
        ports = (source - 1, destination - 1) if source and destination else NO_PORTS
        layer, parts = Layer(ports, hint), [(payload, missing)]
        alone = _first(name, messages(parts, layer), layer)
        around = _first(name, messages(parts, layer, AROUND), layer)
        assert alone == around, f"{name}: bytes beside the message are read"
        if name not in JOINED:
            others = _first(name, messages([parts[0], (b"", 0), (payload[:-1], 1)], layer), layer)
            assert others == alone, f"{name}: rows depend on other messages"


def _first(table: str, found: Messages, layer: Layer) -> list[dict[str, Any]]:
    """The rows of the first message, without columns that have no value."""
    return [filled(row) for row in read_rows(table, found, layer)[0]]


class PacketTarget:
    """Frames through the whole decoder: no failure, and the same rows in any batches."""

    name = "packets"

    def change(self, data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
        """Other frames: one of them changed, or their order, or the link type."""
        from tests.fuzz.seeds import packed_frames

        _, link_type, frames = _frames(data)
        _, _, others = _frames(chance.choice(seeds))
        at = chance.randrange(len(frames) + 1)
        draw = chance.random()
        if draw < 0.6 and at < len(frames):
            frames[at] = bytes_changed(frames[at], others, chance)[:MOST]
        elif draw < 0.75:
            frames[at:at] = others[: chance.randint(1, 4)]
        elif draw < 0.9 and at < len(frames):
            frames.append(frames.pop(at))
        elif draw < 0.95:
            link_type = chance.choice(
                (0, 1, 101, 113, 276, 105, 127, 12, 109, 195, 220, 50, 9, 107, chance.randrange(300))
            )
        return bytes([chance.randrange(256)]) + packed_frames(link_type, frames)[1:]

    def run(self, data: bytes) -> None:
        """Decode frames in one batch, and in batches of a size that the input chooses."""
        split, link_type, frames = _frames(data)
        if frames:
            first, second = (_decoded(link_type, frames, size) for size in (len(frames), 1 + split % 3))
            assert first.keys() == second.keys(), f"tables depend on batches: {first.keys() ^ second.keys()}"
            for name, rows in first.items():
                assert rows.equals(second[name]), f"rows of {name} depend on batches"


def _frames(data: bytes) -> tuple[int, int, list[bytes]]:
    """Split, link type and frames of an input."""
    split, link_type = struct.unpack("<BH", data[:3].ljust(3, b"\0"))
    frames, at = [], 3
    while at + 2 <= len(data) and len(frames) < 64:
        size = int.from_bytes(data[at : at + 2], "little")
        frames.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return split, link_type, frames


def _decoded(link_type: int, frames: Sequence[bytes], size: int) -> dict[str, pa.Table]:
    sink = MemorySink()
    decoder = Decoder(sink, "0" * 16, Options())
    try:
        for at in range(0, len(frames), size):
            decoder.batch(batch(frames[at : at + size], link_type=link_type, first=at + 1))
        decoder.finish()
    finally:
        decoder.streams.close()
        decoder.rows.end()
    sink.close()
    assert not decoder.failures.by_table, decoder.failures.by_table
    return {name: _sorted(table) for name, table in sink.tables.items() if table.num_rows}


def _sorted(table: pa.Table) -> pa.Table:
    """Rows in the order of packets; those of streams of a batch are written stream by stream."""
    names = ("packet", "flow", "from_originator", "place", "exchange", "address")
    keys = [name for name in names if name in table.column_names]
    return table.combine_chunks().sort_by([(name, "ascending") for name in keys]) if keys else table


class SourceTarget:
    """Files of every format: tables, or InputError with a complete message."""

    name = "sources"
    PACK = (bytes, gzip.compress, bz2.compress, lzma.compress)

    def change(self, data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
        """Another file; its first byte says how it is compressed."""
        inner = messages_changed(data[1:], [seed[1:] for seed in seeds], chance)[: 2 * MOST]
        return bytes([data[0] if data and chance.random() < 0.7 else chance.randrange(8)]) + inner

    def run(self, data: bytes) -> None:
        """Decode a file; of some inputs the compressed file is cut."""
        how = data[0] if data else 0
        packed_file = self.PACK[how % 4](data[1:])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "input"
            path.write_bytes(packed_file if how < 4 else packed_file[: len(packed_file) * 2 // 3])
            decoded(path)
