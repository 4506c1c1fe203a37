"""GPRS Tunnelling Protocol, user plane (GTP-U): packets of subscribers between the nodes of a mobile network."""

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
        Column("type", "u8", "Extension header type: 133 PDU session container, 64 UDP port, 192 PDCP PDU number.",
               why="gtp.ext_hdr.next has the type of the next one"),
        Column("value", "bytes", "Contents of the extension header, as sent.", why="one tshark field per type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "gtp_u",
        "One row for each GTP-U message.",
        spec="3GPP TS 29.281",
        on=("udp.port=2152",),
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="gtp.flags.version"),
            Column("protocol_type", "u8", "Protocol type: 1 GTP, 0 GTP'.", wireshark="gtp.flags.payload"),
            Column("extension_present", "bool", "E flag: an extension header follows.", wireshark="gtp.flags.e"),
            Column("sequence_present", "bool", "S flag: the sequence number is valid.", wireshark="gtp.flags.s"),
            Column("n_pdu_present", "bool", "PN flag: the N-PDU number is valid.", wireshark="gtp.flags.pn"),
            Column("message_type", "u8",
                   "Type: 255 G-PDU, 1 and 2 echo, 26 error, 31 supported extension headers, 254 end marker.",
                   wireshark="gtp.message"),
            Column("length", "u16", "Length of the message after the first 8 bytes, bytes.", wireshark="gtp.length"),
            Column("teid", "u32", "Tunnel endpoint identifier (TEID) of the receiver.", wireshark="gtp.teid"),
            Column("sequence", "u16", "Sequence number; null without the S flag.", wireshark="gtp.seq_number"),
            Column("n_pdu_number", "u8", "N-PDU number, for handover; null without the PN flag.",
                   wireshark="gtp.npdu_number"),
            Column("qos_flow_id", "u8", "PDU session container: QoS flow identifier, 0 to 63.",
                   wireshark="gtp.ext_hdr.pdu_ses_con.qos_flow_id"),
            Column("extensions", List(HEADER), "Extension headers in wire order."),
            Column("data", "bytes", "Data of messages other than G-PDU, as sent.", why="one tshark field per element"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; the walk enters the packet in a G-PDU."""
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
    extensions: list[dict[str, Any]] = []
    yield "extensions", extensions
    for _ in range(MOST_EXTENSIONS):
        if not kind:
            return
        size = body.number(1) * 4
        if not size:
            raise Malformed("bad_options")
        value, following = body.take(size - 2), body.number(1)
        extensions.append({"type": kind, "value": value})
        if kind == PDU_SESSION:
            yield "qos_flow_id", value[1] & 63
        kind = following
    body.fault("too_large")
