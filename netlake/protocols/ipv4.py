"""Internet Protocol version 4.

Decided here:
- `total_length` 0 means that segmentation offload left it unset; the payload length is then that of the frame.
- `options` has all options except end of list and no-operation; bytes other than zero after an end of list are kept as
  one option of kind 0, so that covert data is visible.
- A header length or total length that does not fit is `bad_length`; its columns are read as far as possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netlake.kernels.checksum import internet_sum
from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, lengths, lists, mark, mark_short, plain, where
from netlake.packets import Columns, Mask, Messages, Nullable
from netlake.schema import Column, List, Struct, Table, faults

HEADER = 20
GOOD_SUM = 0xFFFF

OPTION = Struct(
    (
        Column("kind", "u8", "Option type: copied flag, class and number, 0 to 255.", wireshark="ip.opt.type"),
        Column("data", "bytes", "Option data, after type and length.", why="one tshark field for each kind"),
    )
)

TABLES = (
    Table(
        "ipv4",
        "One row for each IPv4 header as captured, those of fragments and within tunnels included.",
        spec="RFC 791",
        on=("ether.type=0x0800", "ip.protocol=4", "ppp.protocol=0x0021", "llc.dsap=0x06"),
        size=HEADER,
        context="network",
        also=(("src_ip", "ip.src"), ("dst_ip", "ip.dst")),
        columns=(
            Column("version", "u8", "IP version, 4.", at=0, bits=(4, 4), wireshark="ip.version"),
            Column("header_length", "u8", "Bytes of the header, options included, 20 to 60.", at=0, bits=(0, 4),
                   wireshark="ip.hdr_len"),
            Column("dscp", "u8", "Differentiated services code point, 0 to 63.", at=1, bits=(2, 6),
                   wireshark="ip.dsfield.dscp"),
            Column("ecn", "u8",
                   "Explicit congestion notification: 0 not capable, 1 and 2 capable, 3 congestion experienced.", at=1,
                   bits=(0, 2), wireshark="ip.dsfield.ecn"),
            Column("total_length", "u16", "Bytes of header and payload; 0 with segmentation offload at the sender.",
                   at=2, wireshark="ip.len"),
            Column("identification", "u16", "Identification, shared by all fragments of one datagram, 0 to 65535.",
                   at=4, wireshark="ip.id"),
            Column("reserved", "bool", "Reserved flag, must be zero.", at=6, bits=(15, 1), wireshark="ip.flags.rb"),
            Column("dont_fragment", "bool", "Don't Fragment flag.", at=6, bits=(14, 1), wireshark="ip.flags.df"),
            Column("more_fragments", "bool", "More Fragments flag: a fragment, but not the last one.", at=6,
                   bits=(13, 1), wireshark="ip.flags.mf"),
            Column("fragment_offset", "u16", "Bytes of the datagram before this fragment, 0 to 65528.", at=6,
                   bits=(0, 13), why="ip.frag_offset counts 8 bytes", encoding="dictionary"),
            Column("ttl", "u8", "Time to live: hops left.", at=8, wireshark="ip.ttl"),
            Column("protocol", "u8", "IANA protocol number of the payload: 1 ICMP, 6 TCP, 17 UDP.", at=9,
                   wireshark="ip.proto"),
            Column("header_checksum", "u16", "Internet checksum over the header.", at=10, wireshark="ip.checksum"),
            Column("checksum_valid", "bool", "The header checksum is correct; null if the header is incomplete.",
                   why="tshark verifies it only with an option"),
            Column("payload_length", "i32",
                   "Bytes after the header: `total_length` less `header_length`; null if negative.",
                   why="derived from ip.len and ip.hdr_len"),
            Column("options", List(OPTION),
                   "Options in wire order, without end and no-operation; non-zero bytes after the end are kind 0."),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header, the checksum, and the options of those messages that have any."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    whole = size >= HEADER
    header = plain(columns["header_length"]).astype(np.int64) * 4
    columns["header_length"] = where(header.astype(np.int16), size >= 1)
    columns["fragment_offset"] = where(plain(columns["fragment_offset"]) * 8, size >= 8)
    mark(messages, (plain(columns["version"]) != 4) & (size >= 1), faults.BAD_VERSION)
    _payload(messages, columns, header, whole)
    mark_short(messages, whole & (header > size), faults.BAD_LENGTH)
    _checksum(messages, columns, header, whole & (header >= HEADER) & (header <= size))
    optional = np.flatnonzero(whole & (header > HEADER))
    if len(optional):
        columns["options"] = _options(messages, optional, np.minimum(header, size))
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """Column `entropy`, computed on request only; `columns` are those of `read`."""
    return payload_entropy(messages, plain(columns["header_length"]).astype(np.int64))


def _payload(messages: Messages, columns: Columns, header: Any, whole: Mask) -> None:
    """Column `payload_length`; for a total length of 0 (segmentation offload) that of the frame is used."""
    total = plain(columns["total_length"]).astype(np.int64)
    if not total.all():
        total = np.where(total == 0, messages.end - messages.start + messages.missing, total)
    payload = total - header
    wrong = whole & ((header < HEADER) | (payload < 0))
    mark(messages, wrong, faults.BAD_LENGTH)
    columns["payload_length"] = lengths(messages, payload, whole & ~wrong)


def _checksum(messages: Messages, columns: Columns, header: Any, readable: Mask) -> None:
    total = np.zeros(len(messages), np.int32)
    end = messages.start + np.where(readable, header, 0)
    internet_sum(messages.data, messages.start, end, total)
    columns["checksum_valid"] = where(total == GOOD_SUM, readable)


def _options(messages: Messages, optional: Any, end: Any) -> pa.Array:
    """Column `options` of the messages `optional`, one by one: few packets have any."""
    counts = np.zeros(len(messages) + 1, np.int32)
    kinds: list[int] = []
    data: list[bytes] = []
    unreadable = np.zeros(len(messages), np.bool_)
    for index in optional.tolist():
        start = int(messages.start[index])
        area = messages.data[start + HEADER : start + int(end[index])].tobytes()
        result, unreadable[index] = options(area)
        counts[index + 1] = len(result)
        kinds += [option["kind"] for option in result]
        data += [option["data"] for option in result]
    mark(messages, unreadable, faults.BAD_OPTIONS)
    return lists(TABLES[0], "options", np.cumsum(counts, dtype=np.int32), kinds, data)


def options(area: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Options as kind and data, and whether an option has an invalid length."""
    result: list[dict[str, Any]] = []
    at = 0
    while at < len(area):
        kind = area[at]
        if kind == 1:
            at += 1
            continue
        if kind == 0:
            rest = area[at + 1 :]
            if rest.strip(b"\0"):
                result.append({"kind": 0, "data": rest})
            return result, False
        size = area[at + 1] if at + 1 < len(area) else 0
        if size < 2 or at + size > len(area):
            return result, True
        result.append({"kind": kind, "data": area[at + 2 : at + size]})
        at += size
    return result, False
