"""Contests: messages between two ports that both have a table, such as a DNS answer to a client on WireGuard's port.

Rules (netlake.kernels.walk_ports has those for tunnels, which come first)
1. The message is the group's that accepts it (hook `accept`), if exactly one of the two does.
2. Else it is the group's that it fits better: best if the probe of a table takes it, which means that it is certainly
   of this table; else if its reader reads it without a fault. The fault `cut` does not count, it is of the capture.
3. Else it is that of the flow's server: the port that rules 1 and 2 chose for the flow's first packet, or its
   destination port if they chose none.
4. In TCP, where a segment with payload is not the first packet, and without a flow, that of the lower port.

Messages of such ports are in the group CONTESTED, so the others do not pay. All packets of such a flow are there, so
the first one is seen without the tracker, which runs later. The last MOST_FLOWS of these flows are kept, by protocol,
tunnel, addresses and ports; the next packet of an older one counts as its first.

A decided message is put among the messages of its group, and treated like any other on the port of that: `accept` may
still reject it, see netlake.layers.classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from netlake.kernels.answers import Space
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.steps import CONTESTED
from netlake.layers.stacks import Stacks
from netlake.layers.steps import Dispatch
from netlake.layers.walk import Walked
from netlake.packets import COPIED, Bytes, Ints, Mask, Messages

Index = npt.NDArray[np.intp]
# 5 MB
MOST_FLOWS = 1 << 14
# the key space of ports by the hint of a message, its IP protocol
SPACES = {IpProtocol.TCP: Space.TCP_SEGMENT, IpProtocol.UDP: Space.UDP_PORT, IpProtocol.SCTP: Space.SCTP_PORT}


class Contest:
    """Decides messages between two ports that both have a table; it remembers the first packets of their flows.

    `accepted(group, messages)` is the mask of messages that a table of the group accepts, `fit` as in Classifier.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        stacks: Stacks,
        accepted: Callable[[int, Messages], Mask],
        fit: Callable[[str, Messages], Ints],
    ) -> None:
        self.keys, self.stacks, self.accepted, self.fit = dispatch.keys, stacks, accepted, fit
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
            walked.by_group[group] = renumbered(part if others is None else _merged(walked, others, part))

    def _chosen(self, walked: Walked, messages: Messages) -> npt.NDArray[np.int64]:
        """The group of each message."""
        space = spaces(messages.hint)
        # columns: the destination port's, the source port's
        groups = np.stack([self.keys[space, messages.destination_port], self.keys[space, messages.source_port]], axis=1)
        better = np.zeros((len(messages), 2), np.int64)
        for group in np.unique(groups).tolist():
            index, side = np.nonzero(groups == group)
            better[index, side] = self.accepted(group, messages.take(index))
        even = np.flatnonzero(better[:, 0] == better[:, 1])
        for group in np.unique(groups[even]).tolist():
            index, side = np.nonzero(groups[even] == group)
            better[even[index], side] = self._fit(group, messages.take(even[index]))
        order = np.sign(better[:, 1] - better[:, 0])
        by_source = np.fromiter(self._by_flow(walked, messages, order), np.bool_, len(messages))
        return np.where(by_source, groups[:, 1], groups[:, 0]).astype(np.int64)

    def _fit(self, group: int, messages: Messages) -> Ints:
        """How well messages fit the tables of `group`."""
        names = self.members[group]
        return np.max([self.fit(name, messages) for name in names], axis=0)

    def _by_flow(self, walked: Walked, messages: Messages, order: Ints) -> Iterator[bool]:
        """Whether each message is the source port's: by `order` if it is not 0, else by its flow or its ports."""
        keys = walked.headers["key"]
        columns = (messages.hint, messages.header, messages.source_port, messages.destination_port, order)
        for hint, header, source, destination, better in zip(*(c.tolist() for c in columns), strict=True):
            decided = source if better > 0 else destination
            if hint == IpProtocol.TCP or header < 0:
                server = min(source, destination)
            else:
                ends = _ends(messages.data, walked.headers[header], source, destination)
                server = self._server((hint, int(keys[header]), *ends), decided)
            yield (decided if better else server) == source

    def _server(self, flow: tuple[object, ...], first: int) -> int:
        """The port of the server of `flow`, which is `first` if this is its first message."""
        server = self.servers.setdefault(flow, first)
        if len(self.servers) > MOST_FLOWS:
            del self.servers[next(iter(self.servers))]
        return server


def _ends(data: Bytes, header: np.void, source: int, destination: int) -> list[tuple[bytes, int]]:
    """Address and port of both ends, the same in both directions."""
    size, at = (4, int(header["network"]) + 12) if header["version"] == 4 else (16, int(header["network"]) + 8)
    return sorted([
        (data[at : at + size].tobytes(), source), (data[at + size : at + 2 * size].tobytes(), destination)
    ])  # fmt: skip


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


def _merged(walked: Walked, first: Messages, second: Messages) -> Messages:
    """The messages of both, of one batch, in the order of the packets that complete them."""
    both = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in (*COPIED, "start", "end", "row", "header")
    }
    merged = Messages(first.data, pools=first.pools, **both)
    return merged.take(np.lexsort((merged.start, merged.row, walked.completing[merged.row])))


def renumbered(messages: Messages) -> Messages:
    """Messages with `place` numbered from 0 in each row."""
    number = np.arange(len(messages))
    again = np.concatenate([[False], messages.row[1:] == messages.row[:-1]])[: len(messages)]
    messages.place = (number - np.maximum.accumulate(np.where(again, 0, number))).astype(np.int16)
    return messages
