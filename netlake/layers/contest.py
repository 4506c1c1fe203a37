"""Contests: messages between two ports that both have a table, such as a DNS answer to a client on WireGuard's port.

Rules (netlake.kernels.walk_ports has those for tunnels, which come first)
1. The message is the group's that accepts it (hook `accept`), if exactly one of the two does.
2. Else it is the group's of which a probe takes it, if exactly one of the two has such a probe.
3. Else it is that of the flow's server: the port that rule 1 or 2 chose for the flow's first packet; or the port whose
   table reads that packet without a fault, if exactly one of the two does; or its destination port. The fault `cut`
   does not count, it is of the capture. Reading costs some milliseconds, so only the first packet is read.
4. In TCP, where a segment with payload is not the first packet, and without a flow, that of the lower port.

Messages of such ports are in the group CONTESTED, so the others do not pay. All packets of such a flow are there, so
the first one is seen without the tracker, which runs later. The last MOST_FLOWS of these flows are kept, by protocol,
tunnel, addresses and ports; the next packet of an older one counts as its first.

A decided message is put among the messages of its group, and treated like any other on the port of that: `accept` may
still reject it, see netlake.layers.classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from netlake.kernels.answers import Space
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.steps import CONTESTED
from netlake.layers.stacks import Stacks
from netlake.layers.steps import Dispatch
from netlake.layers.transfers import addresses
from netlake.layers.walk import Walked
from netlake.packets import COPIED, Bytes, Ints, Mask, Messages

Index = npt.NDArray[np.intp]
# 5 MB
MOST_FLOWS = 1 << 14
# the key space of ports by the hint of a message, its IP protocol
SPACES = {IpProtocol.TCP: Space.TCP_SEGMENT, IpProtocol.UDP: Space.UDP_PORT, IpProtocol.SCTP: Space.SCTP_PORT}


class Trials(Protocol):
    """Whether messages are of a table, by its content."""

    def takes(self, name: str, messages: Messages, /) -> Mask:
        """The messages that the probe of table `name` takes, if it has one."""

    def reads(self, name: str, messages: Messages, /) -> Mask:
        """The messages that the reader of table `name` reads without a fault other than `cut`."""


class Contest:
    """Decides messages between two ports that both have a table; it remembers the first packets of their flows.

    `accepted(group, messages)` is the mask of messages that a table of the group accepts, `trials` as in Classifier.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        stacks: Stacks,
        accepted: Callable[[int, Messages], Mask],
        trials: Trials,
    ) -> None:
        self.keys, self.stacks, self.accepted, self.trials = dispatch.keys, stacks, accepted, trials
        self.members = {
            group: [table.name for table in those if table.inside is None] for group, those in dispatch.tables.items()
        }
        self.servers: dict[tuple[object, ...], int] = {}

    def settle(self, walked: Walked) -> None:
        """Move the messages of CONTESTED in `walked.by_group` to the groups that they belong to."""
        messages = walked.by_group.pop(CONTESTED)
        chosen = self._chosen(walked, messages)
        for group in np.unique(chosen).tolist():
            part = messages.take(np.flatnonzero(chosen == group))
            put_on_stacks(walked, self.stacks, walked.completing[part.row[part.hint != IpProtocol.TCP.value]], group)
            others = walked.by_group.get(group)
            walked.by_group[group] = renumbered(part if others is None else merged(walked, others, part))

    def _chosen(self, walked: Walked, messages: Messages) -> npt.NDArray[np.int64]:
        """The group of each message."""
        space = spaces(messages.hint)
        # columns: the destination port's, the source port's
        ports = np.stack([messages.destination_port, messages.source_port], axis=1)
        groups = self.keys[space[:, None], ports].astype(np.int64)
        fits = np.zeros((len(messages), 2), np.bool_)
        self._judge(self.accepted, messages, groups, fits, np.arange(len(messages)))
        even = np.flatnonzero(fits[:, 0] == fits[:, 1])
        self._judge(partial(self._any, self.trials.takes), messages, groups, fits, even)
        certain = fits[:, 0] != fits[:, 1]
        flows = list(self._flows(walked, messages))
        seen, first = set(), []
        for number, flow in enumerate(flows):
            if flow is not None and flow not in self.servers and flow not in seen:
                seen.add(flow)
                first.append(number)
        unread = np.array([number for number in first if not certain[number]], np.intp)
        self._judge(partial(self._any, self.trials.reads), messages, groups, fits, unread)
        liked = np.where(fits[:, 1] & ~fits[:, 0], ports[:, 1], ports[:, 0]).tolist()
        lower = ports.min(axis=1).tolist()
        by_flow = [
            low if flow is None else self._server(flow, one) for flow, one, low in zip(flows, liked, lower, strict=True)
        ]
        server = np.where(certain, liked, by_flow)
        return np.where(ports[:, 0] == server, groups[:, 0], groups[:, 1])

    @staticmethod
    def _judge(
        judge: Callable[[int, Messages], Mask], messages: Messages, groups: Ints, fits: Mask, among: Index
    ) -> None:
        """Set `fits` of the messages `among` to what `judge` finds for the groups of both ports."""
        for group in np.unique(groups[among]).tolist():
            index, side = np.nonzero(groups[among] == group)
            fits[among[index], side] = judge(group, messages.take(among[index]))

    def _any(self, trial: Callable[[str, Messages], Mask], group: int, messages: Messages) -> Mask:
        """The messages that `trial` finds to be of a table of `group`."""
        found: Mask = np.logical_or.reduce([trial(name, messages) for name in self.members[group]])
        return found

    def _flows(self, walked: Walked, messages: Messages) -> Iterator[tuple[object, ...] | None]:
        """The flow of each message: protocol, tunnel, addresses and ports; None where its first packet is not known."""
        keys = walked.headers["key"]
        columns = (messages.hint, messages.header, messages.source_port, messages.destination_port)
        for hint, header, source, destination in zip(*(column.tolist() for column in columns), strict=True):
            if hint == IpProtocol.TCP or header < 0:
                yield None
            else:
                ends = _ends(messages.data, walked.headers[header], source, destination)
                yield hint, int(keys[header]), *ends

    def _server(self, flow: tuple[object, ...], first: int) -> int:
        """The port of the server of `flow`, which is `first` if this is its first message."""
        server = self.servers.setdefault(flow, first)
        if len(self.servers) > MOST_FLOWS:
            del self.servers[next(iter(self.servers))]
        return server


def _ends(data: Bytes, header: np.void, source: int, destination: int) -> list[tuple[bytes, int]]:
    """Address and port of both ends, the same in both directions."""
    first, second = addresses(data, header)
    return sorted([(first, source), (second, destination)])


def spaces(hint: Ints) -> Ints:
    """The key space of the ports of messages with these hints."""
    spaces = np.full(max(SPACES) + 1, Space.UDP_PORT.value, np.int64)
    for protocol, space in SPACES.items():
        spaces[protocol.value] = space.value
    return spaces[hint]


def put_on_stacks(walked: Walked, stacks: Stacks, rows: Index, group: int) -> None:
    """Put `group` on the stacks of packets, above what is below their payload."""
    below = walked.packets["below"][rows]
    for stack in np.unique(below).tolist():
        walked.packets["stack"][rows[below == stack]] = stacks.push(stack, group)


def joined(*parts: Messages) -> Messages:
    """The messages of all `parts`, of one batch, one part behind the other."""
    every = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (*COPIED, "start", "end", "row", "header")
    }
    return Messages(parts[0].data, pools=parts[0].pools, **every)


def in_order(walked: Walked, messages: Messages) -> Index:
    """The order of messages by the packets that complete them."""
    order: Index = np.lexsort((messages.start, messages.row, walked.completing[messages.row]))
    return order


def merged(walked: Walked, first: Messages, second: Messages) -> Messages:
    """The messages of both, of one batch, in the order of the packets that complete them."""
    both = joined(first, second)
    return both.take(in_order(walked, both))


def renumbered(messages: Messages) -> Messages:
    """Messages with `place` numbered from 0 in each row."""
    number = np.arange(len(messages))
    again = np.concatenate([[False], messages.row[1:] == messages.row[:-1]])[: len(messages)]
    messages.place = (number - np.maximum.accumulate(np.where(again, 0, number))).astype(np.int16)
    return messages
