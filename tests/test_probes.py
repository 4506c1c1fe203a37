"""Probes claim the cases of their table, no cases of other tables, and no random bytes."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.packets import Messages
from tests.messages import build, claims

FOLDER = Path(__file__).parent / "protocols"
HOOKS = {name: entry.hooks for name, entry in tables.entries().items() if entry.hooks.probe}
PROBES = {name: partial(claims, hooks) for name, hooks in HOOKS.items()}
# cases that a probe must not claim: malformed, or with content that is not specific enough
UNCLAIMED = {
    # channel data is claimed behind messages of the same flow
    "stun": {"answer of the old form", "neither a message nor channel data"},
    "wireguard": {"unknown type"},
    "bittorrent_dht": {"deeper than is read"},
    "rtcp": {"application", "longer than the datagram", "unknown version"},
}
# uTP is recognized in one datagram on a port of BitTorrent only
PORTS = {"utp": (6881, 5000)}
# probes for which one message is not evidence
OF_SEVERAL = ("rtp", "utp", "quic", "gquic")


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
    found = PROBES[table](messages(list(own.values()), PORTS.get(table, (4000, 5000)))).tolist()
    assert {name for name, yes in zip(own, found, strict=True) if not yes} >= UNCLAIMED.get(table, set())
    assert any(found), table


def test_rtp_needs_several_packets_of_a_stream() -> None:
    assert PROBES["rtp"](messages(speech(5))).all()
    assert not PROBES["rtp"](messages(speech(2))).any()
    assert not PROBES["rtp"](messages([packet for packet in speech(1) for _ in range(9)])).any()


def utp(kind: int, connection: int, clock: int, sequence: int = 1, acknowledged: int = 0) -> bytes:
    head = bytes([kind << 4 | 1, 0]) + connection.to_bytes(2, "big") + clock.to_bytes(4, "big")
    tail = (65536).to_bytes(4, "big") + sequence.to_bytes(2, "big") + acknowledged.to_bytes(2, "big")
    return head + bytes(4) + tail + (b"data" if kind == 0 else b"")


THERE, BACK, ELSEWHERE = (4000, 5000), (5000, 4000), (4000, 5001)
CONNECTIONS = {
    "a SYN and its answer": ([(utp(4, 7, 50), THERE), (utp(2, 7, 90), BACK)], [True, True]),
    "data and its answer": ([(utp(0, 8, 50), THERE), (utp(2, 7, 90), BACK)], [True, True]),
    "IDs that differ by two": ([(utp(0, 9, 50), THERE), (utp(2, 7, 90), BACK)], [False, False]),
    "an answer on other ports": ([(utp(0, 8, 50), THERE), (utp(2, 7, 90), (5001, 4000))], [False, False]),
    "equal IDs without a SYN": ([(utp(0, 7, 50), THERE), (utp(2, 7, 90), BACK)], [False, False]),
    "one datagram": ([(utp(0, 8, 50), THERE)], [False]),
    "one datagram on a port of BitTorrent": ([(utp(0, 8, 50), (40000, 6889))], [True]),
    "three that advance": ([(utp(0, 8, 50 + n, n + 1, 9), THERE) for n in range(3)], [True] * 3),
    "three whose clock wraps": ([(utp(0, 8, (1 << 32) - 1 + 2 * n & 0xFFFFFFFF, n + 1, 9), THERE) for n in range(3)],
                                [True] * 3),
    "two that advance": ([(utp(0, 8, 50 + n, n + 1, 9), THERE) for n in range(2)], [False] * 2),
    "three at one time": ([(utp(0, 8, 50, n + 1, 9), THERE) for n in range(3)], [False] * 3),
    "three whose sequence jumps": ([(utp(0, 8, 50 + n, 65 * n + 1, 9), THERE) for n in range(3)], [False] * 3),
    "three whose acknowledgment jumps": ([(utp(0, 8, 50 + n, n + 1, 65 * n), THERE) for n in range(3)], [False] * 3),
    "three of different IDs": ([(utp(0, 8 + n, 50 + n, n + 1, 9), THERE) for n in range(3)], [False] * 3),
    "three on different ports": ([(utp(0, 8, 50 + n, n + 1, 9), (4000, 5000 + n)) for n in range(3)], [False] * 3),
    "an answer beside another connection": (
        [(utp(0, 8, 50), THERE), (utp(0, 300, 50), THERE), (utp(2, 7, 90), BACK), (utp(0, 8, 50), ELSEWHERE)],
        [True, False, True, False],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("datagrams", "found"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_utp_needs_more_than_one_datagram(datagrams: list[tuple[bytes, tuple[int, int]]], found: list[bool]) -> None:
    given = build([data for data, _ in datagrams], ports=[ports for _, ports in datagrams])
    assert PROBES["utp"](given).tolist() == found


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
        if table not in OF_SEVERAL:
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


QUERY = bytes.fromhex("2100010000010000000000000377777706676f6f676c6503636f6d0000010001")
ANSWER = QUERY[:2] + b"\x81\x80" + QUERY[4:6] + b"\0\1" + QUERY[8:] + bytes.fromhex("c00c000100010000003c00047f000001")
ENCODED = b"\x20" + b"CK" + b"A" * 30 + b"\0"
# a whole message, and what is changed in it
DNS = {
    "query": (QUERY, True),
    "answer": (ANSWER, True),
    "root": (QUERY[:12] + bytes.fromhex("0000020001"), True),
    "notification with its record": (QUERY[:2] + b"\x24\0" + ANSWER[4:], True),
    "answer with an error": (ANSWER[:3] + b"\x83" + ANSWER[4:], True),
    "byte after the end": (QUERY + b"\0", False),
    "byte less": (ANSWER[:-1], False),
    "no question": (QUERY[:4] + bytes(8), False),
    "two questions": (QUERY[:4] + b"\0\2" + QUERY[6:] + QUERY[12:], False),
    "opcode of no use": (QUERY[:2] + b"\x19\0" + QUERY[4:], False),
    "reserved flag": (QUERY[:3] + b"\x40" + QUERY[4:], False),
    "query with an error": (QUERY[:3] + b"\x03" + QUERY[4:], False),
    "query with a recursive server": (QUERY[:3] + b"\x80" + QUERY[4:], False),
    "query with an answer": (QUERY[:2] + b"\1\0" + ANSWER[4:], False),
    "answer with an unknown error": (ANSWER[:3] + b"\x8b" + ANSWER[4:], False),
    "class of no use": (QUERY[:-1] + b"\2", False),
    "type 0": (QUERY[:-3] + b"\0\0\1", False),
    "name with an unprintable byte": (QUERY.replace(b"www", b"w\1w"), False),
    "name that is a pointer": (QUERY[:12] + b"\xc0\x0c\0\1\0\1", False),
    "name of NetBIOS": (QUERY[:12] + ENCODED + b"\0\x20\0\1", False),
    "status of NetBIOS": (QUERY[:12] + ENCODED + b"\0\x21\0\1", False),
    "SRV": (QUERY[:-3] + b"\x21\0\1", True),
    "record of NetBIOS's type": (QUERY[:-3] + b"\x20\0\1", False),
}


@pytest.mark.parametrize(("data", "found"), DNS.values(), ids=DNS)
def test_dns_off_its_ports_is_a_whole_plausible_message(data: bytes, *, found: bool) -> None:
    assert PROBES["dns"](messages([data])).tolist() == [found]


def test_dns_that_the_capture_cut_is_not_recognized() -> None:
    assert PROBES["dns"](build([QUERY], missing=4, ports=(4000, 5000))).tolist() == [False]


# what is on the port of a table: bytes, bytes that the capture lacks, and whether `accept` takes it
COOKIE = bytes.fromhex("2112a442")
ACCEPTED = {
    ("stun", "with the cookie"): (b"\0\1\0\4" + COOKIE + bytes(12), 0, True),
    ("stun", "of the old form"): (bytes(20), 0, True),
    ("stun", "of the old form, too long"): (bytes(21), 0, False),
    ("stun", "channel data"): (b"\x40\0\0\2ab", 0, True),
    ("stun", "channel data, padded"): (b"\x40\0\0\1a\0\0\0", 0, True),
    ("stun", "channel data, padded too much"): (b"\x40\0\0\1a\0\0\0\0", 0, False),
    ("stun", "channel data, longer than the datagram"): (b"\x40\0\0\3ab", 0, False),
    ("stun", "RTP"): (speech(1)[0], 0, False),
    ("stun", "one byte"): (b"\0", 0, False),
    ("stun", "one byte, cut"): (b"\0", 20, True),
    ("stun", "one byte of RTP, cut"): (b"\x80", 20, False),
    ("wireguard", "of an unknown type"): (b"\5\0\0\0" + bytes(60), 0, False),
    ("wireguard", "initiation of a wrong size"): (b"\1\0\0\0" + bytes(60), 0, True),
    ("wireguard", "with a reserved byte"): (b"\1\0\1\0" + bytes(144), 0, False),
    ("wireguard", "one byte"): (b"\1", 0, False),
    ("wireguard", "one byte, cut"): (b"\1", 147, True),
    ("bittorrent_dht", "a dictionary that is malformed"): (b"d1:", 0, True),
    ("bittorrent_dht", "uTP"): (utp(0, 8, 50), 0, False),
    ("bittorrent_dht", "nothing, cut"): (b"", 9, True),
    ("openvpn", "client's reset"): (b"\x38" + bytes(13), 0, True),
    ("openvpn", "client's reset, signed with SHA-1"): (b"\x38" + bytes(41), 0, True),
    ("openvpn", "server's reset, with an acknowledgment"): (b"\x40" + bytes(25), 0, True),
    ("openvpn", "reset of another key"): (b"\x39" + bytes(13), 0, False),
    ("openvpn", "reset of a size between"): (b"\x38" + bytes(14), 0, False),
    ("openvpn", "acknowledgment"): (b"\x28" + bytes(21), 0, True),
    ("openvpn", "acknowledgment of nothing"): (b"\x28" + bytes(13), 0, False),
    ("openvpn", "control"): (b"\x20" + bytes(13), 0, True),
    ("openvpn", "control without its packet ID"): (b"\x20" + bytes(12), 0, False),
    ("openvpn", "data with a peer"): (b"\x48" + bytes(23), 0, True),
    ("openvpn", "data with a peer, too short"): (b"\x48" + bytes(22), 0, False),
    ("openvpn", "unknown opcode"): (b"\xf8" + bytes(40), 0, False),
    ("openvpn", "nothing, cut"): (b"", 9, True),
}


@pytest.mark.parametrize(("table", "data", "missing", "taken"), [
    pytest.param(table, *case, id=f"{table}-{name}") for (table, name), case in ACCEPTED.items()
])  # fmt: skip
def test_accept(table: str, data: bytes, missing: int, *, taken: bool) -> None:
    accept = tables.entries()[table].hooks.accept
    assert accept(build([data], missing=missing, ports=(4000, 5000))).tolist() == [taken]


REPORT = bytes.fromhex("81c9000701020304") + b"\x55" * 24
# a payload of SRTCP, and what is changed in it
SECURE = {
    "receiver report": (REPORT + bytes.fromhex("80000007") + bytes(10), True),
    "two packets": (REPORT + b"\x55" * 20 + bytes.fromhex("80000007") + bytes(10), True),
    "report of another length than its count": (b"\x82" + REPORT[1:] + bytes.fromhex("80000007") + bytes(10), False),
    "not encrypted": (REPORT + bytes.fromhex("00000007") + bytes(10), False),
    "index that is too large": (REPORT + bytes.fromhex("80010007") + bytes(10), False),
    "digest of another size": (REPORT + bytes.fromhex("80000007") + bytes(11), False),
    "longer than its datagram": (REPORT[:-1] + bytes.fromhex("80000007") + bytes(10), False),
    "description": (b"\x81\xca" + REPORT[2:] + bytes.fromhex("80000007") + bytes(10), False),
    "version 1": (b"\x41" + REPORT[1:] + bytes.fromhex("80000007") + bytes(10), False),
}


@pytest.mark.parametrize(("data", "found"), SECURE.values(), ids=SECURE)
def test_srtcp_has_an_index_behind_its_packets(data: bytes, *, found: bool) -> None:
    assert PROBES["rtcp"](messages([data])).tolist() == [found]


IDENTIFIER = bytes.fromhex("0102030405060708")
HELLO = b"\x0d" + IDENTIFIER + b"Q043\1" + bytes(40)
RESET = b"\x0e" + IDENTIFIER + b"PRST"
PLAIN, SHORTENED, OTHER = b"\x08" + IDENTIFIER + b"\2", b"\0\2", b"\x08" + bytes(8) + b"\2"
CLIENT, SERVER = (4000, 443), (443, 4000)
GOOGLE = {
    "a version": ([(HELLO, CLIENT)], [True]),
    "a version that is not of Google": ([(HELLO.replace(b"Q043", b"Q044"), CLIENT)], [False]),
    "a version that is no number": ([(HELLO.replace(b"Q043", b"Q0x3"), CLIENT)], [False]),
    "a public reset": ([(RESET, SERVER)], [True]),
    "a reserved flag": ([(b"\x8d" + HELLO[1:], CLIENT)], [False]),
    "packets of a connection": (
        [(HELLO, CLIENT), (PLAIN, CLIENT), (SHORTENED, SERVER), (OTHER, CLIENT), (PLAIN, (4001, 443))],
        [True, True, True, False, False],
    ),
    "packets alone": ([(PLAIN, CLIENT), (SHORTENED, SERVER), (b"", SERVER)], [False] * 3),
}


@pytest.mark.parametrize(("datagrams", "found"), GOOGLE.values(), ids=GOOGLE)
def test_gquic_is_its_versions_and_the_packets_between_their_ports(
    datagrams: list[tuple[bytes, tuple[int, int]]], found: list[bool]
) -> None:
    given = build([data for data, _ in datagrams], ports=[ports for _, ports in datagrams])
    assert PROBES["gquic"](given).tolist() == found


def test_gquic_without_a_version_is_read_as_that_of_its_connection() -> None:
    """The byte order before Q039, and the nonce of the server only."""
    old = HELLO.replace(b"Q043", b"Q035")
    datagrams = [(old, CLIENT), (b"\x1c" + IDENTIFIER + b"\1\2", CLIENT), (b"\x14" + b"n" * 32 + b"\1\2", SERVER)]
    given = build([data for data, _ in datagrams], ports=[ports for _, ports in datagrams])
    _, columns = tables.entries()["gquic"].hooks.read(given)
    assert columns["packet_number"].to_pylist() == [1, 0x0201, 0x0201]
    assert columns["diversification_nonce"].to_pylist() == [None, None, b"n" * 32]
