"""Two ports that both have a table: which step is entered, and what is left to the classifier."""

from __future__ import annotations

import struct

import pytest

from netlake import tables
from netlake.kernels.answers import STOPS
from netlake.kernels.steps import CONTESTED
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from tests.layers import build as b
from tests.layers.test_walk import INNER, NET

DISPATCH = dispatch(tables.every())
NTP = bytes.fromhex("230a04ec 00000000 00000000 4e494345") + bytes(32)
# an answer whose transaction ID resembles the flags of L2TP
DNS = bytes.fromhex("0002 8180 0001 0000 0000 0000 03777777 07 6578616d706c65 00 0001 0001")
FRAME = NET(INNER)
VXLAN, GENEVE = b.vxlan(FRAME), bytes.fromhex("0000655800000700") + FRAME
INNER_6 = b.ipv6(b.udp(b"x", 1, 53), 17)
UDP = "ethernet:ipv4:udp"


def between(payload: bytes, source: int, destination: int) -> bytes:
    return NET(b.ipv4(b.udp(payload, source, destination), 17))


def gpe(payload: bytes, flags: int = 0x0C, kind: int = 3) -> bytes:
    return struct.pack(">BxxBI", flags, kind, 7 << 8) + payload


# payload, source port, destination port, stack above UDP
CASES = {
    "NTP to a port of VXLAN-GPE": (NTP, 123, 4790, "ntp"),
    "NTP from a port of VXLAN-GPE": (NTP, 4790, 123, "ntp"),
    "DNS to VXLAN's": (DNS, 53, 4789, "dns"),
    "DNS from VXLAN's": (DNS, 4789, 53, "dns"),
    "DNS to Geneve's": (DNS, 53, 6081, "dns"),
    "DNS to GTP's": (DNS, 53, 2152, "dns"),
    "DNS to L2TP's": (DNS, 53, 1701, "dns"),
    "DNS to Teredo's": (DNS, 53, 3544, "dns"),
    "DNS to that of GRE in UDP": (DNS, 53, 4754, "dns"),
    "DNS to that of MPLS in UDP": (DNS, 53, 6635, "dns"),
    "VXLAN from WireGuard's": (VXLAN, 51820, 4789, "vxlan:ethernet:ipv4:udp:dns"),
    "VXLAN to WireGuard's": (VXLAN, 4789, 51820, "vxlan:ethernet:ipv4:udp:dns"),
    "VXLAN with a group policy": (b"\x88\x08\0\7" + VXLAN[4:], 53, 4789, "vxlan:ethernet:ipv4:udp:dns"),
    "VXLAN with a reserved bit": (b"\x08\1" + VXLAN[2:], 53, 4789, "dns"),
    "VXLAN-GPE from DNS's": (gpe(FRAME), 53, 4790, "vxlan:ethernet:ipv4:udp:dns"),
    "VXLAN-GPE of version 1": (gpe(FRAME, 0x1C), 53, 4790, "dns"),
    "Geneve from WireGuard's": (GENEVE, 51820, 6081, "geneve:ethernet:ipv4:udp:dns"),
    "Geneve with an unknown payload": (b"\0\0\x12\x34" + GENEVE[4:], 53, 6081, "dns"),
    "Geneve to VXLAN's": (GENEVE, 6081, 4789, "geneve:ethernet:ipv4:udp:dns"),
    "GTP from DNS's": (b.gtp(INNER), 53, 2152, "gtp_u:ipv4:udp:dns"),
    "GTP, shorter than the datagram": (b.gtp(INNER) + b"\0", 53, 2152, "dns"),
    "GRE from DNS's": (b.gre(INNER), 53, 4754, "gre:ipv4:udp:dns"),
    "MPLS from DNS's": (b.mpls(b.mpls(INNER), bottom=False), 53, 6635, "mpls:mpls:ipv4:udp:dns"),
    "MPLS with a frame from DNS's": (b.mpls(bytes(4) + FRAME), 53, 6635, "mpls:ethernet:ipv4:udp:dns"),
    "Teredo from DNS's": (INNER_6, 53, 3544, "teredo:ipv6:udp:dns"),
    "Teredo, longer than the datagram": (INNER_6[:-1], 53, 3544, "dns"),
    "L2TP with PPP from DNS's": (
        bytes.fromhex("0002 0001 0002 ff030021") + INNER, 53, 1701, "l2tp:ppp:ipv4:udp:dns",
    ),
    "L2TP, control from DNS's": (bytes.fromhex("c802 000c 0001 0000 0000 0000"), 53, 1701, "l2tp"),
    "L2TP, control of a wrong length": (bytes.fromhex("c802 000d 0001 0000 0000 0000"), 53, 1701, "dns"),
    "CAPWAP from DNS's": (
        bytes.fromhex("0010030000000000") + b.dot11(b"\xff\xff\3"), 53, 5247, "capwap:dot11:llc",
    ),
    "CAPWAP with a reserved bit": (bytes.fromhex("0010030100000000") + bytes(40), 53, 5247, "dns"),
    "DTLS in CAPWAP from DNS's": (bytes.fromhex("01000000 15fefd000000000000000000020100"), 53, 5246, "capwap:dtls"),
    "bytes that are no DTLS": (bytes.fromhex("01000000 45fefd000000000000000000020100"), 53, 5246, "dns"),
    "noise between two tunnels": (b"\xff" * 40, 4789, 6081, "vxlan:ethernet"),
    "noise between two tunnels, back": (b"\xff" * 40, 6081, 4789, "vxlan:ethernet"),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "source", "destination", "above"), CASES.values(), ids=CASES)
def test_step_is_entered_only_if_its_header_fits(payload: bytes, source: int, destination: int, above: str) -> None:
    walker = Walker(DISPATCH, {})
    result = walker.walk(b.batch([between(payload, source, destination)]))
    names = walker.stacks.names()
    assert names[result.packets[0]["stack"]] == f"{UDP}:{above}"


def test_messages_between_ports_of_two_tables_are_contested() -> None:
    frames = [between(NTP, 123, 3478), between(NTP, 3478, 123), between(DNS, 53, 5353), between(DNS, 53, 40000)]
    frames.append(NET(b.ipv4(b.sctp(b.chunk(b"abc", 0), source=5060, destination=3868), 132)))
    walker = Walker(DISPATCH, {})
    result = walker.walk(b.batch(frames))
    assert result.by_group[CONTESTED].row.tolist() == [0, 1, 4]
    assert result.by_group[CONTESTED].hint.tolist() == [17, 17, 132]
    assert len(result.by_group[DISPATCH.group("dns")]) == 2
    names = walker.stacks.names()
    assert [names[stack] for stack in result.packets["stack"][[0, 4]]] == [UDP, "ethernet:ipv4:sctp"]


@pytest.mark.parametrize(
    ("source", "destination", "value"),
    [(700, 40000, 700), (40000, 700, 700), (1023, 1024, 1023), (9, 2, -1), (40000, 30000, -1)],
)
def test_stop_value_is_the_only_well_known_port(source: int, destination: int, value: int) -> None:
    result = Walker(DISPATCH, {}).walk(b.batch([between(b"x", source, destination)]))
    assert STOPS[result.packets[0]["stop"]] == "unknown_port"
    assert result.packets[0]["stop_value"] == value
