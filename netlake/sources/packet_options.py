"""Read the options of packets that the index of a pcapng file found: comments, and all others by column.

An option with a fixed size is ignored if it has another size. Of one that may occur only once the first is used.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.kernels.records_ng import COMMENT, HASH, LOST, VERDICT
from netlake.packets import Bytes
from netlake.sources.blocks import text
from netlake.sources.facts import Comment, PacketOptions, Typed

# code and size of the options with a fixed size; that of LOST is the field of obsolete packet blocks
NUMBERS = {"flags": ((2, 4),), "dropped": ((4, 8), (LOST, 2)), "packet_id": ((5, 8),), "queue": ((6, 4),)}
# types of verdicts with a number, and its size
EBPF, EBPF_SIZE = (1, 2), 8

Found = npt.NDArray[np.void]  # of dtype netlake.kernels.records_ng.OPTION


def comments(data: Bytes, found: Found, first_number: int) -> list[Comment]:
    """The comments among the options `found` in `data`; `first_number` is that of the packet in row 0."""
    mine = found[found["code"] == COMMENT]
    return [
        Comment(first_number + row, None, text(data[at : at + size].tobytes())) for row, _, at, size, _ in mine.tolist()
    ]


def others(data: Bytes, found: Found, first_number: int) -> PacketOptions | None:
    """All others by packet, None if there are none."""
    found = found[found["code"] != COMMENT]
    rows = np.unique(found["row"])
    options = PacketOptions(first_number + rows)
    for name, kinds in NUMBERS.items():
        values, known = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.bool_)
        for code, size in kinds:
            for big, order in enumerate("<>"):
                mine = found[(found["code"] == code) & (found["size"] == size) & (found["big"] == big)][::-1]
                place = np.searchsorted(rows, mine["row"])
                raw = data[mine["at"][:, None] + np.arange(size)]
                values[place], known[place] = raw.view(f"{order}u{size}")[:, 0], True
        options.numbers[name] = values, known
    for code, lists in ((VERDICT, options.verdicts), (HASH, options.hashes)):
        for row, _, at, size, big in found[(found["code"] == code) & (found["size"] > 0)].tolist():
            kind, value = int(data[at]), data[at + 1 : at + size].tobytes()
            number = int.from_bytes(value, "big" if big else "little", signed=True)
            numbered = code == VERDICT and kind in EBPF and len(value) == EBPF_SIZE
            lists.setdefault(first_number + row, []).append(Typed(kind, number if numbered else None, value))
    return options if len(rows) else None
