"""Tables and quality of what a pcapng file records besides the bytes of packets, from the file to rows."""

from __future__ import annotations

import datetime as dt
import struct
from pathlib import Path

import netlake
from netlake.pipeline.decoder import Options
from netlake.pipeline.quality import quality
from netlake.pipeline.run import run
from netlake.sinks.memory import MemorySink
from netlake.sources import open_capture
from tests.sources import capture_writer as writer

FRAME = bytes(12) + b"\x08\x00" + b"\x45" + bytes(19)


def capture(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "facts.pcapng"
    path.write_bytes(content)
    return path


def test_options_of_packets_have_rows(tmp_path: Path) -> None:
    options = (
        (2, struct.pack("<I", 2 | 3 << 2 | 4 << 5)), (4, struct.pack("<Q", 1 << 63)), (5, struct.pack("<Q", 7)),
        (7, b"\1" + struct.pack("<q", -1)), (3, b"\2\1\2\3\4"),
    )  # fmt: skip
    packets = [
        writer.Packet(FRAME, 1, options=options),
        writer.Packet(FRAME, 2),
        writer.Packet(FRAME, 3, options=((6, b"\5\0\0\0"),)),
        writer.Packet(FRAME, 4, options=((2988, struct.pack("<I", 32473) + b"text"), (5, b"short"))),
        writer.Packet(FRAME, 5, options=((19373, struct.pack("<I", 1)),)),
    ]
    rows = netlake.decode(capture(tmp_path, writer.pcapng(packets)))["packet_option"].to_pylist()
    plain = [{name: value for name, value in row.items() if name not in ("ts", "day", "capture")} for row in rows]
    numbers = ("fault", "direction", "reception", "fcs_length", "flags", "dropped", "packet_id", "queue")
    empty = {**dict.fromkeys(numbers), "verdicts": [], "hashes": []}
    assert plain == [
        {
            **empty, "packet": 1, "place": 0, "fault": "out_of_range", "direction": "outbound",
            "reception": "broadcast", "fcs_length": 4, "flags": 142, "packet_id": 7,
            "verdicts": [{"type": 1, "number": -1, "value": b"\xff" * 8}],
            "hashes": [{"algorithm": 2, "value": b"\1\2\3\4"}],
            "others": [{"code": 4, "enterprise": None, "value": struct.pack("<Q", 1 << 63)}],
        },
        {**empty, "packet": 3, "place": 0, "queue": 5, "others": []},
        {
            **empty, "packet": 4, "place": 0, "fault": "bad_length",
            "others": [
                {"code": 2988, "enterprise": 32473, "value": b"text"},
                {"code": 5, "enterprise": None, "value": b"short"},
            ],
        },
        {**empty, "packet": 5, "place": 0, "others": [{"code": 19373, "enterprise": 1, "value": b""}]},
    ]  # fmt: skip
    assert [row["ts"].microsecond for row in rows] == [1, 3, 4, 5]


def test_options_of_a_wrong_size_and_large_numbers_are_in_the_report(tmp_path: Path) -> None:
    packets = [
        writer.Packet(FRAME, 1, options=((5, b"short"),)),
        writer.Packet(FRAME, 2, options=((4, b"\xff" * 8),)),
        writer.Packet(FRAME, 3, options=((4, b"\xff" * 8),)),
    ]
    with open_capture(capture(tmp_path, writer.pcapng(packets))) as source:
        report = quality(run(source, MemorySink(), Options(), lambda *_: None))
    assert report["faults"]["packet_option"] == {"bad_length": 1, "out_of_range": 2}
    assert report["lost_before_packets"] == 2 * (2**64 - 1)


def test_lost_packets_and_packets_without_time_are_counted(tmp_path: Path) -> None:
    counters = struct.pack("<HHQHHQ", 5, 8, 11, 7, 8, 13)
    statistics = writer.block(5, struct.pack("<III", 0, 0, 0) + counters)
    packets = [
        writer.Packet(FRAME, 1, options=((4, struct.pack("<Q", 5)),)),
        writer.Packet(FRAME, 2, kind=2, lost=6),
        writer.Packet(FRAME, kind=3),
        writer.Packet(FRAME, (1 << 64) - 1),
    ]
    with open_capture(capture(tmp_path, writer.pcapng(packets) + statistics)) as source:
        report = quality(run(source, MemorySink(), Options(), lambda *_: None))
    assert (report["lost_before_packets"], report["untimed"]) == (11, 2)
    assert (report["dropped_by_interfaces"], report["dropped_by_os"]) == (11, 13)
    assert (report["begin"], report["end"]) == ("1970-01-01T00:00:00.000001+00:00", "1970-01-01T00:00:00.000002+00:00")


def test_far_times_have_their_nanoseconds(tmp_path: Path) -> None:
    """if_tsoffset moves nanoseconds of 2023 to the year 9999 and to the year 1."""
    first, last = -62_135_596_800, 253_402_300_799
    interfaces = [{"resolution": 9, "offset": second} for second in (first, last, 0)]
    packets = [
        writer.Packet(FRAME, 1_001, interface=0), writer.Packet(FRAME, 999_999_999, interface=1),
        writer.Packet(FRAME, 1_999, interface=2),
    ]  # fmt: skip
    path = capture(tmp_path, writer.pcapng(packets, interfaces))
    with open_capture(path) as source:
        report = quality(run(source, MemorySink(), Options(), lambda *_: None))
    assert (report["begin"], report["end"]) == ("0001-01-01T00:00:00.000001+00:00", "9999-12-31T23:59:59.999999+00:00")
    rows = netlake.decode(path)["packet"].to_pylist()
    assert [(row["ts"].year, row["ts"].microsecond, row["ts_nanos"], row["day"]) for row in rows] == [
        (1, 1, 1, dt.date(1, 1, 1)), (9999, 999_999, 999, dt.date(9999, 12, 31)), (1970, 1, 999, dt.date(1970, 1, 1)),
    ]  # fmt: skip
