"""The columns with which every set of segments begins: they identify the row and are no features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netlake.features.definition import Array, Derived, Feature, Rows, Values
from netlake.kernels.feature_segments import Reason

REASONS = {
    Reason.IDLE: "idle",
    Reason.ACTIVE: "active",
    Reason.FIN: "fin",
    Reason.RST: "rst",
    Reason.NEW_ICMP: "new_icmp",
}
# end_reason of `connection` -> flow_end_reason
_ENDS = {"timeout": "idle"}


def times(values: Array, valid: Array) -> pa.Array:
    """Microseconds since 1970 as timestamps."""
    return pa.array(np.where(valid, values, 0), mask=~valid).cast(pa.timestamp("us", "UTC"))


def _of_flow(name: str) -> Derived:
    docs = {
        "orig_ip": ("text", "Address of the originator of the flow.", ""),
        "resp_ip": ("text", "Address of the responder of the flow.", ""),
        "orig_port": ("i32", "Port of the originator.", "the protocol has no ports"),
        "resp_port": ("i32", "Port of the responder.", "the protocol has no ports"),
    }
    kind, doc, null = docs[name]
    return Derived(
        Feature(name, kind, "", doc, null, "identity", (f"connection.{name}",)),
        lambda rows: rows.flows.column(name).combine_chunks(),
    )


def _end(rows: Rows) -> Values:
    """flow_end_reason; of the last segment of a flow without a reason, that of the flow."""
    names = pa.array([REASONS.get(Reason(number)) for number in range(len(Reason))])
    found = names.take(pa.array(rows.segments["reason"]))
    of_flow = rows.flows.column("end_reason").combine_chunks()
    for old, new in _ENDS.items():
        of_flow = pc.if_else(pc.equal(of_flow, old), new, of_flow)
    return pc.coalesce(found, of_flow)


COLUMNS = (
    Derived(
        Feature("capture", "text", "", "Id of the capture.", "", "identity", ("connection.capture",)),
        lambda rows: pa.repeat(rows.capture, len(rows)),
    ),
    Derived(
        Feature("flow", "i64", "", "Flow of the first packet.", "", "identity", ("packet.flow",)),
        lambda rows: rows.segments["flow"],
    ),
    Derived(
        Feature("segment", "i32", "", "Number of the segment among those of its flow, or of the flows with its "
                "endpoints if the policy joins them, from 0.", "", "identity", ("packet.ts",)),
        lambda rows: rows.segments["segment"],
    ),
    Derived(
        Feature("first_packet", "i64", "", "Number of the first packet.", "", "identity", ("packet.packet",)),
        lambda rows: rows.segments["first_packet"],
    ),
    Derived(
        Feature("last_packet", "i64", "", "Number of the last packet.", "", "identity", ("packet.packet",)),
        lambda rows: rows.segments["last_packet"],
    ),
    Derived(
        Feature("first_ts", "ts", "", "Time of the first packet.", "no packet has a time", "identity", ("packet.ts",)),
        lambda rows: times(rows.segments["first"], rows.segments["timed"] > 0),
    ),
    Derived(
        Feature("last_ts", "ts", "", "Latest time of the packets.", "no packet has a time", "identity", ("packet.ts",)),
        lambda rows: times(rows.segments["last"], rows.segments["timed"] > 0),
    ),
    _of_flow("orig_ip"),
    _of_flow("resp_ip"),
    _of_flow("orig_port"),
    _of_flow("resp_port"),
    Derived(
        Feature("protocol", "i16", "", "IANA number of the protocol in IP.", "", "identity", ("connection.protocol",)),
        lambda rows: rows.segments["protocol"],
    ),
    Derived(
        Feature("flow_end_reason", "text", "", "Why the segment ended: idle, active, fin, rst, new_icmp, or why its "
                "flow did (`connection.end_reason`).", "", "identity", ("packet.ts", "tcp.flags",
                                                                        "connection.end_reason")),
        _end,
    ),
    Derived(
        Feature("last_flow", "i64", "", "Flow of the last packet: another one only if the policy joins the flows of "
                "the same endpoints.", "", "identity", ("packet.flow",)),
        lambda rows: rows.segments["last_flow"],
    ),
    Derived(
        Feature("forward_is_originator", "bool", "", "Whether the forward direction of the segment is that of the "
                "originator of `flow`.", "", "identity", ("packet.from_originator",)),
        lambda rows: rows.forward_is_originator,
    ),
)  # fmt: skip
