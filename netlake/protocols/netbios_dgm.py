"""NetBIOS datagram service: messages to names, most of them announcements of the Windows browser.

An announcement is an SMB transaction to the mailslot of the browser. Of it are columns what is whole in the datagram;
`data` has all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, remainder, text
from netlake.layers.netbios import name
from netlake.packets import Cursor
from netlake.schema import Column, Table

# direct, to a group, to all
DATAGRAMS = (0x10, 0x11, 0x12)
ERROR = 0x13
QUERIES = (0x14, 0x15, 0x16)
# an SMB transaction: where its words, their count and the first of what they say lie
SMB, TRANSACTION, WORDS, DATA_OFFSET, SETUP_COUNT = b"\xffSMB", 0x25, 33, 57, 59
BROWSERS = ("\\MAILSLOT\\BROWSE", "\\MAILSLOT\\LANMAN")
# of the browser: a host's, a domain's and the local master's announcement, which have one form
ANNOUNCEMENTS = (1, 12, 15)
ELECTION = 8
# what the name of a mailslot begins with
SLASH = 0x5C

TABLES = (
    Table(
        "netbios_dgm",
        "One row for each message of the NetBIOS datagram service.",
        spec="RFC 1002, MS-BRWS",
        on=("udp.port=138",),
        columns=(
            Column("message_type", "u8", "16 to one, 17 to a group, 18 to all, 19 error, 20 to 22 queries.",
                   wireshark="nbdgm.type"),
            Column("more_fragments", "bool", "More fragments follow.", wireshark="nbdgm.next"),
            Column("first_fragment", "bool", "The first fragment.", wireshark="nbdgm.first"),
            Column("node_type", "u8", "Kind of node: 0 broadcast, 1 point to point, 2 mixed, 3 hybrid.",
                   wireshark="nbdgm.node_type"),
            Column("datagram_id", "u16", "What ties fragments together.", wireshark="nbdgm.dgram_id"),
            Column("source_ip", "ipv4", "Address of the sender, by its own word.", wireshark="nbdgm.src.ip"),
            Column("source_port", "u16", "Port of the sender, by its own word.", wireshark="nbdgm.src.port"),
            Column("length", "u16", "Bytes of names and data.", wireshark="nbdgm.dgram_len"),
            Column("offset", "u16", "Where the data stands in the whole, bytes.", wireshark="nbdgm.pkt_offset"),
            Column("error_code", "u8", "Error: 130 no such name, 131 and 132 malformed names.",
                   wireshark="nbdgm.error_code"),
            Column("source_name", "text", "Name of the sender, without the spaces that fill it up.",
                   why="shown with its suffix"),
            Column("source_suffix", "u8", "Kind of service of the sender.", why="shown within the name"),
            Column("destination_name", "text", "Name that it is sent to.", why="shown with its suffix"),
            Column("destination_suffix", "u8", "Kind of service that it is sent to; 29 and 30 browsers.",
                   why="shown within the name"),
            Column("data", "bytes", "What it carries, an SMB message for most.", why="dissected by tshark"),
            Column("mailslot", "text", "Mailslot that it is for, such as \\MAILSLOT\\BROWSE.",
                   wireshark="mailslot.name"),
            Column("browser_command", "u8", "Browser: 1 host, 2 request, 8 election, 12 domain, 15 local master.",
                   wireshark="browser.command"),
            Column("server_name", "text", "Browser: host or domain that is announced, or stands for election.",
                   wireshark="browser.server"),
            Column("server_type", "u32", "Browser: bits of what it is: 1 workstation, 2 server, 8 domain controller.",
                   wireshark="browser.server_type"),
            Column("os_version", "word", "Browser: version that it gives of its system, such as 10.0.",
                   why="browser.os_major and os_minor"),
            Column("comment", "text", "Browser: description of the host; of a domain its master.",
                   wireshark="browser.comment"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
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
    """The mailslot of an SMB transaction, and what the browser is told; nothing of what is not whole."""
    if data[:4] != SMB or len(data) <= SETUP_COUNT or data[4] != TRANSACTION:
        return
    start = WORDS + 2 * data[WORDS - 1] + 2
    end = data.find(b"\0", start)
    if end < 0 or data[start] != SLASH:
        return
    slot = text(data[start:end])
    yield "mailslot", slot
    at = int.from_bytes(data[DATA_OFFSET : DATA_OFFSET + 2], "little")
    if slot.upper() not in BROWSERS or not end < at < len(data):
        return
    yield "browser_command", data[at]
    if data[at] in ANNOUNCEMENTS and len(data) >= at + 32:
        yield "server_name", c_text(data[at + 6 : at + 22])
        yield "os_version", f"{data[at + 22]}.{data[at + 23]}"
        yield "server_type", int.from_bytes(data[at + 24 : at + 28], "little")
        yield from _closed("comment", data[at + 32 :])
    elif data[at] == ELECTION:
        yield from _closed("server_name", data[at + 14 :])


def _closed(column: str, data: bytes) -> Iterator[tuple[str, Any]]:
    """Text that a zero byte ends."""
    if b"\0" in data:
        yield column, c_text(data)


def _name(message: Cursor, side: str) -> Iterator[tuple[str, Any]]:
    shown, suffix = name(message)
    yield f"{side}_name", shown
    yield f"{side}_suffix", suffix
