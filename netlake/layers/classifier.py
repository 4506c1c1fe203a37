"""The classifier: payloads whose ports do not decide are assigned to tables by their content, and by their flow.

Rules
- Ports have priority: a message on a port of a table is that table's. Two kinds of messages are offered to probes: UDP
  payloads of which no port has a dispatch key (the group UNCLAIMED), and messages on a table's port which its hook
  `accept` rejects, because protocols share ports (RFC 7983: STUN, DTLS and RTP).
- A probe is a hook `probe(messages)` that returns a mask of the messages that are its table's. Probes are called in the
  order of tables; the first whose mask has a message gets it. It does not get messages on its table's own port.
- Before the probes, payloads of transfers that a request to a table's port announced are that table's: see
  netlake.layers.transfers.
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
from functools import partial

import numpy as np
import numpy.typing as npt

from netlake.kernels.answers import Stop
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.steps import CONTESTED, UNCLAIMED
from netlake.layers.contest import Contest, Trials, merged, put_on_stacks, renumbered, spaces
from netlake.layers.stacks import Stacks
from netlake.layers.steps import Dispatch
from netlake.layers.transfers import Transfers
from netlake.layers.walk import Walked
from netlake.packets import Mask, Messages
from netlake.schema import Table

Hook = Callable[[Messages], Mask]
Index = npt.NDArray[np.intp]


class Classifier:
    """Classifies the batches of one capture.

    `probes`, `accepts`, and `opens` and `continues`, which are for the same tables, are hooks by table;
    `failed(table, error)` is called for what a hook raises. `trials` are for messages between the ports of two tables.
    """

    def __init__(  # noqa: PLR0913 - everything that it calls
        self,
        dispatch: Dispatch,
        stacks: Stacks,
        probes: Mapping[str, Hook],
        accepts: Mapping[str, Hook],
        failed: Callable[[str, Exception], None],
        trials: Trials,
        opens: Mapping[str, Hook] | None = None,
        continues: Mapping[str, Hook] | None = None,
    ) -> None:
        self.stacks, self.probes, self.failed = stacks, probes, failed
        self.contest = Contest(dispatch, stacks, self._accepted, trials)
        self.keys = dispatch.keys
        self.group_of = {name: dispatch.group(name) for name in (*(opens or ()), *probes)}
        self.tables = {name: _tables(dispatch, group, name) for name, group in self.group_of.items()}
        self.transfers = Transfers(opens or {}, continues or {}, self.group_of, partial(self._mask, failed=False))
        self.members = {group: {table.name for table in those} for group, those in dispatch.tables.items()}
        by_group = {
            group: {name: accepts[name] for name in names if name in accepts} for group, names in self.members.items()
        }
        self.accepts = {group: hooks for group, hooks in by_group.items() if hooks}

    def classify(self, walked: Walked) -> list[tuple[Table, Messages]]:
        """The messages of each table that its probe found; they are removed from `walked.by_group`."""
        if CONTESTED in walked.by_group:
            self.contest.settle(walked)
        self.transfers.note(walked)
        found: dict[str, list[Messages]] = {name: [] for name in self.group_of}
        for group in (UNCLAIMED, *self.accepts):
            messages = walked.by_group.get(group)
            if messages is None or not len(messages):
                continue
            offered = self._offered(group, messages)
            if not len(offered):
                continue
            left = np.ones(len(messages), np.bool_)
            for name, index in self._claims(walked, group, messages, offered).items():
                left[index] = False
                claimed = renumbered(messages.take(index))
                self._name(walked, group, claimed, name)
                found[name].append(claimed)
            if group != UNCLAIMED:
                left[self._reject(walked, group, messages, offered[left[offered]])] = False
            if not left.all():
                walked.by_group[group] = renumbered(messages.take(np.flatnonzero(left)))
        taken = {name: self._with_own(walked, name, parts) for name, parts in found.items() if parts}
        return [(table, messages) for name, messages in taken.items() for table in self.tables[name]]

    def _with_own(self, walked: Walked, name: str, parts: list[Messages]) -> Messages:
        """All messages found by a probe, and those on the port of the table if no other table reads them, in order."""
        group = self.group_of[name]
        if self.members[group] == {table.name for table in self.tables[name]} and group in walked.by_group:
            parts = [*parts, walked.by_group.pop(group)]
        result = parts[0]
        for part in parts[1:]:
            result = renumbered(merged(walked, result, part))
        return result

    def _offered(self, group: int, messages: Messages) -> Index:
        """The messages of `group` that are offered to probes."""
        if group == UNCLAIMED:
            return np.arange(len(messages))
        return np.flatnonzero(~self._accepted(group, messages))

    def _accepted(self, group: int, messages: Messages) -> Mask:
        """The messages that a table of `group` accepts; all if none of its tables has the hook."""
        hooks = self.accepts.get(group)
        accepted = np.full(len(messages), hooks is None)
        for name, hook in (hooks or {}).items():
            accepted |= self._mask(hook, name, messages, failed=True)
        return accepted

    def _claims(self, walked: Walked, group: int, messages: Messages, offered: Index) -> dict[str, Index]:
        """The messages of transfers, and those that each probe takes, in the order of probes."""
        claims: dict[str, Index] = {}
        if self.transfers.clients:
            for name in self.transfers.opens:
                if name not in self.members.get(group, ()):
                    mask = self.transfers.taken(name, walked, messages.take(offered))
                    claims[name], offered = offered[mask], offered[~mask]
        for name, probe in self.probes.items():
            if not len(offered):
                break
            if name in self.members.get(group, ()):
                continue
            part = messages if len(offered) == len(messages) else messages.take(offered)
            mask = self._mask(probe, name, part, failed=False)
            if mask.any():
                claims[name] = np.union1d(claims.get(name, offered[:0]), offered[mask])
                offered = offered[~mask]
        return {name: index for name, index in claims.items() if len(index)}

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

    def _name(self, walked: Walked, group: int, claimed: Messages, name: str) -> None:
        """Put the table `name` on the stacks of the packets of `claimed`."""
        rows = np.unique(walked.completing[claimed.row[claimed.hint != IpProtocol.TCP.value]])
        if group == UNCLAIMED:
            rows = rows[walked.packets["stop"][rows] == Stop.UNKNOWN_PORT]
            walked.packets["stop"][rows] = Stop.NONE
        put_on_stacks(walked, self.stacks, rows, self.group_of[name])


def _checked(mask: Mask, count: int) -> Mask:
    """`mask` if it is one of `count` messages, else TypeError."""
    found: Mask = np.asarray(mask)
    if found.dtype != np.bool_ or found.shape != (count,):
        raise TypeError(f"a mask of {count} booleans was expected, not an array of {found.dtype} {found.shape}")
    return found


def _tables(dispatch: Dispatch, group: int, name: str) -> list[Table]:
    """The table `name`, and those of its group whose records are inside its messages."""
    return [table for table in dispatch.tables[group] if name in (table.name, table.inside)]
