"""Spanning Tree Protocol: the classic, rapid (RSTP) and multiple (MSTP) forms, and those per VLAN of Cisco (PVST+).

Decided here:
- Version and type decide which columns a unit (BPDU) has. Rapid flags are null in version 0; a topology change
  notification has a header only.
- A unit is of Cisco if the TLV of the originating VLAN is at the place where others end; padding may be in its place,
  so type and length must both match.
- Common fields are read by column; the region and the instances of MSTP message by message, as few networks use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import c_text
from netlake.layers.parsed import each
from netlake.layers.pools import mac
from netlake.layers.probes import number_at
from netlake.layers.read import addresses, fill, fixed, mark, mark_short
from netlake.packets import Columns, Cursor, Ints, Mask, Messages, Nullable
from netlake.schema import Column, List, Message, Struct, Table, faults

TOPOLOGY_CHANGE = 0x80
CONFIGURATION = (0, 2)
RAPID = 2
MULTIPLE = 3
MSTI_SIZE = 16
# length of version 3 without instances: format, name, revision, digest, cost, bridge, hops
REGION_SIZE = 64
HEADER = 4
# bytes of a BPDU, except for topology change notifications
SIZE = 35
# units of the times, in a second
TICKS = 256
ORIGINATING_VLAN = 0
# TLV of Cisco after the length of version 1, which has one byte
CISCO_SIZE = 7

INSTANCE = Struct(
    (
        Column("flags", "u8", "Flags as in the BPDU; 128 is the master flag.", wireshark="mstp.msti.flags"),
        Column("id", "u16", "MSTI number.", wireshark="mstp.msti.msti_id"),
        Column("root_priority", "u16", "Priority of the regional root, in steps of 4096.",
               why="mstp.msti.priority is shifted"),
        Column("root_mac", "mac", "MAC address of the regional root.", wireshark="mstp.msti.root.hw"),
        Column("cost", "u32", "Internal root path cost.", wireshark="mstp.msti.root_cost"),
        Column("bridge_priority", "u8", "Bridge priority of the sender, 0 to 240.",
               why="mstp.msti.bridge_priority is shifted"),
        Column("port_priority", "u8", "Port priority, 0 to 240.", why="mstp.msti.port_priority is shifted"),
        Column("remaining_hops", "u8", "Remaining hops.", wireshark="mstp.msti.remaining_hops"),
    )
)  # fmt: skip

FLAGS = (
    Column("topology_change", "bool", "Topology change flag.", wireshark="stp.flags.tc"),
    Column("proposal", "bool", "Rapid: proposal flag.", wireshark="stp.flags.proposal"),
    Column("port_role", "u8", "Rapid: port role: 1 alternate or backup, 2 root, 3 designated.",
           wireshark="stp.flags.port_role"),
    Column("learning", "bool", "Rapid: learning flag.", wireshark="stp.flags.learning"),
    Column("forwarding", "bool", "Rapid: forwarding flag.", wireshark="stp.flags.forwarding"),
    Column("agreement", "bool", "Rapid: agreement flag.", wireshark="stp.flags.agreement"),
    Column("topology_change_ack", "bool", "Topology change acknowledgement flag.", wireshark="stp.flags.tcack"),
)  # fmt: skip
REGION = (
    Column("region_name", "text", "MSTP: name of the region.", wireshark="mstp.config_name"),
    Column("region_revision", "u16", "MSTP: revision level of the region.", wireshark="mstp.config_revision_level"),
    Column("region_digest", "bytes", "MSTP: configuration digest, MD5 of the VLAN table.",
           wireshark="mstp.config_digest"),
    Column("internal_cost", "u32", "MSTP: CIST internal root path cost.",
           wireshark="mstp.cist_internal_root_path_cost"),
    Column("sender_priority", "u16", "MSTP: priority of the sending bridge, in steps of 4096.",
           wireshark="mstp.cist_bridge.prio"),
    Column("sender_extension", "u16", "MSTP: system ID extension of the sending bridge.",
           wireshark="mstp.cist_bridge.ext"),
    Column("sender_mac", "mac", "MSTP: MAC address of the sending bridge.", wireshark="mstp.cist_bridge.hw"),
    Column("remaining_hops", "u8", "MSTP: CIST remaining hops.", wireshark="mstp.cist_remaining_hops"),
    Column("instances", List(INSTANCE), "MSTP: instances in wire order."),
)  # fmt: skip

TABLES = (
    Table(
        "stp",
        "One row for each bridge protocol data unit (BPDU) of the Spanning Tree Protocol.",
        spec="IEEE 802.1D, IEEE 802.1Q",
        on=("llc.dsap=0x42", "snap.cisco=0x010b"),
        size=HEADER,
        context="record",
        message=Message(
            "spanning tree[ root {root_mac}] bridge {bridge_mac}[{topology_change?}, topology change]",
            "switching", only="{topology_change?}",
        ),
        columns=(
            Column("protocol", "u16", "Protocol identifier, 0.", at=0, wireshark="stp.protocol"),
            Column("version", "u8", "Version: 0 STP, 2 RSTP, 3 MSTP, 4 SPT.", at=2, wireshark="stp.version"),
            Column("type", "u8", "BPDU type: 0 configuration, 2 rapid or multiple, 128 topology change notification.",
                   at=3, wireshark="stp.type"),
            Column("flags", "u8", "Flags as sent, all bits.", wireshark="stp.flags"),
            *FLAGS,
            Column("root_priority", "u16", "Priority of the root bridge, in steps of 4096.", wireshark="stp.root.prio"),
            Column("root_extension", "u16", "System ID extension of the root bridge, often the VLAN.",
                   wireshark="stp.root.ext"),
            Column("root_mac", "mac", "MAC address of the root bridge.", wireshark="stp.root.hw"),
            Column("root_cost", "u32", "Root path cost.", wireshark="stp.root.cost"),
            Column("bridge_priority", "u16", "Priority of the sending bridge; MSTP: of the regional root.",
                   wireshark="stp.bridge.prio"),
            Column("bridge_extension", "u16", "System ID extension of that bridge, often the VLAN.",
                   wireshark="stp.bridge.ext"),
            Column("bridge_mac", "mac", "MAC address of the sending bridge; MSTP: of the regional root.",
                   wireshark="stp.bridge.hw"),
            Column("port", "u16", "Port identifier: port number, and its priority in the upper bits.",
                   wireshark="stp.port"),
            Column("message_age", "duration", "Message age: time since the root sent the information, seconds.",
                   wireshark="stp.msg_age"),
            Column("max_age", "duration", "Maximum age of the information, seconds.", wireshark="stp.max_age"),
            Column("hello_time", "duration", "Hello time between BPDUs, seconds.", wireshark="stp.hello"),
            Column("forward_delay", "duration", "Forward delay in each state before forwarding, seconds.",
                   wireshark="stp.forward"),
            Column("originating_vlan", "u16", "Cisco: originating VLAN of the tree.", wireshark="stp.pvst.origvlan"),
            *REGION,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the common fields by gather, of the originating VLAN, and of MSTP message by message."""
    columns = fixed(TABLES[0], messages)
    version, kind = number_at(messages, 2, 1), number_at(messages, 3, 1)
    tree = np.isin(kind, CONFIGURATION)
    size = messages.end - messages.start
    mark_short(messages, tree & (size < SIZE))
    mark(messages, (kind >= 0) & ~tree & (kind != TOPOLOGY_CHANGE), faults.BAD_VALUE)
    columns |= _flags(number_at(messages, 4, 1), tree, version >= RAPID)
    columns |= _tree(messages, tree)
    promised = size + messages.missing - SIZE
    # one byte more: the version 1 length, which rapid and Cisco's units have
    byte = (version >= RAPID) | (promised >= CISCO_SIZE)
    mark_short(messages, tree & byte & (size == SIZE))
    complete = tree & (size >= SIZE + byte)
    multiple = complete & (version >= MULTIPLE) & (promised > REGION_SIZE)
    columns |= _vlan(messages, complete & ~multiple & (promised >= CISCO_SIZE - 1 + byte), SIZE + byte)
    if multiple.any():
        columns |= each(TABLES[0], _region, messages, multiple, SIZE + 1)
    return columns


def _known(value: Ints, size: int, among: Mask) -> Nullable:
    """A number of `size` bytes; null if the message ends before it, and for rows that are not `among`."""
    return Nullable(value.astype((np.int16, np.int32, np.int32, np.int64)[size - 1]), (value >= 0) & among)


def _flags(flags: Ints, tree: Mask, rapid: Mask) -> Columns:
    known = tree & (flags >= 0)
    columns: Columns = {"flags": _known(flags, 1, tree)}
    for name, bit, among in (
        ("topology_change", 1, known), ("proposal", 2, known & rapid), ("learning", 16, known & rapid),
        ("forwarding", 32, known & rapid), ("agreement", 64, known & rapid), ("topology_change_ack", 128, known),
    ):  # fmt: skip
        columns[name] = Nullable(flags & bit > 0, among)
    columns["port_role"] = Nullable((flags >> 2 & 3).astype(np.int16), known & rapid)
    return columns


def _tree(messages: Messages, tree: Mask) -> Columns:
    """Columns of root, sending bridge, port and times."""
    columns: Columns = {"root_cost": _known(number_at(messages, 13, 4), 4, tree)}
    for name, at in (("root", 5), ("bridge", 17)):
        identifier = number_at(messages, at, 2)
        columns[f"{name}_priority"] = Nullable((identifier & 0xF000).astype(np.int32), tree & (identifier >= 0))
        columns[f"{name}_extension"] = Nullable((identifier & 0x0FFF).astype(np.int32), tree & (identifier >= 0))
        index = np.flatnonzero(tree & (messages.start + at + 8 <= messages.end))
        codes = addresses("mac", messages.data, messages.start[index] + at + 2, messages.pools)
        columns[f"{name}_mac"] = fill(len(messages), index, codes)
    columns["port"] = _known(number_at(messages, 25, 2), 2, tree)
    for at, name in enumerate(("message_age", "max_age", "hello_time", "forward_delay")):
        ticks = number_at(messages, 27 + 2 * at, 2)
        columns[name] = Nullable(ticks / TICKS, tree & (ticks >= 0))
    return columns


def _vlan(messages: Messages, among: Mask, begin: Ints) -> Columns:
    """Column `originating_vlan`; a unit without that TLV may have padding or other bytes in its place."""
    kind, size, vlan = (number_at(messages, begin + at, 2) for at in (0, 2, 4))
    present = among & (kind == ORIGINATING_VLAN) & (size == 2)
    mark_short(messages, among & (size < 0) | present & (vlan < 0))
    return {"originating_vlan": _known(vlan, 2, present)}


def _region(message: Cursor) -> Iterator[tuple[str, Any]]:
    size = message.number(2)
    message.skip(1)
    yield "region_name", c_text(message.take(32))
    yield "region_revision", message.number(2)
    yield "region_digest", message.take(16)
    yield "internal_cost", message.number(4)
    identifier = message.number(2)
    yield "sender_priority", identifier & 0xF000
    yield "sender_extension", identifier & 0x0FFF
    yield "sender_mac", message.take(6)
    yield "remaining_hops", message.number(1)
    instances: list[dict[str, Any]] = []
    yield "instances", instances
    for _ in range((size - REGION_SIZE) // MSTI_SIZE):
        instances.append(_instance(message.part(MSTI_SIZE)))  # noqa: PERF401 - kept if a later one is short


def _instance(message: Cursor) -> dict[str, Any]:
    flags, identifier = message.number(1), message.number(2)
    return {
        "flags": flags,
        "id": identifier & 0x0FFF,
        "root_priority": identifier & 0xF000,
        "root_mac": mac(message.take(6)),
        "cost": message.number(4),
        "bridge_priority": message.number(1),
        "port_priority": message.number(1),
        "remaining_hops": message.number(1),
    }
