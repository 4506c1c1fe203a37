"""Transmission Control Protocol: one row a segment, its common options in columns of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netlake.kernels import tcp_options as kernel
from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, lists, mark, mark_short, plain, where
from netlake.packets import Columns, Messages, Nullable, Tiny
from netlake.schema import Column, List, Struct, Table, faults

HEADER = 20

BLOCK = Struct(
    (
        Column("left", "u32", "First sequence number of the block.", wireshark="tcp.options.sack_le"),
        Column("right", "u32", "Sequence number behind the block.", wireshark="tcp.options.sack_re"),
    )
)
OPTION = Struct(
    (
        Column("kind", "u8", "IANA number of the option.", why="tcp.option_kind lists the typed ones too"),
        Column("data", "bytes", "What follows its kind and length.", why="many fields, one for each kind"),
    )
)

# first byte behind the window
WINDOW_END = 16

TABLES = (
    Table(
        "tcp",
        "One row for each TCP segment; its ports are those of the conversation.",
        spec="RFC 9293",
        on=("ip.protocol=6",),
        size=HEADER,
        columns=(
            Column("seq", "u32", "Sequence number of the first byte of payload, or of the SYN.", at=4,
                   wireshark="tcp.seq_raw"),
            Column("ack", "u32", "Next sequence number that the sender expects; meant only where `ack_flag` is set.",
                   at=8, wireshark="tcp.ack_raw"),
            Column("header_length", "u8", "Bytes of the header with its options, 20 to 60.", at=12, bits=(4, 4),
                   wireshark="tcp.hdr_len"),
            Column("flags", "u16", "All flags as a number, reserved bits included, 0 to 4095.", at=12, bits=(0, 12),
                   wireshark="tcp.flags", encoding="dictionary"),
            Column("ae", "bool", "Accurate ECN, once the nonce sum.", at=12, bits=(8, 1), wireshark="tcp.flags.ae"),
            Column("cwr", "bool", "Congestion window reduced.", at=13, bits=(7, 1), wireshark="tcp.flags.cwr"),
            Column("ece", "bool", "ECN echo.", at=13, bits=(6, 1), wireshark="tcp.flags.ece"),
            Column("urg", "bool", "The urgent pointer is meant.", at=13, bits=(5, 1), wireshark="tcp.flags.urg"),
            Column("ack_flag", "bool", "The acknowledgment number is meant.", at=13, bits=(4, 1),
                   wireshark="tcp.flags.ack"),
            Column("psh", "bool", "Hand the payload to the application at once.", at=13, bits=(3, 1),
                   wireshark="tcp.flags.push"),
            Column("rst", "bool", "The connection is reset.", at=13, bits=(2, 1), wireshark="tcp.flags.reset"),
            Column("syn", "bool", "A connection is begun.", at=13, bits=(1, 1), wireshark="tcp.flags.syn"),
            Column("fin", "bool", "The sender has no more to send.", at=13, bits=(0, 1), wireshark="tcp.flags.fin"),
            Column("window", "u16", "Bytes that the sender will take, as sent, 0 to 65535.", at=14,
                   wireshark="tcp.window_size_value"),
            Column("window_scaled", "u32",
                   "`window` by the connection's scale; null where the capture does not show it.",
                   wireshark="tcp.window_size"),
            Column("checksum", "u16", "Internet checksum over pseudo-header, header and payload.", at=16,
                   wireshark="tcp.checksum"),
            Column("urgent_pointer", "u16", "Offset behind the last urgent byte; meant only where `urg` is set.", at=18,
                   wireshark="tcp.urgent_pointer", encoding="dictionary"),
            Column("payload_length", "i32", "Bytes of payload on the wire; null where the header's length cannot be.",
                   wireshark="tcp.len"),
            Column("mss", "u16", "Option: the largest segment that the sender will take, bytes.",
                   wireshark="tcp.options.mss_val", encoding="dictionary"),
            Column("window_scale", "u8", "Option: how many bits later windows are shifted left, 0 to 14.",
                   wireshark="tcp.options.wscale.shift"),
            Column("sack_permitted", "bool", "Option: selective acknowledgments may be sent; false without it.",
                   why="tshark shows presence by kind"),
            Column("sack_blocks", List(BLOCK), "Option: blocks of bytes received beyond `ack`, in wire order."),
            Column("timestamp_value", "u32", "Option: the sender's clock, in units of its own.",
                   wireshark="tcp.options.timestamp.tsval"),
            Column("timestamp_echo", "u32", "Option: the clock last received; meant only where `ack_flag` is set.",
                   wireshark="tcp.options.timestamp.tsecr"),
            Column("options", List(OPTION),
                   "Other options, and those twice there or of odd length; bytes behind the end are kind 0 unless zero."),
            Column("option_kinds", List("u8"),
                   "Kinds of all options of a segment with `syn`, in wire order, end and no-operation too.",
                   why="tcp.option_kind is of every segment, and goes on behind the end"),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header, the payload's length, and options; `window_scaled` is the flow tracker's to fill."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    header = plain(columns["header_length"]).astype(np.int64) * 4
    columns["header_length"] = where(header.astype(np.int16), size > 12)
    payload = size + messages.missing - header
    known = size >= HEADER
    wrong = known & ((header < HEADER) | (payload < 0))
    mark_short(messages, known & ~wrong & (header > size))
    mark(messages, wrong, faults.BAD_LENGTH)
    columns["payload_length"] = where(payload.astype(np.int32), (size > 12) & (header >= HEADER) & (payload >= 0))
    optional = known & (header > HEADER)
    if not optional.any():
        columns["sack_permitted"] = where(np.zeros(len(messages), np.bool_), known)
        return columns
    columns.update(_options(messages, np.where(optional, np.minimum(header, size), 0)))
    permitted = columns["sack_permitted"]
    columns["sack_permitted"] = where(permitted, known & (header <= size) | permitted)
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """The column `entropy`, for who asks for it; `columns` as from `read`."""
    return payload_entropy(messages, plain(columns["header_length"]).astype(np.int64))


def fill_from_flow(messages: Messages, columns: Columns, shift: Tiny) -> None:
    """Fill `window_scaled` by the shift that the handshake agreed on; a SYN's own window is not scaled (RFC 7323)."""
    syn = plain(columns["syn"]).astype(np.bool_)
    window = plain(columns["window"]).astype(np.int64)
    scaled = np.where(syn, window, window << np.maximum(shift, 0).astype(np.int64))
    known = (messages.end - messages.start >= WINDOW_END) & (syn | (shift >= 0))
    columns["window_scaled"] = where(scaled, known)


def _options(messages: Messages, end: Any) -> Columns:
    """Columns of the options, which lie between byte 20 and byte `end` of each message."""
    rows = len(messages)
    room = int(np.maximum(end - HEADER, 0).sum())
    found, wrong = np.zeros(rows, np.uint8), np.zeros(rows, np.uint8)
    mss, scale = np.zeros(rows, np.int32), np.zeros(rows, np.int16)
    value, echo = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    sack_at, other_at, kinds_at = (np.zeros(rows + 1, np.int32) for _ in range(3))
    left, right = np.empty(room // 8 + 1, np.int64), np.empty(room // 8 + 1, np.int64)
    kind, bytes_at, other = (
        np.empty(room // 2 + 1, np.int16),
        np.zeros(room // 2 + 2, np.int32),
        np.empty(room + 1, np.uint8),
    )
    kinds = np.empty(room + 1, np.int16)
    kernel.tcp_options(
        messages.data, messages.start + HEADER, messages.start + end, found, wrong, mss, scale, value, echo,
        sack_at, left, right, other_at, kind, bytes_at, other, kinds_at, kinds,
    )  # fmt: skip
    mark(messages, wrong == kernel.UNREADABLE, faults.BAD_OPTIONS)
    mark(messages, wrong == kernel.ODD_LENGTH, faults.BAD_LENGTH)
    columns: Columns = {"sack_permitted": found & kernel.SACK_PERMITTED != 0}
    timed = found & kernel.TIMESTAMPS != 0
    if timed.any():
        columns["timestamp_value"], columns["timestamp_echo"] = Nullable(value, timed), Nullable(echo, timed)
    sized, scaled = found & kernel.MSS != 0, found & kernel.WINDOW_SCALE != 0
    if sized.any() or scaled.any():
        columns["mss"], columns["window_scale"] = Nullable(mss, sized), Nullable(scale, scaled)
    if kinds_at[-1]:
        columns["option_kinds"] = lists(TABLES[0], "option_kinds", kinds_at, kinds[: kinds_at[-1]])
    if sack_at[-1]:
        blocks = sack_at[-1]
        columns["sack_blocks"] = lists(TABLES[0], "sack_blocks", sack_at, left[:blocks], right[:blocks])
    if other_at[-1]:
        columns["options"] = _others(other_at, kind, bytes_at, other)
    return columns


def _others(other_at: Any, kind: Any, bytes_at: Any, other: Any) -> pa.Array:
    """The list column `options` from what the kernel wrote."""
    count = int(other_at[-1])
    offsets = pa.py_buffer(bytes_at[: count + 1].tobytes())
    data = pa.Array.from_buffers(pa.binary(), count, [None, offsets, pa.py_buffer(other[: bytes_at[count]].tobytes())])
    return lists(TABLES[0], "options", other_at, kind[:count], data)
