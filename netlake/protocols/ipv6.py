"""Internet Protocol version 6: the base header. Extension headers have their own tables."""

from __future__ import annotations

from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, mark, plain
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Table, faults

HEADER = 40

TABLES = (
    Table(
        "ipv6",
        "One row for each IPv6 header as captured, those within tunnels included.",
        spec="RFC 8200",
        on=("ether.type=0x86dd", "ip.protocol=41", "ppp.protocol=0x0057"),
        size=HEADER,
        context="network",
        also=(("src_ip", "ipv6.src"), ("dst_ip", "ipv6.dst")),
        columns=(
            Column("version", "u8", "IP version, 6.", at=0, bits=(4, 4), wireshark="ipv6.version"),
            Column("dscp", "u8", "Differentiated services code point, 0 to 63.", at=0, bits=(6, 6),
                   wireshark="ipv6.tclass.dscp"),
            Column("ecn", "u8",
                   "Explicit congestion notification: 0 not capable, 1 and 2 capable, 3 congestion experienced.", at=1,
                   bits=(4, 2), wireshark="ipv6.tclass.ecn"),
            Column("flow_label", "i32", "Flow label, shared by all packets of one flow, 0 to 1048575; 0 if unused.",
                   at=0, bits=(0, 20), wireshark="ipv6.flow"),
            Column("payload_length", "u16", "Bytes after this header, extension headers included; 0 in jumbograms.",
                   at=4, wireshark="ipv6.plen"),
            Column("next_header", "u8", "IANA protocol number of the next header: an extension header or a protocol.",
                   at=6, wireshark="ipv6.nxt"),
            Column("hop_limit", "u8", "Hop limit: hops left.", at=7, wireshark="ipv6.hlim"),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header."""
    columns = fixed(TABLES[0], messages)
    version = plain(columns["version"])
    mark(messages, (version != 6) & (messages.end > messages.start), faults.BAD_VERSION)
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """Column `entropy`, computed on request only; `columns` is not used."""
    del columns
    return payload_entropy(messages, HEADER)
