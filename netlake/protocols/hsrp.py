"""Hot Standby Router Protocol of Cisco, versions 1 and 2: routers with a virtual address elect the active one.

Decided here:
- Version 1 starts with the byte 0; version 2 consists of TLVs, none of which has type 0.
- `state` has the same values for both versions, which number states differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, items
from netlake.packets import Cursor, Short
from netlake.schema import Column, Message, Table

ADVERTISE = 3
GROUP_STATE = 1
INTERFACE_STATE = 2
TEXT_AUTHENTICATION = 3
MD5_AUTHENTICATION = 4
STATES = (0, 1, 2, 4, 8, 16)

TABLES = (
    Table(
        "hsrp",
        "One row for each HSRP message.",
        spec="RFC 2281, HSRP version 2",
        on=("udp.port=1985", "udp.port=2029"),
        message=Message(
            "HSRP {opcode:0=hello,1=coup,2=resign,3=advertisement}["
            " {state:0=initial,1=learn,2=listen,3=speak,4=standby,5=active}][ group {group}][ {virtual_ip}]["
            " priority {priority}]",
            "routing", default=False,
        ),
        columns=(
            Column("version", "u8", "Version as sent: 0 is version 1, 2 is version 2.", wireshark="hsrp.version"),
            Column("opcode", "u8", "Opcode: 0 hello, 1 coup, 2 resign, 3 advertisement.", wireshark="hsrp.opcode"),
            Column("state", "u8",
                   "State: 0 initial, 1 learn, 2 listen, 3 speak, 4 standby, 5 active; null for other values.",
                   why="hsrp.state and hsrp2.state number them differently"),
            Column("hello_time", "duration", "Interval between hellos, seconds.", why="two tshark fields, by version"),
            Column("hold_time", "duration", "Hold time, seconds.", why="two tshark fields, by version"),
            Column("priority", "u32", "Priority; the highest becomes active, the default is 100.",
                   wireshark="hsrp.priority"),
            Column("group", "u16", "Group number.", wireshark="hsrp.group"),
            Column("ip_version", "u8", "Version 2: IP version of the virtual address, 4 or 6.",
                   wireshark="hsrp2.ipversion"),
            Column("identifier", "mac", "Version 2: identifier, the MAC address of the sender.",
                   wireshark="hsrp2.identifier"),
            Column("virtual_ip", "ip", "Virtual IP address of the group; null if 0.0.0.0 or ::.", unset=True,
                   wireshark="hsrp.virt_ip"),
            Column("authentication", "text", "Authentication data: password in clear text.",
                   wireshark="hsrp.auth_data"),
            Column("active_groups", "u16", "Advertisement: number of groups in which the sender is active.",
                   wireshark="hsrp.adv.activegrp"),
            Column("passive_groups", "u16", "Advertisement: number of groups in which the sender is not active.",
                   wireshark="hsrp.adv.passivegrp"),
            Column("md5_algorithm", "u8", "Version 2, MD5 authentication: algorithm, 1 MD5.",
                   wireshark="hsrp2.md5_algorithm"),
            Column("md5_ip", "ipv4", "Version 2, MD5 authentication: IP address of the sender.",
                   wireshark="hsrp.md5_ip_address"),
            Column("md5_key_id", "u32", "Version 2, MD5 authentication: key ID.", wireshark="hsrp2.md5_key_id"),
            Column("md5_data", "bytes", "Version 2, MD5 authentication: digest.", wireshark="hsrp2.md5_auth_data"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    if message.left and message.data[0]:
        yield from _version_2(message)
        return
    yield "version", message.number(1)
    opcode = message.number(1)
    yield "opcode", opcode
    if opcode == ADVERTISE:
        message.skip(6)
        yield "active_groups", message.number(2)
        yield "passive_groups", message.number(2)
        message.skip(4)
        return
    state = message.number(1)
    yield "state", STATES.index(state) if state in STATES else None
    yield "hello_time", float(message.number(1))
    yield "hold_time", float(message.number(1))
    yield "priority", message.number(1)
    yield "group", message.number(1)
    message.skip(1)
    yield "authentication", c_text(message.take(8))
    yield "virtual_ip", message.take(4)


def _version_2(message: Cursor) -> Iterator[tuple[str, Any]]:
    for kind, data in items(message):
        try:
            yield from _tlv(kind, Cursor(data))
        except Short:
            message.fault("bad_length")


def _tlv(kind: int, value: Cursor) -> Iterator[tuple[str, Any]]:
    if kind == GROUP_STATE:
        yield "version", value.number(1)
        yield "opcode", value.number(1)
        state = value.number(1) - 1
        yield "state", state if state in range(len(STATES)) else None
        family = value.number(1)
        yield "ip_version", family
        yield "group", value.number(2)
        yield "identifier", value.take(6)
        yield "priority", value.number(4)
        yield "hello_time", value.number(4) / 1000
        yield "hold_time", value.number(4) / 1000
        yield "virtual_ip", value.take(16)[: 4 if family == 4 else 16]
    elif kind == INTERFACE_STATE:
        yield "active_groups", value.number(2)
        yield "passive_groups", value.number(2)
    elif kind == TEXT_AUTHENTICATION:
        yield "authentication", c_text(value.take(8))
    elif kind == MD5_AUTHENTICATION:
        yield "md5_algorithm", value.number(1)
        value.skip(3)
        yield "md5_ip", value.take(4)
        yield "md5_key_id", value.number(4)
        yield "md5_data", value.rest()
