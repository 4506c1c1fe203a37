"""The table `connection`: both directions of a flow, from its first packet to its end.

The columns are declared in netlake.kernels.flow_columns, those of an end or a direction once for both sides. The rules
of the tracker, which counts, are at the head of netlake.flows.tracker; netlake.flows.ended makes the rows.
"""

from __future__ import annotations

from netlake.kernels.flow_columns import DERIVED, DIRECTION, ENDS, FACTS, SIDES, WHOLE, StateColumn
from netlake.schema import Column, Table


def of_both(columns: tuple[StateColumn, ...]) -> tuple[Column, ...]:
    """`columns` of the originator, then of the responder."""
    return tuple(column.column(prefix) for prefix in SIDES for column in columns)


TABLES = (
    Table(
        "connection",
        "One row for each flow, in the order in which flows ended.",
        spec="netlake.flows.tracker",
        on=(),
        context="connection",
        key=("capture", "flow"),
        why=DERIVED,
        columns=(
            *(column.column() for column in WHOLE),
            *of_both(ENDS),
            *(column.column() for column in FACTS),
            *of_both(DIRECTION),
        ),
    ),
)
