"""Protocol Independent Multicast, version 2: neighbors, multicast trees and rendezvous points.

Decided here:
- One table has the columns of all types; what a type does not have is null.
- An address has a family and an encoding; a family other than IPv4 and IPv6 is `bad_value`, since its size is unknown.
- The packet in a register is not decoded; it is in `data`, like the body of unknown types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import items, remainder
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

HELLO = 0
REGISTER = 1
REGISTER_STOP = 2
JOIN_PRUNE = 3
BOOTSTRAP = 4
ASSERT = 5
GRAFT = 6
GRAFT_ACKNOWLEDGMENT = 7
CANDIDATE_RP = 8
STATE_REFRESH = 9
ELECTION = 10
# bytes of an address, by address family
WIDTHS = {1: 4, 2: 16}
HOLD_TIME = 1
LAN_PRUNE_DELAY = 2
DR_PRIORITY = 19
GENERATION_ID = 20
ADDRESS_LIST = 24
RPT = 1 << 31
Fields = Iterator[tuple[str, Any]]

OPTION = Struct(
    (
        Column("type", "u16", "IANA number of the hello option.", wireshark="pim.optiontype"),
        Column("value", "bytes", "Option value, as sent.", why="one tshark field for each type"),
    )
)
SOURCE = Struct(
    (
        Column("address", "ip", "Address of the source or of the rendezvous point.", wireshark="pim.source"),
        Column("length", "u8", "Mask length, bits.", why="pim.mask_len also has other mask lengths"),
        Column("join", "bool", "The source is joined, else pruned.", why="derived from pim.numjoins"),
        Column("flags", "u8", "Flags: 4 sparse, 2 wildcard, 1 rendezvous point tree.",
               wireshark="pim.source_addr.flags"),
    )
)  # fmt: skip
GROUP = Struct(
    (
        Column("group", "ip", "Multicast group address.", wireshark="pim.group"),
        Column("length", "u8", "Mask length, bits.", why="pim.mask_len also has other mask lengths"),
        Column("sources", List(SOURCE), "Joined sources, then pruned ones."),
    )
)
POINT = Struct(
    (
        Column("group", "ip", "Group prefix, as an address.", wireshark="pim.group"),
        Column("length", "u8", "Mask length, bits.", why="pim.mask_len also has other mask lengths"),
        Column("rp", "ip", "Address of the rendezvous point.", wireshark="pim.rp"),
        Column("hold_time", "u16", "Holdtime, seconds.", why="pim.holdtime also has other holdtimes"),
        Column("priority", "u8", "Priority; lower is preferred.", wireshark="pim.priority"),
    )
)

TABLES = (
    Table(
        "pim",
        "One row for each PIM message.",
        spec="RFC 7761, RFC 3973, RFC 5059, RFC 5015",
        on=("ip.protocol=103",),
        message=Message(
            "PIM {type:0=hello,1=register,3=join/prune,4=bootstrap,5=assert,6=graft,8=candidate,10=election}["
            " {group}]",
            "routing", default=False,
        ),
        columns=(
            Column("version", "u8", "PIM version, 2.", wireshark="pim.version"),
            Column("type", "u8",
                   "Type: 0 hello, 1 register, 3 join/prune, 4 bootstrap, 5 assert, 6 graft, 8 candidate, 10 election.",
                   wireshark="pim.type"),
            Column("election_subtype", "u8", "DF election subtype: 1 offer, 2 winner, 3 backoff, 4 pass.",
                   wireshark="pim.df_elect.subtype"),
            Column("checksum", "u16", "Internet checksum of the message.", wireshark="pim.cksum"),
            Column("hold_time", "u16", "Holdtime, seconds; 65535: never expires.", wireshark="pim.holdtime"),
            Column("propagation_delay", "u16", "Hello: propagation delay, milliseconds.",
                   wireshark="pim.propagation_delay"),
            Column("override_interval", "u16", "Hello: override interval, milliseconds.",
                   wireshark="pim.override_interval"),
            Column("dr_priority", "u32", "Hello: designated router priority; higher is preferred.",
                   wireshark="pim.dr_priority"),
            Column("generation_id", "u32", "Hello: generation ID, changes when the router restarts.",
                   wireshark="pim.generation_id"),
            Column("addresses", List("ip"), "Hello: secondary addresses.", wireshark="pim.address_list"),
            Column("options", List(OPTION), "Hello: options in wire order, those with typed columns included."),
            Column("border", "bool", "Register: border bit, from a border router of another domain.",
                   wireshark="pim.register_flag.border"),
            Column("null_register", "bool", "Register: null-register bit, without a packet.",
                   wireshark="pim.register_flag.null_register"),
            Column("upstream_neighbor", "ip", "Join/prune, graft: upstream neighbor.",
                   wireshark="pim.upstream_neighbor"),
            Column("groups", List(GROUP), "Join/prune, graft: groups in wire order."),
            Column("fragment_tag", "u16", "Bootstrap: fragment tag, shared by all fragments of one message.",
                   wireshark="pim.fragment_tag"),
            Column("hash_mask_length", "u8", "Bootstrap: hash mask length, bits.", wireshark="pim.hash_mask_len"),
            Column("bsr_priority", "u8", "Bootstrap: priority of the bootstrap router; higher is preferred.",
                   wireshark="pim.bsr_priority"),
            Column("bsr", "ip", "Bootstrap: address of the bootstrap router.", wireshark="pim.bsr"),
            Column("points", List(POINT), "Bootstrap, candidate RP: rendezvous points by group."),
            Column("group", "ip", "Register-stop, assert, state refresh: group address.", wireshark="pim.group"),
            Column("source", "ip", "Register-stop, assert, state refresh: source address.", wireshark="pim.source"),
            Column("originator", "ip", "State refresh: address of the originating router.", wireshark="pim.originator"),
            Column("rpt", "bool", "Assert, state refresh: RPT bit, on the rendezvous point tree.", wireshark="pim.rpt"),
            Column("metric_preference", "u32", "Assert, state refresh: preference of the unicast routing protocol.",
                   wireshark="pim.metric_pref"),
            Column("metric", "u32", "Assert, state refresh: metric of the route to the source.",
                   wireshark="pim.metric"),
            Column("data", "bytes", "Rest of the message for register, state refresh, DF election and unknown types.",
                   why="tshark dissects it"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Fields:
    """Columns of one message."""
    first = message.number(1)
    yield "version", first >> 4
    kind = first & 0x0F
    yield "type", kind
    second = message.number(1)
    if kind == ELECTION:
        yield "election_subtype", second >> 4
    yield "checksum", message.number(2)
    yield from BODIES.get(kind, _other)(message)


def _address(message: Cursor, extra: int) -> tuple[str, bytes]:
    """An encoded address, and the `extra` bytes (flags, mask length) between its encoding type and the address."""
    family = message.number(1)
    if family not in WIDTHS:
        raise Malformed("bad_value")
    between = message.take(1 + extra)[1:]
    return address_text(message.take(WIDTHS[family])), between


def _unicast(message: Cursor) -> str:
    return _address(message, 0)[0]


def _hello(message: Cursor) -> Fields:
    options: list[dict[str, Any]] = []
    addresses: list[str] = []
    yield "options", options
    yield "addresses", addresses
    for kind, data in items(message, code=2, size=2):
        options.append({"type": kind, "value": data})
        if kind == HOLD_TIME and len(data) == 2:
            yield "hold_time", int.from_bytes(data, "big")
        elif kind == LAN_PRUNE_DELAY and len(data) == 4:
            yield "propagation_delay", int.from_bytes(data[:2], "big") & 0x7FFF
            yield "override_interval", int.from_bytes(data[2:], "big")
        elif kind in NUMBERS and len(data) == 4:
            yield NUMBERS[kind], int.from_bytes(data, "big")
        elif kind == ADDRESS_LIST:
            value = Cursor(data)
            while value.left >= 6:
                addresses.append(_unicast(value))


NUMBERS = {DR_PRIORITY: "dr_priority", GENERATION_ID: "generation_id"}


def _register(message: Cursor) -> Fields:
    flags = message.number(4)
    yield "border", bool(flags >> 31)
    yield "null_register", bool(flags >> 30 & 1)
    yield from remainder(message, "data")


def _register_stop(message: Cursor) -> Fields:
    yield "group", _address(message, 2)[0]
    yield "source", _unicast(message)


def _join_prune(message: Cursor) -> Fields:
    yield "upstream_neighbor", _unicast(message)
    message.skip(1)
    count = message.number(1)
    yield "hold_time", message.number(2)
    groups: list[dict[str, Any]] = []
    yield "groups", groups
    for _ in range(count):
        group, between = _address(message, 2)
        sources: list[dict[str, Any]] = []
        groups.append({"group": group, "length": between[1], "sources": sources})
        joined, pruned = message.number(2), message.number(2)
        for position in range(joined + pruned):
            address, middle = _address(message, 2)
            source = {"address": address, "flags": middle[0], "length": middle[1], "join": position < joined}
            sources.append(source)


def _bootstrap(message: Cursor) -> Fields:
    yield "fragment_tag", message.number(2)
    yield "hash_mask_length", message.number(1)
    yield "bsr_priority", message.number(1)
    yield "bsr", _unicast(message)
    points: list[dict[str, Any]] = []
    yield "points", points
    while message.promised:
        group, between = _address(message, 2)
        message.skip(1)
        here = message.number(1)
        message.skip(2)
        for _ in range(here):
            rp = _unicast(message)
            time, priority = message.number(2), message.number(1)
            message.skip(1)
            points.append({"group": group, "length": between[1], "rp": rp, "hold_time": time, "priority": priority})


def _metrics(message: Cursor) -> Fields:
    preference = message.number(4)
    yield "rpt", bool(preference & RPT)
    yield "metric_preference", preference & ~RPT
    yield "metric", message.number(4)


def _assert(message: Cursor) -> Fields:
    yield from _register_stop(message)
    yield from _metrics(message)


def _candidate(message: Cursor) -> Fields:
    count, priority, time = message.number(1), message.number(1), message.number(2)
    yield "hold_time", time
    points: list[dict[str, Any]] = []
    yield "points", points
    rp = _unicast(message)
    for _ in range(count):
        group, between = _address(message, 2)
        points.append({"group": group, "length": between[1], "rp": rp, "hold_time": time, "priority": priority})


def _state_refresh(message: Cursor) -> Fields:
    yield from _register_stop(message)
    yield "originator", _unicast(message)
    yield from _metrics(message)
    yield from remainder(message, "data")


def _election(message: Cursor) -> Fields:
    yield "points", [{"rp": _unicast(message)}]
    yield "metric_preference", message.number(4)
    yield "metric", message.number(4)
    yield from remainder(message, "data")


def _other(message: Cursor) -> Fields:
    yield from remainder(message, "data")


BODIES: dict[int, Callable[[Cursor], Fields]] = {
    HELLO: _hello,
    REGISTER: _register,
    REGISTER_STOP: _register_stop,
    JOIN_PRUNE: _join_prune,
    BOOTSTRAP: _bootstrap,
    ASSERT: _assert,
    GRAFT: _join_prune,
    GRAFT_ACKNOWLEDGMENT: _join_prune,
    CANDIDATE_RP: _candidate,
    STATE_REFRESH: _state_refresh,
    ELECTION: _election,
}
