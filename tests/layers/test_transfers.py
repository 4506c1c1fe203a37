"""Payloads between a client and a new port of its server belong to the table whose request announced them."""

from __future__ import annotations

import numpy as np
import pytest

from netlake.kernels.answers import STOPS
from netlake.kernels.steps import UNCLAIMED
from netlake.layers import transfers
from netlake.layers.classifier import Classifier, Hooked
from netlake.layers.probes import byte_at
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walked, Walker
from netlake.packets import Mask, Messages
from netlake.records.readers import Trials
from netlake.schema import Table
from tests.layers import build as b

OWNER = Table("owner", "", "", ("udp.port=69",), ())
DISPATCH = dispatch(b.with_steps(OWNER, Table("other", "", "", ("udp.port=53",), ())))
CLIENT, SERVER, THIRD = b.A4, b.B4, bytes([10, 0, 0, 3])
PORT, NEW = 40000, 50000


def is_byte(value: int) -> transfers.Hook:
    def hook(messages: Messages) -> Mask:
        return byte_at(messages, 0) == value

    return hook


def datagram(payload: bytes, source: int, destination: int, *, back: bool = False, other: bytes = SERVER) -> bytes:
    """A frame from the client to `other`, or back."""
    ends = {"source": other, "destination": CLIENT} if back else {"source": CLIENT, "destination": other}
    return b.ethernet(b.ipv4(b.udp(payload, source, destination), 17, **ends))


def ipv6(payload: bytes, source: int, destination: int, *, back: bool = False) -> bytes:
    inner = b.ipv6(b.udp(payload, source, destination), 17)
    return b.ethernet(inner[:8] + inner[24:40] + inner[8:24] + inner[40:] if back else inner, 0x86DD)


REQUEST = datagram(b"\1", PORT, 69)
DATA, ANSWER = datagram(b"\3data", NEW, PORT, back=True), datagram(b"\3ack", PORT, NEW)


class Classified:
    """A walker and a classifier in which `owner` has transfers."""

    def __init__(self) -> None:
        self.walker = Walker(DISPATCH, {})
        hooks = Hooked(opens={"owner": is_byte(1)}, continues={"owner": is_byte(3)})
        self.classifier = Classifier(DISPATCH, self.walker.stacks, hooks, print, Trials())

    def batch(self, *frames: bytes) -> tuple[Walked, list[bytes]]:
        """A batch after classification, and its payloads without a table."""
        walked = self.walker.walk(b.batch(frames))
        for _, messages in self.classifier.classify(walked):
            walked.by_group[DISPATCH.group("owner")] = messages
        return walked, [*walked.by_group.get(UNCLAIMED, ())]


def test_messages_of_a_transfer_are_of_the_table_in_both_directions() -> None:
    one = Classified()
    walked, left = one.batch(REQUEST, DATA, ANSWER)
    owner = walked.by_group[DISPATCH.group("owner")]
    assert [*owner] == [b"\1", b"\3data", b"\3ack"]
    assert owner.row.tolist() == [0, 1, 2]
    assert left == []
    names = one.walker.stacks.names()
    assert [names[stack] for stack in walked.packets["stack"]] == ["ethernet:ipv4:udp:owner"] * 3
    assert [STOPS[stop] for stop in walked.packets["stop"]] == [None] * 3


def test_request_is_kept_for_later_batches() -> None:
    one = Classified()
    one.batch(REQUEST)
    assert one.batch(DATA)[1] == []
    assert one.batch(ANSWER, REQUEST)[1] == []


@pytest.mark.parametrize(
    "frame",
    [
        datagram(b"\3", NEW, PORT, back=True, other=THIRD),
        datagram(b"\3", PORT, NEW, other=THIRD),
        datagram(b"\3", NEW, PORT + 1, back=True),
        datagram(b"\3", NEW, PORT),
        datagram(b"\4", NEW, PORT, back=True),
        ipv6(b"\3", NEW, PORT, back=True),
        b.ethernet(b.ipv4(b.ipv4(b.udp(b"\3", NEW, PORT), 17, source=SERVER, destination=CLIENT), 4)),
    ],
    ids=["from a third host", "to a third host", "another port", "the client's port at the server", "other content",
         "another address", "in a tunnel"],
)  # fmt: skip
def test_other_datagrams_do_not_belong_to_the_transfer(frame: bytes) -> None:
    assert len(Classified().batch(REQUEST, frame)[1]) == 1


def test_datagram_before_the_request_does_not_belong_to_the_transfer() -> None:
    one = Classified()
    assert one.batch(DATA, REQUEST, ANSWER)[1] == [b"\3data"]
    assert one.batch(DATA)[1] == []


def test_transfer_over_ipv6() -> None:
    frames = ipv6(b"\1", PORT, 69), ipv6(b"\3data", NEW, PORT, back=True), ipv6(b"\3ack", PORT, NEW)
    assert Classified().batch(*frames)[1] == []


def test_port_with_a_table_has_priority_over_a_transfer() -> None:
    walked, _ = Classified().batch(REQUEST, datagram(b"\3", 53, PORT, back=True))
    assert [*walked.by_group[DISPATCH.group("other")]] == [b"\3"]


def test_number_of_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "MOST_CLIENTS", 2)
    one = Classified()
    one.batch(*(datagram(b"\1", port, 69) for port in (1000, 2000, 3000)))
    assert [client[3] for client in one.classifier.transfers.clients] == [2000, 3000]
    answers = [datagram(b"\3" + bytes([at]), NEW, port, back=True) for at, port in enumerate((1000, 2000, 3000))]
    assert one.batch(*answers)[1] == [b"\3\0"]


def test_probe_of_the_table_is_called_for_what_is_no_transfer() -> None:
    walker = Walker(DISPATCH, {})
    hooks = Hooked(probes={"owner": is_byte(9)}, opens={"owner": is_byte(1)}, continues={"owner": is_byte(3)})
    classifier = Classifier(DISPATCH, walker.stacks, hooks, print, Trials())
    frames = [REQUEST, datagram(b"\x09", 1, 2), DATA, datagram(b"\x08", 1, 2)]
    ((_, found),) = classifier.classify(walker.walk(b.batch(frames)))
    assert [*found] == [b"\1", b"\x09", b"\3data"]
    assert np.array_equal(found.place, [0, 0, 0])
