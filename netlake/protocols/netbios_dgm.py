"""NetBIOS datagram service: messages to NetBIOS names, mostly announcements of the Windows browser service.

Decided here:
- An announcement is an SMB transaction to a browser mailslot: BROWSE, or LANMAN, whose layout is an older one. Its
  columns are read only where the datagram contains them completely, since a fragment or another SMB command is no
  error; `data` has all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, remainder, text
from netlake.layers.netbios import name
from netlake.packets import Cursor
from netlake.schema import Column, Message, Table

# direct unique, direct group, broadcast
DATAGRAMS = (0x10, 0x11, 0x12)
ERROR = 0x13
QUERIES = (0x14, 0x15, 0x16)
# SMB transaction: offsets of its words, of the data offset and of the setup count
SMB, TRANSACTION, WORDS, DATA_OFFSET, SETUP_COUNT = b"\xffSMB", 0x25, 33, 57, 59
PREFIX, BROWSE, LANMAN = "\\MAILSLOT\\", "\\MAILSLOT\\BROWSE", "\\MAILSLOT\\LANMAN"
# browser commands of one form: announcements of a host, a domain and the local master
ANNOUNCEMENTS = (1, 12, 15)
HOST, ELECTION = 1, 8

TABLES = (
    Table(
        "netbios_dgm",
        "One row for each message of the NetBIOS datagram service.",
        spec="RFC 1002, MS-BRWS",
        on=("udp.port=138",),
        message=Message(
            "NetBIOS datagram[ {source_name}][ to {destination_name}][ {server_name}][: {comment}]",
            "discovery", default=False,
        ),
        columns=(
            Column("message_type", "u8", "Message type: 16 unique, 17 group, 18 broadcast, 19 error, 20 to 22 queries.",
                   wireshark="nbdgm.type"),
            Column("more_fragments", "bool", "More fragments follow.", wireshark="nbdgm.next"),
            Column("first_fragment", "bool", "First fragment.", wireshark="nbdgm.first"),
            Column("node_type", "u8", "Source node type: 0 broadcast, 1 point-to-point, 2 mixed, 3 hybrid.",
                   wireshark="nbdgm.node_type"),
            Column("datagram_id", "u16", "Datagram ID, shared by all fragments.", wireshark="nbdgm.dgram_id"),
            Column("source_ip", "ipv4", "Source address in the message.", wireshark="nbdgm.src.ip"),
            Column("source_port", "u16", "Source port in the message.", wireshark="nbdgm.src.port"),
            Column("length", "u16", "Bytes of names and data.", wireshark="nbdgm.dgram_len"),
            Column("offset", "u16", "Offset of the data in the whole datagram, bytes.", wireshark="nbdgm.pkt_offset"),
            Column("error_code", "u8", "Error code: 130 name not present, 131 and 132 invalid names.",
                   wireshark="nbdgm.error_code"),
            Column("source_name", "text", "Source name, without padding spaces.",
                   why="tshark shows it with the suffix"),
            Column("source_suffix", "u8", "Suffix of the source name: service type.",
                   why="tshark shows it within the name"),
            Column("destination_name", "text", "Destination name, without padding spaces.",
                   why="tshark shows it with the suffix"),
            Column("destination_suffix", "u8", "Suffix of the destination name: service type; 29 and 30 browsers.",
                   why="tshark shows it within the name"),
            Column("data", "bytes", "User data, mostly an SMB message.", why="tshark dissects it"),
            Column("mailslot", "text", "Mailslot name, such as \\MAILSLOT\\BROWSE.", wireshark="mailslot.name"),
            Column("browser_command", "u8",
                   "Browser command: 1 host, 2 request, 8 election, 12 domain, 15 local master.",
                   wireshark="browser.command"),
            Column("server_name", "text", "Browser: announced host or domain, or candidate of an election.",
                   wireshark="browser.server"),
            Column("server_type", "u32", "Browser: server type, bits: 1 workstation, 2 server, 8 domain controller.",
                   wireshark="browser.server_type"),
            Column("os_version", "word", "Browser: version of the operating system, such as 10.0.",
                   why="browser.os_major and os_minor"),
            Column("comment", "text", "Browser: description of the host; for a domain its master.",
                   wireshark="browser.comment"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    kind, flags = message.number(1), message.number(1)
    yield "message_type", kind
    yield "more_fragments", bool(flags & 1)
    yield "first_fragment", bool(flags & 2)
    yield "node_type", flags >> 2 & 3
    yield "datagram_id", message.number(2)
    yield "source_ip", message.take(4)
    yield "source_port", message.number(2)
    if kind == ERROR:
        yield "error_code", message.number(1)
    elif kind in QUERIES:
        yield from _name(message, "destination")
    elif kind in DATAGRAMS:
        yield "length", message.number(2)
        yield "offset", message.number(2)
        yield from _name(message, "source")
        yield from _name(message, "destination")
        yield from _mailslot(message.data[message.at : message.end])
        yield from remainder(message, "data")
    else:
        message.fault("bad_value")


def _mailslot(data: bytes) -> Iterator[tuple[str, Any]]:
    """Mailslot of an SMB transaction and fields of the browser command; incomplete fields are omitted."""
    if data[:4] != SMB or len(data) <= SETUP_COUNT or data[4] != TRANSACTION:
        return
    start = WORDS + 2 * data[WORDS - 1] + 2
    end = data.find(b"\0", start)
    slot = text(data[start : max(end, start)])
    # other transactions are to named pipes
    if not slot.upper().startswith(PREFIX):
        return
    yield "mailslot", slot
    at = int.from_bytes(data[DATA_OFFSET : DATA_OFFSET + 2], "little")
    if slot.upper() not in (BROWSE, LANMAN) or not end < at < len(data):
        return
    yield "browser_command", data[at]
    if slot.upper() == LANMAN:
        yield from _old_announcement(data[at:])
    elif data[at] in ANNOUNCEMENTS and len(data) >= at + 32:
        yield "server_name", c_text(data[at + 6 : at + 22])
        yield "os_version", f"{data[at + 22]}.{data[at + 23]}"
        yield "server_type", int.from_bytes(data[at + 24 : at + 28], "little")
        yield from _terminated("comment", data[at + 32 :])
    elif data[at] == ELECTION:
        yield from _terminated("server_name", data[at + 14 :])


def _old_announcement(data: bytes) -> Iterator[tuple[str, Any]]:
    """Fields of a host announcement to LANMAN: the name has any length, and the comment follows it."""
    if data[0] == HOST and len(data) >= 10:
        yield "server_type", int.from_bytes(data[2:6], "little")
        yield "os_version", f"{data[6]}.{data[7]}"
        name, ended, comment = data[10:].partition(b"\0")
        if ended:
            yield "server_name", text(name)
            yield from _terminated("comment", comment)


def _terminated(column: str, data: bytes) -> Iterator[tuple[str, Any]]:
    """Column of a text that ends with a zero byte; nothing without one."""
    if b"\0" in data:
        yield column, c_text(data)


def _name(message: Cursor, side: str) -> Iterator[tuple[str, Any]]:
    shown, suffix = name(message)
    yield f"{side}_name", shown
    yield f"{side}_suffix", suffix
