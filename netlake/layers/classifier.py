"""The classifier: payloads whose ports do not decide are assigned to tables by their content, and by their flow.

Rules
- Ports have priority: a message on a port of a table is that table's. Two kinds of messages are offered to probes: UDP
  payloads of which no port has a dispatch key (the group UNCLAIMED), and messages on a table's port which its hook
  `accept` rejects, because protocols share ports (RFC 7983: STUN, DTLS and RTP).
- A probe is a hook `probe(messages)` that returns a mask of the messages that are its table's. Probes are called in the
  order of tables; the first whose mask has a message gets it. It does not get messages on its table's own port.
- Before the probes, payloads of transfers that a request to a table's port announced are that table's: see
  netlake.layers.transfers.
- A table with the hook `evidence` has a probe that returns candidates, which later datagrams may confirm: see
  netlake.layers.evidence. What waits is in `pending`, and what was confirmed since is in `late`; such a message is
  treated as one of no table until then. It is offered to the probes after that, which may take it.
- The hook `doubt` returns those accepted messages that another protocol may have sent as well: they are offered to
  probes too, but remain the table's if none takes them.
- A message that the probe of a table takes is also read by the tables that declare to be `inside` that table.
- A rejected message that no probe takes belongs to no table: like a payload on an unknown port it is not decoded, and
  its packet has the stop reason `unknown_port` with the table's port. So `accept` rejects only what is certainly not
  the table's; what may be its own, malformed, is a row with a fault.
- Tables that declare the same port are one group, which rejects a message if every table with `accept` rejects it.
  Tables without `accept` have no part in this: a plugin's table on the port of `dns` changes no row of `dns`, and does
  not get the messages that `dns` rejects and a probe takes.
- `accept` is called once for each group and batch. A hook that raises, or returns no mask of the messages it got, is a
  bug of the module: it is reported, and the batch is classified as if the probe took nothing and `accept` rejected
  nothing. The capture is decoded all the same.
- The packet of a message that was assigned by content gets the table on its stack, and no longer has the stop reason
  `unknown_port`. The stack of a TCP packet ends at `tcp`, so a message in a TCP segment leaves it as it is.

Messages between two ports that both have a table are decided first: see netlake.layers.contest.

It is called between the walk and the tracker, because the tables of a batch depend on it, and flows do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.kernels.answers import Stop
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.steps import CONTESTED, UNCLAIMED
from netlake.kernels.walk_ports import FIRST_REGISTERED
from netlake.layers.contest import Contest, Trials, in_order, joined, merged, put_on_stacks, renumbered, spaces
from netlake.layers.evidence import Candidates, Evidence
from netlake.layers.stacks import Stacks
from netlake.layers.steps import Dispatch
from netlake.layers.transfers import Transfers
from netlake.layers.walk import Walked
from netlake.packets import Ints, Mask, Messages
from netlake.schema import Table

Hook = Callable[[Messages], Mask]
Index = npt.NDArray[np.intp]


class Pending(NamedTuple):
    """Messages of a batch that wait for evidence, and their tickets (netlake.layers.evidence.Judged)."""

    messages: Messages
    tickets: Ints


@dataclass(frozen=True, slots=True)
class Hooked:
    """Hooks by table, and in `evidence` what that hook of each table returned; `opens` and `continues` go together."""

    probes: Mapping[str, Hook] = field(default_factory=dict)
    accepts: Mapping[str, Hook] = field(default_factory=dict)
    doubts: Mapping[str, Hook] = field(default_factory=dict)
    opens: Mapping[str, Hook] = field(default_factory=dict)
    continues: Mapping[str, Hook] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


class Offered(NamedTuple):
    """The messages of a group, those of them that are offered to probes, and which of the latter its tables reject."""

    group: int
    messages: Messages
    place: Index
    rejected: Mask


class Offers(NamedTuple):
    """What is offered of all groups, with the group of each message and whether the tables of its group reject it."""

    messages: Messages
    group: Ints
    rejected: Mask


class Classifier:
    """Classifies the batches of one capture.

    `failed(table, error)` is called for what a hook raises. `trials` are for messages between the ports of two tables.
    `pending` is what waits of the last batch, by table, and `late` the tables and tickets of messages of earlier
    batches that it confirmed.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        stacks: Stacks,
        hooks: Hooked,
        failed: Callable[[str, Exception], None],
        trials: Trials,
    ) -> None:
        self.stacks, self.failed = stacks, failed
        self.probes, self.evidence, self.doubts = hooks.probes, hooks.evidence, hooks.doubts
        self.pending: dict[str, Pending] = {}
        self.late: list[tuple[str, int]] = []
        probes, accepts = hooks.probes, hooks.accepts
        self.contest = Contest(dispatch, stacks, self._accepted, trials)
        self.keys = dispatch.keys
        self.group_of = {name: dispatch.group(name) for name in (*hooks.opens, *probes)}
        self.tables = {name: _tables(dispatch, group, name) for name, group in self.group_of.items()}
        self.transfers = Transfers(hooks.opens, hooks.continues, self.group_of, partial(self._mask, failed=False))
        self.members = {group: {table.name for table in those} for group, those in dispatch.tables.items()}
        by_group = {
            group: {name: accepts[name] for name in names if name in accepts} for group, names in self.members.items()
        }
        self.accepts = {group: hooks for group, hooks in by_group.items() if hooks}

    def classify(self, walked: Walked) -> list[tuple[Table, Messages]]:
        """The messages of each table that its probe found; they are removed from `walked.by_group`."""
        if self.pending or self.late:
            self.pending, self.late = {}, []
        if CONTESTED in walked.by_group:
            self.contest.settle(walked)
        self.transfers.note(walked)
        parts = [part for group in (UNCLAIMED, *self.accepts) if (part := self._offered(walked, group)) is not None]
        if not parts:
            return []
        offers = _together(parts)
        left = np.ones(len(offers.group), np.bool_)
        found = {}
        for name, index in self._claims(walked, offers).items():
            left[index] = False
            claimed = offers.messages.take(index)
            self._name(walked, claimed, offers.group[index] == UNCLAIMED, name)
            found[name] = renumbered(claimed if len(parts) == 1 else claimed.take(in_order(walked, claimed)))
        bounds = np.cumsum([len(part.place) for part in parts])[:-1]
        for part, own in zip(parts, np.split(left, bounds), strict=True):
            self._leave(walked, part, own)
        taken = {name: self._with_own(walked, name, messages) for name, messages in found.items()}
        return [(table, messages) for name, messages in taken.items() for table in self.tables[name]]

    def _leave(self, walked: Walked, part: Offered, own: Mask) -> None:
        """Leave the messages of a group that no probe took, of which `own` is the mask, and that are not rejected."""
        left = np.ones(len(part.messages), np.bool_)
        left[part.place] = own
        if part.group == UNCLAIMED:
            self._restop(walked, part.messages, left)
        elif part.rejected.any():
            left[self._reject(walked, part.group, part.messages, part.place[own & part.rejected])] = False
        if not left.all():
            walked.by_group[part.group] = renumbered(part.messages.take(np.flatnonzero(left)))

    def _with_own(self, walked: Walked, name: str, found: Messages) -> Messages:
        """All messages found by a probe, and those on the port of the table if no other table reads them, in order."""
        group = self.group_of[name]
        if self.members[group] == {table.name for table in self.tables[name]} and group in walked.by_group:
            return renumbered(merged(walked, found, walked.by_group.pop(group)))
        return found

    def _offered(self, walked: Walked, group: int) -> Offered | None:
        """The messages of `group` that are offered to probes; None without one."""
        messages = walked.by_group.get(group)
        if messages is None or not len(messages):
            return None
        if group == UNCLAIMED:
            return Offered(group, messages, np.arange(len(messages)), np.ones(len(messages), np.bool_))
        accepted = self._accepted(group, messages)
        offered = ~accepted
        for name in self.members[group] & self.doubts.keys():
            offered |= self._mask(self.doubts[name], name, messages, failed=False)
        index = np.flatnonzero(offered)
        return Offered(group, messages, index, ~accepted[index]) if len(index) else None

    def _accepted(self, group: int, messages: Messages) -> Mask:
        """The messages that a table of `group` accepts; all if none of its tables has the hook."""
        hooks = self.accepts.get(group)
        accepted = np.full(len(messages), hooks is None)
        for name, hook in (hooks or {}).items():
            accepted |= self._mask(hook, name, messages, failed=True)
        return accepted

    def _claims(self, walked: Walked, offers: Offers) -> dict[str, Index]:
        """The messages that each probe takes, in the order of probes."""
        claims: dict[str, Index] = {}
        waiting: dict[str, tuple[Index, Ints]] = {}
        free = np.arange(len(offers.group))
        groups = set(np.unique(offers.group).tolist())
        for name in self.transfers.opens if self.transfers.clients else ():
            index = free[~np.isin(offers.group[free], self._own(name, groups))]
            claims[name] = index[self.transfers.taken(name, walked, offers.messages.take(index))]
            free = free[~np.isin(free, claims[name])]
        for name, probe in self.probes.items():
            own = self._own(name, groups)
            index = free[~np.isin(offers.group[free], own)] if own else free
            if not len(index):
                continue
            part = offers.messages if len(index) == len(offers.group) else offers.messages.take(index)
            mask = self._mask(probe, name, part, failed=False)
            if name in self.evidence and mask.any():
                candidates = np.flatnonzero(mask & offers.rejected[index])
                mask[:] = False
                if len(candidates):
                    mask[candidates], tickets = self._judged(walked, name, part.take(candidates))
                    if (waits := tickets >= 0).any():
                        waiting[name] = (index[candidates[waits]], tickets[waits])
            if mask.any():
                claims[name] = np.union1d(claims.get(name, index[:0]), index[mask])
                free = free[~np.isin(free, claims[name])] if own else free[~mask]
        for name, (index, tickets) in waiting.items():
            kept = np.isin(index, free)
            if kept.any():
                self.pending[name] = Pending(offers.messages.take(index[kept]), tickets[kept])
        return {name: index for name, index in claims.items() if len(index)}

    def _own(self, name: str, groups: set[int]) -> list[int]:
        """Those of `groups` whose messages the table `name` reads."""
        return [group for group in groups if name in self.members.get(group, ())]

    def _judged(self, walked: Walked, name: str, messages: Messages) -> tuple[Mask, Ints]:
        """Which candidates of the probe `name` are taken, and the tickets of those that wait."""
        mask, tickets = np.zeros(len(messages), np.bool_), np.full(len(messages), -1, np.int64)
        # with reassembled datagrams the order may be another one
        sorted_already = bool((np.diff(walked.completing[messages.row]) >= 0).all())
        order = np.arange(len(messages)) if sorted_already else in_order(walked, messages)
        some = messages if sorted_already else messages.take(order)
        try:
            judged = self.evidence[name].judge(Candidates(some, walked.last[some.row], walked.headers))
            mask[order], tickets[order] = _checked(judged.taken, len(order)), judged.tickets
        except Exception as error:  # noqa: BLE001 - as in `_mask`
            self.failed(name, error)
            return np.zeros(len(messages), np.bool_), np.full(len(messages), -1, np.int64)
        self.late.extend((name, ticket) for ticket in judged.late)
        return mask, tickets

    def _mask(self, hook: Hook, name: str, messages: Messages, *, failed: bool) -> Mask:
        """What a hook of the table `name` returns; `failed` for every message if it fails."""
        try:
            return _checked(hook(messages), len(messages))
        except Exception as error:  # noqa: BLE001 - a plugin's mistake must not lose a capture
            self.failed(name, error)
            return np.full(len(messages), failed)

    def _reject(self, walked: Walked, group: int, messages: Messages, offered: Index) -> Index:
        """Leave the payloads of `offered` undecoded; those of them that are on a port of `group`."""
        space = spaces(messages.hint[offered])
        of_destination = self.keys[space, messages.destination_port[offered]] == group
        by_port = of_destination | (self.keys[space, messages.source_port[offered]] == group)
        by_port &= messages.source_port[offered] >= 0
        rejected, of_destination = messages.take(offered[by_port]), of_destination[by_port]
        port = np.where(of_destination, rejected.destination_port, rejected.source_port)
        packets, rows = walked.packets, walked.completing[rejected.row]
        stacked = rows[rejected.hint != IpProtocol.TCP.value]
        packets["stack"][stacked] = packets["below"][stacked]
        first = packets["stop"][rows] == Stop.NONE
        packets["stop"][rows[first]], packets["stop_value"][rows[first]] = Stop.UNKNOWN_PORT, port[first]
        # a datagram is not at an offset of the packet that completes it
        first &= rows == rejected.row
        packets["stop_offset"][rows[first]] = rejected.start[first]
        undecoded: Index = offered[by_port]
        return undecoded

    def _name(self, walked: Walked, claimed: Messages, unclaimed: Mask, name: str) -> None:
        """Put the table `name` on the stacks of the packets of `claimed`; those of `unclaimed` had a stop reason."""
        packets, above = walked.packets, claimed.hint != IpProtocol.TCP.value
        rows = walked.completing[claimed.row]
        put_on_stacks(walked, self.stacks, np.unique(rows[above & ~unclaimed]), self.group_of[name])
        stopped = np.unique(rows[above & unclaimed])
        stopped = stopped[packets["stop"][stopped] == Stop.UNKNOWN_PORT]
        packets["stop"][stopped] = Stop.NONE
        put_on_stacks(walked, self.stacks, stopped, self.group_of[name])

    def _restop(self, walked: Walked, messages: Messages, left: Mask) -> None:
        """Give packets of which a payload was taken the stop reason of their first one that was not."""
        if left.all() or not left.any():
            return
        rows = walked.completing[messages.row]
        again = np.flatnonzero(left & np.isin(rows, rows[~left]))
        _, first = np.unique(rows[again], return_index=True)
        chosen = messages.take(again[first])
        lower = np.minimum(chosen.source_port, chosen.destination_port)
        higher = np.maximum(chosen.source_port, chosen.destination_port)
        rows, packets = walked.completing[chosen.row], walked.packets
        free = packets["stop"][rows] == Stop.NONE
        packets["stop"][rows[free]] = Stop.UNKNOWN_PORT
        value = np.where((lower < FIRST_REGISTERED) & (higher >= FIRST_REGISTERED), lower, -1)
        packets["stop_value"][rows[free]] = value[free]
        free &= rows == chosen.row
        packets["stop_offset"][rows[free]] = chosen.start[free]


def _together(parts: list[Offered]) -> Offers:
    """What is offered of several groups, one behind the other."""
    taken = [
        part.messages if len(part.place) == len(part.messages) else part.messages.take(part.place) for part in parts
    ]
    if len(parts) == 1:
        return Offers(taken[0], np.full(len(taken[0]), parts[0].group), parts[0].rejected)
    group = np.repeat([part.group for part in parts], [len(part.place) for part in parts])
    return Offers(joined(*taken), group, np.concatenate([part.rejected for part in parts]))


def _checked(mask: Mask, count: int) -> Mask:
    """`mask` if it is one of `count` messages, else TypeError."""
    found: Mask = np.asarray(mask)
    if found.dtype != np.bool_ or found.shape != (count,):
        raise TypeError(f"a mask of {count} booleans was expected, not an array of {found.dtype} {found.shape}")
    return found


def _tables(dispatch: Dispatch, group: int, name: str) -> list[Table]:
    """The table `name`, and those of its group whose records are inside its messages."""
    return [table for table in dispatch.tables[group] if name in (table.name, table.inside)]
