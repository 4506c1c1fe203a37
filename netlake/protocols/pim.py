"""Protocol Independent Multicast, version 2: routers that want, and do not want, the traffic of multicast groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import items, remainder
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

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
# address families: bytes of an address
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
        Column("type", "u16", "IANA number of the option.", wireshark="pim.optiontype"),
        Column("value", "bytes", "The value as it lies.", why="many fields, one for each type"),
    )
)
SOURCE = Struct(
    (
        Column("address", "ip", "The source, or the rendezvous point.", wireshark="pim.source"),
        Column("length", "u8", "Bits of it that are meant.", why="pim.mask_len of all"),
        Column("join", "bool", "It is wanted, else not any more.", why="pim.numjoins tells where prunes begin"),
        Column("flags", "u8", "4 sparse, 2 wildcard, 1 of the shared tree.", wireshark="pim.source_addr.flags"),
    )
)
GROUP = Struct(
    (
        Column("group", "ip", "Address of the group.", wireshark="pim.group"),
        Column("length", "u8", "Bits of it that are meant.", why="pim.mask_len of all"),
        Column("sources", List(SOURCE), "Sources wanted, then those not wanted."),
    )
)
POINT = Struct(
    (
        Column("group", "ip", "Groups that it is for, as an address.", wireshark="pim.group"),
        Column("length", "u8", "Bits of it that are meant.", why="pim.mask_len of all"),
        Column("rp", "ip", "Address of the rendezvous point.", wireshark="pim.rp"),
        Column("hold_time", "u16", "Seconds that it is valid.", why="pim.holdtime of all"),
        Column("priority", "u8", "Lower wins.", wireshark="pim.priority"),
    )
)

TABLES = (
    Table(
        "pim",
        "One row for each PIM message.",
        spec="RFC 7761, RFC 3973, RFC 5059, RFC 5015",
        on=("ip.protocol=103",),
        columns=(
            Column("version", "u8", "Version of the protocol, 2.", wireshark="pim.version"),
            Column("type", "u8",
                   "0 hello, 1 register, 3 join and prune, 4 bootstrap, 5 assert, 6 graft, 8 candidate, 10 election.",
                   wireshark="pim.type"),
            Column("election_subtype", "u8", "Election of forwarders: 1 offer, 2 winner, 3 backoff, 4 pass.",
                   wireshark="pim.df_elect.subtype"),
            Column("checksum", "u16", "Internet checksum of the message.", wireshark="pim.cksum"),
            Column("hold_time", "u16", "Seconds that it is valid; 65535 for ever.", wireshark="pim.holdtime"),
            Column("propagation_delay", "u16", "Hello: milliseconds on the link.", wireshark="pim.propagation_delay"),
            Column("override_interval", "u16", "Hello: milliseconds in which prunes are overruled.",
                   wireshark="pim.override_interval"),
            Column("dr_priority", "u32", "Hello: the highest is designated.", wireshark="pim.dr_priority"),
            Column("generation_id", "u32", "Hello: changes when it starts anew.", wireshark="pim.generation_id"),
            Column("addresses", List("ip"), "Hello: its other addresses.", wireshark="pim.address_list"),
            Column("options", List(OPTION), "Hello: every option, those above too."),
            Column("border", "bool", "Register: from another domain.", wireshark="pim.register_flag.border"),
            Column("null_register", "bool", "Register: without a packet.", wireshark="pim.register_flag.null_register"),
            Column("upstream_neighbor", "ip", "Join and prune, graft: whom it is for.",
                   wireshark="pim.upstream_neighbor"),
            Column("groups", List(GROUP), "Join and prune, graft: by group."),
            Column("fragment_tag", "u16", "Bootstrap: what puts its parts together.", wireshark="pim.fragment_tag"),
            Column("hash_mask_length", "u8", "Bootstrap: bits for the hash.", wireshark="pim.hash_mask_len"),
            Column("bsr_priority", "u8", "Bootstrap: the highest is elected.", wireshark="pim.bsr_priority"),
            Column("bsr", "ip", "Bootstrap: the router that sends it.", wireshark="pim.bsr"),
            Column("points", List(POINT), "Bootstrap, candidate: rendezvous points by group."),
            Column("group", "ip", "Stop, assert, refresh: the group.", wireshark="pim.group"),
            Column("source", "ip", "Stop, assert, refresh: the source.", wireshark="pim.source"),
            Column("originator", "ip", "Refresh: the router that began it.", wireshark="pim.originator"),
            Column("rpt", "bool", "Assert, refresh: for the shared tree.", wireshark="pim.rpt"),
            Column("metric_preference", "u32", "Assert, refresh: of the routing protocol.",
                   wireshark="pim.metric_pref"),
            Column("metric", "u32", "Assert, refresh: of the way to the source.", wireshark="pim.metric"),
            Column("data", "bytes", "What follows, of other types and of a register.", why="inner packet, by type"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Fields:
    """One message."""
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
    """An encoded address and the `extra` bytes between its encoding and itself (flags and mask)."""
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
