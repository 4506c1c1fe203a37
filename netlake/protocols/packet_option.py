"""Options of packets in a pcapng file, besides comments. The pipeline writes the rows.

Most captures have none, and those columns in `packet` would cost each of them bytes and time: the table joins `packet`
by `capture` and `packet`.
"""

from __future__ import annotations

from netlake.schema import Column, List, Struct, Table

VERDICT = Struct(
    (
        Column("type", "u8", "Who decided: 0 hardware, 1 Linux eBPF TC, 2 Linux eBPF XDP.",
               why="one tshark field for each type"),
        Column("number", "i64", "Verdict of eBPF, such as 2 for XDP_PASS; else null.",
               why="one tshark field for each type"),
        Column("value", "bytes", "Verdict, as sent.", why="one tshark field for each type"),
    )
)  # fmt: skip
HASH = Struct(
    (
        Column("algorithm", "u8", "Algorithm: 0 two's complement, 1 XOR, 2 CRC32, 3 MD5, 4 SHA-1, 5 Toeplitz.",
               why="tshark shows no hash"),
        Column("value", "bytes", "Hash of the packet, as sent.", why="tshark shows no hash"),
    )
)  # fmt: skip
OTHER = Struct(
    (
        Column("code", "u16", "Code of the option, such as 2988 for a custom one.",
               why="a part of the option"),
        Column("enterprise", "u32", "Custom option: Private Enterprise Number of who defined it; else null.",
               why="no tshark field of a packet"),
        Column("value", "bytes", "Value, as sent; of a custom option what follows the number.",
               why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "packet_option",
        "One row for each packet of which a pcapng file records more than its bytes, time and comments.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="record",
        columns=(
            Column("direction", "word", "Direction at the interface: inbound or outbound; null if unknown.",
                   why="a part of flags"),
            Column("reception", "word", "Reception: unicast, multicast, broadcast or promiscuous; null if unknown.",
                   why="a part of flags"),
            Column("fcs_length", "u8", "Bytes of the frame check sequence at the end of the packet; null if unknown.",
                   why="a part of flags"),
            Column("flags", "u32", "Flags as sent; bits 16 to 31 are errors of the link layer, bit 24 a wrong CRC.",
                   wireshark="frame.packet_flags"),
            Column("dropped", "i64", "Packets that were lost between the one before it at the interface and this one.",
                   wireshark="frame.drop_count"),
            Column("packet_id", "i64", "Packet ID, equal for the same packet at several interfaces.",
                   wireshark="frame.packet_id"),
            Column("queue", "u32", "Queue of the interface that received it.", wireshark="frame.interface_queue"),
            Column("verdicts", List(VERDICT), "What was decided about the packet."),
            Column("hashes", List(HASH), "Hashes of the packet."),
            Column("others", List(OTHER),
                   "Options without a column: custom, unknown, repeated, of a wrong size, numbers of 2^63 and above."),
        ),
    ),
)  # fmt: skip
