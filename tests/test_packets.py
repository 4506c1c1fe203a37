"""Messages that leave their batch, and a cursor at the end of what the capture kept."""

from __future__ import annotations

import numpy as np
import pytest

from netlake.layers.items import part
from netlake.packets import Cursor, Messages, Short
from tests.messages import build


def test_rest_is_all_or_short() -> None:
    assert Cursor(b"abc", 1).rest() == b"bc"
    truncated = Cursor(b"abc", 1, missing=1)
    with pytest.raises(Short):
        truncated.rest()
    assert truncated.kept() == b"bc"
    assert (truncated.left, truncated.promised) == (0, 1)


def test_part_of_a_truncated_message_is_short_or_knows_what_is_missing() -> None:
    whole = Cursor(b"abcdef", source_port=53, destination_port=9)
    inner = whole.part(4)
    assert (inner.rest(), whole.rest()) == (b"abcd", b"ef")
    assert (inner.source_port, inner.destination_port) == (53, 9)
    inner.fault("bad_value")
    assert whole.faults == ["bad_value"]
    with pytest.raises(Short):
        Cursor(b"abc", missing=3).part(4)
    body = part(Cursor(b"abc", missing=3), 4)
    with pytest.raises(Short):
        body.rest()
    assert (body.missing, body.kept()) == (1, b"abc")


def test_a_compact_copy_has_the_bytes_of_its_messages_alone() -> None:
    found = build([b"first", b"", b"second"], around=b"..", rows=[3, 3, 9], ports=(1, 2), hint=17)
    copy = found.take(np.array([0, 2])).compact()
    assert copy.data.tobytes() == b"firstsecond"
    assert list(copy) == [b"first", b"second"]
    assert copy.row.tolist() == [0, 1]
    assert copy.header.tolist() == [-1, -1]
    assert (copy.source_port.tolist(), copy.destination_port.tolist()) == ([1, 1], [2, 2])


def test_parts_are_joined_in_order_and_their_packets_stay_apart() -> None:
    parts = [build([b"a", b"bc"], rows=[0, 0]), build([b""]), build([b"d"], missing=4)]
    whole = Messages.concat([part.compact() for part in parts])
    assert list(whole) == [b"a", b"bc", b"", b"d"]
    assert whole.row.tolist() == [0, 0, 1, 2]
    assert whole.missing.tolist() == [0, 0, 0, 4]
    assert whole.data.flags.writeable
