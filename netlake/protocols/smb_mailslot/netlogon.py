r"""NETLOGON mailslot messages: a host asks for a domain controller, and a controller answers (MS-ADTS section 6.3).

Decided here:
- Numbers are little-endian. Names are sent as ASCII or as UTF-16, aligned to two bytes of the data; a field that is
  sent in both forms has the ASCII one, as older hosts send only that.
- The extended answers (23 to 25) compress their DNS names and have `data` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Short
from netlake.protocols.smb_mailslot.browser import terminated
from netlake.schema import Column

LOGON, LOGON_ANSWER, QUERY, ANSWER, SAM_LOGON = 0, 6, 7, 12, 18
SAM_ANSWERS = (19, 20, 21)
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
    if command == LOGON:
        yield "computer_name", terminated(data)
        yield "user_name", terminated(data)
        yield "reply_mailslot", terminated(data)
        yield "request_count", data.number(1)
        if data.promised > 2:
            yield "lmnt_token", data.little(2)
        yield "lm20_token", data.little(2)
    elif command == LOGON_ANSWER:
        yield "logon_server", terminated(data)
        yield "lm20_token", data.little(2)
    elif command == QUERY:
        yield "computer_name", terminated(data)
        yield "reply_mailslot", terminated(data)
        if data.promised > 2:
            wide(data)
            yield from _versions(data)
        else:
            yield "lm20_token", data.little(2)
    elif command == ANSWER:
        yield "logon_server", terminated(data)
        if data.promised > 2:
            wide(data)
            yield "domain_name", wide(data)
            yield from _versions(data)
        else:
            yield "lm20_token", data.little(2)
    elif command == SAM_LOGON:
        yield from _sam_logon(data)
    elif command in SAM_ANSWERS:
        yield "logon_server", wide(data)
        yield "user_name", wide(data)
        yield "domain_name", wide(data)
        yield from _versions(data)
    elif command in EXTENDED:
        yield "data", data.kept()
    else:
        data.fault("bad_value")


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
