r"""SMB mailslot messages in NetBIOS datagrams: the Windows browser service, and requests for a domain controller.

Decided here:
- A row is an SMB transaction request whose name starts with `\MAILSLOT\`, in the first fragment of a datagram. Other
  datagrams have a row in `netbios_dgm` only.
- The name is ASCII also in a message with Unicode strings. It selects the format of the data: BROWSE, LANMAN (the older
  announcement), and the names that end in LOGON. Data of other mailslots is in `data`.
- `command` is the first number of the data, one byte for the browser, two for NETLOGON; both formats call it so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import complete
from netlake.layers.netbios import name
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.smb_mailslot import browser, netlogon
from netlake.schema import Column, Message, Table

# direct unique, direct group, broadcast
DATAGRAMS = (0x10, 0x11, 0x12)
# bytes of a NetBIOS datagram header up to its names
BEFORE_NAMES = 14
SIGNATURE, TRANSACTION = b"\xffSMB", 0x25
# words of a transaction request before its setup words, and of the setup of a mailslot
WORDS, SETUP = 14, 3
PREFIX = b"\\MAILSLOT\\"

TABLES = (
    Table(
        "smb_mailslot",
        "One row for each SMB mailslot message in a NetBIOS datagram.",
        spec="MS-CIFS, MS-MAIL, MS-BRWS, MS-ADTS",
        on=("udp.port=138",),
        inside="netbios_dgm",
        message=Message(
            "mailslot {mailslot}[ {server_name}][ {computer_name}][ user {user_name}][ domain {domain_name}][:"
            " {comment}]",
            "discovery",
        ),
        columns=(
            Column("flags", "u8", "SMB flags; 128 is a reply.", wireshark="smb.flags"),
            Column("flags2", "u16", "SMB flags2; 32768 Unicode strings.", wireshark="smb.flags2"),
            Column("tree_id", "u16", "Tree ID, mostly 0.", wireshark="smb.tid"),
            Column("process_id", "u16", "Process ID of the sender, low 16 bits.", wireshark="smb.pid"),
            Column("user_id", "u16", "User ID, mostly 0.", wireshark="smb.uid"),
            Column("multiplex_id", "u16", "Multiplex ID, mostly 0.", wireshark="smb.mid"),
            Column("timeout", "u32", "Timeout of the transaction, ms; 4294967295 none.", wireshark="smb.timeout"),
            Column("opcode", "u16", "Opcode of the mailslot, 1 write.", wireshark="mailslot.opcode"),
            Column("priority", "u16", "Priority of the message, 0 lowest.", wireshark="mailslot.priority"),
            Column("class", "u16", "Class: 1 reliable, 2 unreliable and broadcast.", wireshark="mailslot.class"),
            Column("size", "u16", "Bytes of mailslot name and data.", wireshark="mailslot.size"),
            Column("mailslot", "text", "Mailslot name, such as \\MAILSLOT\\BROWSE.", wireshark="mailslot.name"),
            Column("command", "u16",
                   "Browser: 1 host, 2 request, 8 election, 9 and 10 backup list, 11 promotion, 12 domain, 14 reset, "
                   "15 local master; NETLOGON: 0 logon, 7 query, 12 answer, 18 SAM logon, 19 to 25 answers.",
                   wireshark="browser.command"),
            *browser.COLUMNS,
            *netlogon.COLUMNS,
            Column("data", "bytes", "Data of a mailslot with another name, as sent.", why="tshark has no field for it"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the mailslot message in a datagram; no row without one."""
    smb = _transaction(message)
    if smb is None:
        yield NO_ROW, None
        return
    head = smb.data
    for column, at, size in (
        ("flags", 9, 1), ("flags2", 10, 2), ("tree_id", 24, 2), ("process_id", 26, 2), ("user_id", 28, 2),
        ("multiplex_id", 30, 2), ("timeout", 45, 4), ("opcode", 61, 2), ("priority", 63, 2), ("class", 65, 2),
        ("size", 61 + 2 * head[59], 2),
    ):  # fmt: skip
        yield column, _little(head, at, size)
    slot = browser.terminated(smb)
    yield "mailslot", slot
    data = _data(smb)
    upper = slot.upper()
    if upper.endswith("\\BROWSE"):
        yield from browser.announcement(data)
    elif upper.endswith("\\LANMAN"):
        yield from browser.old_announcement(data)
    elif upper.endswith("LOGON"):
        yield from netlogon.columns(data)
    elif data.promised:
        yield "data", data.kept()
    complete(data)


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _transaction(message: Cursor) -> Cursor | None:
    """A cursor over the SMB message from its header, at its name; None if it is no mailslot message."""
    try:
        kind = message.number(1)
        message.skip(BEFORE_NAMES - 3)
        offset = message.number(2)
        if kind not in DATAGRAMS or offset:
            return None
        name(message)
        name(message)
    except (Short, Malformed):
        return None
    smb = Cursor(message.data[message.at : message.end], faults=message.faults, missing=message.missing)
    if smb.data[:4] != SIGNATURE or smb.end < 33 or smb.data[4] != TRANSACTION:
        return None
    words = smb.data[32]
    smb.at = 33 + 2 * words + 2
    if words < WORDS + SETUP or smb.end < smb.at or smb.data[59] != words - WORDS:
        return None
    return smb if smb.data[smb.at : smb.at + len(PREFIX)].upper() == PREFIX else None


def _data(smb: Cursor) -> Cursor:
    """The data of the transaction."""
    count, at = _little(smb.data, 55, 2), _little(smb.data, 57, 2)
    if at < smb.at or at + count > smb.end + smb.missing:
        raise Malformed("bad_length")
    kept = smb.data[at : min(at + count, smb.end)]
    return Cursor(kept, faults=smb.faults, missing=count - len(kept))
