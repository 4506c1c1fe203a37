"""OpenVPN over UDP: session setup and data packets; their payload is encrypted.

Decided here:
- A payload on the port is OpenVPN if its opcode is known and its size is possible for it: five of 32 opcodes would
  otherwise take a sixth of all other traffic there. A reset begins key 0 and has nothing but identifiers of fixed size:
  session ID, acknowledgments, packet ID, and a digest of one of the usual sizes if the packets are signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import complete
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, Message, Table

ACKNOWLEDGMENT, DATA_1, DATA_2 = 5, 6, 9
CONTROL = (1, 2, 3, 4, 7, 8, 10, 11)
RESETS = (1, 2, 7, 8)
# opcode and session ID, number of acknowledgments, packet ID
HEAD, COUNT, PACKET_ID = 9, 1, 4
# at least one acknowledgment, at most eight, and the session ID that they are about
ACKNOWLEDGED = tuple(8 + 4 * count for count in range(1, 9))
# without signature; packet ID and time with a digest of 16 to 64 bytes; packet ID and digest of encrypted control
# packets, which have the same size as SHA-256's
SIGNATURES = (0, 24, 28, 36, 40, 56, 72)
# a reset may announce what the sender can do, in six bytes
EARLY = (0, 6)
SMALLEST = {3: HEAD + COUNT + PACKET_ID, 4: HEAD + COUNT + PACKET_ID, DATA_1: 1 + 8, DATA_2: 4 + 4 + 16, 10: 54, 11: 54}

TABLES = (
    Table(
        "openvpn",
        "One row for each OpenVPN message.",
        spec="OpenVPN wire protocol",
        on=("udp.port=1194",),
        message=Message(
            "OpenVPN {opcode:1=hard reset,3=soft reset,4=control,5=acknowledgment,6=data,7=client reset,8=server"
            " reset,9=data,10=client reset,11=wrapped control}",
            "remote", only="{opcode?1,2,7,8,10}",
        ),
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


_RESET_SIZES = [
    HEAD + COUNT + PACKET_ID + acknowledged + signature + early
    for acknowledged in (0, *ACKNOWLEDGED) for signature in SIGNATURES for early in EARLY
]  # fmt: skip
_ACKNOWLEDGMENT_SIZES = [HEAD + COUNT + known + signature for known in ACKNOWLEDGED for signature in SIGNATURES]


def accept(messages: Messages) -> Mask:
    """On the port: payloads with a known opcode and a possible size, or cut before they begin."""
    first = byte_at(messages, 0)
    size = messages.end - messages.start + messages.missing
    opcode, key = first >> 3, first & 7
    result = np.isin(opcode, RESETS) & (key == 0) & np.isin(size, _RESET_SIZES)
    result |= (opcode == ACKNOWLEDGMENT) & np.isin(size, _ACKNOWLEDGMENT_SIZES)
    for kind, smallest in SMALLEST.items():
        result |= (opcode == kind) & (size >= smallest)
    return np.asarray(result | ((first < 0) & (messages.missing > 0)))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; the format after the session ID depends on settings that are not sent."""
    first = message.number(1)
    opcode = first >> 3
    yield "opcode", opcode
    yield "key_id", first & 7
    if opcode == DATA_2:
        yield "peer_id", message.number(3)
    elif opcode in (*CONTROL, ACKNOWLEDGMENT):
        yield "session_id", message.take(8)
    elif opcode != DATA_1:
        message.fault("bad_value")
    yield "payload_length", message.promised
    complete(message)
