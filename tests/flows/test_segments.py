"""TCP segments of a batch."""

from __future__ import annotations

from typing import Any

from netlake.flows.segments import segments
from netlake.flows.tracker import Tracker
from netlake.kernels.flow_state import Records
from netlake.layers.pools import new_pools
from netlake.packets import DATAGRAM, FRAGMENT, QUOTED
from tests.flows.build import Header, batch

BACK: dict[str, Any] = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": 80, "dst_port": 1000}


def found(*headers: Header) -> tuple[Records, bytes]:
    """The segments of some headers, and the data of their batch."""
    packets, rows = batch(headers)
    flows = Tracker(new_pools()).update(packets, rows)
    return segments(packets.data, rows, flows), packets.data.tobytes()


def test_segments_have_flow_direction_numbers_flags_and_payload() -> None:
    made, data = found(
        Header(flags="S", seq=2**32 - 1, ack=77, scale=7),
        Header(**BACK, flags="SA", seq=5, ack=0),
        Header(flags="PA", seq=0, ack=6, payload=3, captured=b"abc"),
        Header(src_port=2000, flags="F", seq=9),
    )
    assert made["flow"].tolist() == [1, 1, 1, 2]
    assert made["slot"].tolist() == [0, 0, 0, 1]
    assert made["row"].tolist() == [0, 1, 2, 3]
    assert made["from_originator"].tolist() == [1, 0, 1, 1]
    assert made["seq"].tolist() == [2**32 - 1, 5, 0, 9]
    assert made["ack"].tolist() == [0, 0, 6, 0]
    assert made["flags"].tolist() == [2, 18, 24, 1]
    assert made["payload"].tolist() == [0, 0, 3, 0]
    assert [data[one["start"] : one["end"]] for one in made] == [b"", b"", b"abc", b""]


def test_payload_cut_by_the_capture_has_fewer_bytes_than_on_the_wire() -> None:
    made, data = found(Header(flags="A", payload=9, captured=b"abc"), Header(flags="A", payload=9))
    assert [(data[one["start"] : one["end"]], int(one["payload"])) for one in made] == [(b"abc", 9), (b"", 9)]


def test_bytes_behind_the_payload_are_not_part_of_it() -> None:
    made, data = found(Header(flags="A", payload=3, captured=b"abc\0\0\0"))
    assert data[made["start"][0] : made["end"][0]] == b"abc"


def test_header_cut_before_its_options_has_no_captured_payload() -> None:
    made, _ = found(Header(flags="A", payload=3, options=bytes(20), keep=22))
    assert (made["end"] - made["start"]).tolist() == [0]
    assert made["payload"].tolist() == [3]


def test_only_whole_tcp_headers_of_known_flows_are_segments() -> None:
    made, _ = found(
        Header(flags="A"),
        Header(protocol=17),
        Header(flags="A", kind=FRAGMENT),
        Header(flags="A", kind=QUOTED),
        Header(flags="A", keep=13),
        Header(flags="A", keep=14),
        Header(flags="A", header_size=4),
        Header(flags="A", kind=DATAGRAM),
    )
    assert made["row"].tolist() == [0, 5, 7]


def test_batch_without_headers_has_no_segments() -> None:
    assert len(found()[0]) == 0
