"""Management frames of IEEE 802.11: beacons, probes, authentication, association, and their elements.

Decided here:
- A message is the frame from its first byte, without the frame check sequence.
- Of a protected frame only the subtype is read: the body is encrypted.
- `body` has the fields of action and SAE frames as sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.kernels.numbers import DOT11_EXCHANGED
from netlake.layers.items import items, remainder, text
from netlake.packets import Cursor
from netlake.schema import Column, List, Message, Struct, Table

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
        Column("number", "u8", "Element ID.", wireshark="wlan.tag.number"),
        Column("value", "bytes", "Contents of the element, as sent.", why="one tshark field per element"),
    )
)

TABLES = (
    Table(
        "dot11_management",
        "One row for each management frame of IEEE 802.11.",
        spec="IEEE 802.11 section 9.3.3",
        on=("dot11.type=0",),
        context="record",
        message=Message(
            "802.11 {subtype:0=association request,1=association response,2=reassociation request,3=reassociation"
            " response,4=probe request,5=probe response,8=beacon,10=disassociation,11=authentication,12=deauthenticat"
            "ion,13=action}[ {ssid}][ reason {reason_code}][ status {status_code}]",
            "wireless", only="{subtype?0,1,2,3,10,11,12}",
        ),
        columns=(
            Column("subtype", "u8",
                   "Subtype: 0 to 3 association, 4 and 5 probe, 8 beacon, 10 and 12 end, 11 authentication.",
                   wireshark="wlan.fc.subtype"),
            Column("timestamp", "u64", "TSF timer of the sender, microseconds.", wireshark="wlan.fixed.timestamp"),
            Column("beacon_interval", "u16", "Beacon interval, time units of 1024 microseconds.",
                   wireshark="wlan.fixed.beacon"),
            Column("capabilities", "u16", "Capability information of the sender, bits.",
                   wireshark="wlan.fixed.capabilities"),
            Column("listen_interval", "u16", "Listen interval of the station, beacon intervals.",
                   wireshark="wlan.fixed.listen_ival"),
            Column("current_ap", "mac", "Reassociation request: current access point of the station.",
                   wireshark="wlan.fixed.current_ap"),
            Column("status_code", "u16", "Status code: 0 success, others by IEEE 802.11.",
                   wireshark="wlan.fixed.status_code"),
            Column("reason_code", "u16", "Disassociation and deauthentication: reason code.",
                   wireshark="wlan.fixed.reason_code"),
            Column("association_id", "u16", "Association response: association ID of the station, 1 to 2007.",
                   wireshark="wlan.fixed.aid"),
            Column("auth_algorithm", "u16",
                   "Authentication algorithm: 0 open system, 1 shared key, 2 fast BSS transition, 3 SAE.",
                   wireshark="wlan.fixed.auth.alg"),
            Column("auth_sequence", "u16", "Authentication transaction sequence number, from 1.",
                   wireshark="wlan.fixed.auth_seq"),
            Column("category", "u8", "Action: category.", wireshark="wlan.fixed.category_code"),
            Column("action", "u8", "Action: action code within the category.", why="one tshark field per category"),
            Column("ssid", "text", "SSID of the network; of several elements the first.", why="tshark shows bytes"),
            Column("channel", "u8", "Channel number in the DSSS parameter set.", wireshark="wlan.ds.current_channel"),
            Column("parameters", List(PARAMETER), "Elements in wire order."),
            Column("body", "bytes", "Action and SAE: the fields after the columns, as sent.", why="tshark dissects it"),
        ),
    ),
)  # fmt: skip

SIZES = {"timestamp": 8}


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame: fixed fields by its subtype, then elements."""
    first, bits = message.number(1), message.number(1)
    if message.hint == DOT11_EXCHANGED:
        first, bits = bits, first
    subtype = first >> 4
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
    parameters: list[dict[str, Any]] = []
    yield "parameters", parameters
    named = False
    for number, value in items(message):
        parameters.append({"number": number, "value": value})
        if number == SSID and not named:
            named = True
            yield "ssid", text(value)
        elif number == DS_PARAMETER and len(value) == 1:
            yield "channel", value[0]
