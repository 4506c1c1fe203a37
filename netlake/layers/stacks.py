"""Stacks: the sequences of groups that packets have, each numbered once.

A stack is a number; 0 is the empty one. `above[stack, group]` is the stack with `group` on top, -1 until it is made, so
a packet's stack costs one look-up a header. The walk's kernel reads and extends the same array. At most MOST_STACKS
exist; a packet with a further one keeps the longest beginning that has a number.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MOST_STACKS = 4096


class Stacks:
    """The stacks of one capture; `names` are the names of groups."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.groups = names
        self.above = np.full((MOST_STACKS, max(names) + 1), -1, np.int16)
        self.count = 1
        self._names: list[str] = []

    def push(self, stack: int, group: int) -> int:
        """The stack with `group` on top of `stack`, as the kernel makes it."""
        if self.above[stack, group] < 0:
            if self.count >= len(self.above):
                return stack
            self.above[stack, group] = self.count
            self.count += 1
        return int(self.above[stack, group])

    def names(self) -> list[str]:
        """The text of every stack, by its number, such as `ethernet:ipv4:udp`.

        Must not run while a batch is walked: the walk adds stacks to `above` before it returns their count. The list is
        made again only after new stacks, and a list that was returned does not change.
        """
        if len(self._names) == self.count:
            return self._names
        names = [""] * self.count
        # a stack is made after the one below it, so its number is greater
        for stack in range(self.count):
            for group in np.flatnonzero(self.above[stack] >= 0).tolist():
                name = self.groups[group]
                names[self.above[stack, group]] = f"{names[stack]}:{name}" if names[stack] else name
        self._names = names
        return names
