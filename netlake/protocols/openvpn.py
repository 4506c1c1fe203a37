"""OpenVPN over UDP: session setup and data packets; their payload is encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import complete
from netlake.packets import Cursor
from netlake.schema import Column, Table

DATA_1, DATA_2 = 6, 9
CONTROL = (1, 2, 3, 4, 7, 8, 10)

TABLES = (
    Table(
        "openvpn",
        "One row for each OpenVPN message.",
        spec="OpenVPN wire protocol",
        on=("udp.port=1194",),
        columns=(
            Column("opcode", "u8",
                   "Opcode: 4 control, 5 ACK, 6 and 9 data, 7 client reset, 8 server reset, 10 wrapped client reset.",
                   wireshark="openvpn.opcode"),
            Column("key_id", "u8", "Key ID, 0 to 7.", wireshark="openvpn.keyid"),
            Column("peer_id", "u32", "Data, version 2: peer ID.", wireshark="openvpn.peerid"),
            Column("session_id", "bytes", "Control: session ID of the sender, 8 bytes.",
                   why="openvpn.sessionid is a number"),
            Column("payload_length", "i32",
                   "Bytes after the header; in control packets HMAC and acknowledgements included.",
                   why="tshark splits it by a heuristic"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; the format after the session ID depends on settings that are not sent."""
    first = message.number(1)
    opcode = first >> 3
    yield "opcode", opcode
    yield "key_id", first & 7
    if opcode == DATA_2:
        yield "peer_id", message.number(3)
    elif opcode in (*CONTROL, 5):
        yield "session_id", message.take(8)
    elif opcode != DATA_1:
        message.fault("bad_value")
    yield "payload_length", message.promised
    complete(message)
