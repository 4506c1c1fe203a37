r"""The Windows browser service: announcements and elections, in the mailslots BROWSE and LANMAN.

Decided here:
- Numbers are little-endian; names are text in the code page of the sender, read as UTF-8.
- A list of servers that ends before its announced count has the servers read so far, with a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, text
from netlake.packets import Cursor
from netlake.schema import Column, List

HOST, REQUEST, ELECTION, LIST_REQUEST, LIST, PROMOTION, DOMAIN, RESET, MASTER = 1, 2, 8, 9, 10, 11, 12, 14, 15
SIGNATURE = b"\x55\xaa"

COLUMNS = (
    Column("update_count", "u8", "Announcement: number of announcements so far.", wireshark="browser.update_count"),
    Column("period", "u32", "Announcement: time until the next one, milliseconds.", wireshark="browser.period"),
    Column("server_name", "text", "Browser: announced host or domain, or candidate of an election.",
           wireshark="browser.server"),
    Column("os_major", "u8", "Announcement: major version of the operating system.", wireshark="browser.os_major"),
    Column("os_minor", "u8", "Announcement: minor version of the operating system.", wireshark="browser.os_minor"),
    Column("server_type", "u32",
           "Announcement: bits: 1 workstation, 2 server, 4 SQL, 8 domain controller, 16 backup controller, 512 print "
           "server, 4096 Windows NT, 65536 potential, 131072 backup and 262144 master browser.",
           wireshark="browser.server_type"),
    Column("browser_major", "u8", "Announcement, election: major version of the browser protocol, 15.",
           wireshark="browser.proto_major"),
    Column("browser_minor", "u8", "Announcement, election: minor version of the browser protocol, 1.",
           wireshark="browser.proto_minor"),
    Column("signature", "u16", "Announcement: signature, 43605.", wireshark="browser.sig"),
    Column("comment", "text", "Announcement of a host: its description.", wireshark="browser.comment"),
    Column("master_name", "text", "Announcement of a domain: its master browser.", wireshark="browser.mb_server"),
    Column("reply_name", "text", "Request for announcements: computer to which they are sent.",
           wireshark="browser.response_computer_name"),
    Column("election_version", "u8", "Election: version, 1.", wireshark="browser.election.version"),
    Column("criteria", "u32", "Election: criteria of the candidate; the largest wins.",
           wireshark="browser.election.criteria"),
    Column("uptime", "u32", "Election: uptime of the candidate, milliseconds.", wireshark="browser.uptime"),
    Column("backup_count", "u8", "Backup list: number of servers, requested or listed.",
           wireshark="browser.backup.count"),
    Column("backup_token", "u32", "Backup list: token that matches the response to its request.",
           wireshark="browser.backup.token"),
    Column("backup_servers", List("text"), "Backup list: names of the backup browsers.",
           wireshark="browser.backup.server"),
    Column("promoted_name", "text", "Promotion: host that becomes a backup browser.",
           wireshark="browser.browser_to_promote"),
    Column("reset", "u8", "Reset: bits: 1 stop being local master, 2 clear the list, 4 stop being a browser.",
           wireshark="browser.reset_cmd"),
)  # fmt: skip


def announcement(data: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of a message to the mailslot BROWSE."""
    command = data.number(1)
    yield "command", command
    if command in (HOST, DOMAIN, MASTER):
        yield from _announced(data, command)
    elif command == REQUEST:
        data.skip(1)
        yield "reply_name", terminated(data)
    elif command == ELECTION:
        yield "election_version", data.number(1)
        criteria = data.little(4)
        yield "criteria", criteria
        yield from (("browser_major", criteria >> 8 & 0xFF), ("browser_minor", criteria >> 16 & 0xFF))
        yield "uptime", data.little(4)
        data.skip(4)
        yield "server_name", terminated(data)
    elif command == LIST_REQUEST:
        yield "backup_count", data.number(1)
        yield "backup_token", data.little(4)
    elif command == LIST:
        yield from _list(data)
    elif command == PROMOTION:
        yield "promoted_name", terminated(data)
    elif command == RESET:
        yield "reset", data.number(1)
    else:
        data.fault("bad_value")


def _announced(data: Cursor, command: int) -> Iterator[tuple[str, Any]]:
    yield "update_count", data.number(1)
    yield "period", data.little(4)
    yield "server_name", c_text(data.take(16))
    yield "os_major", data.number(1)
    yield "os_minor", data.number(1)
    yield "server_type", data.little(4)
    version = data.take(4)
    # older hosts announce a domain with a pointer in this place, which has no meaning
    if command != DOMAIN or version[2:] == SIGNATURE:
        yield from (("browser_major", version[0]), ("browser_minor", version[1]))
        yield "signature", int.from_bytes(version[2:], "little")
    yield "master_name" if command == DOMAIN else "comment", terminated(data)


def _list(data: Cursor) -> Iterator[tuple[str, Any]]:
    count = data.number(1)
    yield "backup_count", count
    yield "backup_token", data.little(4)
    servers: list[str] = []
    yield "backup_servers", servers
    while len(servers) < count:
        servers.append(terminated(data))


def old_announcement(data: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of a message to the mailslot LANMAN, in which the period is in seconds and names have any length."""
    command = data.number(1)
    yield "command", command
    if command != HOST:
        data.fault("bad_value")
        return
    yield "update_count", data.number(1)
    yield "server_type", data.little(4)
    yield "os_major", data.number(1)
    yield "os_minor", data.number(1)
    yield "period", data.little(2) * 1000
    yield "server_name", terminated(data)
    yield "comment", terminated(data)


def terminated(data: Cursor) -> str:
    """Text up to its zero byte, which is skipped; Short without one, as `take` of a negative count is."""
    found = data.take(data.data.find(b"\0", data.at, data.end) - data.at)
    data.skip(1)
    return text(found)
