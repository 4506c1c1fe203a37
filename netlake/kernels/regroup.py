"""Messages in the order of the walk become arrays in the order of groups: a counting sort, which is stable."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.walk_state import MESSAGE, MessageArrays  # noqa: F401 - types of the signature


@kernel("void(MESSAGE[::1], int64, int64[::1], MessageArrays)")
def regroup(messages, count, bounds, columns):
    """Sort messages by group, in the order in which they were found: group g is `bounds[g]:bounds[g + 1]`.

    Columns `place` count the messages of one group in one row.
    """
    bounds[:] = 0
    for i in range(count):
        bounds[messages[i].group + 2] += 1
    for g in range(2, bounds.shape[0]):
        bounds[g] += bounds[g - 1]
    for i in range(count):
        m = messages[i]
        k = bounds[m.group + 1]
        bounds[m.group + 1] = k + 1
        columns.start[k] = m.start
        columns.end[k] = m.end
        columns.row[k] = m.row
        columns.missing[k] = m.missing
        columns.fault[k] = m.fault
        columns.header[k] = m.header
        columns.hint[k] = m.hint
        columns.source_port[k] = m.source_port
        columns.destination_port[k] = m.destination_port
    # all bounds are in their final places only now
    rows, places = columns.row, columns.place
    for g in range(bounds.shape[0] - 1):
        for k in range(bounds[g], bounds[g + 1]):
            again = k > bounds[g] and rows[k - 1] == rows[k]
            places[k] = places[k - 1] + 1 if again else 0
