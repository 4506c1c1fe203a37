"""The robustness test detects failures."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from tests.robust import survive

CAPTURE = Path(__file__).resolve().parent.parent / "captures" / "classic.pcap"


def test_bundled_capture_passes() -> None:
    outcome = survive.survive(CAPTURE, "classic", cuts=6, changes=4, seed=3)
    assert outcome.state == "survived"
    assert outcome.ours == 300


def test_wrong_packets_of_truncated_capture_are_detected() -> None:
    whole = netlake.decode(CAPTURE)
    packets = whole["packet"]
    survive.check_cut(whole, {"packet": packets.slice(0, 20)}, 1)
    with pytest.raises(AssertionError, match="truncated at byte 1"):
        survive.check_cut(whole, {"packet": packets.slice(1, 20)}, 1)


def test_failed_reader_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.table({"fault": [None, "reader_failed"]})
    monkeypatch.setattr(netlake, "decode", lambda _: {"dns": rows})
    with pytest.raises(AssertionError, match="reader of dns"):
        survive.decoded(CAPTURE)
