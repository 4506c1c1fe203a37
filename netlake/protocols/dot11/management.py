"""Management frames of IEEE 802.11: beacons and probes, authentication and association, and their parameters.

The message is the frame from its first byte, without a check sequence. Of an encrypted one nothing but the kind is
known. What an action says behind its two numbers is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, remainder, text
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

SUBTYPES = {
    0: ("capabilities", "listen_interval"),
    1: ("capabilities", "status_code", "association_id"),
    2: ("capabilities", "listen_interval", "current_ap"),
    3: ("capabilities", "status_code", "association_id"),
    5: ("timestamp", "beacon_interval", "capabilities"),
    6: ("timestamp", "capabilities"),
    8: ("timestamp", "beacon_interval", "capabilities"),
    10: ("reason_code",),
    11: ("auth_algorithm", "auth_sequence", "status_code"),
    12: ("reason_code",),
}
ACTIONS = (13, 14)
AUTHENTICATION, SAE = 11, 3
SSID, DS_PARAMETER = 0, 3
PROTECTED, ORDER = 0x40, 0x80
HEADER = 22

PARAMETER = Struct(
    (
        Column("number", "u8", "Number of the element.", wireshark="wlan.tag.number"),
        Column("value", "bytes", "What it holds, as sent.", why="a field for each element"),
    )
)

TABLES = (
    Table(
        "dot11_management",
        "One row for each management frame of IEEE 802.11.",
        spec="IEEE 802.11 section 9.3.3",
        on=("dot11.type=0",),
        context="record",
        columns=(
            Column("subtype", "u8", "0 to 3 association, 4 and 5 probe, 8 beacon, 10 and 12 end, 11 authentication.",
                   wireshark="wlan.fc.subtype"),
            Column("timestamp", "u64", "Clock of the sender, microseconds.", wireshark="wlan.fixed.timestamp"),
            Column("beacon_interval", "u16", "Time between beacons, units of 1024 microseconds.",
                   wireshark="wlan.fixed.beacon"),
            Column("capabilities", "u16", "What the sender can do, all bits.", wireshark="wlan.fixed.capabilities"),
            Column("listen_interval", "u16", "How often the station wakes up, beacon intervals.",
                   wireshark="wlan.fixed.listen_ival"),
            Column("current_ap", "mac", "Reassociation: where the station comes from.",
                   wireshark="wlan.fixed.current_ap"),
            Column("status_code", "u16", "0 success, else why it was refused.", wireshark="wlan.fixed.status_code"),
            Column("reason_code", "u16", "Why it ends.", wireshark="wlan.fixed.reason_code"),
            Column("association_id", "u16", "Id that the station gets, 1 to 2007.", wireshark="wlan.fixed.aid"),
            Column("auth_algorithm", "u16", "0 open, 1 shared key, 2 fast transition, 3 SAE.",
                   wireshark="wlan.fixed.auth.alg"),
            Column("auth_sequence", "u16", "Number of the step, from 1.", wireshark="wlan.fixed.auth_seq"),
            Column("category", "u8", "Action: what it is about.", wireshark="wlan.fixed.category_code"),
            Column("action", "u8", "Action: its number within the category.", why="a field for each category"),
            Column("ssid", "text", "Name of the network, the first where several are given.", why="tshark shows bytes"),
            Column("channel", "u8", "Number of the channel that it says it is on.",
                   wireshark="wlan.ds.current_channel"),
            Column("parameters", List(PARAMETER), "Every tagged parameter in wire order."),
            Column("body", "bytes", "Action or SAE: what else it holds, undecoded.", why="dissected by tshark"),
        ),
    ),
)  # fmt: skip

SIZES = {"timestamp": 8}


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One frame: fixed fields by its subtype, then elements."""
    subtype, bits = message.number(1) >> 4, message.number(1)
    yield "subtype", subtype
    message.skip(HEADER + (4 if bits & ORDER else 0))
    if bits & PROTECTED:
        return
    if subtype in ACTIONS:
        yield "category", message.number(1)
        if message.promised:
            yield "action", message.number(1)
        yield from remainder(message, "body")
        return
    algorithm = None
    for name in SUBTYPES.get(subtype, ()):
        value: Any = message.take(6) if name == "current_ap" else message.little(SIZES.get(name, 2))
        yield name, value & 0x3FFF if name == "association_id" else value
        algorithm = value if name == "auth_algorithm" else algorithm
    if algorithm == SAE:
        yield from remainder(message, "body")
    else:
        yield from _parameters(message)


def _parameters(message: Cursor) -> Iterator[tuple[str, Any]]:
    found: list[dict[str, Any]] = []
    yield "parameters", found
    named = False
    for number, value in items(message):
        found.append({"number": number, "value": value})
        if number == SSID and not named:
            named = True
            yield "ssid", text(value)
        elif number == DS_PARAMETER and len(value) == 1:
            yield "channel", value[0]
