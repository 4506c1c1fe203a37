"""Streams that change their protocol: what a walker no longer reads is looked at again.

A walker with the property `tunnels` (netlake.streams.http, netlake.layers.dialog_walker) says where its protocol ends:
records of dtype HANDED, since its last `walk`. From that byte on the stream has no protocol, as at its beginning.
`connection.service` names all protocols of a flow, in order, and bytes are undecoded only if the protocol that had
them did not read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.kernels.flow_state import Records
from netlake.layers.streamed import Chains, Walker
from netlake.packets import Ints

# the number of streams of no protocol
NO_PROTOCOL = 255
# fields of STREAM that belong to the reader of the protocol
OF_READER = ("left", "line", "count", "bits", "body", "protocol", "phase", "role")


@dataclass(slots=True)
class Before:
    """What a flow spoke before: numbers of protocols, and the bytes of each direction up to the last change."""

    numbers: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=lambda: [0, 0])


class Handed:
    """The flows of which a protocol ended before they did, by number."""

    def __init__(self) -> None:
        self.flows: dict[int, Before] = {}

    def next_chains(self, chains: Chains, walkers: Mapping[int, Walker]) -> Chains | None:
        """What is left of the events of streams whose protocol ended; None if nothing is."""
        found = [tunnels for walker in walkers.values() if len(tunnels := getattr(walker, "tunnels", ()))]
        first = [index for tunnels in found for index in map(self._begin(chains), tunnels) if index >= 0]
        if not first:
            return None
        return Chains(np.array(sorted(first), np.int32), chains.states, chains.data, chains.arena)

    def _begin(self, chains: Chains) -> Any:
        """A function that gives a stream a new beginning; it returns its first event, -1 if this batch has none."""
        events: Records = chains.arena.events

        def begin(one: np.void) -> int:
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
            return index

        return begin

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
