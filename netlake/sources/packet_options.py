"""Read the options of packets that the index of a pcapng file found: comments, and all others by column.

Of an option that may occur only once the first is used. `others` has all that are not used, as sent: later ones of
these, those with a wrong size, custom options, unknown ones, and numbers of 2^63 and above, which no column can store.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.kernels.records_ng import COMMENT, HASH, LOST, VERDICT
from netlake.packets import Bytes, Ints, Mask
from netlake.sources.blocks import text
from netlake.sources.facts import Comment, OtherOption, PacketOptions, Typed

# code and size of the options with a fixed size; that of LOST is the field of obsolete packet blocks
NUMBERS = {"flags": ((2, 4),), "dropped": ((4, 8), (LOST, 2)), "packet_id": ((5, 8),), "queue": ((6, 4),)}
# types of verdicts with a number, and its size
EBPF, EBPF_SIZE = (1, 2), 8
# options of other organizations, whose value begins with a Private Enterprise Number
CUSTOM, ENTERPRISE_SIZE = (2988, 2989, 19372, 19373), 4
SIZES = dict(pair for kinds in NUMBERS.values() for pair in kinds)
LARGE = np.uint64(1 << 63)

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
    if not len(rows):
        return None
    options = PacketOptions(first_number + rows)
    used = np.zeros(len(found), np.bool_)
    for name, kinds in NUMBERS.items():
        options.numbers[name] = _numbers(data, found, rows, kinds, used)
    for code, lists in ((VERDICT, options.verdicts), (HASH, options.hashes)):
        mine = (found["code"] == code) & (found["size"] > 0)
        used |= mine
        for row, _, at, size, big in found[mine].tolist():
            kind, value = int(data[at]), data[at + 1 : at + size].tobytes()
            number = int.from_bytes(value, "big" if big else "little", signed=True)
            numbered = code == VERDICT and kind in EBPF and len(value) == EBPF_SIZE
            lists.setdefault(first_number + row, []).append(Typed(kind, number if numbered else None, value))
    for row, code, at, size, big in found[~used].tolist():
        number, value = first_number + row, data[at : at + size].tobytes()
        options.others.setdefault(number, []).append(_other(code, value, big))
        if size != SIZES.get(code, size) or (code in (VERDICT, HASH)) or (code in CUSTOM and size < ENTERPRISE_SIZE):
            options.malformed.add(number)
    return options


def _numbers(
    data: Bytes, found: Found, rows: Ints, kinds: tuple[tuple[int, int], ...], used: Mask
) -> tuple[npt.NDArray[np.uint64], Mask]:
    """The numbers in options of `kinds`, (code, size), and where there is one; marks those that are `used`."""
    values, known = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.bool_)
    for code, size in kinds:
        for big, order in enumerate("<>"):
            index = np.flatnonzero((found["code"] == code) & (found["size"] == size) & (found["big"] == big))
            mine, first = np.unique(found["row"][index], return_index=True)
            index = index[first]
            place = np.searchsorted(rows, mine)
            raw = data[found["at"][index][:, None] + np.arange(size)]
            read = raw.view(f"{order}u{size}")[:, 0].astype(np.uint64)
            values[place], known[place] = read, True
            used[index] = read < LARGE
    return values, known


def _other(code: int, value: bytes, big: int) -> OtherOption:
    if code in CUSTOM and len(value) >= ENTERPRISE_SIZE:
        enterprise = int.from_bytes(value[:ENTERPRISE_SIZE], "big" if big else "little")
        return OtherOption(code, enterprise, value[ENTERPRISE_SIZE:])
    return OtherOption(code, None, value)
