"""Internet Control Message Protocol for IPv4: errors, and the questions that hosts ask each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netlake.layers.pools import address_text
from netlake.layers.quoted import QUOTED, quoted
from netlake.layers.read import addresses, column_type, fill, fixed, gather, mark_short, plain, where
from netlake.packets import Columns, Ints, Mask, Messages, Nullable
from netlake.schema import Column, List, Struct, Table

HEADER = 8
UNREACHABLE = 3
FRAGMENTATION_NEEDED = 4
REDIRECT = 5
ADVERTISEMENT = 9
PARAMETER_PROBLEM = 12
TIMESTAMPS = (13, 14)
MASKS = (17, 18)
# with an identifier and a sequence number: echo, timestamp, information, address mask
IDENTIFIED = (0, 8, 13, 14, 15, 16, 17, 18)
# RFC 8335: with an identifier and a sequence number of one byte
EXTENDED_ECHO = (42, 43)
# that quote the packet which they are about
ERRORS = (UNREACHABLE, 4, REDIRECT, 11, PARAMETER_PROBLEM)

ROUTER = Struct(
    (
        Column("address", "ipv4", "Address of the router.", wireshark="icmp.router_address"),
        Column("preference", "i32", "The greater the better; -2147483648 is never a default.",
               wireshark="icmp.pref_level"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "icmpv4",
        "One row for each ICMP message in IPv4.",
        spec="RFC 792, RFC 950, RFC 1191, RFC 1256, RFC 8335",
        on=("ip.protocol=1",),
        size=HEADER,
        columns=(
            Column("type", "u8", "0 echo reply, 3 unreachable, 5 redirect, 8 echo, 11 time exceeded; others by IANA.",
                   at=0, wireshark="icmp.type"),
            Column("code", "u8", "What the type means in particular.", at=1, wireshark="icmp.code"),
            Column("checksum", "u16", "Internet checksum of the message.", at=2, wireshark="icmp.checksum"),
            Column("identifier", "u16", "Echo, timestamp, information and mask: what tells programs apart.", at=4,
                   wireshark="icmp.ident"),
            Column("sequence", "u16", "Echo, timestamp, information and mask: which of several.", at=6,
                   wireshark="icmp.seq"),
            Column("gateway", "ipv4", "Redirect: the router to use instead.", at=4, wireshark="icmp.redir_gw"),
            Column("mtu", "u16", "Unreachable, fragmentation needed: bytes that the next link takes; 0 if not said.",
                   at=6, wireshark="icmp.mtu", encoding="dictionary"),
            Column("pointer", "u8", "Parameter problem: which byte of the quoted packet is wrong.", at=4,
                   wireshark="icmp.pointer"),
            *QUOTED,
            Column("originate_time", "u32", "Timestamp: when the sender sent, milliseconds since midnight UTC.",
                   wireshark="icmp.originate_timestamp"),
            Column("receive_time", "u32", "Timestamp: when the answerer received, milliseconds since midnight UTC.",
                   wireshark="icmp.receive_timestamp"),
            Column("transmit_time", "u32", "Timestamp: when the answerer sent, milliseconds since midnight UTC.",
                   wireshark="icmp.transmit_timestamp"),
            Column("address_mask", "ipv4", "Mask: the subnet's.", wireshark="icmp.address_mask"),
            Column("lifetime", "u16", "Router advertisement: how long it holds, seconds.", at=6,
                   wireshark="icmp.lifetime"),
            Column("routers", List(ROUTER), "Router advertisement: the routers."),
            Column("payload_length", "i32", "Bytes on the wire behind the first 8.", why="data.len, but for errors"),
            Column("unused", "u32",
                   "Bytes 4 to 7 as a number, less what the type has there: 0, or RFC 4884's length of the quotation.",
                   at=4, why="icmp.unused and icmp.reserved, of some types"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header by type, what errors quote, and what else the type has."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    kind = np.where(size > 0, plain(columns["type"]), -1)
    code = np.where(size > 1, plain(columns["code"]), -1)
    extended = np.isin(kind, EXTENDED_ECHO)
    plain(columns["sequence"])[extended] >>= 8
    _unused(columns, kind, code)
    _of_types(columns, np.isin(kind, IDENTIFIED) | extended, "identifier", "sequence")
    _of_types(columns, kind == REDIRECT, "gateway")
    _of_types(columns, (kind == UNREACHABLE) & (code == FRAGMENTATION_NEEDED), "mtu")
    _of_types(columns, kind == PARAMETER_PROBLEM, "pointer")
    _of_types(columns, kind == ADVERTISEMENT, "lifetime")
    payload = size + messages.missing - HEADER
    columns["payload_length"] = where(payload.astype(np.int32), payload >= 0)
    errors = np.isin(kind, ERRORS)
    if errors.any():
        columns.update(quoted(messages, errors, HEADER))
    rare = {TIMESTAMPS: _timestamps, MASKS: _mask, (ADVERTISEMENT,): _routers}
    for kinds, reader in rare.items():
        among = np.isin(kind, kinds) & (size >= HEADER)
        if among.any():
            columns.update(reader(messages, among))
    return columns


def _of_types(columns: Columns, among: Mask, *names: str) -> None:
    """Null in all other types; left out where the batch has none."""
    for name in names:
        if among.any():
            columns[name] = where(columns[name], among)
        else:
            del columns[name]


def _unused(columns: Columns, kind: Ints, code: Ints) -> None:
    """What stands in the second four bytes where nothing should."""
    meant = np.isin(kind, (*IDENTIFIED, *EXTENDED_ECHO, REDIRECT, ADVERTISEMENT))
    number = plain(columns["unused"])
    number[kind == PARAMETER_PROBLEM] &= 0xFFFFFF
    number[(kind == UNREACHABLE) & (code == FRAGMENTATION_NEEDED)] >>= 16
    _of_types(columns, ~meant, "unused")


def _timestamps(messages: Messages, among: Mask) -> Columns:
    columns: Columns = {}
    for position, name in enumerate(("originate_time", "receive_time", "transmit_time")):
        at = messages.start + HEADER + 4 * position
        whole = among & (at + 4 <= messages.end)
        values = np.zeros(len(messages), np.int64)
        values[whole] = gather(messages.data, at[whole], np.dtype([("time", ">u4")]))["time"]
        columns[name] = Nullable(values, whole)
        mark_short(messages, among & ~whole)
    return columns


def _mask(messages: Messages, among: Mask) -> Columns:
    whole = among & (messages.start + HEADER + 4 <= messages.end)
    mark_short(messages, among & ~whole)
    index = np.flatnonzero(whole)
    found = addresses("ipv4", messages.data, messages.start[index] + HEADER, messages.pools)
    return {"address_mask": fill(len(messages), index, found)}


def _routers(messages: Messages, among: Mask) -> Columns:
    """Addresses of router advertisements: each entry has as many 4-byte words as the header says, two of them known."""
    result: list[list[dict[str, Any]]] = [[] for _ in range(len(messages))]
    short = np.zeros(len(messages), np.bool_)
    for index in np.flatnonzero(among).tolist():
        data = messages.data[messages.start[index] : messages.end[index]].tobytes()
        count, size = data[4], 4 * data[5]
        for at in range(HEADER, HEADER + count * size, size or 1):
            if at + max(size, 8) > len(data):
                short[index] = True
                break
            preference = int.from_bytes(data[at + 4 : at + 8], "big", signed=True)
            result[index].append({"address": address_text(data[at : at + 4]), "preference": preference})
    mark_short(messages, short)
    return {"routers": pa.array(result, column_type(TABLES[0], "routers"))}
