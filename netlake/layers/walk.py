"""Where every message of a batch lies: the kernels' walk, made into Messages and Conversations.

A batch with fragments is walked again for the datagrams that they complete, as often as datagrams hold fragments,
bounded. Rows then stand in the order of the packet that completes them, so that the tracker sees time go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.kernels import steps as s
from netlake.kernels.walk import MOST_CONVERSATIONS, MOST_MESSAGES, regroup, walk
from netlake.layers.fragments import Fragments
from netlake.layers.steps import Dispatch
from netlake.packets import HEADER, Headers, Messages, Packets
from netlake.schema import Table

# stacks that are told apart; further ones are named after their longest known beginning
MOST_STACKS = 4096
MOST_ROUNDS = 4


@dataclass(slots=True)
class Walked:
    """One batch: `by_group` messages, `headers`, and for each packet where its walk ended.

    `packets` has the columns P_ of netlake.kernels.steps; stop offsets are offsets in the batch's data.
    """

    by_group: dict[int, Messages]
    headers: Headers
    packets: npt.NDArray[np.int64]


class Walker:
    """Walks the batches of one capture; arrays are kept from batch to batch and grow as needed."""

    def __init__(self, dispatch: Dispatch, pools: Mapping[str, Any]) -> None:
        self.dispatch, self.pools = dispatch, pools
        self.fragments = Fragments()
        self.messages = np.empty((1024 + MOST_MESSAGES, s.M_WIDTH), np.int64)
        self.conversations = np.empty((1024 + MOST_CONVERSATIONS, s.C_WIDTH), np.int64)
        self.found = np.empty((256, s.F_WIDTH), np.int64)
        self.packets = np.zeros((0, s.P_WIDTH), np.int64)
        self.trie = np.full((MOST_STACKS, dispatch.size + 1), -1, np.int16)
        self.trie[0, -1] = 1
        self.state = np.zeros(s.W_WIDTH, np.int64)

    def walk(self, packets: Packets) -> Walked:
        """Walk a batch; reassembled datagrams are appended to `packets`."""
        self.state[:] = 0
        self.origins = np.zeros((packets.count, 3), np.int64)
        self.origins[:, 0] = -1
        self.completing = np.arange(packets.count)
        self.before: dict[int, dict[int, int]] = {}
        if len(self.packets) < packets.count:
            self.packets = np.zeros((packets.count, s.P_WIDTH), np.int64)
        first = 0
        for _ in range(MOST_ROUNDS):
            self._rows(packets, first)
            first = packets.rows
            if not self._datagrams(packets):
                break
        if packets.rows > packets.count:
            self._in_order(packets)
        return Walked(self._groups(packets), self._headers(), self.packets)

    def _rows(self, packets: Packets, first: int) -> None:
        self.state[s.W_FRAGMENTS] = 0
        while True:
            first = walk(
                packets.data, packets.start, packets.captured, packets.length, packets.link_type, packets.depth,
                first, packets.rows, self.dispatch.keys, self.messages, self.conversations, self.found, self.packets,
                self.trie, self.origins, self.state,
            )  # fmt: skip
            if first == packets.rows:
                return
            self.messages = _grown(self.messages, self.state[s.W_MESSAGES] + MOST_MESSAGES)
            self.conversations = _grown(self.conversations, self.state[s.W_CONVERSATIONS] + MOST_CONVERSATIONS)
            self.found = _grown(self.found, self.state[s.W_FRAGMENTS] + s.MOST_NETWORK_HEADERS)

    def _datagrams(self, packets: Packets) -> bool:
        """Put fragments together; whether there are new rows to walk."""
        pieces = self.found[: self.state[s.W_FRAGMENTS]]
        if not len(pieces):
            return False
        before = packets.rows
        self.message_rows = self.messages[: self.state[s.W_MESSAGES], s.M_ROW].copy()
        made = self.fragments.add(packets, pieces, self.conversations, self._counts)
        if not made:
            return False
        self.before.update({before + index: found[2] for index, found in enumerate(made)})
        rows, carriers = np.array([found[:2] for found in made]).T
        origins = np.empty((len(made), 3), np.int64)
        origins[:, 0] = self.conversations[carriers, s.C_OUTER]
        origins[:, 1] = self.conversations[carriers, s.C_KEY]
        origins[:, 2] = self.packets[rows, s.P_STATE]
        self.origins = np.concatenate([self.origins, origins])
        self.completing = np.concatenate([self.completing, self.completing[rows]])
        if len(self.packets) < packets.rows:
            more = np.zeros((packets.rows - before + len(self.packets) // 8, s.P_WIDTH), np.int64)
            self.packets = np.concatenate([self.packets[:before], more])
        return True

    def _counts(self, row: int) -> dict[int, int]:
        """Messages of a row by group, and those before it in its packet; rows of messages only rise within a batch."""
        first, last = np.searchsorted(self.message_rows, (row, row + 1))
        counts = Counter(self.messages[first:last, s.M_GROUP].tolist())
        counts.update(self.before.get(row, {}))
        return counts

    def _in_order(self, packets: Packets) -> None:
        """Conversations of datagrams behind those of the packet that completes them, whose stack and stop they give."""
        for row in range(packets.count, packets.rows):
            packet = self.packets[self.completing[row]]
            offset = packet[s.P_STOP_OFFSET]
            conversation = self.packets[row, s.P_CONVERSATION]
            packet[: s.P_CONVERSATION] = self.packets[row, : s.P_CONVERSATION]
            packet[s.P_STOP_OFFSET] = offset
            if conversation >= 0:
                packet[s.P_CONVERSATION] = conversation
        count = self.state[s.W_CONVERSATIONS]
        order = np.argsort(self.completing[self.conversations[:count, s.C_ROW]], kind="stable")
        moved = np.empty(count + 1, np.int64)
        moved[order] = np.arange(count)
        moved[-1] = -1  # no conversation stays none
        self.conversations[:count] = self.conversations[order]
        self.conversations[:count, s.C_OUTER] = moved[self.conversations[:count, s.C_OUTER]]
        self.packets[: packets.rows, s.P_CONVERSATION] = moved[self.packets[: packets.rows, s.P_CONVERSATION]]
        count = self.state[s.W_MESSAGES]
        self.messages[:count, s.M_HEADER] = moved[self.messages[:count, s.M_HEADER]]

    def _groups(self, packets: Packets) -> dict[int, Messages]:
        count = int(self.state[s.W_MESSAGES])
        bounds = np.empty(self.dispatch.size + 2, np.int64)
        starts, ends, hints = (np.empty(count, np.int64) for _ in range(3))
        rows, missing, headers, sources, destinations = (np.empty(count, np.int32) for _ in range(5))
        faults, places = np.empty(count, np.int8), np.empty(count, np.int16)
        regroup(
            self.messages, count, bounds, starts, ends, rows, missing, faults, headers, places, hints, sources,
            destinations,
        )  # fmt: skip
        if self.before:
            for at in np.flatnonzero(rows >= packets.count).tolist():
                group = int(np.searchsorted(bounds[:-1], at, side="right")) - 1
                places[at] += self.before[int(rows[at])].get(group, 0)
        result = {}
        for group in np.flatnonzero(np.diff(bounds[:-1])).tolist():
            part = slice(bounds[group], bounds[group + 1])
            result[group] = Messages(
                packets.data, starts[part], ends[part], rows[part], missing[part], faults[part], headers[part],
                places[part], sources[part], destinations[part], hints[part], self.pools,
            )  # fmt: skip
            if self.before and rows[bounds[group + 1] - 1] >= packets.count:
                # what a datagram holds stands behind what the packet that completes it holds
                found = result[group]
                result[group] = found.take(np.argsort(self.completing[found.row], kind="stable"))
        return result

    def _headers(self) -> Headers:
        c = self.conversations[: self.state[s.W_CONVERSATIONS]]
        headers = np.empty(len(c), HEADER)
        names = ("row", "network", "version", "protocol", "transport", "end", "source_port", "destination_port",
                 "payload", "ip_length", "key", "outer", "kind", "mac")  # fmt: skip
        for column, name in enumerate(names):
            headers[name] = c[:, column]
        return headers

    def claim(self, walked: Walked, group: int, mask: npt.NDArray[np.bool_], name: str) -> Messages:
        """Take those messages of `group` that are the table's called `name`: their packets go on to it.

        The group is UNCLAIMED, or one that a port led to and that is not theirs.
        """
        left = walked.by_group[group]
        found = left.take(np.flatnonzero(mask))
        walked.by_group[group] = left.take(np.flatnonzero(~mask))
        for part in (found, walked.by_group[group]):
            number = np.arange(len(part))
            again = np.concatenate([[False], part.row[1:] == part.row[:-1]])[: len(part)]
            part.place = (number - np.maximum.accumulate(np.where(again, 0, number))).astype(np.int16)
        rows = np.unique(self.completing[found.row])
        if group == s.UNCLAIMED:
            rows = rows[walked.packets[rows, s.P_STOP] == s.UNKNOWN_PORT]
            walked.packets[rows, s.P_STOP] = 0
        states = walked.packets[rows, s.P_STATE]
        for state in np.unique(states).tolist():
            below = state if group == s.UNCLAIMED else self._below(state, group)
            walked.packets[rows[states == state], s.P_STATE] = self._above(below, self.dispatch.group(name))
        return found

    def _below(self, state: int, group: int) -> int:
        """The stack `state` without `group` on top; as it is where something else is there."""
        below = np.flatnonzero(self.trie[:, group] == state)
        return int(below[0]) if len(below) else state

    def _above(self, state: int, group: int) -> int:
        """The stack `state` with `group` on top, as the kernel makes them."""
        if self.trie[state, group] < 0 and self.trie[0, -1] < len(self.trie):
            self.trie[state, group] = self.trie[0, -1]
            self.trie[0, -1] += 1
        return max(int(self.trie[state, group]), 0) or state

    def stack_names(self) -> list[str]:
        """The text of every stack met so far, by its number."""
        names = [""] * int(self.trie[0, -1])
        for state in range(len(names)):
            for group in np.flatnonzero(self.trie[state, :-1] >= 0).tolist():
                above = self.dispatch.groups[group]
                names[self.trie[state, group]] = f"{names[state]}:{above}" if names[state] else above
        return names

    def tables(self, walked: Walked) -> Iterator[tuple[Table, Messages]]:
        """Every table that has messages in a batch, with them."""
        for group, messages in walked.by_group.items():
            for table in self.dispatch.tables.get(group, ()) if len(messages) else ():
                yield table, messages


def _grown(array: npt.NDArray[np.int64], needed: int) -> npt.NDArray[np.int64]:
    if needed <= len(array):
        return array
    larger = np.empty((max(needed, 2 * len(array)), array.shape[1]), array.dtype)
    larger[: len(array)] = array
    return larger
