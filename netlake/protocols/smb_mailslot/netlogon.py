r"""NETLOGON mailslot messages: a host asks for a domain controller, and a controller answers (MS-ADTS section 6.3).

Decided here:
- Numbers are little-endian. Names are sent as ASCII or as UTF-16, aligned to two bytes of the data; a field that is
  sent in both forms has the ASCII one, as older hosts send only that.
- The extended answers (23 to 25) compress their DNS names and have `data` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.packets import Cursor, Short
from netlake.protocols.smb_mailslot.browser import terminated
from netlake.schema import Column

EXTENDED = (23, 24, 25)

COLUMNS = (
    Column("request_count", "u16", "NETLOGON: number of requests so far.", wireshark="smb_netlogon.request_count"),
    Column("computer_name", "text", "NETLOGON: computer that asks.", wireshark="smb_netlogon.computer_name"),
    Column("user_name", "text", "NETLOGON: account that logs on.", wireshark="smb_netlogon.user_name"),
    Column("reply_mailslot", "text", "NETLOGON: mailslot for the answer.", wireshark="smb_netlogon.mailslot_name"),
    Column("logon_server", "text", "NETLOGON answer: domain controller.", wireshark="smb_netlogon.server_name"),
    Column("domain_name", "text", "NETLOGON answer: domain.", wireshark="smb_netlogon.domain_name"),
    Column("account_control", "u32", "NETLOGON SAM logon: allowed kinds of accounts, bits.",
           wireshark="smb_netlogon.flags"),
    Column("domain_sid", "bytes", "NETLOGON SAM logon: SID of the domain.", why="tshark dissects it"),
    Column("nt_version", "u32", "NETLOGON: version and options of the sender, bits.",
           wireshark="smb_netlogon.nt_version"),
    Column("lmnt_token", "u16", "NETLOGON: 65535 from Windows NT and later.", wireshark="smb_netlogon.lmnt_token"),
    Column("lm20_token", "u16", "NETLOGON: 65535 from LAN Manager 2.0 and later.", wireshark="smb_netlogon.lm_token"),
)  # fmt: skip


def columns(data: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    command = data.little(2)
    yield "command", command
    if command in EXTENDED:
        yield "data", data.kept()
    elif command in READERS:
        yield from READERS[command](data)
    else:
        data.fault("bad_value")


def _logon(data: Cursor) -> Iterator[tuple[str, Any]]:
    for name in ("computer_name", "user_name", "reply_mailslot"):
        yield name, terminated(data)
    yield "request_count", data.number(1)
    if data.promised > 2:
        yield "lmnt_token", data.little(2)
    yield "lm20_token", data.little(2)


def _logon_answer(data: Cursor) -> Iterator[tuple[str, Any]]:
    yield "logon_server", terminated(data)
    yield "lm20_token", data.little(2)


def _query(data: Cursor) -> Iterator[tuple[str, Any]]:
    yield "computer_name", terminated(data)
    yield "reply_mailslot", terminated(data)
    if data.promised > 2:
        wide(data)
        yield from _versions(data)
    else:
        yield "lm20_token", data.little(2)


def _answer(data: Cursor) -> Iterator[tuple[str, Any]]:
    yield "logon_server", terminated(data)
    if data.promised > 2:
        wide(data)
        yield "domain_name", wide(data)
        yield from _versions(data)
    else:
        yield "lm20_token", data.little(2)


def _sam_answer(data: Cursor) -> Iterator[tuple[str, Any]]:
    for name in ("logon_server", "user_name", "domain_name"):
        yield name, wide(data)
    yield from _versions(data)


def _sam_logon(data: Cursor) -> Iterator[tuple[str, Any]]:
    yield "request_count", data.little(2)
    yield "computer_name", wide(data)
    yield "user_name", wide(data)
    yield "reply_mailslot", terminated(data)
    yield "account_control", data.little(4)
    size = data.little(4)
    if size:
        data.skip(-data.at % 4)
        yield "domain_sid", data.take(size)
    yield from _versions(data)


def _versions(data: Cursor) -> Iterator[tuple[str, Any]]:
    """The last fields of most messages."""
    yield "nt_version", data.little(4)
    yield "lmnt_token", data.little(2)
    yield "lm20_token", data.little(2)


def wide(data: Cursor) -> str:
    """UTF-16 text at the next even offset, up to its zero character, which is skipped; Short without one."""
    data.skip(data.at & 1)
    begin, end = data.at, data.at
    while data.data[end : end + 2] != b"\0\0":
        end += 2
        if end + 2 > data.end:
            raise Short
    found = data.take(end - begin)
    data.skip(2)
    return found.decode("utf-16-le", "replace")


READERS: dict[int, Callable[[Cursor], Iterator[tuple[str, Any]]]] = {
    0: _logon, 6: _logon_answer, 7: _query, 12: _answer, 18: _sam_logon, 19: _sam_answer, 20: _sam_answer,
    21: _sam_answer,
}  # fmt: skip
