"""The header of every ICMPv6 message, and the packet that errors quote."""

from __future__ import annotations

import numpy as np

from netlake.layers.quoted import LAYERS, QUOTED, also, quoted
from netlake.layers.read import fixed, lengths, mark_short, plain
from netlake.packets import Columns, Messages, Nullable
from netlake.schema import Column, Message, Table

HEADER = 4
PACKET_TOO_BIG = 2
PARAMETER_PROBLEM = 4
# offset of the quoted packet in an error
QUOTED_AT = 8
ERRORS = (1, PACKET_TOO_BIG, 3, PARAMETER_PROBLEM)

TABLES = (
    Table(
        "icmpv6",
        "One row for each ICMPv6 message; echo and neighbor discovery have further columns in tables of their own.",
        spec="RFC 4443",
        on=("ip.protocol=58",),
        size=HEADER,
        also=also("ipv6"),
        layers=("icmpv6", *LAYERS),
        message=Message(
            "ICMPv6 {type:icmpv6_type_name}[{type?1,2,3,4} code {code}][ for {quoted_src_ip}[:{quoted_src_port}] ->"
            " {quoted_dst_ip}[:{quoted_dst_port}]]",
            "network", hosts=("quoted_src_ip", "quoted_dst_ip"), only="{type?1,2,3,4,128,129}",
        ),
        columns=(
            Column("type", "u8",
                   "ICMPv6 type: 1 unreachable, 2 too big, 3 time exceeded, 128 and 129 echo, 133 to 137 discovery.",
                   at=0, wireshark="icmpv6.type"),
            Column("code", "u8", "ICMPv6 code: subtype of the type.", at=1, wireshark="icmpv6.code"),
            Column("checksum", "u16", "Internet checksum over the pseudo-header and the message.", at=2,
                   wireshark="icmpv6.checksum"),
            Column("mtu", "u32", "Packet too big: MTU of the next hop, bytes.", wireshark="icmpv6.mtu",
                   encoding="dictionary"),
            Column("pointer", "u32", "Parameter problem: offset of the invalid byte in the quoted packet.",
                   wireshark="icmpv6.pointer", encoding="dictionary"),
            *QUOTED,
            Column("payload_length", "i32", "Bytes on the wire after the first 4.",
                   why="ipv6.plen includes other headers"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header, and those of errors."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    payload = size + messages.missing - HEADER
    columns["payload_length"] = lengths(messages, payload, payload >= 0)
    kind = np.where(size > 0, plain(columns["type"]), -1)
    errors = np.isin(kind, ERRORS)
    if errors.any():
        mark_short(messages, errors & (size < QUOTED_AT))
        value = np.zeros(len(messages), np.int64)
        whole = errors & (size >= QUOTED_AT)
        for position in range(HEADER, QUOTED_AT):
            value[whole] = value[whole] << 8 | messages.data[messages.start[whole] + position]
        columns["mtu"] = Nullable(value, whole & (kind == PACKET_TOO_BIG))
        columns["pointer"] = Nullable(value, whole & (kind == PARAMETER_PROBLEM))
        columns.update(quoted(messages, errors, QUOTED_AT))
    return columns
