"""Runs machines (netlake.layers.dialog) over turns of a case, in any segments and batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlake import tables
from netlake.kernels.stream_state import BLOCK, Kind, Known
from netlake.layers.dialog_walker import DialogWalker
from tests.streams.tls_runner import PROTOCOL, Row, Runner, Step

LISTS = 10


def packet(payload: bytes) -> bytes:
    """An SSH packet (RFC 4253 section 6) with four bytes of padding."""
    return (len(payload) + 5).to_bytes(4, "big") + b"\x04" + payload + bytes(4)


def kexinit(lists: Sequence[str], follows: int = 0) -> bytes:
    """A KEXINIT with the first lists; the others are empty."""
    values = [*lists, *[""] * (LISTS - len(lists))]
    body = b"".join(len(value).to_bytes(4, "big") + value.encode() for value in values)
    return packet(bytes([20]) + bytes(range(16)) + body + bytes([follows]) + bytes(4))


def said(part: dict[str, Any]) -> bytes:
    """The bytes of one part of a turn."""
    if "kexinit" in part:
        return kexinit(part["kexinit"])
    if "packet" in part:
        return packet(bytes.fromhex(part["packet"]))
    if "hex" in part:
        return bytes.fromhex(part["hex"]) * part.get("times", 1)
    return part["text"].encode("latin-1") * part.get("times", 1)


def steps(turns: Iterable[dict[str, Any]]) -> list[Step]:
    """The steps of a case: side, and bytes, a gap, or the end."""
    made: list[Step] = []
    for turn in turns:
        side = ("client", "server").index(turn["from"])
        if "gap" in turn:
            made.append((side, turn["gap"]))
        elif "end" in turn:
            made.append((side, None))
        else:
            made.append((side, b"".join(map(said, turn.get("parts", [turn])))))
    return made


def whole(given: Iterable[Step]) -> list[Step]:
    """Every turn is one segment."""
    return list(given)


def cut(given: Iterable[Step], seed: int | None) -> list[Step]:
    """The same steps in segments of one byte, or with a seed of random sizes."""
    made: list[Step] = []
    sizes = np.random.default_rng(seed)
    for side, what in given:
        if not isinstance(what, bytes):
            made.append((side, what))
            continue
        at = 0
        while at < len(what):
            size = 1 if seed is None else int(sizes.choice((1, 2, 5, 40, 900)))
            made.append((side, what[at : at + size]))
            at += size
    return made


@dataclass
class DialogRunner(Runner):
    """A DialogWalker with the state of one flow; `failures` are exceptions of its machine.

    `handed` are the bytes of each side that are of another protocol, None before the handover.
    """

    name: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        stream = tables.in_streams()[self.name]
        self.failures: list[Exception] = []
        self.handed: list[bytearray | None] = [None, None]
        self.found = {name: [] for name in stream.tables}
        walked = {name: tables.table(name) for name in stream.tables}
        self.walker: Any = DialogWalker(stream, walked, PROTOCOL, lambda _, error: self.failures.append(error))

    def batch(self, steps: list[Step]) -> None:
        """One batch; a side that ends was closed with a FIN."""
        for side, what in steps:
            handed = self.handed[side]
            if what is None:
                self.states["known"][side] |= Known.FIN.value
            elif handed is not None and isinstance(what, bytes):
                handed += what
        super().batch(steps)
        for one in self.walker.tunnels:
            self._handed(int(one["stream"]), int(one["event"]), int(one["used"]), int(one["unread"]))

    def _handed(self, stream: int, event: int, used: int, unread: int) -> None:
        """Take what a handover leaves, as the pipeline does; the stream has no protocol then."""
        scratch = np.zeros(1 << 17, np.uint8)
        kept = handed_bytes(stream, self.states, self.arena, scratch) if self.states["kept"][stream] else 0
        assert kept == unread
        found = bytearray(scratch[:kept].tobytes())
        while event >= 0:
            one = self.arena.events[event]
            if one["kind"] == Kind.DATA:
                found += self.data[int(one["start"]) + used : int(one["start"] + one["size"])].tobytes()
            event, used = int(one["link"]), 0
        self.handed[stream] = found
        self.states["protocol"][stream] = 0


def handed_bytes(stream: int, states: Any, arena: Any, scratch: Any) -> int:
    """Read the bytes that were kept of a stream into `scratch`; how many."""
    size, block, at = int(arena.heads[states["kept"][stream]]["size"]), int(states["kept"][stream]), 0
    while at < size:
        part = min(size - at, BLOCK)
        scratch[at : at + part] = arena.blocks[block][:part]
        arena.free[arena.control[0]["free"]] = block
        arena.control["free"] += 1
        block, at = int(arena.heads[block]["more"]), at + part
    states["kept"][stream] = 0
    return size


def run(name: str, given: Sequence[Step], batch: int) -> DialogRunner:
    """A runner that has read these steps, in batches of `batch` segments."""
    runner = DialogRunner(name=name)
    for begin in range(0, len(given), batch):
        runner.batch(list(given[begin : begin + batch]))
    runner.read()
    return runner


def by_bytes(found: dict[str, list[Row]], given: Sequence[Step]) -> dict[str, list[Row]]:
    """Rows with the numbers of packets replaced by the offset in its side of the first byte of each.

    Of `last_packet` it is the offset behind its last byte; -1 for a packet without bytes. Rows of cut streams differ
    in these within a segment, so they are given in segments of `given`.
    """
    offsets, ends, reached = {}, {}, [0, 0]
    for number, (side, what) in enumerate(given, 1):
        size = len(what) if isinstance(what, bytes) else 0
        offsets[number], reached[side] = reached[side] if size else -1, reached[side] + size
        ends[number] = reached[side] if size else -1
    return {
        table: [row | {"packet": offsets[row["packet"]], "last_packet": ends[row["last_packet"]]} for row in rows]
        for table, rows in found.items()
    }


def covers(segment: Row, byte: Row, given: Sequence[Step]) -> bool:
    """Whether a row in segments agrees with the same one in segments of one byte: its packets contain these bytes."""
    side = int(not byte["from_originator"])
    at, spans = 0, {}
    for who, what in given:
        if who == side and isinstance(what, bytes):
            spans[at] = at + len(what)
            at += len(what)
    first, last = segment["packet"], segment["last_packet"]
    begins = first <= byte["packet"] < spans[first] if byte["packet"] >= 0 else first == -1
    return begins and (last == -1 if byte["last_packet"] < 0 else last >= byte["last_packet"])


def unplaced(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows without packets and places, which depend on segments."""
    leave = ("packet", "last_packet", "place")
    return {table: [{k: v for k, v in row.items() if k not in leave} for row in rows] for table, rows in found.items()}


def held(value: Any, seen: set[int] | None = None) -> int:
    """Bytes of all texts and bytes that an object refers to."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, type):
        return 0
    seen.add(id(value))
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if isinstance(value, dict):
        return sum(held(one, seen) for one in value.values())
    if isinstance(value, list | tuple | set):
        return sum(held(one, seen) for one in value)
    names = (
        [*getattr(value, "__slots__", ()), *vars(value)]
        if hasattr(value, "__dict__")
        else getattr(value, "__slots__", ())
    )
    return sum(held(getattr(value, name, None), seen) for name in names)
