"""The tables `truth` and `label`: what is known about attacks, and the records that it applies to.

- `truth` has one row for each rule of a ground truth, of one of four kinds: a time window with endpoints, a tuple with
  a time, an event at an instant, or one packet of a capture. Each source, a file imported under a name, is an owner.
- `label` has one row (an edge) for each pair of a record and a rule that applies to it. A record has any number of
  edges, and records are never changed. Each version of labels, an application of some sources, is an owner.

A record is a row of a table with addresses, a flow or a packet number. It is identified by its table and those of
capture, packet, place and flow that its table has: (capture, flow) in `connection`, else (capture, packet, place).
"""

from __future__ import annotations

from netlake.schema import Column, List, Message, Table

WHY = "our own"

TRUTH = Table(
    "truth",
    "One row for each rule of a ground truth.",
    spec="netlake.derived.labels",
    context="lake",
    key=("source", "rule"),
    why=WHY,
    message=Message(
        "{state} {label} begins[ until {end_ts}][ ({techniques})| ({category})][, condition {condition}][: {note}]",
        "annotations",
        time="begin_ts",
        ends=("a_networks", "v_networks"),
        about="Begin of the interval of the ground truth",
    ),
    columns=(
        Column("source", "word", "Name under which the file was imported.", null=False),
        Column("rule", "i64", "Number of the rule in its source, from 1, in the order of the file.", null=False),
        Column("file", "text", "Path of the file as it was given, or name of the built-in pack.", null=False),
        Column("line", "i64", "Line, row or packet of the file in which the rule begins, from 1; null without lines."),
        Column("format", "word", "Format that was read, a value of `--kind`.", null=False),
        Column("kind", "word", "window, tuple, event or packet.", null=False),
        Column("state", "word", "attack or benign; records without an edge are unknown.", null=False),
        Column("label", "text", "Name of the class.", null=False),
        Column("category", "text", "Category of the label, such as dos or recon."),
        Column("tactics", List("text"), "Tactics of MITRE ATT&CK."),
        Column("techniques", List("text"), "Techniques of MITRE ATT&CK, such as T1110.001."),
        Column("attempted", "i16", "Category of an attempt that had no effect, 0 or above; null if not attempted."),
        Column("severity", "i16", "Severity in the source's own scale."),
        Column("priority", "i32", "Precedence if one label must be chosen, larger first.", null=False),
        Column("confidence", "f64", "Confidence from 0 to 1; null if the source has none."),
        Column("begin_ts", "ts", "Begin of the closed interval, UTC; null if the rule has no time."),
        Column("end_ts", "ts", "End of the closed interval, UTC: the last microsecond of the unit that is given."),
        Column("resolution", "i64", "Unit of the times in the source, microseconds; null without times."),
        Column("zone", "text", "Time zone by which local times were read; null if the times have a zone."),
        Column("a_networks", List("text"), "Networks of the attacker, or of either side of a rule without sides, in "
               "CIDR notation; empty: any."),
        Column("a_ports", List("i32"), "Ports of that side; empty: any."),
        Column("v_networks", List("text"), "Networks of the victim, in CIDR notation; empty: any."),
        Column("v_ports", List("i32"), "Ports of the victim; empty: any."),
        Column("protocol", "u8", "IANA number of the protocol in IP; null: any."),
        Column("icmp_type", "u8", "ICMP type; null: any."),
        Column("icmp_code", "u8", "ICMP code; null: any."),
        Column("direction", "word", "both, a2v or v2a: which side sends the records.", null=False),
        Column("capture", "word", "Id of the capture in the lake; null: any."),
        Column("packet", "i64", "Number of the packet in its capture, from 1."),
        Column("community_id", "text", "Community ID of the flow, version 1."),
        Column("condition", "text", "SQL condition on the connection; null if none."),
        Column("note", "text", "Text of the source for people."),
        Column("sha256", "word", "SHA-256 of the file when it was imported, hexadecimal; null if no file was read."),
    ),
)  # fmt: skip

LABEL = Table(
    "label",
    "One row for each record and rule of `truth` that applies to it.",
    spec="netlake.derived.labels",
    context="lake",
    key=("version", "record_table", "capture", "packet", "place", "flow", "source", "rule"),
    why=WHY,
    columns=(
        Column("version", "word", "Name of the version of labels.", null=False),
        Column("record_table", "word", "Table of the record.", null=False),
        Column("capture", "word", "Id of the capture.", null=False),
        Column("flow", "i64", "Flow of the record; null without one."),
        Column("packet", "i64", "Packet of the record; null for a connection."),
        Column("place", "i16", "Place of the record in its packet; null for a connection."),
        Column("source", "word", "Source of the rule.", null=False),
        Column("rule", "i64", "Rule in its source.", null=False),
        Column("state", "word", "attack or benign.", null=False),
        Column("label", "text", "Name of the class.", null=False),
        Column("category", "text", "Category of the label."),
        Column("attempted", "i16", "Category of an attempt that had no effect; null if not attempted."),
        Column("priority", "i32", "Precedence if one label must be chosen, larger first.", null=False),
        Column("confidence", "f64", "Confidence from 0 to 1; null if the source has none."),
        Column("scope", "word", "direct, from_flow (its connection matched) or from_packet (packets of it matched).",
               null=False),
        Column("direction", "word", "a2v or v2a: whether the attacker's side of the rule is the originator or sender; "
               "null for rules without sides."),
        Column("overlap", "duration", "Seconds for which record and interval overlap; null without a time."),
        Column("distance", "duration", "Seconds between record and interval, above 0 within the tolerance only."),
        Column("fraction", "f64", "Share of the packets of a connection that match; null for other records."),
        Column("ambiguous", "bool", "Whether several records matched an event equally well.", null=False),
    ),
)  # fmt: skip

TABLES = (TRUTH, LABEL)
