"""`cic-2017`: the features of CICFlowMeter as the data of CIC-IDS2017 have them, with the tool's faults.

The faults are those of the tool's code of 2018: see docs/features.md. Empty directions and missing gaps are 0 as in the
published data; NaN and Infinity, which it has where the duration is 0, are null.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from netlake.features.definition import Accumulator, Array, Derived, FeatureSet, Rows, Values
from netlake.features.sets import cic, common
from netlake.features.sets.common import Value, field, only, segment
from netlake.kernels.feature_records import FLAGS as NAMES
from netlake.kernels.feature_records import MOMENTS
from netlake.kernels.feature_sequence import first_value

# names of the data of 2017 -> names of `cic`; the others are equal
RENAMED = {
    "Source IP": "Src IP", "Source Port": "Src Port", "Destination IP": "Dst IP", "Destination Port": "Dst Port",
    "Total Fwd Packets": "Total Fwd Packet", "Total Backward Packets": "Total Bwd packets",
    "Total Length of Fwd Packets": "Total Length of Fwd Packet",
    "Total Length of Bwd Packets": "Total Length of Bwd Packet", "Min Packet Length": "Packet Length Min",
    "Max Packet Length": "Packet Length Max", "CWE Flag Count": "CWR Flag Count",
    "Avg Fwd Segment Size": "Fwd Segment Size Avg", "Avg Bwd Segment Size": "Bwd Segment Size Avg",
    "Fwd Avg Bytes/Bulk": "Fwd Bytes/Bulk Avg", "Fwd Avg Packets/Bulk": "Fwd Packet/Bulk Avg",
    "Fwd Avg Bulk Rate": "Fwd Bulk Rate Avg", "Bwd Avg Bytes/Bulk": "Bwd Bytes/Bulk Avg",
    "Bwd Avg Packets/Bulk": "Bwd Packet/Bulk Avg", "Bwd Avg Bulk Rate": "Bwd Bulk Rate Avg",
    "Init_Win_bytes_forward": "FWD Init Win Bytes", "Init_Win_bytes_backward": "Bwd Init Win Bytes",
    "act_data_pkt_fwd": "Fwd Act Data Pkts", "min_seg_size_forward": "Fwd Seg Size Min",
}  # fmt: skip
ORDER = (
    "Flow ID", "Source IP", "Source Port", "Destination IP", "Destination Port", "Protocol", "Timestamp",
    "Flow Duration", "Total Fwd Packets", "Total Backward Packets", "Total Length of Fwd Packets",
    "Total Length of Bwd Packets",
    *(f"{side} Packet Length {name}" for side in ("Fwd", "Bwd") for name in ("Max", "Min", "Mean", "Std")),
    "Flow Bytes/s", "Flow Packets/s", *(f"Flow IAT {name}" for name in ("Mean", "Std", "Max", "Min")),
    *(f"{side} IAT {name}" for side in ("Fwd", "Bwd") for name in ("Total", "Mean", "Std", "Max", "Min")),
    "Fwd PSH Flags", "Bwd PSH Flags", "Fwd URG Flags", "Bwd URG Flags", "Fwd Header Length", "Bwd Header Length",
    "Fwd Packets/s", "Bwd Packets/s", "Min Packet Length", "Max Packet Length", "Packet Length Mean",
    "Packet Length Std", "Packet Length Variance",
    *(f"{flag} Flag Count" for flag in ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "CWE", "ECE")),
    "Down/Up Ratio", "Average Packet Size", "Avg Fwd Segment Size", "Avg Bwd Segment Size",
    *(f"{side} Avg {name}" for side in ("Fwd", "Bwd") for name in ("Bytes/Bulk", "Packets/Bulk", "Bulk Rate")),
    "Subflow Fwd Packets", "Subflow Fwd Bytes", "Subflow Bwd Packets", "Subflow Bwd Bytes", "Init_Win_bytes_forward",
    "Init_Win_bytes_backward", "act_data_pkt_fwd", "min_seg_size_forward",
    *(f"{kind} {name}" for kind in ("Active", "Idle") for name in ("Mean", "Std", "Max", "Min")),
)  # fmt: skip

FIRST_FLAGS = Accumulator(
    "first_flags", np.dtype(np.int64), 0,
    lambda block, records: first_value(block["row"], block["flags"].astype(np.int64), records["first_flags"]),
)  # fmt: skip
FIRST_PAYLOAD = Accumulator(
    "first_payload", np.dtype(np.int64), 0,
    lambda block, records: first_value(block["row"], block["payload"], records["first_payload"]), ("payload",),
)  # fmt: skip
FIRST_DIRECTION = Accumulator(
    "first_direction", np.dtype(np.int64), 0,
    lambda block, records: first_value(block["row"], block["direction"].astype(np.int64), records["first_direction"]),
)  # fmt: skip


def _twice(rows: Rows) -> Array:
    """Statistics of the payload of all packets, with that of the first packet counted twice."""
    if "twice" not in rows.notes:
        again = np.zeros(len(rows), MOMENTS)
        first = rows["first_payload"] - 1
        again["count"], again["total"], again["mean"], again["low"], again["high"] = 1, first, first, first, first
        rows.notes["twice"] = common.joined(common.both("payload")(rows), again)
    found: Array = rows.notes["twice"]
    return found


def _first_flag(name: str) -> Value:
    """1 if the first packet has the flag."""
    bit = NAMES.index(name)
    return lambda rows: np.where(rows["first_flags"] > 0, (rows["first_flags"] - 1) >> bit & 1, 0)


def _first_flag_of_side(name: str, side: int) -> Value:
    flag = _first_flag(name)
    return lambda rows: np.where(rows["first_direction"] == 1 + side, flag(rows), 0)


def zeroed(value: Value) -> Value:
    """The value, 0 where it is null."""

    def found(rows: Rows) -> Values:
        values = value(rows)
        return np.where(values[1], values[0], 0) if isinstance(values, tuple) else values

    return found


def _zero(rows: Rows) -> Values:
    return np.zeros(len(rows))


def _whole_ratio(rows: Rows) -> Values:
    forward, backward = rows.segments["forward_packets"], rows.segments["backward_packets"]
    return np.where(forward > 0, backward // np.maximum(forward, 1), 0)


def _data_packets(rows: Rows) -> Values:
    """Packets forward with payload, without the first packet of the segment."""
    first = (rows["first_payload"] > 1) & (rows["first_direction"] == 1)
    return rows["header"][:, 0]["data_packets"] - first.astype(np.int64)


FAULTS: dict[str, tuple[str, Value]] = {
    **{f"{flag.upper()} Flag Count": (f"1 if the first packet has {flag.upper()}.", _first_flag(flag))
       for flag in NAMES},
    **{f"{name} {flag} Flags": (f"1 if the first packet is {word} and has {flag}.",
                                _first_flag_of_side(flag.lower(), side))
       for side, name, word in cic.SIDES for flag in ("PSH", "URG")},
    "Packet Length Min": ("Minimum of the payload of a packet.", common.extreme(_twice, "low")),
    "Packet Length Max": ("Maximum of the payload of a packet.", common.extreme(_twice, "high")),
    "Packet Length Mean": ("Mean of the payload, that of the first packet twice.", common.mean(_twice)),
    "Packet Length Std": ("Standard deviation (n - 1), with the first packet twice.", common.deviation(_twice)),
    "Packet Length Variance": ("Variance (n - 1), with the first packet twice.", common.variance(_twice)),
    "Average Packet Size": ("Payload, that of the first packet twice, by packets.",
                            common.ratio(lambda rows: _twice(rows)["total"], common.packets)),
    "Down/Up Ratio": ("Packets backward by packets forward, without the fraction.", _whole_ratio),
    **{f"Subflow {name} {what}": (f"All {words} in the {word} direction.", value)
       for side, name, word in cic.SIDES for what, words, value in (
           ("Packets", "packets", segment(f"{word}_packets")), ("Bytes", "payload", field("payload", "total", side)))},
    **{f"{name} {what} Avg": ("Always 0.", _zero) for _, name, _ in cic.SIDES
       for what in ("Bytes/Bulk", "Packet/Bulk", "Bulk Rate")},
    "Bwd Init Win Bytes": ("Window, as sent, of the last packet backward.",
                           only(field("header", "window_last", 1), common.above(field("header", "windows", 1)))),
    "Fwd Act Data Pkts": ("Packets forward with payload, without the first packet.", _data_packets),
}  # fmt: skip
# what is null there too: NaN and Infinity, and -1 of windows
NULL = ("Flow Bytes/s", "Flow Packets/s", "FWD Init Win Bytes", "Bwd Init Win Bytes", "Src Port", "Dst Port",
        "Timestamp", "Flow Duration", "Flow IAT Mean", "Flow IAT Max", "Flow IAT Min")  # fmt: skip


def _column(name: str, known: dict[str, Derived]) -> Derived:
    old = RENAMED.get(name, name)
    made = known[old]
    doc, value = FAULTS.get(old, (made.feature.description, made.value))
    keeps = old in NULL
    feature = dataclasses.replace(
        made.feature, name=name, description=doc, null_when=made.feature.null_when if keeps else ""
    )
    return Derived(feature, value if keeps else zeroed(value))


KNOWN = {made.feature.name: made for made in cic.SET.columns}
SET = FeatureSet(
    "cic-2017",
    "CICFlowMeter, as published with CIC-IDS2017",
    "cic-java",
    tuple(_column(name, KNOWN) for name in ORDER),
    (common.PAYLOAD, common.GAP, common.SIDE_GAP, common.FLAGS, common.PERIOD, common.ACTIVITY, common.BULK,
     common.HEADER, FIRST_FLAGS, FIRST_PAYLOAD, FIRST_DIRECTION),
    references=(
        "I. Sharafaldin et al., Toward Generating a New Intrusion Detection Dataset, ICISSP 2018",
    ),
)  # fmt: skip
