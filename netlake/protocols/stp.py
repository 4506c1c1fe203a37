"""Spanning Tree Protocol: bridges agree on a tree without loops; the rapid, the multiple and the per-VLAN kind too."""

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
from netlake.schema import Column, List, Struct, Table, faults

TOPOLOGY_CHANGE = 0x80
CONFIGURATION = (0, 2)
RAPID = 2
MULTIPLE = 3
MSTI_SIZE = 16
# of version 3 without an instance: format, name, revision, digest, cost, bridge, hops
REGION_SIZE = 64
HEADER = 4
# bytes of all but those that only say that the tree has changed
SIZE = 35
# 256ths of a second
TICKS = 256
ORIGINATING_VLAN = 0
# what Cisco adds: a byte, which is the length of version 1 in rapid units, and the VLAN
CISCO_SIZE = 7

INSTANCE = Struct(
    (
        Column("flags", "u8", "Flags as above, bit 128 its root's region decides.", wireshark="mstp.msti.flags"),
        Column("id", "u16", "Number of the instance.", wireshark="mstp.msti.msti_id"),
        Column("root_priority", "u16", "Priority of its regional root, steps of 4096.",
               why="mstp.msti.priority shifted"),
        Column("root_mac", "mac", "Address of its regional root.", wireshark="mstp.msti.root.hw"),
        Column("cost", "u32", "Cost of the way to it.", wireshark="mstp.msti.root_cost"),
        Column("bridge_priority", "u8", "Priority of the sender, 0 to 240.", why="mstp.msti.bridge_priority shifted"),
        Column("port_priority", "u8", "Priority of the port, 0 to 240.", why="mstp.msti.port_priority shifted"),
        Column("remaining_hops", "u8", "Bridges that may follow.", wireshark="mstp.msti.remaining_hops"),
    )
)  # fmt: skip

FLAGS = (
    Column("topology_change", "bool", "The tree has changed.", wireshark="stp.flags.tc"),
    Column("proposal", "bool", "Rapid: the port asks to forward at once.", wireshark="stp.flags.proposal"),
    Column("port_role", "u8", "Rapid: 1 alternate or backup, 2 root, 3 designated.", wireshark="stp.flags.port_role"),
    Column("learning", "bool", "Rapid: the port learns addresses.", wireshark="stp.flags.learning"),
    Column("forwarding", "bool", "Rapid: the port forwards.", wireshark="stp.flags.forwarding"),
    Column("agreement", "bool", "Rapid: the port agrees to a proposal.", wireshark="stp.flags.agreement"),
    Column("topology_change_ack", "bool", "The change was heard.", wireshark="stp.flags.tcack"),
)
REGION = (
    Column("region_name", "text", "Multiple: name of the region.", wireshark="mstp.config_name"),
    Column("region_revision", "u16", "Multiple: revision of its settings.", wireshark="mstp.config_revision_level"),
    Column("region_digest", "bytes", "Multiple: MD5 of its table of VLANs.", wireshark="mstp.config_digest"),
    Column("internal_cost", "u32", "Multiple: cost within the region.", wireshark="mstp.cist_internal_root_path_cost"),
    Column("sender_priority", "u16", "Multiple: the sender's priority.", wireshark="mstp.cist_bridge.prio"),
    Column("sender_extension", "u16", "Multiple: what is added to it.", wireshark="mstp.cist_bridge.ext"),
    Column("sender_mac", "mac", "Multiple: address of the sender.", wireshark="mstp.cist_bridge.hw"),
    Column("remaining_hops", "u8", "Multiple: bridges that may follow.", wireshark="mstp.cist_remaining_hops"),
    Column("instances", List(INSTANCE), "Multiple: every instance of the tree."),
)

TABLES = (
    Table(
        "stp",
        "One row for each bridge protocol data unit of the Spanning Tree Protocol.",
        spec="IEEE 802.1D, IEEE 802.1Q",
        on=("llc.dsap=0x42", "snap.cisco=0x010b"),
        size=HEADER,
        context="record",
        columns=(
            Column("protocol", "u16", "0, spanning tree.", at=0, wireshark="stp.protocol"),
            Column("version", "u8", "0 spanning tree, 2 rapid, 3 multiple, 4 shortest path.", at=2,
                   wireshark="stp.version"),
            Column("type", "u8", "0 configuration, 2 rapid or multiple, 128 topology change.", at=3,
                   wireshark="stp.type"),
            Column("flags", "u8", "All flags as they lie.", wireshark="stp.flags"),
            *FLAGS,
            Column("root_priority", "u16", "Priority of the root, steps of 4096.", wireshark="stp.root.prio"),
            Column("root_extension", "u16", "What is added to it, often the VLAN.", wireshark="stp.root.ext"),
            Column("root_mac", "mac", "Address of the root.", wireshark="stp.root.hw"),
            Column("root_cost", "u32", "Cost of the way to the root.", wireshark="stp.root.cost"),
            Column("bridge_priority", "u16", "Priority of the sender; multiple: of the regional root.",
                   wireshark="stp.bridge.prio"),
            Column("bridge_extension", "u16", "What is added to it, often the VLAN.", wireshark="stp.bridge.ext"),
            Column("bridge_mac", "mac", "Address of the sender; multiple: of the regional root.",
                   wireshark="stp.bridge.hw"),
            Column("port", "u16", "Port that this was sent from, its priority above it.", wireshark="stp.port"),
            Column("message_age", "duration", "Seconds since the root said this.", wireshark="stp.msg_age"),
            Column("max_age", "duration", "Seconds after which it is forgotten.", wireshark="stp.max_age"),
            Column("hello_time", "duration", "Seconds between messages.", wireshark="stp.hello"),
            Column("forward_delay", "duration", "Seconds in each state before forwarding.", wireshark="stp.forward"),
            Column("originating_vlan", "u16", "Cisco: VLAN of this tree.", wireshark="stp.pvst.origvlan"),
            *REGION,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of what all have; of what Cisco's and multiple ones add, the latter one by one.

    Cisco's are those that go on with the VLAN where the others have ended.
    """
    columns = fixed(TABLES[0], messages)
    version, kind = number_at(messages, 2, 1), number_at(messages, 3, 1)
    tree = np.isin(kind, CONFIGURATION)
    size = messages.end - messages.start
    mark_short(messages, tree & (size < SIZE))
    mark(messages, (kind >= 0) & ~tree & (kind != TOPOLOGY_CHANGE), faults.BAD_VALUE)
    columns |= _flags(number_at(messages, 4, 1), tree, version >= RAPID)
    columns |= _tree(messages, tree)
    promised = size + messages.missing - SIZE
    # a byte more: the length of version 1, which rapid ones have and Cisco's too
    byte = (version >= RAPID) | (promised >= CISCO_SIZE)
    mark_short(messages, tree & byte & (size == SIZE))
    sound = tree & (size >= SIZE + byte)
    multiple = sound & (version >= MULTIPLE) & (promised > REGION_SIZE)
    columns |= _vlan(messages, sound & ~multiple & (promised >= CISCO_SIZE - 1 + byte), SIZE + byte)
    if multiple.any():
        columns |= each(TABLES[0], _region, messages, multiple, SIZE + 1)
    return columns


def _known(value: Ints, size: int, among: Mask) -> Nullable:
    """A number of `size` bytes, null where the message did not reach to it or is not `among` those that have it."""
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
    """Root, sender, port and times."""
    columns: Columns = {"root_cost": _known(number_at(messages, 13, 4), 4, tree)}
    for name, at in (("root", 5), ("bridge", 17)):
        identifier = number_at(messages, at, 2)
        columns[f"{name}_priority"] = Nullable((identifier & 0xF000).astype(np.int32), tree & (identifier >= 0))
        columns[f"{name}_extension"] = Nullable((identifier & 0x0FFF).astype(np.int32), tree & (identifier >= 0))
        index = np.flatnonzero(tree & (messages.start + at + 8 <= messages.end))
        found = addresses("mac", messages.data, messages.start[index] + at + 2, messages.pools)
        columns[f"{name}_mac"] = fill(len(messages), index, found)
    columns["port"] = _known(number_at(messages, 25, 2), 2, tree)
    for at, name in enumerate(("message_age", "max_age", "hello_time", "forward_delay")):
        ticks = number_at(messages, 27 + 2 * at, 2)
        columns[name] = Nullable(ticks / TICKS, tree & (ticks >= 0))
    return columns


def _vlan(messages: Messages, among: Mask, begin: Ints) -> Columns:
    """What Cisco adds; a unit without it may be padded with zeros or end in anything."""
    kind, size, vlan = (number_at(messages, begin + at, 2) for at in (0, 2, 4))
    there = among & (kind == ORIGINATING_VLAN) & (size == 2)
    mark_short(messages, among & (size < 0) | there & (vlan < 0))
    return {"originating_vlan": _known(vlan, 2, there)}


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
        instances.append(_instance(message.part(MSTI_SIZE)))  # noqa: PERF401 - what was read must stay


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
