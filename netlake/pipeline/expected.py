"""Flows that other flows announce (netlake.layers.dialog.Expect), by the address and port of one of their ends.

Rules
- An announcement is for one flow. Its first payload is captured behind the announcing byte, and at most LIFETIME later.
- Of several for the same address and port the last one before that payload counts; those before it are forgotten.
- The address is the one announced, and also that of the announcing side: behind a translation of addresses they differ,
  and only the second is in the packets.
- The latest MOST announcements are kept, 200 bytes each. Those of one batch are added in the order of the capture.

Numbers of packets decide what is before what, so the order in which batches are read has no influence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.kernels.flow_state import Records
from netlake.layers.dialog import Announced, Expect
from netlake.packets import NO_TIME

MOST = 1 << 13
# nanoseconds
LIFETIME = 300 * 1_000_000_000


class End(NamedTuple):
    """One end of a flow; an IPv4 address is as in netlake.kernels.addresses."""

    version: int
    high: int
    low: int
    port: int


@dataclass(slots=True, eq=False)
class Waiting:
    """An announcement; `flow` is the number of the flow that has made it."""

    expect: Expect
    flow: int
    ends: tuple[End, ...]
    is_used: bool = False


class Expected:
    """The announcements of one capture that wait for their flow."""

    def __init__(self) -> None:
        self.by_end: dict[End, list[Waiting]] = {}
        self.order: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self.by_end)

    def may_be(self, flows: Records) -> npt.NDArray[np.bool_]:
        """Which of `flows`, rows of FLOW, have a port that was announced; only they can be in `take`."""
        ports = np.array([end.port for end in self.by_end], flows["a_port"].dtype)
        return np.isin(flows["a_port"], ports) | np.isin(flows["b_port"], ports)

    def add(self, expect: Expect, flow: np.void) -> None:
        """Note an announcement of a flow, a row of FLOW."""
        side = "ab"[expect.side ^ int(flow["originator"])]
        own = _end(flow, side)._replace(port=expect.port)
        ends = [own] if expect.address is None else [_announced(expect), own]
        one = Waiting(expect, int(flow["number"]), tuple(dict.fromkeys(ends)))
        for end in one.ends:
            self.by_end.setdefault(end, []).append(one)
        self.order.append(one)
        while self.order[0].is_used or len(self.order) > MOST:
            self._forget(self.order.popleft())

    def take(self, flow: np.void, packet: int, ts: int) -> tuple[str, Announced] | None:
        """The protocol of a flow that was announced, whose first payload is in `packet`; None if it was not."""
        for side in "ab":
            waiting = self.by_end.get(_end(flow, side))
            before = [one for one in waiting or () if one.expect.since.due < packet]
            if not before:
                continue
            for one in before:
                self._forget(one)
            # of several in one packet the last one
            found = max(reversed(before), key=lambda one: (*_place(one.expect), one.flow))
            since = found.expect.since.ts
            if NO_TIME in (since, ts) or ts - since <= LIFETIME:
                return found.expect.stream, Announced(found.expect.about, found.flow)
        return None

    def _forget(self, one: Waiting) -> None:
        one.is_used = True
        for end in one.ends:
            waiting = self.by_end.get(end, [])
            if one in waiting:
                waiting.remove(one)
            if not waiting:
                self.by_end.pop(end, None)


def in_order(announced: list[tuple[int, Expect]]) -> list[tuple[int, Expect]]:
    """What one batch announces, in the order of the capture: it is read flow by flow."""
    return sorted(announced, key=lambda one: _place(one[1]))


def _place(expect: Expect) -> tuple[int, int]:
    return expect.since.due, expect.since.packet


def _end(flow: np.void, side: str) -> End:
    names = ("version", f"{side}_high", f"{side}_low", f"{side}_port")
    return End(*(int(flow["version" if name == "version" else name]) for name in names))


def _announced(expect: Expect) -> End:
    """The end that was announced by its address, of 4 or 16 bytes."""
    address = expect.address or b""
    is_v4 = len(address) == 4
    high, low = (0, int.from_bytes(address)) if is_v4 else (int.from_bytes(address[:8]), int.from_bytes(address[8:]))
    return End(4 if is_v4 else 6, high, low, expect.port)
