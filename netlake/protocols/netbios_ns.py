"""NetBIOS name service: queries, registrations and releases of names in a Windows network.

Decided here:
- The format is that of DNS; a name's sixteen bytes, of which the last is the service type (suffix), are encoded as 32
  letters. Name and suffix have separate columns.
- The 12-byte header is read by column, questions and records message by message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.layers.netbios import name
from netlake.layers.parsed import each
from netlake.layers.pools import address_text
from netlake.layers.read import fixed
from netlake.packets import Columns, Cursor, Messages
from netlake.schema import Column, List, Message, Struct, Table

STATUS = 0x21
ADDRESSES = 0x20
STATUS_NAME = 18
# bytes before the counts of questions and records
FLAGS_END = 4
COUNTS = struct.Struct(">4H")

QUESTION = Struct(
    (
        Column("name", "text", "Name, without padding spaces.", why="tshark shows it with the suffix"),
        Column("suffix", "u8", "Suffix, service type: 0 workstation, 27 and 28 domain controllers, 32 file server.",
               why="tshark shows it within the name"),
        Column("type", "u16", "Type: 32 addresses (NB), 33 node status (NBSTAT).",
               why="records have the same tshark field"),
    )
)  # fmt: skip
RECORD = Struct(
    (
        Column("name", "text", "Name, without padding spaces.", why="tshark shows it with the suffix"),
        Column("suffix", "u8", "Suffix, service type.", why="tshark shows it within the name"),
        Column("type", "u16", "Type: 32 addresses (NB), 33 node status (NBSTAT).",
               why="questions have the same tshark field"),
        Column("ttl", "u32", "Time to live, seconds.", wireshark="nbns.ttl"),
        Column("addresses", List("ipv4"), "Addresses of the hosts that have the name.", wireshark="nbns.addr"),
        Column("group", "bool", "The name is a group name.", why="nbns.nb_flags.group appears once for each address"),
        Column("names", List("text"), "Node status: names of the host, each with its suffix as <20>.",
               why="tshark shows them with flags"),
        Column("mac", "mac", "Node status: MAC address of the host's interface.", wireshark="nbns.unit_id"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "netbios_ns",
        "One row for each NetBIOS name service message.",
        spec="RFC 1002",
        on=("udp.port=137",),
        size=FLAGS_END,
        message=Message(
            "NetBIOS [{response?}response|{opcode:0=query,5=registration,6=release,7=wait,8=refresh}]["
            " {questions.name}][{response?} {records.name}[ -> {records.addresses}]][ {rcode?!0}failed with code"
            " {rcode}]",
            "names",
        ),
        columns=(
            Column("transaction_id", "u16", "Transaction ID that matches responses to requests.", at=0,
                   wireshark="nbns.id"),
            Column("response", "bool", "Response, else request.", at=2, bits=(15, 1), wireshark="nbns.flags.response"),
            Column("opcode", "u8", "Opcode: 0 query, 5 registration, 6 release, 7 wait, 8 refresh.", at=2, bits=(11, 4),
                   wireshark="nbns.flags.opcode"),
            Column("truncated", "bool", "Truncated: the message did not fit the datagram.", at=2, bits=(9, 1),
                   wireshark="nbns.flags.truncated"),
            Column("recursion_desired", "bool", "Recursion desired.", at=2, bits=(8, 1),
                   wireshark="nbns.flags.recdesired"),
            Column("broadcast", "bool", "The message was broadcast.", at=3, bits=(4, 1),
                   wireshark="nbns.flags.broadcast"),
            Column("rcode", "u8", "Response code: 0 success, 3 name error, 6 name in use by another host.", at=3,
                   bits=(0, 4), why="nbns.flags.rcode exists in responses only"),
            Column("questions", List(QUESTION), "Questions in wire order."),
            Column("records", List(RECORD), "Answer, authority and additional records in wire order."),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of ID and flags by gather; questions and records message by message."""
    columns = fixed(TABLES[0], messages)
    return columns | each(TABLES[0], _sections, messages, messages.end - messages.start >= FLAGS_END, FLAGS_END)


def _sections(message: Cursor) -> Iterator[tuple[str, Any]]:
    counts = COUNTS.unpack(message.take(COUNTS.size))
    questions: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    yield from (("questions", questions), ("records", records))
    for _ in range(counts[0]):
        shown, suffix = name(message)
        kind = message.number(2)
        message.skip(2)
        questions.append({"name": shown, "suffix": suffix, "type": kind})
    records.extend(_record(message) for _ in range(sum(counts[1:])))


def _record(message: Cursor) -> dict[str, Any]:
    shown, suffix = name(message)
    kind = message.number(2)
    message.skip(2)
    record: dict[str, Any] = {"name": shown, "suffix": suffix, "type": kind, "ttl": message.number(4)}
    size = message.number(2)
    data = Cursor(part(message, size).take(size))
    record["addresses"], record["names"] = [], []
    if kind == ADDRESSES:
        while data.left >= 6:
            record["group"] = bool(data.number(2) & 0x8000)
            record["addresses"].append(address_text(data.take(4)))
    elif kind == STATUS and data.left:
        for _ in range(min(data.number(1), data.left // STATUS_NAME)):
            raw = data.take(STATUS_NAME)
            record["names"].append(f"{raw[:15].decode('cp437').rstrip(' ').replace(chr(0), '')}<{raw[15]:02x}>")
        if data.left >= 6:
            record["mac"] = data.take(6).hex(":")
    return record
