"""Steps through less common link headers: what they carry, and why the walk stops where that is unknown."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels.answers import STOPS
from netlake.kernels.steps import Step
from netlake.layers.steps import OTHER_LINKS, dispatch
from netlake.layers.walk import Walker
from netlake.schema import Table
from tests.layers import build as b
from tests.layers.test_walk import INNER, LEAVES

BEACON = 0x80
MORE = (
    *LEAVES,
    Table("beacons", "", "", ("dot11.type=0",), (), context="record"),
    Table("eapol", "", "", ("ether.type=0x888e",), (), context="record"),
    Table("usb", "", "", ("link.type=189", "link.type=220"), (), context="record"),
    Table("wpan", "", "", ("link.type=230",), (), context="record"),
    Table("osi", "", "", ("llc.dsap=0xfe",), (), context="record"),
    Table("cdp", "", "", ("snap.cisco=0x2000",), (), context="record"),
)
DISPATCH = dispatch(b.with_steps(*MORE))

SNAP = bytes.fromhex("aaaa03000000")
IP = SNAP + b"\x08\x00" + INNER
FRAME = b.ethernet(INNER)
DNS = "ipv4:udp:dns"
WIFI = f"dot11:llc:snap:{DNS}"


def subframe(payload: bytes) -> bytes:
    """A part of an aggregate (A-MSDU), padded to four bytes."""
    part = bytes(12) + struct.pack(">H", len(payload)) + payload
    return part + bytes(-len(part) % 4)


SUBFRAME = subframe(IP)
OTHER = subframe(b"\xf0\xf0\x03xx")


def sll(device: int, protocol: int, payload: bytes) -> bytes:
    """A packet of a Linux cooked capture."""
    return struct.pack(">HHH8xH", 0, device, 6, protocol) + payload


def sll2(device: int, protocol: int, payload: bytes) -> bytes:
    return struct.pack(">HHIHBB8x", protocol, 0, 1, device, 0, 6) + payload


# ARPHRD_ type and protocol of a Linux cooked header, payload, stack behind it, why it stopped and at what
COOKED = {
    "Ethernet device": (1, 0x0800, INNER, DNS, None, -1),
    "PPP device": (512, 0x0800, INNER, DNS, None, -1),
    "GRE device": (778, 0x6558, FRAME, f"ethernet:{DNS}", None, -1),
    "frame relay device": (770, 0x0800, b"\x18\x41\x03\xcc" + INNER, f"frame_relay:{DNS}", None, -1),
    "frame relay device, protocol 25": (770, 25, b"\x18\x41\x03\xcc" + INNER, f"frame_relay:{DNS}", None, -1),
    "802.11 device": (801, 4, b.dot11(IP), WIFI, None, -1),
    "802.11 device with Prism": (802, 4, struct.pack("<II", 0x44, 144) + bytes(136) + b.dot11(IP), WIFI, None, -1),
    "802.11 device with radiotap": (803, 4, b.radiotap(b.dot11(IP), 0), WIFI, None, -1),
    "802.11 device with radiotap, EtherType": (803, 0x0800, b.radiotap(b.dot11(IP), 0), WIFI, None, -1),
    "netlink": (824, 4, b"\x20\0\0\0\x10" + bytes(27), "", "unknown_link_type", 253),
    "netlink, protocol 0x0800": (824, 0x0800, INNER, "", "unknown_link_type", 253),
    "Novell": (1, 1, b"\xff\xff\0\x1e" + bytes(26), "", "unknown_ethertype", 0x8137),
    "Ethernet frame": (1, 3, FRAME, f"ethernet:{DNS}", None, -1),
    "LLC": (1, 4, IP, f"llc:snap:{DNS}", None, -1),
    "PPP frame": (512, 7, b"\xff\3\0\x21" + INNER, f"ppp:{DNS}", None, -1),
    "PPP multilink": (512, 8, b"\0\x21" + INNER, f"ppp:{DNS}", None, -1),
    "CAN": (280, 12, bytes(16), "", "unknown_link_type", 227),
    "IEEE 802.15.4": (804, 246, bytes(9), "wpan", None, -1),
    "Econet": (1, 24, bytes(9), "", "unknown_ethertype", 24),
}

# link type, packet, stack, why it stopped and at what
CASES = {
    **{f"{name}, cooked {version}": (link_type, cooked(device, protocol, packet), f"{group}:{stack}".strip(":"), *stop)
       for name, (device, protocol, packet, stack, *stop) in COOKED.items()
       for version, link_type, group, cooked in ((1, 113, "linux_sll", sll), (2, 276, "linux_sll2", sll2))},
    "802.11": (105, b.dot11(IP), WIFI, None, -1),
    "four addresses": (105, b.dot11(IP, flags=3, between=bytes(6)), WIFI, None, -1),
    "QoS": (105, b.dot11(IP, 0x88, between=bytes(2)), WIFI, None, -1),
    "QoS and HT control": (105, b.dot11(IP, 0x88, 0x81, bytes(6)), WIFI, None, -1),
    "EAPOL": (105, b.dot11(SNAP + b"\x88\x8e\1\1\0\0"), "dot11:llc:snap:eapol", None, -1),
    "aggregate": (105, b.dot11(SUBFRAME * 2, 0x88, between=b"\x80\0"), WIFI, None, -1),
    "aggregate whose second part is unknown": (
        105, b.dot11(SUBFRAME + OTHER + SUBFRAME, 0x88, between=b"\x80\0"), "dot11:llc", "unknown_llc", 0xF0,
    ),
    "aggregate whose second part is longer than the frame": (
        105, b.dot11(SUBFRAME + bytes(12) + b"\xff\0" + IP, 0x88, between=b"\x80\0"), WIFI, "malformed", -1,
    ),
    "aggregate with an empty part and a rest": (
        105, b.dot11(SUBFRAME + bytes(16) + SUBFRAME + bytes(9), 0x88, between=b"\x80\0"), WIFI, None, -1,
    ),
    "aggregate of too many parts": (105, b.dot11(SUBFRAME * 65, 0x88, between=b"\x80\0"), WIFI, "too_deep", -1),
    "aggregate without its first header": (105, b.dot11(b"x", 0x88, between=b"\x80\0"), "dot11", "malformed", -1),
    "encrypted": (105, b.dot11(IP, flags=0x41), "dot11", "encrypted", -1),
    "more fragments": (105, b.dot11(IP, flags=0x05), "dot11", "fragment", -1),
    "a later fragment": (105, b.dot11(IP, sequence=17), "dot11", "fragment", -1),
    "no data": (105, b.dot11(b"", 0x48), "dot11", None, -1),
    "acknowledgement": (105, b"\xd4\0\0\0" + bytes(6), "dot11", None, -1),
    "beacon": (105, b.dot11(bytes(12), BEACON, 0), "dot11:beacons", None, -1),
    "short data frame": (105, b.dot11(b"")[:20], "dot11", "malformed", -1),
    "short frame": (105, b"\x08\0\0", "dot11", "malformed", -1),
    "802.11 version 1": (105, b"\x09" + b.dot11(IP)[1:], "dot11", "malformed", -1),
    "radiotap": (127, b.radiotap(b.dot11(IP), 0), WIFI, None, -1),
    "radiotap, padded": (127, b.radiotap(b.dot11(b"\0\0" + IP, 0x88, between=bytes(2)), 0x20), WIFI, None, -1),
    "radiotap, only a check sequence": (127, b.radiotap(b.dot11(bytes(4)), 0x10), "dot11", None, -1),
    "radiotap of 4 bytes": (127, b"\0\0\4\0\0\0\0\0" + b.dot11(IP), "dot11", "malformed", -1),
    "radiotap longer than the packet": (127, b"\0\0\xff\0\0\0\0\0" + b.dot11(IP), "dot11", "malformed", -1),
    "radiotap without an end of its words": (127, b"\0\0\x0c\0" + b"\xff" * 8 + b.dot11(IP), WIFI, None, -1),
    "Prism": (119, struct.pack("<II", 0x44, 144) + bytes(136) + b.dot11(IP), WIFI, None, -1),
    "AVS": (163, struct.pack(">II", 0x80211001, 64) + bytes(56) + b.dot11(IP), WIFI, None, -1),
    "AVS in Prism's place": (119, struct.pack(">II", 0x80211001, 64) + bytes(56) + b.dot11(IP), WIFI, None, -1),
    "FDDI": (10, b"\x50" + bytes(12) + IP, f"fddi:llc:snap:{DNS}", None, -1),
    "FDDI station management": (10, b"\x41" + bytes(20), "fddi", "unknown_llc", -1),
    "short FDDI": (10, b"\x50" + bytes(11), "fddi", "malformed", -1),
    "NFLOG": (239, b"\2\0\0\0" + b.nflog_item(10, b"x\0") + b.nflog_item(9, INNER), f"nflog:{DNS}", None, -1),
    "NFLOG, big-endian": (239, b"\2\0\0\0" + struct.pack(">HH", 4 + len(INNER), 9) + INNER, f"nflog:{DNS}", None, -1),
    "NFLOG of a bridge": (239, b"\7\0\0\0" + b.nflog_item(9, FRAME), "nflog", "unknown_link_type", 7),
    "NFLOG without a packet": (239, b"\2\0\0\0" + b.nflog_item(10, b"x\0"), "nflog", None, -1),
    "NFLOG item of 3 bytes": (239, b"\2\0\0\0\3\0\x0a\0" + INNER, "nflog", "malformed", -1),
    "NFLOG item that is too long": (239, b"\2\0\0\0\xff\0\x09\0" + INNER, "nflog", "malformed", -1),
    "frame relay": (107, b"\x18\x41\x03\xcc" + INNER, f"frame_relay:{DNS}", None, -1),
    "frame relay, four bytes": (107, b"\x18\x40\x00\x01\x03\xcc" + INNER, f"frame_relay:{DNS}", None, -1),
    "frame relay with SNAP": (107, b"\x18\x41\x03\x00\x80" + IP[3:], f"frame_relay:snap:{DNS}", None, -1),
    "frame relay of Cisco": (107, b"\x18\x41\x08\x00" + INNER, f"frame_relay:{DNS}", None, -1),
    "frame relay with PPP": (107, b"\x18\x41\x03\xcf\0\x21" + INNER, f"frame_relay:ppp:{DNS}", None, -1),
    "frame relay with OSI": (107, b"\x18\x41\x03\x83\1", "frame_relay:osi", None, -1),
    "frame relay with Q.933": (107, b"\x18\x41\x03\x08\0", "frame_relay", "unknown_llc", 8),
    "frame relay's own": (107, b"\x18\x41\x13\x08\0", "frame_relay", "unknown_ethertype", 0x1308),
    "frame relay, numbered": (107, b"\0\x01\x22\0\x83\1", "frame_relay:osi", None, -1),
    "frame relay, supervisory": (107, b"\0\x01\x21\0", "frame_relay", "unknown_llc", 0x21),
    "frame relay without an end of its address": (107, b"\x18\x40\x00\x00\x03\xcc", "frame_relay", "malformed", -1),
    "Cisco HDLC": (104, b"\x0f\0\x08\0" + INNER, f"cisco_hdlc:{DNS}", None, -1),
    "Cisco HDLC with OSI": (104, b"\x0f\0\xfe\xfe\0\x83", "cisco_hdlc:osi", None, -1),
    "Cisco HDLC with CDP": (104, b"\x0f\0\x20\0\2\1", "cisco_hdlc:cdp", None, -1),
    "Cisco HDLC's keepalive": (104, b"\x8f\0\x80\x35" + bytes(14), "cisco_hdlc", "unknown_ethertype", 0x8035),
    "Cisco HDLC among PPP": (50, b"\x0f\0\x08\0" + INNER, f"cisco_hdlc:{DNS}", None, -1),
    "Cisco HDLC among PPP, keepalive": (9, b"\x8f\0\x80\x35" + bytes(14), "cisco_hdlc", "unknown_ethertype", 0x8035),
    "short Cisco HDLC": (104, b"\x8f\0\x80", "cisco_hdlc", "malformed", -1),
    "PPP with a direction": (204, b"\0\xff\3\0\x21" + INNER, f"ppp:{DNS}", None, -1),
    "token ring": (6, b"\x10\x40" + bytes(12) + IP, f"other_link:llc:snap:{DNS}", None, -1),
    "token ring with a route": (6, b"\x10\x40" + bytes(6) + b"\x80" + bytes(5) + b"\x04\0\0\0" + IP,
                                f"other_link:llc:snap:{DNS}", None, -1),
    "token ring's own": (6, b"\x10\0" + bytes(20), "other_link", "unknown_llc", -1),
    "ARCnet, RFC 1051": (7, b"\1\2\xf0" + INNER, f"other_link:{DNS}", None, -1),
    "ARCnet, RFC 1201": (129, b"\1\2\0\0\xd4\0\0\0" + INNER, f"other_link:{DNS}", None, -1),
    "ARCnet with padding": (7, b"\1\2\xd4\xff\0\0\0\0\0\0" + INNER, f"other_link:{DNS}", None, -1),
    "ARCnet, a part": (7, b"\1\2\xd4\3\0\0" + INNER, "other_link", "fragment", -1),
    "ARCnet with AppleTalk": (7, b"\1\2\xdd" + INNER, "other_link", "unknown_ethertype", 0xDD),
    "SLIP": (8, bytes(16) + INNER, f"other_link:{DNS}", None, -1),
    "SLIP, compressed": (8, bytes(16) + b"\x80" + INNER, "other_link", "unknown_link_type", 8),
    "ATM with LLC": (100, IP, f"other_link:llc:snap:{DNS}", None, -1),
    "classical IP over ATM": (106, IP, f"other_link:llc:snap:{DNS}", None, -1),
    "classical IP over ATM without LLC": (106, INNER, f"other_link:{DNS}", None, -1),
    "enc of OpenBSD": (109, bytes(12) + INNER, f"other_link:{DNS}", None, -1),
    "pflog": (117, b"\x3d\2" + bytes(62) + INNER, f"other_link:{DNS}", None, -1),
    "SunATM with LLC": (123, b"\2\0\0\1" + IP, f"other_link:llc:snap:{DNS}", None, -1),
    "SunATM with emulated Ethernet": (123, b"\1\0\0\1\0\0" + FRAME, f"other_link:ethernet:{DNS}", None, -1),
    "SunATM, signalling": (123, b"\6\0\0\1" + IP, "other_link", "unknown_link_type", 123),
    "multilink frame relay": (182, b"\xc0\0\x18\x41\x03\xcc" + INNER, f"other_link:frame_relay:{DNS}", None, -1),
    "multilink frame relay, a part": (182, b"\x80\0\x18\x41\x03\xcc" + INNER, "other_link", "fragment", -1),
    "PPI with Ethernet": (192, b"\0\0\x08\0\1\0\0\0" + FRAME, f"other_link:ethernet:{DNS}", None, -1),
    "PPI with 802.11": (192, b"\0\0\x08\0\x69\0\0\0" + b.dot11(IP), f"other_link:{WIFI}", None, -1),
    "PPI with what is not known": (192, b"\0\0\x08\0\xfe\xff\0\0" + FRAME, "other_link", "unknown_link_type", 0xFFFE),
    "PPI in PPI without end": (192, b"\0\0\x08\0\xc0\0\0\0" * 60, ":".join(["other_link"] * 40), "too_deep", -1),
    "PPI that is too long": (192, b"\0\0\xff\0\1\0\0\0" + FRAME, "other_link", "malformed", -1),
    "IPNET": (226, b"\1\2" + bytes(22) + INNER, f"other_link:{DNS}", None, -1),
    "IP over InfiniBand": (242, bytes(40) + b"\x08\0\0\0" + INNER, f"other_link:{DNS}", None, -1),
    "PKTAP": (258, struct.pack("<III", 108, 0, 1) + bytes(96) + FRAME, f"other_link:ethernet:{DNS}", None, -1),
    "Ethernet with preamble": (274, b"\x55" * 7 + b"\xd5" + FRAME + bytes(4), f"other_link:ethernet:{DNS}", None, -1),
    "Ethernet, interrupted": (274, b"\x55" * 6 + b"\x61\x52" + FRAME, "other_link", "fragment", -1),
    "Broadcom's tag": (281, bytes(16) + b"\x08\0" + INNER, f"other_link:{DNS}", None, -1),
    "Broadcom's tag before the frame": (282, bytes(4) + FRAME, f"other_link:ethernet:{DNS}", None, -1),
    "Marvell's tag": (284, bytes(16) + b"\x08\0" + INNER, f"other_link:{DNS}", None, -1),
    "Marvell's tag with a type": (285, bytes(20) + b"\x08\0" + INNER, f"other_link:{DNS}", None, -1),
    "USB": (220, bytes(64), "usb", None, -1),
}  # fmt: skip


@pytest.mark.parametrize(("link_type", "packet", "names", "reason", "value"), CASES.values(), ids=CASES)
def test_stack(link_type: int, packet: bytes, names: str, reason: str | None, value: int) -> None:
    walker = Walker(DISPATCH, {})
    row = walker.walk(b.batch([packet], link_type=link_type)).packets[0]
    stop = STOPS[row["stop"]]
    found = walker.stacks.names()[row["stack"]], stop, int(row["stop_value"]) if stop else -1
    assert found == (names, reason, value)


def test_every_link_type_of_other_link_has_a_case() -> None:
    assert {case[0] for case in CASES.values()} >= set(OTHER_LINKS)


@pytest.mark.parametrize("case", [case for case in CASES.values() if case[3] is None], ids=lambda case: case[2])
def test_truncated_packet_stops_with_reason_cut(case: tuple[int, bytes, str, str | None, int]) -> None:
    """Messages stay within the captured bytes; a packet that is cut within a header has the reason `cut`."""
    link_type, packet, names, _, _ = case
    for kept in range(len(packet)):
        walker = Walker(DISPATCH, {})
        result = walker.walk(b.batch([packet[:kept]], link_type=link_type, lengths=[len(packet)]))
        for messages in result.by_group.values():
            assert messages.end[0] <= kept
        row = result.packets[0]
        if STOPS[row["stop"]] is None:
            assert walker.stacks.names()[row["stack"]] == names
        else:
            assert STOPS[row["stop"]] == "cut"


def test_check_sequence_is_not_part_of_the_payload() -> None:
    packet = b.radiotap(b.dot11(IP + b"\1\2\3\4"), 0x10)
    result = Walker(DISPATCH, {}).walk(b.batch([packet], link_type=127))
    assert result.by_group[Step.LLC].end[0] == len(packet) - 4
    assert result.by_group[Step.DOT11].end[0] == len(packet)


def test_every_part_of_an_aggregate_has_its_messages() -> None:
    parts = [subframe(SNAP + b"\x08\0" + b.ipv4(b.udp(b"x" * size, 1, 53), 17)) for size in range(1, 8)]
    whole = b.dot11(b"".join(parts) + b"\1\2\3\4", 0x88, between=b"\x80\0")
    result = Walker(DISPATCH, {}).walk(b.batch([b.radiotap(whole, 0x10)] * 2, link_type=127))
    dns = result.by_group[DISPATCH.group("dns")]
    assert (dns.end - dns.start).tolist() == list(range(1, 8)) * 2
    assert dns.place.tolist() == list(range(7)) * 2
    assert dns.header.tolist() == list(range(14))
    assert len(result.by_group[Step.DOT11]) == 2
    assert result.headers["outer"].tolist() == [-1] * 14
    # each has the source address of its own part, and the packet is that of the first part
    start = dns.start[0] - 8 - 20
    assert (result.headers["mac"] - result.headers["network"]).tolist() == [-16] * 14
    assert result.headers["network"][0] == start
    assert result.packets["header"][:2].tolist() == [0, 7]


def test_parts_of_an_aggregate_in_a_tunnel_are_in_its_flow() -> None:
    frame = b.dot11(SUBFRAME * 3, 0x88, between=b"\x80\0")
    result = Walker(DISPATCH, {}).walk(b.batch([b.ethernet(b.ipv4(b.gre(frame, 0x8200, key=3), 47))]))
    assert result.headers["outer"].tolist() == [-1, 0, 0, 0]
    assert len(set(result.headers["key"].tolist())) == 2


def test_hint_of_a_link_header_is_its_link_type() -> None:
    """The link type is the capture's, or that of a header around it."""
    walker = Walker(DISPATCH, {})
    packets = [b"\0\0\x08\0\x7f\0\0\0" + b.radiotap(b.dot11(IP), 0), b"\0\0\x08\0\x69\0\0\0" + b.dot11(IP)]
    assert walker.walk(b.batch(packets, link_type=192)).by_group[Step.DOT11].hint.tolist() == [127, 105]
    usb = DISPATCH.group("usb")
    assert walker.walk(b.batch([bytes(64)], link_type=220)).by_group[usb].hint.tolist() == [220]
    arp = b.batch([b.ethernet(bytes(28), 0x0806)])
    assert walker.walk(arp).by_group[DISPATCH.group("arp")].hint.tolist() == [0]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(CASES.values())), st.data())
def test_messages_of_any_bytes_stay_within_their_packet(
    case: tuple[int, bytes, str, str | None, int], data: st.DataObject
) -> None:
    packet = bytearray(case[1])
    for position in data.draw(st.lists(st.integers(0, max(0, min(40, len(packet)) - 1)), max_size=4)):
        packet[position] = data.draw(st.integers(0, 255))
    whole = bytes(packet[: data.draw(st.integers(0, len(packet)))])
    packets = b.batch([whole], link_type=case[0], lengths=[len(whole) + data.draw(st.integers(0, 20))])
    for messages in Walker(DISPATCH, {}).walk(packets).by_group.values():
        assert (messages.start >= 0).all()
        assert (messages.start <= messages.end).all()
        assert (messages.end <= max(int(messages.start.max()), len(whole))).all()
