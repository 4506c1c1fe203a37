"""Streams in the decoder: first look, rows in any batches, what connections and the quality report say of them."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netlake import tables
from netlake.kernels.stream_waiting import EVENTS_ROOM
from netlake.layers.streamed import NO, UNSURE, YES, Chains, Frame, Stream, Verdict
from netlake.pipeline.decoder import Decoder, Options
from netlake.pipeline.first_look import FirstLook
from netlake.pipeline.quality import _undecoded_streams
from netlake.pipeline.run import run
from netlake.sinks.memory import MemorySink
from netlake.sources import open_capture
from tests.layers import build as b

QUESTION = bytes.fromhex("12340100000100000000000003777777076578616d706c650000010001")
ANSWER = b"\x12\x34\x81\x80" + QUESTION[4:]
# sender (True: the client), flags, payload, sequence number
Turn = tuple[bool, int, bytes]
SYN, FIN, RST, ACK = 0x02, 0x01, 0x04, 0x10


def framed(*messages: bytes) -> bytes:
    """Messages behind their lengths (RFC 1035 section 4.2.2)."""
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


def frames(turns: Sequence[Turn], port: int = 53, client: int = 40000) -> list[bytes]:
    """Frames of one connection; sequence numbers go on, those of SYN and FIN count."""
    seqs = {True: 1000, False: 5_000_000}
    made = []
    for from_client, flags, payload in turns:
        ends, ports = ((b.A4, b.B4), (client, port)) if from_client else ((b.B4, b.A4), (port, client))
        ack = seqs[not from_client]
        header = struct.pack(">HHIIBBHHH", *ports, seqs[from_client], ack, 0x50, flags, 1000, 0, 0)
        made.append(b.ethernet(b.ipv4(header + payload, 6, source=ends[0], destination=ends[1])))
        seqs[from_client] += len(payload) + bool(flags & SYN) + bool(flags & FIN)
    return made


def opened(*turns: Turn) -> list[Turn]:
    """A connection with its handshake."""
    return [(True, SYN, b""), (False, SYN | ACK, b""), (True, ACK, b""), *turns]


def decoded(
    folder: Path, made: Sequence[bytes], batch: int = 8192, seconds: Sequence[float] = (), **options: Any
) -> tuple[dict[str, Any], Decoder]:
    """Rows of all tables in order, and the decoder; frames are one second apart, or at `seconds`."""
    path = folder / "streams.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in enumerate(made):
            at = 1_700_000_000 + int(seconds[number] if seconds else number)
            file.write(struct.pack("<IIII", at, 0, len(data), len(data)) + data)
    sink = MemorySink()
    with open_capture(path, sha256=False) as source:
        decoder = Decoder(sink, source.capture_id, Options(**options))
        for packets in source.batches(batch):
            decoder.batch(packets)
        decoder.finish()
        decoder.rows.end()
    sink.close()
    return {name: table.to_pylist() for name, table in sink.tables.items()}, decoder


@pytest.mark.parametrize("batch", [1, 2, 8192])
def test_message_in_pieces(batch: int, tmp_path: Path) -> None:
    """One byte a segment; the row has the packets of its first and last byte, and the ends of the connection."""
    question, answer = framed(QUESTION), framed(ANSWER, ANSWER)
    turns = opened(
        *((True, ACK, question[at : at + 1]) for at in range(len(question))),
        *((False, ACK, answer[at : at + 7]) for at in range(0, len(answer), 7)),
        (True, FIN | ACK, b""),
        (False, FIN | ACK, b""),
    )
    rows, _ = decoded(tmp_path, frames(turns), batch)
    found = [
        (row["packet"], row["last_packet"], row["place"], row["response"], row["src_port"], row["transport"])
        for row in rows["dns"]
    ]
    first = 3 + len(question) + 1
    # the second answer begins within a segment of the first
    second = first + len(framed(ANSWER)) // 7
    last = first + (len(answer) - 1) // 7
    assert found == [
        (4, first - 1, 0, False, 40000, "tcp"), (first, second, 0, True, 53, "tcp"),
        (second, last, 0, True, 53, "tcp"),
    ]  # fmt: skip
    assert {row["fault"] for row in rows["dns"]} == {None}
    assert rows["connection"][0]["service"] == ["dns"]
    assert (rows["connection"][0]["orig_undecoded_bytes"], rows["connection"][0]["resp_undecoded_bytes"]) == (0, 0)


def test_places_of_messages_in_one_packet(tmp_path: Path) -> None:
    rows, _ = decoded(tmp_path, frames(opened((True, ACK, framed(QUESTION, QUESTION, QUESTION)))))
    assert [(row["packet"], row["place"]) for row in rows["dns"]] == [(4, 0), (4, 1), (4, 2)]


@pytest.mark.parametrize("batch", [1, 8192])
def test_stream_of_no_protocol(batch: int, tmp_path: Path) -> None:
    """It is muted; its bytes are undecoded, in the connection and by port in the quality report."""
    rows, decoder = decoded(
        tmp_path, frames(opened((True, ACK, b"\xff" * 100), (False, ACK, b"\0" * 50), (True, ACK, b"\xff" * 7))), batch
    )
    connection = rows["connection"][0]
    assert (connection["service"], connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (
        [], 107, 50,
    )  # fmt: skip
    assert _undecoded_streams(decoder) == [{"service": None, "port": 53, "bytes": 157}]
    control = decoder.streams.reassembly.arena.control[0]
    assert control["used"] - 1 == control["free"], "nothing is kept of it"


def test_excluded_table_leaves_undecoded_bytes_unknown(tmp_path: Path) -> None:
    """The protocol is found all the same."""
    rows, _ = decoded(tmp_path, frames(opened((True, ACK, framed(QUESTION)))), exclude=frozenset({"dns"}))
    assert "dns" not in rows
    connection = rows["connection"][0]
    assert (connection["service"], connection["orig_undecoded_bytes"]) == (["dns"], None)


def test_beginning_that_decides_nothing(tmp_path: Path) -> None:
    """A stream that ends before its protocol is decided has none; nothing is kept of it."""
    rows, decoder = decoded(tmp_path, frames(opened(*((True, ACK, b"\0") for _ in range(5)))), 1)
    assert (rows["connection"][0]["service"], rows["connection"][0]["orig_undecoded_bytes"]) == ([], 5)
    control = decoder.streams.reassembly.arena.control[0]
    assert control["used"] - 1 == control["free"]


def test_datagrams_and_streams_have_one_table(tmp_path: Path) -> None:
    udp = b.ethernet(b.ipv4(b.udp(QUESTION, 40000, 53), 17))
    rows, _ = decoded(tmp_path, [udp, *frames(opened((True, ACK, framed(QUESTION)))), udp])
    assert sorted((row["packet"], row["transport"]) for row in rows["dns"]) == [(1, "udp"), (5, "tcp"), (6, "udp")]


def test_message_that_is_not_complete_is_a_row_when_its_flow_ends(tmp_path: Path) -> None:
    """Its length is known, so what there is of it is read."""
    whole = framed(QUESTION)
    connections = [frames(opened((True, ACK, whole[:20])), client=20000 + n) for n in range(50)]
    rows, decoder = decoded(tmp_path, [one for made in connections for one in made], 16)
    assert len(rows["dns"]) == 50
    assert {row["fault"] for row in rows["dns"]} == {"short_header"}
    assert sorted({row["src_port"] for row in rows["dns"]}) == list(range(20000, 20050))
    control = decoder.streams.reassembly.arena.control[0]
    assert control["used"] - 1 == control["free"]


def test_flows_that_leave_with_many_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their events are more than fit at once; what is known of each flow is read and counted once."""
    monkeypatch.setattr("netlake.flows.reassembly.EVENTS", EVENTS_ROOM)
    segments = (
        struct.pack(">HHIIBBHHH", 40000 + flow, 9, 1 + 2 * hole, 0, 0x50, 0x18, 8192, 0, 0) + b"?"
        for flow in range(6) for hole in range(900)
    )  # fmt: skip
    rows, decoder = decoded(tmp_path, [b.ethernet(b.ipv4(one, 6)) for one in segments])
    assert [row["orig_undecoded_bytes"] for row in rows["connection"]] == [900] * 6
    assert sum(decoder.streams.undecoded.values()) == 6 * 900


def looked(data: bytes, streams: dict[str, Stream], ports: tuple[int, int] = (1, 2), *, closed: bool = False) -> int:
    """The number that the first look gives a stream that begins with `data`."""
    numbers = {name: number for number, name in enumerate(streams, 1)}
    failures: list[str] = []
    first = FirstLook(streams, numbers, lambda name, _: failures.append(name))
    looks = first.looks[:1]
    looks["size"], looks["closed"] = len(data), closed
    looks["data"][0, : len(data)] = np.frombuffer(data, np.uint8)
    flow = np.array([ports], [("a_port", np.int32), ("b_port", np.int32)])
    states = np.zeros(2, [("protocol", np.uint8), ("flow", np.int64)])
    return int(first.numbers_of(looks, np.zeros(1, np.int32), flow, states)[0])


def always(verdict: Verdict) -> Any:
    return lambda _data, _side: verdict


FRAME = Frame(at=0, size=1, add=1)


@pytest.mark.parametrize(
    ("data", "ports", "number"),
    [
        (b"abc", (1, 2), 1),
        (b"abd", (1, 2), 2),
        (b"ab", (1, 2), 1),
        (b"xyz", (1, 2), 255),
        (b"xyz", (9, 2), 3),
        (b"xyz", (2, 9), 3),
        (b"abc", (9, 2), 3),
        (b"q", (1, 2), 0),
        (b"QUIT", (7, 2), 6),
        (b"QUIT", (1, 2), 255),
    ],
    ids=[
        "by its start", "a start with any byte", "the first of two that fit", "none", "on its port",
        "on the other port", "its port is asked before others", "more bytes are needed",
        "on its port by a probe of its own, whatever its start", "not elsewhere",
    ],
)  # fmt: skip
def test_choice(data: bytes, ports: tuple[int, int], number: int) -> None:
    streams = {
        "a": Stream("a", always(YES), ("dns",), starts=(b"abc",), frame=FRAME),
        "b": Stream("b", always(YES), ("dns",), starts=(b"a?d",), frame=FRAME),
        "c": Stream("c", always(YES), ("dns",), ports=(9,), frame=FRAME),
        "d": Stream("d", always(UNSURE), ("dns",), starts=(b"q",), frame=FRAME),
        "e": Stream("e", always(NO), ("dns",), starts=(b"x",), frame=FRAME),
        "f": Stream("f", always(NO), ("dns",), starts=(b"220",), ports=(7,), port_probe=always(YES), frame=FRAME),
    }
    assert looked(data, streams, ports) == number


def test_unsure_without_more_bytes_is_no() -> None:
    assert looked(b"q", {"d": Stream("d", always(UNSURE), ("dns",), starts=(b"q",), frame=FRAME)}, closed=True) == 255


def test_probe_that_raises_is_no() -> None:
    def probe(_data: bytes, _side: int) -> Verdict:
        raise ValueError("broken")

    assert looked(b"q", {"d": Stream("d", probe, ("dns",), starts=(b"q",), frame=FRAME)}) == 255


def test_every_stream_is_declared_completely() -> None:
    """One interface, tables that exist, and starts of at least two bytes, so that chance does not fit."""
    for stream in tables.in_streams().values():
        assert sum(one is not None for one in (stream.frame, stream.walker, stream.machine)) == 1, stream.name
        assert set(stream.tables) <= set(tables.entries()), stream.name
        assert bool(stream.starts or stream.ports or stream.tokens) != stream.is_announced, stream.name


def test_walker_that_raises_does_not_end_the_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(_self: object, _chains: Chains) -> None:
        raise ValueError("broken")

    monkeypatch.setattr("netlake.layers.streamed.FramedWalker.walk", walk)
    rows, decoder = decoded(tmp_path, frames(opened((True, ACK, framed(QUESTION)))))
    assert len(rows["packet"]) == 4
    assert "broken" in decoder.failures.by_table["dns"]


def test_capture_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    """The thread that reads bodies ends with the run, whatever ends it."""
    request = b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nbody"
    path = tmp_path / "streams.pcap"
    decoded(tmp_path, frames(opened((True, ACK, request)), port=80))

    def progress(*_: object) -> None:
        raise InterruptedError

    with open_capture(path, sha256=False) as source, pytest.raises(InterruptedError):
        run(source, MemorySink(), Options(), progress)
    assert not [thread for thread in threading.enumerate() if thread.name == "netlake-contents"]
