"""Seeds: the cases of the tests as inputs.

Cases of a protocol in streams are in tests/streams/NAME.toml, or in any file there whose name begins with that of the
protocol or of one of its tables; of a protocol with `frame`, the messages in tests/protocols/TABLE.toml. A case that is
written in another form than that of tests.streams.dialog_runner is left out; a test demands one of each protocol.
"""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from netlake import tables
from netlake.layers.streamed import Frame, Stream
from tests.flows.build import FLAGS
from tests.fuzz.script import Kind, Script, Step, decoded, encoded, segments
from tests.layers import build as b
from tests.streams.build import Segment
from tests.streams.dialog_runner import steps as said
from tests.test_protocols import CASES

FOLDER = Path(__file__).resolve().parents[1]
# bytes of a seed, at most
MOST = 1 << 14


def of_stream(name: str) -> list[bytes]:
    """The seeds of a protocol in streams: each case in whole segments, and in small ones."""
    stream = tables.in_streams()[name]
    found = [*_from_cases(name), *(_framed(stream, stream.frame) if stream.frame else ())]
    made = [encoded(Script(0, 0, tuple(steps))) for steps in found]
    return [one for one in dict.fromkeys(made) if 2 < len(one) <= MOST]


def _from_cases(name: str) -> Iterator[list[Step]]:
    words = {name, *tables.in_streams()[name].tables}
    for path in sorted((FOLDER / "streams").rglob("*.toml")):
        if path.stem in words or any(path.stem.startswith(f"{word}_") for word in words):
            for case in tomllib.loads(path.read_text("utf-8")).get("case", ()):
                with suppress(KeyError, ValueError, TypeError, AttributeError):
                    yield _steps(case["turns"])


def _steps(turns: list[dict[str, Any]]) -> list[Step]:
    made = []
    for side, what in said(turns):
        if isinstance(what, bytes):
            made.append(Step(side, Kind.SAY, what))
        else:
            made.append(Step(side, Kind.FIN if what is None else Kind.GAP, number=what or 0))
    return made


def _framed(stream: Stream, frame: Frame) -> Iterator[list[Step]]:
    """Messages of the table behind their lengths, from alternate sides."""
    messages = [case.data for case in CASES if case.table == stream.tables[0] and not case.missing]
    for at in range(0, len(messages), 3):
        some = [_behind_length(data, frame) for data in messages[at : at + 3]]
        yield [Step(side % 2, Kind.SAY, data) for side, data in enumerate(some)]


def _behind_length(data: bytes, frame: Frame) -> bytes:
    """A message whose first `skip` bytes are only its length, or that has its own length."""
    if frame.skip == 0:
        return data
    length = (len(data) + frame.skip - frame.add) & ((1 << 8 * frame.size) - 1)
    number = length.to_bytes(frame.size, "little" if frame.little else "big")
    return bytes(frame.at) + number + bytes(frame.skip - frame.at - frame.size) + data


def of_messages() -> list[bytes]:
    """Seeds of the readers: see tests.fuzz.messages."""
    from tests.fuzz.messages import READ, packed

    return [packed(case) for case in CASES if case.table in READ and len(case.data) <= MOST]


def captures() -> list[bytes]:
    """The bundled captures, cut to their beginning."""
    return [path.read_bytes()[:MOST] for path in sorted((FOLDER / "captures").glob("*.pcap*"))]


def frames(path: Path, most: int = 40) -> list[tuple[int, bytes]]:
    """The first frames of a bundled capture with their link type."""
    from netlake.sources import open_capture

    found: list[tuple[int, bytes]] = []
    with open_capture(path, salvage=False, sha256=False) as source:
        for packets in source.batches(most):
            for row in range(packets.count):
                start = int(packets.start[row])
                data = packets.data[start : start + int(packets.captured[row])].tobytes()
                found.append((int(packets.link_type[row]), data))
            break
    return found[:most]


def of_packets() -> list[bytes]:
    """Seeds of the target `packets`: link type, then each frame behind its length."""
    made = []
    for path in sorted((FOLDER / "captures").glob("*.pcap*")):
        some = frames(path, 60)
        for at in range(0, len(some), 6):
            part = some[at : at + 6]
            made.append(packed_frames(part[0][0], [data for _, data in part]))
    return made + [one for name, stream in tables.in_streams().items() for one in _connections(name, stream)]


def _connections(name: str, stream: Stream, most: int = 6) -> Iterator[bytes]:
    """Cases of a protocol in streams as TCP connections on its first port."""
    port = (*stream.ports, 9)[0]
    for at, data in enumerate(of_stream(name)[:most]):
        sent = segments(decoded(data).steps)[0][:40]
        yield packed_frames(1, [_frame(one, 40000 + at, port) for one in sent])


def _frame(one: Segment, client: int, port: int) -> bytes:
    """A segment in TCP, IPv4 and Ethernet."""
    ends, ports = ((b.A4, b.B4), (client, port)) if one.from_originator else ((b.B4, b.A4), (port, client))
    flags = sum(FLAGS[flag] for flag in one.flags)
    header = struct.pack(">HHIIBBHHH", *ports, one.seq, one.ack, 0x50, flags, 1000, 0, 0)
    return b.ethernet(b.ipv4(header + one.payload[:1400], 6, source=ends[0], destination=ends[1]))


def packed_frames(link_type: int, some: list[bytes]) -> bytes:
    """An input of the target `packets`."""
    return struct.pack("<BH", 0, link_type) + b"".join(struct.pack("<H", len(data)) + data for data in some)
