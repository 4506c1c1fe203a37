"""Steps through tunnels: their payloads, cut and malformed headers, and the flows inside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels.steps import Step
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from netlake.schema import Table
from tests.layers import build as b
from tests.layers.test_walk import INNER, LEAVES, NET, stack, walked
from tests.layers.tunnel_cases import INNER_6, TUNNELS, over_udp


@pytest.mark.parametrize(("frame", "names", "reason", "value"), TUNNELS.values(), ids=TUNNELS)
def test_stack_of_a_tunnel(frame: bytes, names: str, reason: str | None, value: int) -> None:
    assert stack(frame) == (names, reason, value)


@pytest.mark.parametrize("name", TUNNELS)
def test_messages_of_a_truncated_tunnel_stay_within_it(name: str) -> None:
    frame = TUNNELS[name][0]
    for kept in range(14, len(frame)):
        _, result = walked(b.batch([frame[:kept]], lengths=[len(frame)]))
        for messages in result.by_group.values():
            assert (messages.start <= messages.end).all()
            assert (messages.end <= kept).all()
            assert (messages.end + messages.missing <= len(frame)).all()


def keys(*frames: bytes) -> list[int]:
    """The keys of the innermost headers of some packets."""
    _, result = walked(b.batch(frames))
    return [int(result.headers["key"][row]) for row in result.packets[: len(frames)]["header"]]


def test_tunnels_differ_by_an_identifier_of_both_directions() -> None:
    def vxlan(number: int) -> bytes:
        return over_udp(b.vxlan(NET(INNER), number), 4789)

    def mirrored(number: int) -> bytes:
        return NET(b.ipv4(bytes.fromhex(f"100088be 00000001 1001{number:04x}00000000") + NET(INNER), 47))

    def session(number: int) -> bytes:
        return NET(b.pppoe(b"\0\x21" + INNER, session=number), 0x8864)

    for tunnel in (vxlan, mirrored, session):
        one, other, again = keys(tunnel(1), tunnel(2), tunnel(1))
        assert one == again != other


def test_tunnels_are_one_where_the_directions_have_different_identifiers() -> None:
    plain, label, labels = keys(
        NET(INNER), NET(b.mpls(INNER, 5), 0x8847), NET(b.mpls(b.mpls(INNER), bottom=False), 0x8847)
    )
    assert plain == label == labels == 0
    inside = keys(NET(b.ipv4(b.mpls(INNER, 5), 137)), over_udp(b.mpls(INNER, 5), 6635), NET(b.ipv4(NET(INNER), 143)))
    assert 0 not in inside
    one, other = keys(over_udp(b.gtp(INNER, tunnel=1), 2152), over_udp(b.gtp(INNER, tunnel=2), 2152))
    assert one == other != 0


def test_trailer_of_prp_has_a_message_and_is_not_payload() -> None:
    names = ("PRP", "PRP in a VLAN", "PRP's suffix behind another size", "PRP's suffix in a short frame")
    frames = [TUNNELS[name][0] for name in names]
    packets = b.batch(frames)
    _, result = walked(packets)
    found = result.by_group[Step.PRP]
    assert found.row.tolist() == [0, 1]
    assert (found.end - found.start).tolist() == [6, 6]
    ends = packets.start[:2] + packets.captured[:2]
    assert found.end.tolist() == ends.tolist()
    assert result.by_group[Step.DOT1Q].end.tolist() == [ends[1] - 6]
    # a frame that the capture cut has no known end
    _, result = walked(b.batch(frames[:1], lengths=[len(frames[0]) + 1]))
    assert Step.PRP not in result.by_group


def test_ip_in_ip_has_a_message() -> None:
    _, result = walked(b.batch([NET(b.ipv4(INNER_6, 41)), NET(b.ipv6(INNER, 4), 0x86DD), NET(INNER)]))
    found = result.by_group[Step.IP_IN_IP]
    assert found.row.tolist() == [0, 1]
    assert found.hint.tolist() == [4, 6]
    assert found.header.tolist() == [0, 2]


def test_hint_of_a_leaf_behind_ppp_is_the_protocol() -> None:
    table = Table("ppp_control", "", "", ("ppp.protocol=0xc021", "ppp.protocol=0xc023"), ())
    walker = Walker(dispatch(b.with_steps(*LEAVES, table)), {})
    frames = [NET(b.pppoe(bytes.fromhex(f"{kind} 01010004")) + bytes(9), 0x8864) for kind in ("c021", "c023")]
    result = walker.walk(b.batch(frames))
    found = result.by_group[walker.dispatch.group("ppp_control")]
    assert found.hint.tolist() == [0xC021, 0xC023]
    assert (found.end - found.start).tolist() == [4, 4]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(sorted(TUNNELS)), st.binary(max_size=40)), max_size=8), st.data())
def test_messages_of_any_bytes_in_a_tunnel_stay_within_their_packet(
    parts: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    frames = [TUNNELS[name][0][: data.draw(st.integers(14, 90))] + more for name, more in parts]
    packets = b.batch(frames, lengths=[len(frame) + data.draw(st.integers(0, 20)) for frame in frames])
    walker, result = walked(packets)
    assert sum(map(len, result.by_group.values())) == walker.state["message_count"][0]
    for messages in result.by_group.values():
        first = packets.start[messages.row]
        assert (first <= messages.start).all()
        assert (messages.start <= messages.end).all()
        assert (messages.end <= np.maximum(messages.start, first + packets.captured[messages.row])).all()
        assert (messages.header < len(result.headers)).all()
