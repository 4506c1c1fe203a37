"""`sequence`: size, direction and gap of the first packets of a segment, for models that read sequences.

`sequence:N` has the first N packets, 1 to 1000; `sequence` has 32.
"""

from __future__ import annotations

from netlake.errors import OptionError
from netlake.features.definition import FeatureSet, column
from netlake.features.sets import common
from netlake.features.sets.nfstream import gaps_in_microseconds, lists, splt

USUAL, MOST = 32, 1000


def of(count: int) -> FeatureSet:
    """The set with the first `count` packets; OptionError for a number that is not 1 to 1000."""
    if not 1 <= count <= MOST:
        raise OptionError(f"A sequence has 1 to {MOST} packets, not {count}.")
    first = f"of the first {count} packets"
    size = column("sizes", "list<i32>", "bytes", f"Payload {first}.", lists("splt_sizes")).reads(*common.PAYLOADS)
    direction = column("directions", "list<i8>", "", f"Directions {first}: 0 forward, 1 backward.",
                       lists("splt_directions")).reads("packet.from_originator")  # fmt: skip
    gap = column("gaps", "list<i64>", "us", f"Gaps before each {first}, 0 for the first one.",
                 lists("splt_gaps")).reads(*common.TIME)  # fmt: skip
    doc = "Packets of the segment, also those after the first ones."
    packets = column("packets", "i64", "packets", doc, common.packets).leak("outcome").reads("packet.packet")
    name = "sequence" if count == USUAL else f"sequence:{count}"
    title = f"Size, direction and gap of the first {count} packets"
    return FeatureSet(
        name, title, "cic-fixed", (size, direction, gap, packets), splt(count, "payload", gaps_in_microseconds)
    )


SET = of(USUAL)
