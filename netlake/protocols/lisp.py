"""LISP, the Locator/ID Separation Protocol: packets between tunnel routers, and the messages of its mapping system.

Decided here:
- The flags of the data header decide which of its fields are valid; others are null. Flag P is that of LISP-GPE
  (RFC 9305), whose nonce ends in the number of the next protocol.
- Of the mapping system the records are read: prefixes of endpoint identifiers (EID), and their locators. Addresses of
  other families than IPv4 and IPv6 are null; records end with one whose length is unknown, which is `bad_value`.
- An encapsulated control message has the type only: the packet in it is not decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part, remainder
from netlake.layers.pools import address_text
from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Cursor, Malformed, Messages
from netlake.schema import Column, List, Struct, Table

REQUEST, REPLY, REGISTER, NOTIFY = 1, 2, 3, 4
INFO = 7
# types that begin with record count and nonce
COUNTED = (REQUEST, REPLY, REGISTER, NOTIFY)
# address families with their bytes; 16387 are LISP's own forms, which have a length
SIZES = {0: 0, 1: 4, 2: 16}
OWN_FORMS = 16387
MAC, MAC_SIZE = 16389, 6

LOCATOR = Struct(
    (
        Column("priority", "u8", "Priority, the lowest is preferred; 255: not to be used.",
               wireshark="lisp.loc.priority"),
        Column("weight", "u8", "Weight among locators of one priority, percent.", wireshark="lisp.loc.weight"),
        Column("flags", "u16", "Flags: 4 local, 2 probe, 1 reachable.", wireshark="lisp.loc.flags"),
        Column("ip", "ip", "Address of the locator; null for other families.", why="one tshark field for each family"),
    )
)  # fmt: skip
RECORD = Struct(
    (
        Column("ttl", "u32", "Minutes that the mapping may be kept; null in a map request.", why="compared in rows"),
        Column("prefix_length", "u8", "Bits of the prefix.", why="one tshark field for each type"),
        Column("action", "u8", "Action without locators: 0 none, 1 forward natively, 2 send a request, 3 drop.",
               why="one tshark field for each type"),
        Column("authoritative", "bool", "The mapping is from the site itself.", why="one tshark field for each type"),
        Column("eid", "ip", "Endpoint identifier: address of the prefix; null for other families.",
               why="one tshark field for each family"),
        Column("locators", List(LOCATOR), "Locators of the prefix."),
    )
)  # fmt: skip

TABLES = (
    Table(
        "lisp",
        "One row for each data packet of LISP.",
        spec="RFC 9300, RFC 9305",
        on=("udp.port=4341",),
        size=8,
        columns=(
            Column("nonce_present", "bool", "N flag: `nonce` is valid.", at=0, bits=(7, 1),
                   wireshark="lisp-data.flags.nonce"),
            Column("locator_status_present", "bool", "L flag: `locator_status` is valid.", at=0, bits=(6, 1),
                   wireshark="lisp-data.flags.lsb"),
            Column("echo_nonce", "bool", "E flag: the receiver is to return the nonce.", at=0, bits=(5, 1),
                   wireshark="lisp-data.flags.enr"),
            Column("map_version_present", "bool", "V flag: the map versions are valid.", at=0, bits=(4, 1),
                   wireshark="lisp-data.flags.mv"),
            Column("instance_present", "bool", "I flag: `instance` is valid.", at=0, bits=(3, 1),
                   wireshark="lisp-data.flags.iid"),
            Column("next_protocol_present", "bool", "P flag: `next_protocol` is valid; else IP follows.", at=0,
                   bits=(2, 1), why="a reserved bit for tshark"),
            Column("nonce", "u32", "Nonce, 0 to 16777215.", at=0, bits=(0, 24), wireshark="lisp-data.nonce"),
            Column("source_map_version", "u16", "Version of the sender's mapping, 0 to 4095.", at=1, bits=(4, 12),
                   wireshark="lisp-data.srcmapver"),
            Column("destination_map_version", "u16", "Version of the receiver's mapping, 0 to 4095.", at=2,
                   bits=(0, 12), wireshark="lisp-data.dstmapver"),
            Column("next_protocol", "u8", "Next protocol: 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH.", at=3,
                   why="tshark has no LISP-GPE"),
            Column("instance", "u32", "Instance identifier, 0 to 16777215.", at=4, bits=(8, 24),
                   wireshark="lisp-data.iid", encoding="dictionary"),
            Column("locator_status", "u32", "Locator status bits, 32, or 8 behind an instance; bit 0 is locator 0.",
                   at=4, why="two tshark fields"),
        ),
    ),
    Table(
        "lisp_control",
        "One row for each message of the mapping system of LISP.",
        spec="RFC 9301, RFC 6833",
        on=("udp.port=4342",),
        columns=(
            Column("type", "u8",
                   "Type: 1 map request, 2 map reply, 3 map register, 4 map notify, 7 info, 8 encapsulated message.",
                   wireshark="lisp.type"),
            Column("flags", "u32", "The 20 bits behind the type; their meaning depends on it.",
                   why="one tshark field for each flag"),
            Column("record_count", "u8", "Number of records, 0 to 255.", wireshark="lisp.records"),
            Column("nonce", "hex64", "Nonce, which the answer repeats.", wireshark="lisp.nonce"),
            Column("key_id", "u16", "Register, notify, info: identifier of the key and its algorithm.",
                   wireshark="lisp.keyid"),
            Column("authentication", "bytes", "Register, notify, info: authentication data.", wireshark="lisp.auth"),
            Column("source_eid", "ip", "Request: endpoint identifier of the asker; null without one.",
                   why="one tshark field for each family"),
            Column("itr_locators", List("ip"), "Request: locators to which the reply may be sent.",
                   why="one tshark field for each family"),
            Column("records", List(RECORD), "Records in wire order."),
            Column("data", "bytes", "What is behind the records, or the message of other types, as sent.",
                   why="several tshark fields by type"),
        ),
    ),
)  # fmt: skip


def read_lisp(messages: Messages) -> Columns:
    """Columns of the header; the flags decide which fields are valid."""
    columns = fixed(TABLES[0], messages)
    flags = {name: plain(columns[name]).astype(np.bool_) for name in columns if name.endswith("_present")}
    instance = flags["instance_present"]
    status = plain(columns["locator_status"])
    whole = messages.end - messages.start >= TABLES[0].size
    columns["locator_status"] = where(
        np.where(instance, status & 0xFF, status), flags["locator_status_present"] & whole
    )
    named = flags["next_protocol_present"]
    for name, valid in (
        ("nonce", flags["nonce_present"] & ~named), ("source_map_version", flags["map_version_present"]),
        ("destination_map_version", flags["map_version_present"]), ("instance", instance), ("next_protocol", named),
    ):  # fmt: skip
        columns[name] = where(columns[name], valid)
    return columns


def parse_lisp_control(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    first = message.number(3)
    kind = first >> 20
    yield "type", kind
    yield "flags", first & 0xFFFFF
    count = message.number(1)
    if kind in COUNTED:
        yield "record_count", count
    if kind in (*COUNTED, INFO):
        yield "nonce", message.take(8).hex()
    if kind in (REGISTER, NOTIFY, INFO):
        yield "key_id", message.number(2)
        size = message.number(2)
        if size:
            yield "authentication", part(message, size).rest()
    if kind == REQUEST:
        source = _address(message)
        if source:
            yield "source_eid", source
        locators: list[str] = []
        yield "itr_locators", locators
        locators.extend(filter(None, (_address(message) for _ in range((first & 31) + 1))))
    if kind in COUNTED:
        records: list[dict[str, Any]] = []
        yield "records", records
        for _ in range(count):
            _record(message, records, asked=kind == REQUEST)
    yield from remainder(message, "data")


def _record(message: Cursor, records: list[dict[str, Any]], *, asked: bool) -> None:
    """Read one record into `records`; those of a map request have only a prefix."""
    record: dict[str, Any] = {"locators": []}
    records.append(record)
    if asked:
        message.skip(1)
        record["prefix_length"] = message.number(1)
        record["eid"] = _address(message)
        return
    record["ttl"] = message.number(4)
    count = message.number(1)
    record["prefix_length"] = message.number(1)
    bits = message.number(2)
    record["action"], record["authoritative"] = bits >> 13, bool(bits & 0x1000)
    message.skip(2)
    record["eid"] = _address(message)
    for _ in range(count):
        locator: dict[str, Any] = {}
        record["locators"].append(locator)
        locator["priority"], locator["weight"] = message.number(1), message.number(1)
        message.skip(2)
        locator["flags"] = message.number(2)
        locator["ip"] = _address(message)


def _address(message: Cursor) -> str | None:
    """An address behind its family; None for a family other than IPv4 and IPv6."""
    family = message.number(2)
    if family in SIZES:
        data = message.take(SIZES[family])
        return address_text(data) if data else None
    if family == OWN_FORMS:
        message.skip(4)
        message.skip(message.number(2))
    elif family == MAC:
        message.skip(MAC_SIZE)
    else:
        raise Malformed("bad_value")
    return None
