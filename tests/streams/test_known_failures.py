"""Known failures of other tools, each a test: traffic through the whole decoder, and the rows that it has to become.

A case in known_failures.toml has `name`, `fails` (who fails, and how), `segments` in the order of their capture, and
the rows of each table with the columns that are compared. A segment has `from` (client or server), `text` or `hex`,
and as needed
- `at`: the offset of its first byte in its stream; without it, it follows what its side sent before
- `lost`: it is not captured, and the other side acknowledges what follows
- `flags` ("A" without), `time` in seconds (one second behind the one before without)
- `cut`: it is sent in segments of as many bytes, of which `swap` names two that change places
- `repeated`: other segments have all of its bytes too
- `new`: a new connection on the same ports begins
A case has `port` (80 without), `ipv6`, `first` (the number of the client's SYN) and `handshake`. A value `sha256:TEXT`
is the SHA-256 of the text, `second` is the time of a row.
"""

from __future__ import annotations

import hashlib
import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.flows.build import FLAGS
from tests.layers import build as b
from tests.pipeline.test_streams import decoded

CASES = tomllib.loads(Path(__file__).with_name("known_failures.toml").read_text("utf-8"))["case"]
ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
CLIENT_PORT, EPOCH, WRAP = 40000, 1_700_000_000, 1 << 32
Captured = list[tuple[float, bytes]]


class Connection:
    """Makes the frames of a case."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case, self.port, self.seconds = case, case.get("port", 80), 0.0
        self.frames: Captured = []
        self.first = [case.get("first", 1000), 900_000]
        self.sent = [0, 0]
        if case.get("handshake", True):
            self.handshake()

    def handshake(self) -> None:
        """A new connection."""
        self.sent = [0, 0]
        for side, flags in ((0, "S"), (1, "SA"), (0, "A")):
            self.frame(side, -1 if "S" in flags else 0, b"", flags)

    def again(self) -> None:
        """A new connection on the same ports."""
        self.first = [number + 10_000_000 for number in self.first]
        self.handshake()

    def frame(self, side: int, at: int, payload: bytes, flags: str) -> None:
        """One frame; `at` is the offset in the stream of its first byte, or -1 of a SYN."""
        ports = (CLIENT_PORT, self.port)[:: 1 if side == 0 else -1]
        seq = (self.first[side] + 1 + at) % WRAP
        ack = (self.first[1 - side] + 1 + self.sent[1 - side]) % WRAP if "A" in flags else 0
        bits = sum(FLAGS[flag] for flag in flags)
        tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, bits, 1000, 0, 0) + payload
        ends = (b.A6, b.B6) if self.case.get("ipv6") else (b.A4, b.B4)
        source, destination = ends if side == 0 else ends[::-1]
        if self.case.get("ipv6"):
            packet = struct.pack(">IHBB", 0x60000000, len(tcp), 6, 64) + source + destination + tcp
            self.frames.append((self.seconds, b.ethernet(packet, 0x86DD)))
        else:
            self.frames.append((self.seconds, b.ethernet(b.ipv4(tcp, 6, source=source, destination=destination))))
        self.seconds += 1

    def segment(self, one: dict[str, Any]) -> None:
        """The frames of one segment of a case."""
        side = ("client", "server").index(one["from"])
        if one.get("new"):
            self.again()
        self.seconds = one.get("time", self.seconds)
        data = bytes.fromhex(one["hex"]) if "hex" in one else one["text"].encode()
        begin, flags = one.get("at", self.sent[side]), one.get("flags", "A")
        self.sent[side] = max(self.sent[side], begin + len(data))
        if one.get("lost"):
            return
        if "S" in flags:
            begin -= 1
        size = one.get("cut") or max(1, len(data))
        pieces = [(begin + at, data[at : at + size]) for at in range(0, len(data), size)] or [(begin, b"")]
        if swap := one.get("swap"):
            pieces[swap[0]], pieces[swap[1]] = pieces[swap[1]], pieces[swap[0]]
        for at, payload in pieces:
            self.frame(side, at, payload, flags)
        if self.lost(side):
            for _ in range(3):
                self.frame(1 - side, self.sent[1 - side], b"", "A")

    def lost(self, side: int) -> bool:
        """Whether a segment of a side was lost."""
        return any(one.get("lost") and one["from"] == ("client", "server")[side] for one in self.case["segments"])


def captured(case: dict[str, Any], without: int | None = None) -> Captured:
    """The frames of a case, without those of one of its segments."""
    made = Connection(case)
    for number, one in enumerate(case["segments"]):
        before = len(made.frames)
        made.segment(one)
        if number == without:
            del made.frames[before:]
    return made.frames


def rows(folder: Path, frames: Captured, batch: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, by packet; `second` is the time."""
    found, decoder = decoded(folder, [data for _, data in frames], batch, seconds=[at for at, _ in frames])
    assert not decoder.failures.by_table
    made = {}
    for name, some in found.items():
        listed = [{**row, "second": row["ts"].timestamp() - EPOCH} if row.get("ts") else row for row in some]
        made[name] = sorted(listed, key=lambda row: (row.get("packet") or 0, row.get("place") or 0))
    return made


def compared(found: dict[str, list[dict[str, Any]]], case: dict[str, Any]) -> tuple[Any, Any]:
    """The rows that were found, with the columns that the case names, and those that it demands."""
    shown = {
        name: [{column: row[column] for column in expected[min(at, len(expected) - 1)]} for at, row in enumerate(
            found.get(name, [])
        )]
        for name, expected in case["rows"].items()
    }  # fmt: skip
    wanted = {
        name: [{column: hashed(value) for column, value in row.items()} for row in expected]
        for name, expected in case["rows"].items()
    }
    return shown, wanted


def hashed(value: Any) -> Any:
    """A value of a case."""
    if isinstance(value, str) and value.startswith("sha256:"):
        return hashlib.sha256(value.removeprefix("sha256:").encode()).hexdigest()
    return value


@ALL
@pytest.mark.parametrize("batch", [1, 3, 8192])
def test_rows(case: dict[str, Any], batch: int, tmp_path: Path) -> None:
    shown, wanted = compared(rows(tmp_path, captured(case), batch), case)
    assert shown == wanted


@ALL
def test_case_fails_without_any_of_its_segments(case: dict[str, Any], tmp_path: Path) -> None:
    """A case that also passes without a segment would not show that the segment is read."""
    for number, one in enumerate(case["segments"]):
        repeats = one.get("repeated")
        if one.get("lost") or repeats or (one.get("flags") in ("SA", "FA") and not one.get("text")):
            continue
        shown, wanted = compared(rows(tmp_path, captured(case, number), 8192), case)
        assert shown != wanted, f"segment {number} is not needed"


@ALL
def test_case_says_who_fails(case: dict[str, Any]) -> None:
    assert case["fails"]
    assert case["rows"]
