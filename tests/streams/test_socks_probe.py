"""Which first bytes of a stream are those of SOCKS on any port."""

from __future__ import annotations

import pytest

from netlake.layers.streamed import NO, UNSURE, YES, Verdict
from netlake.streams.socks.machine import first_look

CASES = (
    ("version 4", "0401 0050 c0000201 6d6500", YES),
    ("version 4, without the end of the user", "0401 0050 c0000201 6d65", UNSURE),
    ("version 4a", "0401 0050 00000001 00 612e6200", YES),
    ("version 4a, without the end of the name", "0401 0050 00000001 00 612e", UNSURE),
    ("version 4a, without a name", "0401 0050 00000001 00 00", NO),
    ("address 0.0.0.0", "0401 0050 00000000 00 00", NO),
    ("OpenFlow 1.3: an error in answer to a message, with a part of it", "0401 017c 00000012 0002 0002 040e 0170", NO),
    ("OpenFlow 1.3: a request that failed", "0401 001c 00000041 0001 0006 0404 0010", NO),
    ("OpenFlow 1.3: an echo request", "0402 0008 00000003", UNSURE),
)


@pytest.mark.parametrize(("data", "verdict"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_first_bytes(data: str, verdict: Verdict) -> None:
    assert first_look(bytes.fromhex(data), 0) is verdict
