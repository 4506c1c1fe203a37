"""The walk finds the headers of each packet, and where and why it stopped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.kernels.answers import STOPS
from netlake.kernels.steps import Step
from netlake.kernels.walk_state import MOST_NETWORK_HEADERS
from netlake.layers import fragments
from netlake.layers.steps import dispatch
from netlake.layers.walk import MOST_ROUNDS, Walked, Walker
from netlake.packets import DATAGRAM as DATAGRAM_KIND
from netlake.packets import FRAGMENT, QUOTED, WHOLE, Packets
from netlake.schema import Table
from netlake.schema.faults import CUT
from tests.layers import build as b

LEAVES = (
    Table("arp", "", "", ("ether.type=0x0806",), (), context="record"),
    Table("dns", "", "", ("udp.port=53", "tcp.segment=53"), ()),
    Table("neighbor", "", "", ("icmpv6.type=135",), ()),
)
DISPATCH = dispatch(b.with_steps(*LEAVES))
NET = b.ethernet


def walked(packets: Packets) -> tuple[Walker, Walked]:
    walker = Walker(DISPATCH, {})
    return walker, walker.walk(packets)


def stack(frame: bytes, *, link_type: int = 1, length: int | None = None) -> tuple[str, str | None, int]:
    """The stack of one packet, why its walk stopped, and the number that was unknown."""
    walker, result = walked(b.batch([frame], link_type=link_type, lengths=None if length is None else [length]))
    row = result.packets[0]
    stop = STOPS[row["stop"]]
    return walker.stacks.names()[row["stack"]], stop, int(row["stop_value"]) if stop else -1


INNER = b.ipv4(b.udp(b"x", 1, 53), 17)
CASES = {
    "udp to a known port": (NET(INNER), "ethernet:ipv4:udp:dns", None, -1),
    "the source's port is known": (NET(b.ipv4(b.udp(b"x", 53, 9), 17)), "ethernet:ipv4:udp:dns", None, -1),
    "no known port": (NET(b.ipv4(b.udp(b"x", 2000, 2), 17)), "ethernet:ipv4:udp", "unknown_port", 2),
    "a message in a TCP segment": (NET(b.ipv4(b.tcp(b"x", 1, 53), 6)), "ethernet:ipv4:tcp", None, -1),
    "TCP payload without a key": (NET(b.ipv4(b.tcp(b"x", 9, 2000), 6)), "ethernet:ipv4:tcp", None, -1),
    "no payload": (NET(b.ipv4(b.tcp(b""), 6)), "ethernet:ipv4:tcp", None, -1),
    "padding behind the IP packet": (NET(b.ipv4(b.tcp(b""), 6) + bytes(6)), "ethernet:ipv4:tcp", None, -1),
    "two tags": (NET(b.vlan(b.vlan(INNER), 0x8100), 0x88A8), "ethernet:dot1q:dot1q:ipv4:udp:dns", None, -1),
    "802.3, LLC and SNAP": (
        NET(bytes.fromhex("aaaa03000000 0800") + INNER, 8 + len(INNER)),
        "ethernet:llc:snap:ipv4:udp:dns",
        None,
        -1,
    ),
    "unknown LLC": (NET(bytes.fromhex("f0f003"), 3), "ethernet:llc", None, -1),
    "unknown EtherType": (NET(b"xx", 0x88B5), "ethernet", "unknown_ethertype", 0x88B5),
    "unknown IP protocol": (NET(b.ipv4(b"xx", 253)), "ethernet:ipv4", "unknown_ip_protocol", 253),
    "IPv6": (NET(b.ipv6(b.udp(b"x", 1, 53), 17), 0x86DD), "ethernet:ipv6:udp:dns", None, -1),
    "extension headers": (
        NET(b.ipv6(bytes.fromhex("3c00000000000000 1100000000000000") + b.udp(b"x", 1, 53), 0), 0x86DD),
        "ethernet:ipv6:ipv6_hop_by_hop:ipv6_destination_options:udp:dns",
        None,
        -1,
    ),
    "no next header": (NET(b.ipv6(b"", 59), 0x86DD), "ethernet:ipv6", None, -1),
    "neighbor solicitation": (NET(b.ipv6(bytes([135, 0]) + bytes(22), 58), 0x86DD), "ethernet:ipv6:icmpv6", None, -1),
    "IP in IP": (NET(b.ipv4(INNER, 4)), "ethernet:ipv4:ipv4:udp:dns", None, -1),
    "6in4": (NET(b.ipv4(b.ipv6(b.udp(b"x", 1, 53), 17), 41)), "ethernet:ipv4:ipv6:udp:dns", None, -1),
    "GRE": (NET(b.ipv4(b.gre(INNER, key=9), 47)), "ethernet:ipv4:gre:ipv4:udp:dns", None, -1),
    "VXLAN": (
        NET(b.ipv4(b.udp(b.vxlan(NET(INNER)), 1, 4789), 17)),
        "ethernet:ipv4:udp:vxlan:ethernet:ipv4:udp:dns",
        None,
        -1,
    ),
    "Geneve": (
        NET(b.ipv4(b.udp(bytes.fromhex("0000655800000500") + NET(INNER), 1, 6081), 17)),
        "ethernet:ipv4:udp:geneve:ethernet:ipv4:udp:dns",
        None,
        -1,
    ),
    "short Ethernet": (b"abc", "ethernet", "malformed", -1),
    "IP version 5": (NET(b"\x55" + INNER[1:]), "ethernet:ipv4", "malformed", -1),
    "header length 16": (NET(b"\x44" + INNER[1:]), "ethernet:ipv4", "malformed", -1),
    "segmentation offload": (NET(b.ipv4(b.udp(b"x", 1, 53), 17, total=0)), "ethernet:ipv4:udp:dns", None, -1),
    "data offset 4": (
        NET(b.ipv4(b.tcp(b"")[:12] + b"\x40" + b.tcp(b"")[13:], 6)),
        "ethernet:ipv4:tcp",
        "malformed",
        -1,
    ),
}


@pytest.mark.parametrize(("frame", "names", "reason", "value"), CASES.values(), ids=CASES)
def test_stack(frame: bytes, names: str, reason: str | None, value: int) -> None:
    assert stack(frame) == (names, reason, value)


LINKS = {
    101: INNER, 228: INNER, 12: INNER, 113: bytes(14) + b"\x08\x00" + INNER, 276: b"\x08\x00" + bytes(18) + INNER,
    0: b"\x02\0\0\0" + INNER, 108: b"\0\0\0\x02" + INNER, 9: b"\xff\x03\x00\x21" + INNER,
}  # fmt: skip


@pytest.mark.parametrize(("link_type", "frame"), LINKS.items())
def test_link_types(link_type: int, frame: bytes) -> None:
    names, stop, _ = stack(frame, link_type=link_type)
    assert names.endswith("ipv4:udp:dns")
    assert stop is None


def test_group_has_the_name_of_the_table_around_the_others() -> None:
    known = {name: entry.table for name, entry in tables.entries().items()}
    found = dispatch(known.values())
    for number, group in found.tables.items():
        names = [table.name for table in group]
        assert found.groups[number] == names[0]
        assert known[names[0]].inside not in names
    assert {"eapol", "radius", "slow_protocol", "enip", "profinet_rt"} <= set(found.groups.values())
    assert all(table.inside in known for table in known.values() if table.inside)


def test_unknown_link_type() -> None:
    assert stack(INNER, link_type=147) == ("", "unknown_link_type", 147)


def test_bytes_that_the_capture_cut_are_missing() -> None:
    frame = NET(b.ipv4(b.tcp(bytes(100)), 6))
    for kept in range(len(frame)):
        _, result = walked(b.batch([frame[:kept]], lengths=[len(frame)]))
        for messages in result.by_group.values():
            assert messages.end[0] <= kept
            assert messages.end[0] + messages.missing[0] == len(frame)
        assert STOPS[result.packets[0]["stop"]] == (None if kept > 54 else "cut"), "payload is handed to its stream"


def test_headers_of_a_tunnel() -> None:
    _, result = walked(b.batch([NET(b.ipv4(b.udp(b.vxlan(NET(INNER)), 9, 4789), 17))]))
    outer, inner = range(2)
    found = result.headers
    assert found["outer"].tolist() == [-1, 0]
    assert found["source_port"].tolist() == [9, 1]
    assert found["key"][outer] == 0
    assert found["key"][inner] != 0
    group = {name: number for number, name in DISPATCH.groups.items()}
    assert result.by_group[group["udp"]].header.tolist() == [outer, inner]
    assert result.by_group[group["udp"]].place.tolist() == [0, 1]
    assert result.by_group[group["dns"]].header.tolist() == [inner]
    assert result.packets[0]["header"] == inner


def test_icmp_error_has_a_quoted_header() -> None:
    error = bytes([3, 1, 0, 0, 0, 0, 0, 0]) + INNER
    _, result = walked(b.batch([NET(b.ipv4(error, 1))]))
    assert result.headers["kind"].tolist() == [WHOLE, QUOTED]
    assert result.headers["outer"].tolist() == [-1, 0]
    assert (result.headers["source_port"][1], result.headers["destination_port"][1]) == (1, 53)
    assert (result.headers["source_port"][0], result.headers["destination_port"][0]) == (3, 1)


def test_too_deep() -> None:
    frame = INNER
    for _ in range(20):
        frame = b.ipv4(frame, 4)
    names, stop, _ = stack(NET(frame))
    assert stop == "too_deep"
    assert names.count("ipv4") == MOST_NETWORK_HEADERS + 1


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from([*sorted(LINKS), 1])), max_size=8), st.data())
def test_messages_of_any_bytes_stay_within_their_packet(frames: list[tuple[bytes, int]], data: st.DataObject) -> None:
    starts = [b"", NET(b""), NET(INNER)[:40], NET(b.ipv4(b.gre(b""), 47)), NET(b.ipv6(b"", 0), 0x86DD)]
    whole = [data.draw(st.sampled_from(starts)) + frame for frame, _ in frames]
    packets = b.batch(whole, lengths=[len(frame) + data.draw(st.integers(0, 20)) for frame in whole])
    packets.link_type[: packets.count] = [link_type for _, link_type in frames]
    walker, result = walked(packets)
    assert sum(map(len, result.by_group.values())) == walker.state["message_count"][0]
    for messages in result.by_group.values():
        first = packets.start[messages.row]
        assert (first <= messages.start).all()
        assert (messages.start <= messages.end).all()
        assert (messages.end <= np.maximum(messages.start, first + packets.captured[messages.row])).all()
        assert (messages.header < len(result.headers)).all()


def test_arrays_grow() -> None:
    deep = INNER
    for _ in range(6):
        deep = b.ipv4(deep, 4)
    frames = [NET(deep)] * 5000
    walker, result = walked(b.batch(frames))
    ipv4 = result.by_group[Step.IPV4]
    assert len(ipv4) == 5000 * 7
    assert ipv4.place.tolist() == list(range(7)) * 5000
    assert (np.diff(ipv4.row) >= 0).all()
    assert set(walker.stacks.names()) >= {"ethernet:ipv4:ipv4:ipv4:ipv4:ipv4:ipv4:ipv4:udp:dns"}


def test_stack_keeps_its_beginning_when_no_number_is_left() -> None:
    walker = Walker(DISPATCH, {})
    walker.stacks.count = len(walker.stacks.above) - 2
    result = walker.walk(b.batch([NET(INNER)]))
    assert walker.stacks.count == len(walker.stacks.above)
    assert walker.stacks.names()[result.packets[0]["stack"]].endswith("ethernet:ipv4")
    assert len(result.by_group[Step.UDP]) == 1


def pieces(payload: bytes, size: int, identification: int = 1) -> list[bytes]:
    return [
        NET(
            b.ipv4(payload[at : at + size], 17, identification=identification, offset=at, more=at + size < len(payload))
        )
        for at in range(0, len(payload), size)
    ]


DATAGRAM = b.udp(bytes(range(200)), 53, 9)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 0, 1, 2)], ids=str)
def test_fragments_are_reassembled(order: tuple[int, ...]) -> None:
    parts = pieces(DATAGRAM, 80)
    packets = b.batch([parts[index] for index in order])
    walker, result = walked(packets)
    udp = result.by_group[Step.UDP]
    assert len(udp) == 1
    row = udp.row[0]
    assert packets.data[udp.start[0] : udp.end[0]].tobytes() == DATAGRAM
    assert (packets.number[row], packets.last[row]) == (1, len(order))
    assert len(result.by_group[Step.IPV4]) == len(order)
    assert result.headers["kind"].tolist().count(FRAGMENT) == len(order)
    assert walker.stacks.names()[result.packets[len(order) - 1]["stack"]] == "ethernet:ipv4:udp:dns"
    assert walker.fragments.counts["reassembled"] == 1


def test_later_fragments_have_the_ports_of_the_first() -> None:
    _, result = walked(b.batch(pieces(DATAGRAM, 80)))
    assert set(result.headers["source_port"].tolist()) == {53}


def test_fragments_across_batches() -> None:
    parts = pieces(DATAGRAM, 80)
    walker = Walker(DISPATCH, {})
    assert Step.UDP not in walker.walk(b.batch(parts[:2])).by_group
    packets = b.batch(parts[2:], first=3)
    udp = walker.walk(packets).by_group[Step.UDP]
    assert (packets.number[udp.row[0]], packets.last[udp.row[0]]) == (1, 3)


def test_ipv6_fragments() -> None:
    parts = [
        NET(b.ipv6(b.ipv6_fragment(DATAGRAM[at : at + 80], 17, offset=at, more=at + 80 < len(DATAGRAM)), 44), 0x86DD)
        for at in range(0, len(DATAGRAM), 80)
    ]
    packets = b.batch(parts)
    walker, result = walked(packets)
    udp = result.by_group[Step.UDP]
    assert packets.data[udp.start[0] : udp.end[0]].tobytes() == DATAGRAM
    assert walker.stacks.names()[result.packets[2]["stack"]] == "ethernet:ipv6:ipv6_fragment:udp:dns"


def test_overlapping_fragments_keep_the_bytes_captured_first() -> None:
    first = NET(b.ipv4(DATAGRAM[:80], 17, more=True))
    other = NET(b.ipv4(b"\xff" * 40 + DATAGRAM[80:], 17, offset=40))
    packets = b.batch([first, other])
    walker, result = walked(packets)
    udp = result.by_group[Step.UDP]
    assert packets.data[udp.start[0] : udp.end[0]].tobytes() == DATAGRAM
    assert walker.fragments.counts["overlapping"] == 1


def test_fragments_expire_after_a_minute() -> None:
    parts = pieces(DATAGRAM, 104)
    packets = b.batch(parts)
    packets.ts[1] += 61 * 10**9
    walker, result = walked(packets)
    assert Step.UDP not in result.by_group
    assert walker.fragments.counts["expired"] == 1


def test_waiting_fragments_are_bounded() -> None:
    walker = Walker(DISPATCH, {})
    for round_ in range(3):
        source = bytes([10, round_, 0, 1])
        frames = [NET(b.ipv4(b"x" * 8, 17, identification=n, more=True, source=source)) for n in range(8000)]
        walker.walk(b.batch(frames))
    assert len(walker.fragments.waiting) == 16_384
    assert walker.fragments.counts["evicted"] == 3 * 8000 - 16_384


def test_truncated_fragments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "MOST_DATAGRAMS", 5)
    frames = [NET(b.ipv4(b"x" * 80, 17, identification=n, offset=80, more=True)) for n in range(20)]
    walker, _ = walked(b.batch([frame[:60] for frame in frames], lengths=[len(frame) for frame in frames]))
    assert walker.fragments.counts["cut"] == 20
    assert walker.fragments.counts["evicted"] == 15
    assert len(walker.fragments.waiting) == 5


def test_truncated_first_fragment_is_read() -> None:
    frame = pieces(DATAGRAM, 80)[0]
    _, result = walked(b.batch([frame[:50]], lengths=[len(frame)]))
    assert len(result.by_group[Step.UDP]) == 1


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_fragmentation_reassembles_to_the_datagram(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30)) * 8
    parts = data.draw(st.permutations(pieces(DATAGRAM, size)))
    packets = b.batch(parts)
    _, result = walked(packets)
    udp = result.by_group[Step.UDP]
    assert packets.data[udp.start[0] : udp.end[0]].tobytes() == DATAGRAM


def test_places_in_a_fragmented_tunnel_follow_those_of_its_first_packet() -> None:
    inside = b.udp(b.vxlan(NET(b.ipv4(b.udp(bytes(100), 1, 53), 17))), 9, 4789)
    packets = b.batch(pieces(inside, 80))
    _, result = walked(packets)
    for step, expected in ((Step.ETHERNET, [0, 1, 0]), (Step.IPV4, [0, 1, 0]), (Step.UDP, [0, 1])):
        messages = result.by_group[step]
        keys = list(zip(packets.number[messages.row].tolist(), messages.place.tolist(), strict=True))
        assert len(set(keys)) == len(keys)
        assert sorted(messages.place.tolist()) == sorted(expected)


def test_truncated_ip_header_has_fault_cut() -> None:
    frame = NET(b"\x46" + b.ipv4(b.tcp(bytes(100)), 6)[1:])
    _, result = walked(b.batch([frame[:36]], lengths=[len(frame)]))
    ipv4 = result.by_group[Step.IPV4]
    assert ipv4.fault.tolist() == [CUT]
    assert ipv4.header.tolist() == [0]
    assert result.headers["protocol"].tolist() == [6]


def test_numbers_in_tunnel_keys_do_not_change() -> None:
    """Column `tunnel_key` of `connection` depends on them."""
    keyed = ("ethernet", "ipv4", "ipv6", "gre", "vxlan", "geneve", "mpls", "pppoe", "l2tp", "gtp_u", "erspan", "teredo",
             "nsh", "pim", "ieee8021ah", "cisco_metadata", "fabric_path", "vn_tag", "e_tag", "cisco_ttag", "macsec",
             "tzsp", "hp_erm", "hsr", "trill", "lisp", "ayiya", "capwap")  # fmt: skip
    assert [Step[name.upper()].value for name in keyed] == [0, 16, 17, *range(48, 72), 73]


def test_source_mac_is_that_of_the_frame_around_the_ip_header() -> None:
    frame = NET(b.ipv4(b.udp(b.vxlan(NET(b.ipv4(b.gre(INNER), 47))), 9, 4789), 17))
    _, result = walked(b.batch([frame]))
    assert result.headers["mac"].tolist() == [6, 14 + 20 + 8 + 8 + 6, -1]


def test_datagram_has_the_source_mac_of_the_fragment_that_completed_it() -> None:
    packets = b.batch(pieces(DATAGRAM, 80))
    _, result = walked(packets)
    datagram = result.headers[result.headers["kind"] == DATAGRAM_KIND]
    assert datagram["mac"].tolist() == [packets.start[packets.count - 1] + 6]


@pytest.mark.parametrize("levels", [1, MOST_ROUNDS - 1, MOST_ROUNDS + 2])
def test_nested_datagrams_are_walked_up_to_a_limit(levels: int) -> None:
    """The data of each datagram but the innermost are the last fragment of another one."""
    payload, frames = INNER, []
    for level in range(levels):
        first = b.ipv4(payload[:8], 4, identification=level, more=True)
        for _ in range(levels - 1 - level):
            first = b.ipv4(first, 4)
        frames.append(NET(first))
        payload = b.ipv4(payload[8:], 4, identification=level, offset=8)
    packets = b.batch([*frames, NET(payload)])
    walker, result = walked(packets)
    assert walker.fragments.counts["reassembled"] == min(levels, MOST_ROUNDS)
    assert (Step.UDP in result.by_group) == (levels < MOST_ROUNDS)
    assert (result.packets["header"][: packets.rows] < len(result.headers)).all()
    names = walker.stacks.names()[result.packets["stack"][levels]].split(":")
    assert names.count("ipv4") == min(levels, MOST_ROUNDS - 1) + 1
