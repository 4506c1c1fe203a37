"""Messages built from bytes, for tests of readers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netlake.hooks import Hooks
from netlake.layers.evidence import Candidates
from netlake.layers.pools import new_pools
from netlake.packets import HEADER, Mask, Messages

NO_PORTS = (-1, -1)
Ports = tuple[int, int]


def build(
    parts: Sequence[bytes],
    *,
    missing: Sequence[int] | int = 0,
    ports: Sequence[Ports] | Ports = NO_PORTS,
    hint: Sequence[int] | int = 0,
    around: bytes = b"",
    rows: Sequence[int] | None = None,
    interned: bool = True,
) -> Messages:
    """A message for each of `parts`, each in a packet of its own or in that of `rows`, with the bytes `around` between.

    `missing`, `ports` (source, destination) and `hint` are one value for all messages, or one for each. Addresses
    are codes of new pools, or text if not `interned`.
    """
    count = len(parts)
    sizes = np.array([len(part) for part in parts], np.int64)
    start = np.cumsum(sizes + len(around)) - sizes
    each = np.broadcast_to(np.array(ports, np.int32).reshape(-1, 2), (count, 2))
    return Messages(
        data=np.frombuffer(around + around.join(parts) + around, np.uint8).copy(),
        start=start,
        end=start + sizes,
        row=np.array(range(count) if rows is None else rows, np.int32),
        missing=np.broadcast_to(np.array(missing, np.int32), count).copy(),
        fault=np.zeros(count, np.int8),
        header=np.full(count, -1, np.int32),
        place=np.zeros(count, np.int16),
        source_port=each[:, 0].copy(),
        destination_port=each[:, 1].copy(),
        hint=np.broadcast_to(np.array(hint, np.int64), count).copy(),
        pools=new_pools() if interned else {},
    )


def claims(hooks: Hooks, given: Messages) -> Mask:
    """The messages that the probe of a table takes, after its evidence if it has one: all that is known is `given`."""
    assert hooks.probe is not None
    mask = hooks.probe(given)
    index = np.flatnonzero(mask)
    if hooks.evidence and len(index):
        some = given.take(index)
        mask[index] = hooks.evidence().judge(Candidates(some, index, np.zeros(0, HEADER))).taken
    return mask
