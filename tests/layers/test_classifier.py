"""The classifier assigns payloads to tables by content where ports decide nothing, and survives hooks that fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from netlake.errors import SchemaError
from netlake.kernels.answers import STOPS
from netlake.kernels.steps import UNCLAIMED
from netlake.layers.classifier import Classifier, Hook, Hooked
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walked, Walker
from netlake.packets import Mask, Messages
from netlake.records.readers import Trials
from netlake.schema import Table
from tests.layers import build as b

TABLES = (
    Table("owner", "", "", ("udp.port=53", "tcp.segment=53"), ()),
    Table("first", "", "", (), ()),
    Table("second", "", "", ("udp.port=99",), ()),
)
DISPATCH = dispatch(b.with_steps(*TABLES), ["first", "second"])


def starts_with(*letters: str) -> Hook:
    def probe(messages: Messages) -> Mask:
        found: Mask = np.isin(messages.data[messages.start], [ord(letter) for letter in letters])
        return found

    return probe


def udp(payload: bytes, port: int = 2) -> bytes:
    return b.ethernet(b.ipv4(b.udp(payload, 9, port), 17))


class Batch:
    """One classified batch: its tables' payloads, and the stack and the reason to stop of each packet."""

    def __init__(self, frames: list[bytes], probes: dict[str, Hook], accepts: dict[str, Hook] | None = None) -> None:
        self.failures: list[tuple[str, str]] = []
        walker = Walker(DISPATCH, {})
        classifier = Classifier(DISPATCH, walker.stacks, Hooked(probes, accepts or {}), self.failed, Trials())
        self.walked: Walked = walker.walk(b.batch(frames))
        self.claimed = classifier.classify(self.walked)
        self.found = {table.name: [*messages] for table, messages in self.claimed}
        names = walker.stacks.names()
        self.stacks = [names[stack].removeprefix("ethernet:ipv4:") for stack in self.walked.packets["stack"]]
        self.stops = [STOPS[stop] for stop in self.walked.packets["stop"]]

    def failed(self, table: str, error: Exception) -> None:
        self.failures.append((table, type(error).__name__))

    def left(self, group: int) -> list[bytes]:
        return [*self.walked.by_group.get(group, ())]


def test_payload_without_a_key_is_assigned_by_content() -> None:
    frames = [udp(b"a"), udp(b"b"), udp(b"a"), udp(b"x", 53)]
    batch = Batch(frames, {"first": starts_with("a")})
    ((table, found),) = batch.claimed
    assert (table.name, found.row.tolist(), found.place.tolist()) == ("first", [0, 2], [0, 0])
    assert found.source_port.tolist() == [9, 9]
    assert found.destination_port.tolist() == [2, 2]
    assert found.hint.tolist() == [17, 17]
    assert batch.left(UNCLAIMED) == [b"b"]
    assert batch.stacks == ["udp:first", "udp", "udp:first", "udp:owner"]
    assert batch.stops == [None, "unknown_port", None, None]


def test_first_probe_takes_a_message() -> None:
    batch = Batch([udp(b"a"), udp(b"b")], {"first": starts_with("a"), "second": starts_with("a", "b")})
    assert batch.found == {"first": [b"a"], "second": [b"b"]}
    assert batch.stacks == ["udp:first", "udp:second"]


def test_rejected_message_is_offered_to_probes_and_is_else_not_decoded() -> None:
    frames = [udp(b"a", 53), udp(b"o", 53), udp(b"z", 53)]
    batch = Batch(frames, {"first": starts_with("a")}, {"owner": starts_with("o")})
    assert batch.found == {"first": [b"a"]}
    assert batch.left(DISPATCH.group("owner")) == [b"o"]
    assert batch.stacks == ["udp:first", "udp:owner", "udp"]
    assert batch.stops == [None, None, "unknown_port"]
    packet = batch.walked.packets[2]
    assert (packet["stop_value"], packet["stop_offset"]) == (53, sum(map(len, frames)) - 1)


def test_rejected_message_of_a_reassembled_datagram_is_not_decoded() -> None:
    whole = b.udp(b"z" * 40, 9, 53)
    pieces = [b.ethernet(b.ipv4(whole[at : at + 24], 17, offset=at, more=at + 24 < len(whole))) for at in (0, 24)]
    batch = Batch(pieces, {}, {"owner": starts_with("o")})
    assert batch.left(DISPATCH.group("owner")) == []
    assert batch.stacks[:2] == ["ethernet:ipv4", "udp"]
    assert batch.stops[:2] == ["fragment", "unknown_port"]
    assert batch.walked.packets["stop_value"][1] == 53


def test_rejected_message_that_has_no_port_of_the_table_stays() -> None:
    frame = b.ethernet(b.ipv4(b"z", 253))
    dispatched = dispatch(b.with_steps(Table("owner", "", "", ("udp.port=53", "ip.protocol=253"), ())))
    walker = Walker(dispatched, {})
    walked = walker.walk(b.batch([frame]))
    hooks = Hooked({}, {"owner": starts_with("o")})
    Classifier(dispatched, walker.stacks, hooks, print, Trials()).classify(walked)
    assert [*walked.by_group[dispatched.group("owner")]] == [b"z"]


def test_probe_is_not_asked_about_its_own_port() -> None:
    batch = Batch([udp(b"a", 99)], {"second": starts_with("a")}, {"second": starts_with("b")})
    assert batch.found == {}
    assert batch.stacks == ["udp"]


def test_tcp_stack_ends_at_tcp_for_a_message_assigned_by_content() -> None:
    frame = b.ethernet(b.ipv4(b.tcp(b"a", 9, 53), 6))
    batch = Batch([frame], {"first": starts_with("a")}, {"owner": starts_with("o")})
    assert batch.found == {"first": [b"a"]}
    assert batch.stacks == ["tcp"]


def test_accept_is_called_once_a_group_and_batch() -> None:
    calls: list[int] = []

    def accept(messages: Messages) -> Mask:
        calls.append(len(messages))
        return np.zeros(len(messages), np.bool_)

    batch = Batch(
        [udp(b"a", 53), udp(b"b", 53)], {"first": starts_with("a"), "second": starts_with("b")}, {"owner": accept}
    )
    assert batch.found == {"first": [b"a"], "second": [b"b"]}
    assert calls == [2]


def _raises(messages: Messages) -> Mask:
    raise ValueError("a mistake")


BROKEN = {
    "raises": (_raises, "ValueError"),
    "wrong shape": (lambda _: np.ones(7, np.bool_), "TypeError"),
    "no mask": (lambda _: None, "TypeError"),
    "numbers": (lambda messages: np.arange(len(messages)), "TypeError"),
}


@pytest.mark.parametrize(("hook", "error"), BROKEN.values(), ids=BROKEN)
def test_failing_hooks_lose_no_message(hook: Callable[[Messages], Mask], error: str) -> None:
    frames = [udp(b"a"), udp(b"a", 53)]
    batch = Batch(frames, {"first": hook, "second": starts_with("a")}, {"owner": hook})
    assert batch.found == {"second": [b"a"]}
    assert batch.left(DISPATCH.group("owner")) == [b"a"]
    assert batch.failures == [("owner", error), ("first", error)]


def test_places_are_counted_anew_in_each_row() -> None:
    """A reassembled datagram in a tunnel is a row of its own, and its messages are counted from 0."""
    inside = b.udp(b.vxlan(udp(b"a" * 40)), 9, 4789)
    parts = [
        b.ethernet(b.ipv4(inside[at : at + 48], 17, offset=at, more=at + 48 < len(inside)))
        for at in range(0, len(inside), 48)
    ]
    batch = Batch([*parts, udp(b"a")], {"first": starts_with("a")})
    ((_, found),) = batch.claimed
    assert found.place.tolist() == [0, 0]
    assert batch.stacks[len(parts)] == "udp:first"
    assert batch.stacks[len(parts) - 1] == "udp:vxlan:ethernet:ipv4:udp:first"


def test_tcp_port_is_refused_with_the_key_to_use() -> None:
    with pytest.raises(SchemaError, match=r"tcp\.port=80.*use tcp\.segment"):
        dispatch([Table("web", "", "", ("tcp.port=80",), ())])


def test_unknown_key_space_is_refused() -> None:
    with pytest.raises(SchemaError, match="no known space"):
        dispatch([Table("web", "", "", ("tpc.port=80",), ())])


def aggregate(*payloads: bytes) -> bytes:
    """An A-MSDU of IEEE 802.11 with a UDP datagram for each payload, to port 2, 3 and so on."""
    parts = b""
    for port, payload in enumerate(payloads, 2):
        content = bytes.fromhex("aaaa030000000800") + b.ipv4(b.udp(payload, 9, port), 17)
        part = bytes(12) + len(content).to_bytes(2, "big") + content
        parts += part + bytes(-len(part) % 4)
    return b.dot11(parts, first=0x88, between=b"\x80\0")


AGGREGATES = {
    "both are unclaimed": ((b"xx", b"xx"), "unknown_port", b"xx", 0),
    "the first is claimed": ((b"ax", b"xx"), "unknown_port", b"xx", 1),
    "the second is claimed": ((b"xx", b"ax"), "unknown_port", b"xx", 0),
    "both are claimed": ((b"ax", b"ax"), None, b"", 0),
}


@pytest.mark.parametrize(("payloads", "reason", "at", "which"), AGGREGATES.values(), ids=AGGREGATES)
def test_packet_keeps_the_stop_reason_of_its_payload_that_is_not_claimed(
    payloads: tuple[bytes, ...], reason: str | None, at: bytes, which: int
) -> None:
    frame = aggregate(*payloads)
    walker = Walker(DISPATCH, {})
    walked = walker.walk(b.batch([frame], link_type=105))
    Classifier(DISPATCH, walker.stacks, Hooked({"first": starts_with("a")}), print, Trials()).classify(walked)
    packet = walked.packets[0]
    assert STOPS[packet["stop"]] == reason
    if reason:
        place = frame.index(at) if which == 0 else frame.rindex(at)
        assert packet["stop_offset"] == place
