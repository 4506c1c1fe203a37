"""Internet Control Message Protocol for IPv4: errors, and echo, timestamp, address mask and router queries.

Decided here:
- Bytes 4 to 7 of the header have a meaning for each type. One gather reads all of them; each column is then null for
  the other types, and `unused` has the bits that the type does not define.
- Errors also have the columns QUOTED, read from the packet that they quote.
- Timestamps, address masks and router addresses follow the header and are rare: they are read only if a batch has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netlake.layers.pools import address_text
from netlake.layers.quoted import LAYERS, QUOTED, also, quoted
from netlake.layers.read import addresses, column_type, fill, fixed, gather, lengths, mark_short, plain, where
from netlake.packets import Columns, Ints, Mask, Messages, Nullable
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 8
UNREACHABLE = 3
FRAGMENTATION_NEEDED = 4
REDIRECT = 5
ADVERTISEMENT = 9
PARAMETER_PROBLEM = 12
TIMESTAMPS = (13, 14)
MASKS = (17, 18)
# types with an identifier and a sequence number: echo, timestamp, information, address mask
IDENTIFIED = (0, 8, 13, 14, 15, 16, 17, 18)
# RFC 8335: types with an identifier and a sequence number of one byte
EXTENDED_ECHO = (42, 43)
# types that quote the packet that caused them
ERRORS = (UNREACHABLE, 4, REDIRECT, 11, PARAMETER_PROBLEM)

ROUTER = Struct(
    (
        Column("address", "ipv4", "Address of the router.", wireshark="icmp.router_address"),
        Column("preference", "i32",
               "Preference among routers, higher is preferred; -2147483648: never a default router.",
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
        also=also("ip"),
        layers=("icmp", *LAYERS),
        message=Message(
            "ICMP {type:icmp_type_name}[{type?3,4,5,11,12} code {code}][ for {quoted_src_ip}[:{quoted_src_port}] ->"
            " {quoted_dst_ip}[:{quoted_dst_port}]][ via {gateway}][{type?0,8}[ id {identifier} seq {sequence}][,"
            " {payload_length} B]]",
            "network", hosts=("quoted_src_ip", "quoted_dst_ip", "gateway"),
        ),
        columns=(
            Column("type", "u8",
                   "ICMP type: 0 echo reply, 3 unreachable, 5 redirect, 8 echo, 11 time exceeded; others by IANA.",
                   at=0, wireshark="icmp.type"),
            Column("code", "u8", "ICMP code: subtype of the type.", at=1, wireshark="icmp.code"),
            Column("checksum", "u16", "Internet checksum of the message.", at=2, wireshark="icmp.checksum"),
            Column("identifier", "u16",
                   "Echo, timestamp, information, address mask: identifier that matches replies to requests.", at=4,
                   wireshark="icmp.ident"),
            Column("sequence", "u16", "Echo, timestamp, information, address mask: sequence number of the request.",
                   at=6, wireshark="icmp.seq"),
            Column("gateway", "ipv4", "Redirect: address of the gateway to use instead.", at=4,
                   wireshark="icmp.redir_gw"),
            Column("mtu", "u16", "Unreachable, fragmentation needed: MTU of the next hop, bytes; 0 if not reported.",
                   at=6, wireshark="icmp.mtu", encoding="dictionary"),
            Column("pointer", "u8", "Parameter problem: offset of the invalid byte in the quoted packet.", at=4,
                   wireshark="icmp.pointer"),
            *QUOTED,
            Column("originate_time", "u32", "Timestamp: time when the sender sent it, milliseconds since midnight UTC.",
                   wireshark="icmp.originate_timestamp"),
            Column("receive_time", "u32",
                   "Timestamp: time when the replier received it, milliseconds since midnight UTC.",
                   wireshark="icmp.receive_timestamp"),
            Column("transmit_time", "u32",
                   "Timestamp: time when the replier sent the reply, milliseconds since midnight UTC.",
                   wireshark="icmp.transmit_timestamp"),
            Column("address_mask", "ipv4", "Address mask: subnet mask.", wireshark="icmp.address_mask"),
            Column("lifetime", "u16", "Router advertisement: lifetime of the addresses, seconds.", at=6,
                   wireshark="icmp.lifetime"),
            Column("routers", List(ROUTER), "Router advertisement: routers in wire order."),
            Column("payload_length", "i32", "Bytes on the wire after the first 8.",
                   why="data.len has no value for errors"),
            Column("unused", "u32",
                   "Bytes 4 to 7 without the fields of the type, as a number: 0, or the length of RFC 4884.", at=4,
                   why="icmp.unused and icmp.reserved exist for some types only"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header by type, of the packet that errors quote, and of the rare types."""
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
    columns["payload_length"] = lengths(messages, payload, payload >= 0)
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
    """Set columns to null for other types than `among`; remove them if the batch has none of these types."""
    for name in names:
        if among.any():
            columns[name] = where(columns[name], among)
        else:
            del columns[name]


def _unused(columns: Columns, kind: Ints, code: Ints) -> None:
    """Column `unused`: bytes 4 to 7 without the bits that the type defines."""
    defined = np.isin(kind, (*IDENTIFIED, *EXTENDED_ECHO, REDIRECT, ADVERTISEMENT))
    number = plain(columns["unused"])
    number[kind == PARAMETER_PROBLEM] &= 0xFFFFFF
    number[(kind == UNREACHABLE) & (code == FRAGMENTATION_NEEDED)] >>= 16
    _of_types(columns, ~defined, "unused")


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
    values = addresses("ipv4", messages.data, messages.start[index] + HEADER, messages.pools)
    return {"address_mask": fill(len(messages), index, values)}


def _routers(messages: Messages, among: Mask) -> Columns:
    """Column `routers`: entries of the size in the header, of which two are address and preference."""
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
