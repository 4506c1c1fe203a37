"""The conversation: both directions of an exchange between two ends, from its first packet to its end.

The flow tracker writes the rows (netlake.flows.tracker, at whose head the rules stand); this says what they mean.
"""

from __future__ import annotations

from netlake.schema import Column, Table

COMPARED = "compared with tshark's conversations"
DERIVED = "our own count"
ZEEK = "Zeek's word"

FLAGS = {
    "fin": "FIN",
    "syn": "SYN",
    "rst": "RST",
    "psh": "PSH",
    "ack": "ACK",
    "urg": "URG",
    "ece": "ECE",
    "cwr": "CWR",
}


def direction(prefix: str, who: str) -> tuple[Column, ...]:
    """The columns of what one end sent."""
    seconds = f"between packets of the {who}, seconds; null below two packets with a time."
    length = f"length on the wire of a packet of the {who}, bytes; null without any."
    tcp = "null unless TCP."
    columns = (
        Column("packets", "i64", f"Packets of the {who}, fragments counted one by one.", why=COMPARED),
        Column(
            "bytes",
            "i64",
            f"Bytes of the {who} on the wire, link header too; a tunnel's packet counts in full inside and outside.",
            why=COMPARED,
        ),
        Column("ip_bytes", "i64", f"Bytes of them from the IP header on, as it says, of the {who}.", why=DERIVED),
        Column("payload_bytes", "i64", f"Bytes of transport payload of the {who}, repeats counted again.", why=DERIVED),
        Column("length_min", "i32", f"Least {length} At most 2147483647.", why=DERIVED),
        Column("length_mean", "f64", f"Mean {length}", why=DERIVED),
        Column("length_max", "i32", f"Greatest {length} At most 2147483647.", why=DERIVED),
        Column("length_std", "f64", f"Standard deviation (of the whole population) of the {length}", why=DERIVED),
        Column("interarrival_min", "duration", f"Least time {seconds}", why=DERIVED),
        Column("interarrival_mean", "duration", f"Mean time {seconds}", why=DERIVED),
        Column("interarrival_max", "duration", f"Greatest time {seconds}", why=DERIVED),
        Column("interarrival_std", "duration", f"Standard deviation (population) of the time {seconds}", why=DERIVED),
        Column("ttl_first", "u8", f"TTL or hop limit of the first packet of the {who}, 0 to 255.", why=DERIVED),
        Column("ttl_min", "u8", f"Least TTL or hop limit of the {who}, 0 to 255.", why=DERIVED),
        Column("ttl_max", "u8", f"Greatest TTL or hop limit of the {who}, 0 to 255.", why=DERIVED),
        Column("flags", "u8", f"Flag bytes of the {who}'s segments, or-ed; {tcp}", why=DERIVED),
        *(
            Column(name, "i64", f"Segments of the {who} with {flag}; {tcp}", why=DERIVED)
            for name, flag in FLAGS.items()
        ),
        Column("window_first", "i32", f"Window of the {who}'s first segment, as sent; {tcp}", why=DERIVED),
        Column("window_min", "i32", f"Least window of the {who} as sent, without SYN and RST; {tcp}", why=DERIVED),
        Column("window_max", "i32", f"Greatest window of the {who} as sent, without SYN and RST; {tcp}", why=DERIVED),
        Column(
            "window_scale", "i16", f"Bits by which the {who}'s SYN offers to shift its windows, 0 to 14.", why=DERIVED
        ),
        Column("retransmitted", "i64", f"Segments of the {who} that begin with what it had sent; {tcp}", why=DERIVED),
        Column("out_of_order", "i64", f"Segments of the {who} that fill a hole that it had left; {tcp}", why=DERIVED),
        Column("zero_windows", "i64", f"Segments of the {who} that offer no window; {tcp}", why=DERIVED),
        Column(
            "missed_bytes",
            "i64",
            f"Bytes of the {who} that the other end acknowledged and the capture lacks; {tcp}",
            why=DERIVED,
        ),
    )
    return tuple(Column(f"{prefix}_{c.name}", c.kind, c.doc, why=c.why, null=c.name not in NEVER_NULL) for c in columns)


NEVER_NULL = ("packets", "bytes", "ip_bytes", "payload_bytes")

TABLES = (
    Table(
        "connection",
        "One row for each conversation, in the order of its end.",
        spec="netlake.flows.tracker",
        on=(),
        context="connection",
        key=("capture", "flow"),
        columns=(
            Column(
                "last_ts",
                "ts",
                "Latest time of its packets, UTC, microseconds; null where none has a time.",
                why=COMPARED,
            ),
            Column("duration", "duration", "Seconds from `ts` to `last_ts`, 0 or more.", why=COMPARED),
            Column("first_packet", "i64", "Number of its first packet, from 1.", why=DERIVED, null=False),
            Column("last_packet", "i64", "Number of its last packet.", why=DERIVED, null=False),
            Column("protocol", "u8", "IANA number of the protocol in IP.", why=COMPARED, null=False),
            Column("orig_ip", "ip", "Address of the end that began it.", why=COMPARED, null=False),
            Column("orig_port", "u16", "Port of the end that began it; null without ports.", why=COMPARED),
            Column("resp_ip", "ip", "Address of the other end.", why=COMPARED, null=False),
            Column("resp_port", "u16", "Port of the other end; null without ports.", why=COMPARED),
            Column("icmp_type", "u8", "Type of its first packet; null unless ICMP.", why=DERIVED),
            Column("icmp_code", "u8", "Code of its first packet; null unless ICMP.", why=DERIVED),
            Column(
                "tunnel_key",
                "i64",
                "Number that tells the tunnels around conversations apart; null outside.",
                why=DERIVED,
            ),
            Column(
                "outer_flow", "i64", "Conversation that carried its first packet; null outside a tunnel.", why=DERIVED
            ),
            Column("quoted_flow", "i64", "First conversation that an ICMP error of it is about.", why=DERIVED),
            Column(
                "end_reason",
                "word",
                "Why it ended: fin, rst, shutdown, abort, new_syn, timeout, evicted or end_of_capture.",
                why=DERIVED,
                null=False,
            ),
            Column(
                "conn_state",
                "word",
                "Zeek's summary: S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH.",
                why=ZEEK,
                null=False,
            ),
            Column(
                "history",
                "word",
                "Zeek's letters of what happened, upper case for the originator, at most 32; null unless TCP or UDP.",
                why=ZEEK,
            ),
            Column(
                "community_id",
                "text",
                "Community ID version 1, seed 0; null without the ports that its protocol has.",
                why="other tools' name of it",
            ),
            *direction("orig", "originator"),
            *direction("resp", "responder"),
        ),
    ),
)
