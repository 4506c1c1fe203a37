"""Contents of the TLVs of CDP frames: names, addresses, VLANs, power, and the protocols cluster and EnergyWise.

Decided here:
- Of a TLV that is repeated the first one is kept; addresses, prefixes and powers of all of them are listed.
- A TLV that is shorter than its type requires gives the row the fault `bad_length`; the TLVs after it are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import c_text, text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Short
from netlake.protocols.cdp.columns import COLUMNS, LISTS
from netlake.protocols.cdp.frame import HEADER, ON, tlvs
from netlake.schema import Message, Table

Lists = dict[str, list[Any]]
Fields = Iterator[tuple[str, Any]]

TABLES = (
    Table(
        "cdp_info",
        "One row for each CDP frame: the contents of its TLVs.",
        spec="Cisco Discovery Protocol, versions 1 and 2",
        on=ON,
        context="record",
        message=Message(
            "CDP {device_id}[ port {port_id}][: {platform}][ {software_version}]",
            "discovery",
            default=False,
        ),
        columns=COLUMNS,
    ),
)

TEXTS = {1: "device_id", 3: "port_id", 5: "software_version", 6: "platform", 9: "vtp_domain", 20: "system_name"}
# column and size of TLVs that contain one number
NUMBERS = {
    4: ("capabilities", 4),
    10: ("native_vlan", 2),
    16: ("power_consumption", 2),
    17: ("mtu", 4),
    18: ("trust_bitmap", 1),
    19: ("untrusted_cos", 1),
    31: ("spare_pair_poe", 1),
}
# names of the capability bits, from bit 0
FUNCTIONS = (
    "router", "transparent_bridge", "source_route_bridge", "switch", "host", "igmp_capable", "repeater", "voip_phone",
    "remotely_managed", "cvta", "two_port_mac_relay",
)  # fmt: skip
IP_SIZES = (4, 16)


def parse(message: Cursor) -> Fields:
    """Columns of one frame."""
    lists: Lists = {name: [] for name in LISTS}
    yield from lists.items()
    message.skip(HEADER)
    seen: set[str] = set()
    for kind, value in tlvs(message):
        try:
            for name, content in _contents(kind, Cursor(value), lists):
                if name not in seen:
                    seen.add(name)
                    yield name, content
        except Short:
            message.fault("bad_length")


def _contents(kind: int, value: Cursor, lists: Lists) -> Fields:
    if kind in TEXTS:
        yield TEXTS[kind], text(value.rest())
    elif kind in NUMBERS:
        name, size = NUMBERS[kind]
        number = value.number(size)
        yield name, number
        if name == "capabilities" and not lists["functions"]:
            lists["functions"] += [word for bit, word in enumerate(FUNCTIONS) if number >> bit & 1]
    elif kind in READERS:
        yield from READERS[kind](value, lists)
    else:
        lists["unknown"].append({"type": kind, "value": value.rest()})


def _addresses(value: Cursor, into: list[Any]) -> None:
    for _ in range(value.number(4)):
        address: dict[str, Any] = {"protocol_type": value.number(1)}
        into.append(address)
        address["protocol"] = value.take(value.number(1))
        raw = value.take(value.number(2))
        if len(raw) in IP_SIZES:
            address["ip"] = address_text(raw)
        else:
            address["other"] = raw


def _own_addresses(value: Cursor, lists: Lists) -> Fields:
    _addresses(value, lists["addresses"])
    yield from ()


def _management_addresses(value: Cursor, lists: Lists) -> Fields:
    _addresses(value, lists["management_addresses"])
    yield from ()


def _prefixes(value: Cursor, lists: Lists) -> Fields:
    if value.left == 4:
        yield "default_gateway", value.take(4)
    while value.left:
        prefix = address_text(value.take(4))
        lists["prefixes"].append({"prefix": prefix, "length": value.number(1)})


def _hello(value: Cursor, _: Lists) -> Fields:
    yield "hello_oui", value.number(3)
    yield "hello_protocol", value.number(2)
    unknown: list[int] = []
    yield "hello_unknown", unknown
    if value.left < 27:
        return
    yield "hello_master", value.take(4)
    yield "hello_address", value.take(4)
    for name in ("version", "sub_version", "status"):
        yield f"hello_{name}", value.number(1)
    unknown.append(value.number(1))
    yield "hello_commander_mac", value.take(6)
    yield "hello_switch_mac", value.take(6)
    unknown.append(value.number(1))
    yield "hello_management_vlan", value.number(2)


def _duplex(value: Cursor, _: Lists) -> Fields:
    yield "full_duplex", bool(value.number(1))


def _vlan_reply(value: Cursor, _: Lists) -> Fields:
    yield "vlan_reply_id", value.number(1)
    yield "vlan_reply", value.number(2)


def _vlan_query(value: Cursor, _: Lists) -> Fields:
    yield "vlan_query_id", value.number(1)
    yield "vlan_query", value.number(2)


def _object_id(value: Cursor, _: Lists) -> Fields:
    yield "system_object_id", value.rest()


def _location(value: Cursor, _: Lists) -> Fields:
    yield "location_type", value.number(1)
    yield "location", text(value.rest())


def _power(name: str) -> Callable[[Cursor, Lists], Fields]:
    def read(value: Cursor, lists: Lists) -> Fields:
        yield f"{name}_request_id", value.number(2)
        yield f"{name}_management_id", value.number(2)
        while value.left:
            lists[name].append(value.number(4))

    return read


def _energywise(value: Cursor, _: Lists) -> Fields:
    yield "energywise_encrypted", value.take(20)
    value.skip(4)
    yield "energywise_sequence", value.number(4)
    yield "energywise_model", c_text(value.take(16))
    value.skip(2)
    yield "energywise_hardware", c_text(value.take(3))
    yield "energywise_serial_number", c_text(value.take(11))
    value.skip(10)
    for _turn in range(value.number(2)):
        kind, size = value.number(4), value.number(4) - 8
        inner = value.part(size)
        value.skip(min(-size % 4, value.left))
        if kind in ENERGYWISE_TEXTS:
            yield ENERGYWISE_TEXTS[kind], c_text(inner.rest())
        elif kind == REPLY_TO:
            inner.skip(2)
            yield "energywise_reply_port", inner.number(2)
            yield "energywise_reply_ip", inner.take(4)


ENERGYWISE_TEXTS = {7: "energywise_role", 8: "energywise_domain", 9: "energywise_name"}
REPLY_TO = 23
READERS: dict[int, Callable[[Cursor, Lists], Fields]] = {
    2: _own_addresses,
    7: _prefixes,
    8: _hello,
    11: _duplex,
    14: _vlan_reply,
    15: _vlan_query,
    21: _object_id,
    22: _management_addresses,
    23: _location,
    25: _power("power_requested"),
    26: _power("power_available"),
    29: _energywise,
}
