"""Network Time Protocol: clock synchronization over UDP port 123, and queries to its servers.

Decided here:
- A timestamp has two columns: a time, truncated to microseconds, and the fraction of its second as sent, in 2^-32
  seconds, so that no precision is lost. Zero means no timestamp. Seconds from 2^31 on count from 1900, smaller ones
  from 2036 (RFC 4330 section 3).
- Control messages (mode 6) and private ones (mode 7) share only the first byte with the others. They are rare and are
  read message by message into columns of their own; their data is kept as sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.layers.items import remainder
from netlake.layers.parsed import each
from netlake.layers.read import fixed, plain, where
from netlake.packets import Columns, Cursor, Mask, Messages, Nullable
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 48
CONTROL = 6
PRIVATE = 7
# bytes of a MAC: a key ID and a digest of 128 or 160 bits, or the key ID alone; no extension field is that short
MACS = (4, 20, 24)
# seconds from 1900, and from the start of the next era in 2036, to 1970
EPOCHS = (2_208_988_800, 2_208_988_800 - (1 << 32))
TIMES = ("reference_time", "origin_time", "receive_time", "transmit_time")

EXTENSION = Struct(
    (
        Column("type", "u16", "IANA number of the extension field.", wireshark="ntp.ext.type"),
        Column("value", "bytes", "Value, padding included.", wireshark="ntp.ext.value"),
    )
)


def _times() -> Iterator[Column]:
    fields = (
        ("reference_time", "Time when the clock was last set or corrected", "ntp.reftime"),
        ("origin_time", "Time at the client when it sent the request", "ntp.org"),
        ("receive_time", "Time at the server when it received the request", "ntp.rec"),
        ("transmit_time", "Time at the sender when it sent this message", "ntp.xmt"),
    )
    for position, (name, sentence, field) in enumerate(fields):
        yield Column(name, "ts", f"{sentence}, UTC, microseconds, truncated; null if zero.", wireshark=field)
        yield Column(f"{name}_fraction", "u32", f"Fraction of the second of `{name}` as sent, in 2^-32 seconds.",
                     at=20 + 8 * position, why="part of the timestamp field")  # fmt: skip


TABLES = (
    Table(
        "ntp",
        "One row for each NTP message, control and private ones included.",
        spec="RFC 5905, RFC 7822, RFC 9327",
        on=("udp.port=123",),
        size=HEADER,
        message=Message(
            "NTP {mode:1=symmetric active,2=symmetric passive,3=client,4=server,5=broadcast,6=control,7=private}["
            " stratum {stratum}][ {reference_code}][{mode?4}[, time {transmit_time}]][{mode?6,7}[ opcode {opcode}]["
            " request {request_code}]]",
            "management",
        ),
        columns=(
            Column("leap", "u8",
                   "Leap indicator: 0 none, 1 last minute has 61 seconds, 2 it has 59, 3 not synchronized.", at=0,
                   bits=(6, 2), wireshark="ntp.flags.li"),
            Column("version", "u8", "Version number, 0 to 7.", at=0, bits=(3, 3), wireshark="ntp.flags.vn"),
            Column("mode", "u8", "Mode: 1 and 2 symmetric, 3 client, 4 server, 5 broadcast, 6 control, 7 private.",
                   at=0, bits=(0, 3), wireshark="ntp.flags.mode"),
            Column("stratum", "u8",
                   "Stratum: distance to a reference clock; 0 unspecified or kiss-o'-death, 16 unsynchronized.", at=1,
                   wireshark="ntp.stratum"),
            Column("poll", "i8", "Poll: maximum interval between messages, log2 seconds.", at=2, wireshark="ntp.ppoll"),
            Column("precision", "i8", "Precision of the sender's clock, log2 seconds.", at=3,
                   wireshark="ntp.precision"),
            Column("root_delay", "u32", "Root delay: round-trip time to the reference clock, in 2^-16 seconds.", at=4,
                   wireshark="ntp.rootdelay"),
            Column("root_dispersion", "u32", "Root dispersion to the reference clock, in 2^-16 seconds.", at=8,
                   wireshark="ntp.rootdispersion"),
            Column("reference_id", "u32", "Reference ID: server or clock of the sender, as sent.", at=12,
                   wireshark="ntp.refid"),
            Column("reference_code", "word", "Stratum 0 and 1: reference ID as ASCII, such as GPS or a kiss code.",
                   why="same bytes as ntp.refid"),
            Column("reference_ip", "ipv4",
                   "Stratum 2 to 15: reference ID as an IPv4 address; for an IPv6 server a hash.", at=12,
                   why="same bytes as ntp.refid"),
            *_times(),
            Column("extensions", List(EXTENSION), "Extension fields in wire order."),
            Column("key_id", "u32", "Key identifier of the message authentication code.", wireshark="ntp.keyid"),
            Column("mac", "bytes", "Digest of the message authentication code, 16 or 20 bytes.", wireshark="ntp.mac"),
            Column("response", "bool", "Control and private: response.", why="one tshark field for each mode"),
            Column("error", "bool", "Control: error response.", wireshark="ntp.ctrl.flags2.error"),
            Column("more", "bool", "Control and private: more parts of the response follow.",
                   why="one tshark field for each mode"),
            Column("opcode", "u8",
                   "Control: opcode: 1 read status, 2 read variables, 3 write variables, 10 read MRU list.",
                   wireshark="ntp.ctrl.flags2.opcode"),
            Column("sequence", "u16", "Control and private: sequence number that matches responses to requests.",
                   why="one tshark field for each mode"),
            Column("status", "u16", "Control: status of the system, peer or clock; error code in an error response.",
                   wireshark="ntp.ctrl.status"),
            Column("association_id", "u16", "Control: association identifier; 0 is the system itself.",
                   wireshark="ntp.ctrl.associd"),
            Column("data_offset", "u16", "Control: offset of the data in the whole response, bytes.",
                   wireshark="ntp.ctrl.offset"),
            Column("data_count", "u16", "Control: bytes of data.", wireshark="ntp.ctrl.count"),
            Column("authenticated", "bool", "Private: the message is authenticated.", wireshark="ntp.priv.auth"),
            Column("implementation", "u8", "Private: implementation number; 2 and 3 are ntpd.",
                   wireshark="ntp.priv.impl"),
            Column("request_code", "u8", "Private: request code; 20 and 42 are the client list (monlist).",
                   wireshark="ntp.priv.reqcode"),
            Column("error_code", "u8", "Private: error code: 0 none, 4 no data, 7 not permitted.",
                   wireshark="ntp.priv.err"),
            Column("item_count", "u16", "Private: number of items in the data.", wireshark="ntp.priv.numitems"),
            Column("item_size", "u16", "Private: bytes of an item.", wireshark="ntp.priv.itemsize"),
            Column("data", "bytes", "Control and private: data, as sent.", why="one tshark field for each code"),
        ),
    ),
)  # fmt: skip

# the table with each time as its seconds, the four bytes before the fraction
_RAW = replace(
    TABLES[0],
    columns=tuple(
        replace(column, kind="u32", at=16 + 8 * TIMES.index(column.name)) if column.name in TIMES else column
        for column in TABLES[0].columns
    ),
)
_HEAD = ("version", "mode")


def read(messages: Messages) -> Columns:
    """Columns of the header by one gather; extensions, control and private messages one by one."""
    before = messages.fault.copy()
    columns = fixed(_RAW, messages)
    size = messages.end - messages.start
    mode = np.where(size > 0, plain(columns["mode"]), 0)
    rare = mode >= CONTROL
    for name in TIMES:
        columns[name] = _time(columns[name], columns[f"{name}_fraction"], rare)
    stratum = np.where(size > 1, plain(columns["stratum"]), 16)
    columns["reference_code"] = _codes(columns["reference_id"], (stratum <= 1) & ~rare)
    columns["reference_ip"] = where(columns["reference_ip"], (stratum > 1) & (stratum < 16))
    more = rare | (size + messages.missing > HEADER)
    if rare.any():
        messages.fault[rare] = before[rare]
        for name in columns.keys() - {*_HEAD, "leap"}:
            columns[name] = where(columns[name], ~rare)
        columns["leap"] = where(columns["leap"], mode != PRIVATE)
    if more.any():
        columns |= each(TABLES[0], _later, messages, more)
    return columns


def _time(seconds: Any, fraction: Any, rare: Mask) -> pa.Array:
    """Times between 1968 and 2104; null if both numbers are zero, if the message is too short, and for `rare` rows."""
    whole, part = plain(seconds), plain(fraction)
    unix = whole - np.where(whole >= 1 << 31, EPOCHS[0], EPOCHS[1])
    valid = ((whole != 0) | (part != 0)) & ~rare
    for value in (seconds, fraction):
        if isinstance(value, Nullable):
            valid = valid & value.valid
    return pa.array(unix * 1_000_000 + (part * 1_000_000 >> 32), mask=~valid).cast(pa.timestamp("us", "UTC"))


def _codes(identifiers: Any, among: Mask) -> pa.Array:
    """Identifiers of the rows `among` as printable ASCII without trailing zeros; null for others."""
    if isinstance(identifiers, Nullable):
        among = among & identifiers.valid
    distinct, index = np.unique(np.where(among, plain(identifiers), 0), return_inverse=True)
    words = [int(value).to_bytes(4, "big").rstrip(b"\0").decode("ascii", "replace") for value in distinct]
    shown = pa.array([word if word and word.isascii() and word.isprintable() else None for word in words], pa.string())
    return shown.take(pa.array(index))


def _later(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns after the fixed header, or of control and private messages, by mode."""
    mode = message.data[0] & 7 if message.data else 0
    return {CONTROL: _control, PRIVATE: _private}.get(mode, _extensions)(message)


def _extensions(message: Cursor) -> Iterator[tuple[str, Any]]:
    message.skip(HEADER)
    extensions: list[dict[str, Any]] = []
    yield "extensions", extensions
    while message.promised > MACS[-1] or (message.promised >= 16 and message.promised not in MACS):
        kind, size = message.number(2), message.number(2) - 4
        if size < 0 or size > message.promised:
            message.fault("bad_options")
            return
        extensions.append({"type": kind, "value": message.take(size)})
    if message.promised:
        yield "key_id", message.number(4)
        yield from remainder(message, "mac")


def _control(message: Cursor) -> Iterator[tuple[str, Any]]:
    message.skip(1)
    flags = message.number(1)
    yield "response", bool(flags & 0x80)
    yield "error", bool(flags & 0x40)
    yield "more", bool(flags & 0x20)
    yield "opcode", flags & 0x1F
    for name in ("sequence", "status", "association_id", "data_offset"):
        yield name, message.number(2)
    count = message.number(2)
    yield "data_count", count
    if count > message.promised:
        message.fault("bad_length")
    yield "data", message.take(min(count, message.promised))


def _private(message: Cursor) -> Iterator[tuple[str, Any]]:
    flags, sequence = message.number(1), message.number(1)
    yield "response", bool(flags & 0x80)
    yield "more", bool(flags & 0x40)
    yield "authenticated", bool(sequence & 0x80)
    yield "sequence", sequence & 0x7F
    yield "implementation", message.number(1)
    yield "request_code", message.number(1)
    items = message.number(2)
    yield "error_code", items >> 12
    yield "item_count", items & 0xFFF
    size = message.number(2) & 0xFFF
    yield "item_size", size
    if (items & 0xFFF) * size > message.promised:
        message.fault("bad_length")
    yield from remainder(message, "data")
