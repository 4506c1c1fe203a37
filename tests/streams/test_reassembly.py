"""Reassembly of TCP streams."""

from __future__ import annotations

from netlake.flows.reassembly import Reassembly
from tests.streams.build import Segment, feed, finish, held_blocks


def test_segments_out_of_order_become_due_in_order() -> None:
    stage = Reassembly(4, arena=1 << 16)
    found = feed(
        stage,
        [
            Segment(True, 99, "S"),
            Segment(False, 4, "SA", ack=100),
            Segment(True, 103, payload=b"def"),
            Segment(True, 100, payload=b"abc"),
            Segment(True, 106, "FA"),
        ],
        step=100,
    )
    assert [(one.kind, one.payload, one.offset, one.number, one.at) for one in found] == [
        ("DATA", b"abc", 0, 4, 4),
        ("LATE", b"def", 3, 3, 4),
        ("END", b"", 6, 5, 5),
    ]
    assert finish(stage) == []
    assert held_blocks(stage) == 0
