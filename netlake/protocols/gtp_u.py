"""GPRS Tunnelling Protocol of the user plane: what a mobile network carries between its own nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

G_PDU = 255
EXTENSION, SEQUENCE, N_PDU = 4, 2, 1
PDU_SESSION = 0x85
MOST_EXTENSIONS = 32

HEADER = Struct(
    (
        Column("type", "u8", "Type of the extension: 133 PDU session, 64 UDP port, 192 PDCP number.",
               why="gtp.ext_hdr.next says the next"),
        Column("value", "bytes", "What it holds.", why="a field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "gtp_u",
        "One row for each GTP-U message.",
        spec="3GPP TS 29.281",
        on=("udp.port=2152",),
        columns=(
            Column("version", "u8", "Version of the protocol, 1.", wireshark="gtp.flags.version"),
            Column("protocol_type", "u8", "1 GTP, 0 the charging protocol.", wireshark="gtp.flags.payload"),
            Column("extension_present", "bool", "Extension headers follow.", wireshark="gtp.flags.e"),
            Column("sequence_present", "bool", "The sequence number means something.", wireshark="gtp.flags.s"),
            Column("n_pdu_present", "bool", "The N-PDU number means something.", wireshark="gtp.flags.pn"),
            Column("message_type", "u8", "255 a packet, 1 and 2 echo, 26 error, 31 supported headers, 254 end.",
                   wireshark="gtp.message"),
            Column("length", "u16", "Bytes behind the first eight.", wireshark="gtp.length"),
            Column("teid", "u32", "The receiver's number of the tunnel.", wireshark="gtp.teid"),
            Column("sequence", "u16", "Number of the message; null without.", wireshark="gtp.seq_number"),
            Column("n_pdu_number", "u8", "Number for hand-over; null where it means nothing.",
                   wireshark="gtp.npdu_number"),
            Column("qos_flow_id", "u8", "PDU session: the flow of its own quality of service, 0 to 63.",
                   wireshark="gtp.ext_hdr.pdu_ses_con.qos_flow_id"),
            Column("extensions", List(HEADER), "Extension headers in wire order.", why="compared in columns"),
            Column("data", "bytes", "What other messages hold, as sent.", why="a field for each element"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message; the packet in it is walked into."""
    flags = message.number(1)
    yield "version", flags >> 5
    yield "protocol_type", flags >> 4 & 1
    if flags >> 4 != 3:
        raise Malformed("bad_version")
    yield "extension_present", bool(flags & EXTENSION)
    yield "sequence_present", bool(flags & SEQUENCE)
    yield "n_pdu_present", bool(flags & N_PDU)
    kind = message.number(1)
    yield "message_type", kind
    length = message.number(2)
    yield "length", length
    yield "teid", message.number(4)
    if length > message.promised:
        raise Malformed("bad_length")
    body = part(message, length)
    if flags & 7:
        yield from _optional(body, flags)
    if kind != G_PDU:
        yield from remainder(body, "data")


def _optional(body: Cursor, flags: int) -> Iterator[tuple[str, Any]]:
    sequence, number, kind = body.number(2), body.number(1), body.number(1)
    if flags & SEQUENCE:
        yield "sequence", sequence
    if flags & N_PDU:
        yield "n_pdu_number", number
    if not flags & EXTENSION:
        return
    found: list[dict[str, Any]] = []
    yield "extensions", found
    for _ in range(MOST_EXTENSIONS):
        if not kind:
            return
        size = body.number(1) * 4
        if not size:
            raise Malformed("bad_options")
        value, following = body.take(size - 2), body.number(1)
        found.append({"type": kind, "value": value})
        if kind == PDU_SESSION:
            yield "qos_flow_id", value[1] & 63
        kind = following
    body.fault("too_large")
