"""The table `connection`: both directions of a flow, from its first packet to its end.

The columns are declared in netlake.kernels.flow_columns, those of an end or a direction once for both sides. The rules
of the tracker, which counts, are at the head of netlake.flows.tracker; netlake.flows.ended makes the rows.
"""

from __future__ import annotations

from netlake.kernels.flow_columns import DERIVED, DIRECTION, ENDS, FACTS, SIDES, WHOLE, StateColumn
from netlake.schema import Column, Message, Table


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
        message=Message(
            "[{protocol:6=TCP,17=UDP,1=ICMP,58=ICMPv6,132=SCTP,47=GRE,50=ESP,2=IGMP}[ {service}]] connection"
            " {conn_state}[, {duration} s][: {orig_wire_bytes} -> {resp_wire_bytes} B,"
            " {orig_packets} -> {resp_packets} packets][, ended by {end_reason}][, decryption {decryption}]",
            "connections",
            packet="first_packet",
            about="First packet of the connection",
        ),
        columns=(
            *(column.column() for column in WHOLE),
            *of_both(ENDS),
            *(column.column() for column in FACTS),
            *of_both(DIRECTION),
        ),
    ),
)
