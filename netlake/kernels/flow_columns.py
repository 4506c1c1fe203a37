"""The columns of `connection`, each declared once: name, kind, sentence, field of the state, where it is null.

What derives from a declaration:
- a field of FLOW or SIDE (netlake.kernels.flow_state), if `field` gives its NumPy type: it has the column's name,
- the column in the table, for a direction one for the originator and one for the responder (netlake.flows.connection),
- the Arrow column of ended flows (netlake.flows.ended): the field, null where `valid` does not apply; without a field,
  the result of the function of that name there.

So a new counter needs its declaration here, the line of a kernel that counts, and the same line in the twin
(tests/flows). The declarations are in this package because kernels are compiled for the dtypes made from them.

Units: bytes, packets; fields of kind `ts` and `duration` are nanoseconds, their columns microseconds and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from netlake.packets import NO_TIME
from netlake.schema import Column, Kind, List

COMPARED = "compared with tshark's conversations"
DERIVED = "our own count"
ZEEK = "Zeek's word"

SIDES = {"orig": "originator", "resp": "responder"}


class Valid(Enum):
    """Where a column is not null; the value completes its sentence."""

    ALWAYS = ""
    TCP = "null unless TCP"
    WITH_PACKETS = "null without packets"
    WITH_INTERVALS = "null below two packets with a time"
    NOT_ZERO = "null if none"
    NOT_NEGATIVE = "null if not seen"
    ICMP = "null unless ICMP"


@dataclass(frozen=True, slots=True)
class StateColumn:
    """One column; `{who}` in `doc` is the side, in columns of a direction.

    `field` is the NumPy type of its field in the state, None for a column that is computed; `start` is the value of the
    field in a new flow. `rare` fields are behind the others in memory: few packets change them.
    """

    name: str
    kind: Kind
    doc: str
    field: type[np.generic] | None = None
    valid: Valid = Valid.ALWAYS
    why: str = DERIVED
    null: bool = True
    rare: bool = False
    start: int = 0

    def column(self, prefix: str = "") -> Column:
        """The column of the table, of side `prefix` if one is given."""
        doc = self.doc.format(who=SIDES.get(prefix))
        doc += f"; {self.valid.value}." if self.valid.value else "."
        name = f"{prefix}_{self.name}" if prefix else self.name
        return Column(name, self.kind, doc, why=self.why, null=self.null)


# columns of the whole flow, before those of its two ends
WHOLE = (
    StateColumn("last_ts", "ts", "Latest time of its packets, UTC; null if none has a time", why=COMPARED),
    StateColumn("duration", "duration", "Seconds from `ts`, the earliest time, to `last_ts`, the latest", why=COMPARED),
    StateColumn("first_packet", "i64", "Number of its first packet, from 1", np.int64, null=False, rare=True),
    StateColumn("last_packet", "i64", "Number of its last packet", np.int64, null=False),
    StateColumn(
        "first_payload_ts", "ts", "Earliest time of its packets with transport payload; null if none has a time",
        np.int64, rare=True, start=NO_TIME,
    ),
    StateColumn("protocol", "u8", "IANA number of the protocol in IP", np.int16, why=COMPARED, null=False),
)  # fmt: skip
# columns of each end
ENDS = (
    StateColumn("ip", "ip", "Address of the {who}", why=COMPARED, null=False),
    StateColumn("port", "u16", "Port of the {who}; null without ports", why=COMPARED),
    StateColumn(
        "mac", "mac", "Source MAC address of the first packet of the {who}, from the link header around IP",
        np.int64, Valid.NOT_NEGATIVE, why="compared in ethernet", rare=True, start=-1,
    ),
)  # fmt: skip
# columns of the whole flow, behind those of its ends
FACTS = (
    StateColumn("icmp_type", "u8", "Type of its first ICMP message", np.uint8, Valid.ICMP, rare=True),
    StateColumn("icmp_code", "u8", "Code of its first ICMP message", np.uint8, Valid.ICMP, rare=True),
    StateColumn("tunnel_key", "i64", "Number that is equal for flows of the same tunnel", np.int64, Valid.NOT_ZERO),
    StateColumn("outer_flow", "i64", "Flow of the tunnel that carried its first packet", np.int64, Valid.NOT_ZERO,
                rare=True),
    StateColumn("quoted_flow", "i64", "Flow quoted in its first ICMP error that quotes a known flow", np.int64,
                Valid.NOT_ZERO, rare=True),
    StateColumn("end_reason", "word",
                "Why it ended: fin, rst, shutdown, abort, new_syn, timeout, evicted or end_of_capture", null=False),
    StateColumn("conn_state", "word", "Zeek's summary: S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH", why=ZEEK,
                null=False),
    StateColumn("history", "word",
                "Zeek's history of events, upper case for the originator, at most 32 letters; null unless TCP or UDP",
                why=ZEEK),
    StateColumn("community_id", "text", "Community ID version 1, seed 0; null without the ports that its protocol has",
                why="an id that other tools compute too"),
    StateColumn("service", List("text"), "Application protocols found in its streams, in order, such as http, tls"),
    StateColumn("decryption", "word", "Decryption by a key log: complete, partial or failed; null without secrets"),
)  # fmt: skip

LENGTH = "length on the wire of a packet of the {who}, bytes"
INTERVAL = "time between packets of the {who}, seconds"
# columns of each direction
DIRECTION = (
    StateColumn("first_ts", "ts", "Earliest time of the packets of the {who}", np.int64, rare=True,
                start=NO_TIME),
    StateColumn("last_ts", "ts", "Latest time of the packets of the {who}", np.int64, start=NO_TIME),
    StateColumn("packets", "i64", "Packets of the {who}; each fragment counts", np.int64, why=COMPARED, null=False),
    StateColumn("wire_bytes", "i64",
                "Bytes of the {who} on the wire with link headers; both flows of a tunneled packet count all of them",
                np.int64, why=COMPARED),
    StateColumn("ip_bytes", "i64", "Bytes of the {who} from the IP header on, by its length field", np.int64,
                null=False),
    StateColumn("payload_bytes", "i64", "Bytes of transport payload of the {who}, retransmissions included", np.int64,
                null=False),
    StateColumn("undecoded_bytes", "i64",
                "Bytes of the stream of the {who} that no protocol decoded; null where streams are not decoded"),
    StateColumn("length_min", "i32", f"Minimum {LENGTH}, at most 2147483647", np.int32, Valid.WITH_PACKETS),
    StateColumn("length_mean", "f64", f"Mean {LENGTH}", np.float64, Valid.WITH_PACKETS),
    StateColumn("length_max", "i32", f"Maximum {LENGTH}, at most 2147483647", np.int32, Valid.WITH_PACKETS),
    StateColumn("length_std", "f64", f"Standard deviation (population) of the {LENGTH}", valid=Valid.WITH_PACKETS),
    StateColumn("interarrival_min", "duration", f"Minimum {INTERVAL}", np.int64, Valid.WITH_INTERVALS),
    StateColumn("interarrival_mean", "duration", f"Mean {INTERVAL}", np.float64, Valid.WITH_INTERVALS),
    StateColumn("interarrival_max", "duration", f"Maximum {INTERVAL}", np.int64, Valid.WITH_INTERVALS),
    StateColumn("interarrival_std", "duration", f"Standard deviation (population) of the {INTERVAL}",
                valid=Valid.WITH_INTERVALS),
    StateColumn("ttl_first", "u8", "TTL or hop limit of the first packet of the {who}", np.uint8, Valid.WITH_PACKETS),
    StateColumn("ttl_min", "u8", "Minimum TTL or hop limit of the {who}", np.uint8, Valid.WITH_PACKETS),
    StateColumn("ttl_max", "u8", "Maximum TTL or hop limit of the {who}", np.uint8, Valid.WITH_PACKETS),
    StateColumn("flags", "u8", "OR of the TCP flags of the {who}'s segments", valid=Valid.TCP),
    *(
        StateColumn(flag, "i64", f"Segments of the {{who}} with {flag.upper()}", np.int32, Valid.TCP)
        for flag in ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
    ),
    StateColumn("window_first", "i32", "Window of the {who}'s first segment, as sent", np.int32, Valid.NOT_NEGATIVE,
                start=-1),
    StateColumn("window_min", "i32", "Minimum window of the {who} as sent, without SYN and RST", np.int32,
                Valid.NOT_NEGATIVE, start=-1),
    StateColumn("window_max", "i32", "Maximum window of the {who} as sent, without SYN and RST", np.int32,
                Valid.NOT_NEGATIVE, start=-1),
    StateColumn("window_scale", "i16", "Window scale that the {who}'s SYN offers first, 0 to 14; null if none"),
    StateColumn("retransmitted", "i64", "Segments of the {who} whose first byte was seen or acknowledged before",
                np.int32, Valid.TCP, rare=True),
    StateColumn("out_of_order", "i64", "Segments of the {who} that begin with a byte sent later than those behind it",
                np.int32, Valid.TCP, rare=True),
    StateColumn("zero_windows", "i64", "Segments of the {who} with a window of 0", np.int32, Valid.TCP, rare=True),
    StateColumn("missed_bytes", "i64", "Bytes of the {who} that the other side acknowledged and the capture lacks",
                np.int64, Valid.TCP, rare=True),
)  # fmt: skip
