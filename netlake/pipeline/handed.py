"""Streams that change their protocol: what a walker no longer reads is looked at again.

A walker with the property `tunnels` (netlake.streams.http, netlake.layers.dialog_walker) says where its protocol ends:
records of dtype HANDED, since its last `walk`. From that byte on the stream has no protocol, as at its beginning; a
protocol that was named (NamesNext) is a candidate as one on its port is.
`connection.service` names all protocols of a flow, in order, and bytes are undecoded only if the protocol that had
them did not read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netlake.kernels.flow_state import Records
from netlake.layers.streamed import Chains, NamesNext, Walker
from netlake.packets import Ints

# how often the protocols of the two streams of a flow can change; then they have none, whatever is announced
MOST_CHANGES = 64
# the number of streams of no protocol
NO_PROTOCOL = 255
# fields of STREAM that belong to the reader of the protocol
OF_READER = ("left", "line", "count", "bits", "body", "protocol", "phase", "role")


@dataclass(slots=True)
class Before:
    """What a flow spoke before: numbers of protocols, and the bytes of each direction up to the last change.

    `token` names what follows.
    """

    numbers: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=lambda: [0, 0])
    token: str = ""


class Handed:
    """The flows of which a protocol ended before they did, by number."""

    def __init__(self) -> None:
        self.flows: dict[int, Before] = {}

    def next_chains(self, chains: Chains, walkers: Mapping[int, Walker]) -> Chains | None:
        """What is left of the events of streams whose protocol ended; None if nothing is."""
        first: list[int] = []
        for walker in walkers.values():
            for one in getattr(walker, "tunnels", ()):
                index = self._begin(chains, one)
                first += [index] if index >= 0 else []
                if isinstance(walker, NamesNext) and (token := walker.follows(one)):
                    self.flows[int(chains.states["flow"][one["stream"]])].token = token
        if not first:
            return None
        return Chains(np.array(sorted(first), np.int32), chains.states, chains.data, chains.arena)

    def token(self, flow: int) -> str:
        """The token of what a flow speaks now; empty if it was not named."""
        before = self.flows.get(flow)
        return "" if before is None else before.token

    def _begin(self, chains: Chains, one: np.void) -> int:
        """Give a stream a new beginning; its first event, -1 if this batch has none."""
        events: Records = chains.arena.events
        stream, index, used = int(one["stream"]), int(one["event"]), int(one["used"])
        state = chains.states[stream]
        if index >= 0:
            for name, change in (("start", used), ("offset", used), ("size", -used)):
                events[name][index] += change
        offset = events["offset"][index] if index >= 0 else state["offset"]
        before = self.flows.setdefault(int(state["flow"]), Before())
        before.numbers.append(int(state["protocol"]))
        before.bytes[stream & 1] = int(offset) - int(one["unread"])
        for name in OF_READER:
            state[name] = 0
        if len(before.numbers) >= MOST_CHANGES - 1:  # both streams change
            state["protocol"] = NO_PROTOCOL
            return -1
        return index

    def leaving(
        self, flows: Ints, numbers: npt.NDArray[np.uint8], sent: Ints, unread: Ints, undecoded: Ints
    ) -> dict[int, list[int]]:
        """The earlier protocols of flows that leave, by row; corrects `undecoded` of streams that end without one.

        `flows` are numbers of flows; the other arrays (flows, 2) have the protocol at the end, the bytes sent, those
        that the readers did not read, and those that nobody decoded.
        """
        if not self.flows:
            return {}
        result = {}
        for row, flow in enumerate(flows.tolist()):
            before = self.flows.pop(flow, None)
            if before is None:
                continue
            result[row] = before.numbers
            for side in range(2):
                if numbers[row, side] in (0, NO_PROTOCOL):
                    rest = max(0, int(sent[row, side]) - before.bytes[side])
                    undecoded[row, side] = rest + int(unread[row, side])
        return result
