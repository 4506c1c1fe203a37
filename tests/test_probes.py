"""Probes claim the cases of their table, no cases of other tables, and no random bytes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.packets import Messages
from tests.messages import build

FOLDER = Path(__file__).parent / "protocols"
PROBES = {name: entry.hooks.probe for name, entry in tables.entries().items() if entry.hooks.probe}
# cases that a probe must not claim: malformed, or with content that is not specific enough
UNCLAIMED = {
    "stun": {"answer of the old form", "channel data", "neither a message nor channel data"},
    "wireguard": {"unknown type"},
    "bittorrent_dht": {"deeper than is read"},
    "rtcp": {"application", "longer than the datagram", "unknown version"},
}


def messages(parts: list[bytes], ports: tuple[int, int] = (4000, 5000)) -> Messages:
    return build(parts, ports=ports)


def cases(table: str) -> dict[str, bytes]:
    loaded = tomllib.loads((FOLDER / f"{table}.toml").read_text())["case"]
    return {case["name"]: bytes.fromhex(case["bytes"]) for case in loaded}


def speech(count: int, first: int = 65534) -> list[bytes]:
    """RTP packets of one stream whose sequence numbers wrap."""
    head = [b"\x80\x00" + (first + step & 0xFFFF).to_bytes(2, "big") for step in range(count)]
    return [
        start + (160 * step).to_bytes(4, "big") + b"\x01\x02\x03\x04" + bytes(160) for step, start in enumerate(head)
    ]


@pytest.mark.parametrize("table", sorted(PROBES))
def test_tables_with_probe_have_column_heuristic(table: str) -> None:
    column = next(column for column in tables.table(table).columns if column.name == "heuristic")
    assert column.kind == "bool"


@pytest.mark.parametrize("table", sorted(PROBES.keys() - {"rtp"}))
def test_probe_claims_cases_of_its_table(table: str) -> None:
    own = cases(table)
    found = PROBES[table](messages(list(own.values()))).tolist()
    assert {name for name, yes in zip(own, found, strict=True) if not yes} >= UNCLAIMED.get(table, set())
    assert any(found), table


def test_rtp_needs_several_packets_of_a_stream() -> None:
    assert PROBES["rtp"](messages(speech(5))).all()
    assert not PROBES["rtp"](messages(speech(2))).any()
    assert not PROBES["rtp"](messages([packet for packet in speech(1) for _ in range(9)])).any()


@pytest.mark.parametrize("table", sorted(PROBES))
def test_probe_claims_no_cases_of_other_tables(table: str) -> None:
    known = {path.stem for path in FOLDER.glob("*.toml")} & tables.entries().keys()
    # cases of tables inside other messages do not start at the UDP payload
    outer = [name for name in known - {table} if tables.table(name).inside is None]
    others = sorted(name for name in outer if any("udp.port" in key for key in tables.table(name).on))
    taken = [name for name in others if PROBES[table](messages(list(cases(name).values()))).any()]
    assert taken == []


@pytest.mark.parametrize("table", sorted(PROBES))
def test_probe_claims_no_noise_and_reads_within_its_messages(table: str) -> None:
    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.binary(max_size=64), max_size=8))
    def check(parts: list[bytes]) -> None:
        alone = [bool(PROBES[table](messages([part]))[0]) for part in parts]
        together = PROBES[table](messages(parts))
        assert together.dtype == np.bool_
        assert len(together) == len(parts)
        if table != "rtp":
            assert together.tolist() == alone

    check()
    noise = np.random.default_rng(7).integers(0, 256, (2000, 200), np.uint8)
    assert PROBES[table](messages([row.tobytes() for row in noise])).sum() == 0


def test_isakmp_on_port_4500_needs_the_marker() -> None:
    message = cases("isakmp")["main mode"]
    found = messages([bytes(4) + message, b"\x01\x02\x03\x04" + bytes(40), b"\xff"], (4500, 4500))
    kept, columns = tables.entries()["isakmp"].hooks.read(found)
    assert kept.row.tolist() == [0]
    assert columns["initiator_spi"].to_pylist() == [message[:8]]


def test_esp_on_port_4500_is_without_marker_and_no_keep_alive() -> None:
    found = messages([bytes(4) + cases("isakmp")["main mode"], b"\x01\x02\x03\x04" + bytes(40), b"\xff"], (4500, 4500))
    kept, columns = tables.entries()["ipsec_esp"].hooks.read(found)
    assert kept.row.tolist() == [1]
    assert columns["spi"].tolist() == [0x01020304]
    assert columns["encrypted_length"].tolist() == [36]


def test_quic_does_not_claim_other_protocols_on_port_443() -> None:
    parts = [next(iter(cases(name).values())) for name in ("stun", "dtls", "wireguard", "quic")]
    parts += [speech(1)[0], bytes.fromhex("c0abcdef01") + b"\x02\x01\x02\x01\x03" + bytes(20)]
    assert PROBES["quic"](messages(parts, (443, 4000))).tolist() == [False, False, False, True, False, True]
    assert PROBES["quic"](messages(parts)).tolist() == [False, False, False, True, False, False]


def test_quic_has_no_rows_for_short_headers() -> None:
    found = messages([bytes([first]) + bytes(40) for first in range(256)], (443, 40000))
    kept, _ = tables.entries()["quic"].hooks.read(found)
    assert set(kept.row.tolist()) == {*range(0x40), *range(0x80, 0x100)}, "invalid datagrams are rows with a fault"
