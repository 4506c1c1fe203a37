"""Transmission Control Protocol: one row for each segment, with common options in columns.

Decided here:
- An option has its own column if it occurs once and has the right length; other options, repeated ones and those of a
  wrong length are in `options`, so that nothing is lost. Bytes other than zero after the end of list are kind 0.
- `option_kinds`, the order that operating systems differ in, is kept for SYN segments only, since fingerprints need
  only these.
- `window_scaled` needs the handshake, so the flow tracker fills it.
- Options are read by a kernel into preallocated arrays: most segments have some.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from netlake.kernels import tcp_options as kernel
from netlake.layers.entropy import ENTROPY, payload_entropy
from netlake.layers.read import fixed, lengths, lists, mark, mark_short, plain, where
from netlake.packets import Columns, Messages, Nullable, Tiny
from netlake.schema import Column, List, Struct, Table, faults

HEADER = 20

BLOCK = Struct(
    (
        Column("left", "u32", "Left edge: first sequence number of the block.", wireshark="tcp.options.sack_le"),
        Column("right", "u32", "Right edge: sequence number after the block.", wireshark="tcp.options.sack_re"),
    )
)
OPTION = Struct(
    (
        Column("kind", "u8", "IANA number of the option.", why="tcp.option_kind also has those with typed columns"),
        Column("data", "bytes", "Option data, after kind and length.", why="one tshark field for each kind"),
    )
)

# bytes of the header up to and including the window
WINDOW_END = 16

TABLES = (
    Table(
        "tcp",
        "One row for each TCP segment; its ports are in `src_port` and `dst_port`.",
        spec="RFC 9293",
        on=("ip.protocol=6",),
        size=HEADER,
        also=(("src_port", "tcp.srcport"), ("dst_port", "tcp.dstport")),
        columns=(
            Column("seq", "u32", "Sequence number of the first payload byte, or of the SYN.", at=4,
                   wireshark="tcp.seq_raw"),
            Column("ack", "u32",
                   "Acknowledgment number: next sequence number expected; valid only if `ack_flag` is set.", at=8,
                   wireshark="tcp.ack_raw"),
            Column("header_length", "u8", "Bytes of the header, options included, 20 to 60.", at=12, bits=(4, 4),
                   wireshark="tcp.hdr_len"),
            Column("flags", "u16", "Flags as a number, reserved bits included, 0 to 4095.", at=12, bits=(0, 12),
                   wireshark="tcp.flags", encoding="dictionary"),
            Column("ae", "bool", "Accurate ECN flag, formerly nonce sum.", at=12, bits=(8, 1),
                   wireshark="tcp.flags.ae"),
            Column("cwr", "bool", "Congestion window reduced flag.", at=13, bits=(7, 1), wireshark="tcp.flags.cwr"),
            Column("ece", "bool", "ECN-Echo flag.", at=13, bits=(6, 1), wireshark="tcp.flags.ece"),
            Column("urg", "bool", "URG flag: the urgent pointer is valid.", at=13, bits=(5, 1),
                   wireshark="tcp.flags.urg"),
            Column("ack_flag", "bool", "ACK flag: the acknowledgment number is valid.", at=13, bits=(4, 1),
                   wireshark="tcp.flags.ack"),
            Column("psh", "bool", "PSH flag: the receiver should deliver the payload at once.", at=13, bits=(3, 1),
                   wireshark="tcp.flags.push"),
            Column("rst", "bool", "RST flag: resets the connection.", at=13, bits=(2, 1), wireshark="tcp.flags.reset"),
            Column("syn", "bool", "SYN flag: synchronizes sequence numbers.", at=13, bits=(1, 1),
                   wireshark="tcp.flags.syn"),
            Column("fin", "bool", "FIN flag: the sender has no more data.", at=13, bits=(0, 1),
                   wireshark="tcp.flags.fin"),
            Column("window", "u16", "Window, as sent, 0 to 65535.", at=14, wireshark="tcp.window_size_value"),
            Column("window_scaled", "u32", "Window with the window scale applied, bytes; null if the scale is unknown.",
                   wireshark="tcp.window_size"),
            Column("checksum", "u16", "Internet checksum over pseudo-header, header and payload.", at=16,
                   wireshark="tcp.checksum"),
            Column("urgent_pointer", "u16",
                   "Urgent pointer: offset after the last urgent byte; valid only if `urg` is set.", at=18,
                   wireshark="tcp.urgent_pointer", encoding="dictionary"),
            Column("payload_length", "i32", "Bytes of payload on the wire; null if the header length is invalid.",
                   wireshark="tcp.len"),
            Column("mss", "u16", "Option: maximum segment size, bytes.", wireshark="tcp.options.mss_val",
                   encoding="dictionary"),
            Column("window_scale", "u8", "Option: window scale shift count, 0 to 14.",
                   wireshark="tcp.options.wscale.shift"),
            Column("sack_permitted", "bool", "Option: SACK permitted; false without it.",
                   why="tshark shows the kind only"),
            Column("sack_blocks", List(BLOCK), "Option: SACK blocks, received beyond `ack`, in wire order."),
            Column("timestamp_value", "u32", "Option: timestamp value (TSval), in units of the sender's clock.",
                   wireshark="tcp.options.timestamp.tsval"),
            Column("timestamp_echo", "u32", "Option: timestamp echo reply (TSecr); valid only if `ack_flag` is set.",
                   wireshark="tcp.options.timestamp.tsecr"),
            Column("options", List(OPTION),
                   "Other options, repeated ones or those of wrong length; non-zero bytes after the end are kind 0."),
            Column("option_kinds", List("u8"),
                   "Option kinds of a segment with `syn`, in wire order, end and no-operation included.",
                   why="tcp.option_kind has all segments, and bytes after the end"),
            ENTROPY,
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the fixed header, the payload length and options; the flow tracker fills `window_scaled`."""
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    header = plain(columns["header_length"]).astype(np.int64) * 4
    columns["header_length"] = where(header.astype(np.int16), size > 12)
    payload = size + messages.missing - header
    known = size >= HEADER
    wrong = known & ((header < HEADER) | (payload < 0))
    mark_short(messages, known & ~wrong & (header > size))
    mark(messages, wrong, faults.BAD_LENGTH)
    columns["payload_length"] = lengths(messages, payload, (size > 12) & (header >= HEADER) & (payload >= 0))
    optional = known & (header > HEADER)
    if not optional.any():
        columns["sack_permitted"] = where(np.zeros(len(messages), np.bool_), known)
        return columns
    columns.update(_options(messages, np.where(optional, np.minimum(header, size), 0)))
    permitted = columns["sack_permitted"]
    columns["sack_permitted"] = where(permitted, known & (header <= size) | permitted)
    return columns


def entropy(messages: Messages, columns: Columns) -> Nullable:
    """Column `entropy`, computed on request only; `columns` are those of `read`."""
    return payload_entropy(messages, plain(columns["header_length"]).astype(np.int64))


def fill_from_flow(messages: Messages, columns: Columns, shift: Tiny) -> None:
    """Fill `window_scaled` with the negotiated `shift` (-1: unknown); the window of a SYN is not scaled (RFC 7323)."""
    syn = plain(columns["syn"]).astype(np.bool_)
    window = plain(columns["window"]).astype(np.int64)
    scaled = np.where(syn, window, window << np.maximum(shift, 0).astype(np.int64))
    known = (messages.end - messages.start >= WINDOW_END) & (syn | (shift >= 0))
    columns["window_scaled"] = where(scaled, known)


def _options(messages: Messages, end: Any) -> Columns:
    """Columns of the options, which are between byte 20 and byte `end` of each message."""
    found = kernel.room_for(len(messages), int(np.maximum(end - HEADER, 0).sum()))
    kernel.tcp_options(messages.data, messages.start + HEADER, messages.start + end, found)
    mark(messages, found.wrong == kernel.UNREADABLE, faults.BAD_OPTIONS)
    mark(messages, found.wrong == kernel.ODD_LENGTH, faults.BAD_LENGTH)
    columns: Columns = {"sack_permitted": found.present & kernel.SACK_PERMITTED != 0}
    timed = found.present & kernel.TIMESTAMPS != 0
    if timed.any():
        columns["timestamp_value"] = Nullable(found.timestamp_value, timed)
        columns["timestamp_echo"] = Nullable(found.timestamp_echo, timed)
    sized, scaled = found.present & kernel.MSS != 0, found.present & kernel.WINDOW_SCALE != 0
    if sized.any() or scaled.any():
        columns["mss"], columns["window_scale"] = Nullable(found.mss, sized), Nullable(found.window_scale, scaled)
    if listed := found.kinds_at[-1]:
        columns["option_kinds"] = lists(TABLES[0], "option_kinds", found.kinds_at, found.kinds[:listed])
    if blocks := found.sack_at[-1]:
        edges = found.left[:blocks], found.right[:blocks]
        columns["sack_blocks"] = lists(TABLES[0], "sack_blocks", found.sack_at, *edges)
    if found.other_at[-1]:
        columns["options"] = _others(found)
    return columns


def _others(found: kernel.OptionArrays) -> pa.Array:
    """The list column `options`."""
    count = int(found.other_at[-1])
    offsets, values = found.bytes_at[: count + 1], found.other[: found.bytes_at[count]]
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(values.tobytes())]
    data = pa.Array.from_buffers(pa.binary(), count, buffers)
    return lists(TABLES[0], "options", found.other_at, found.kind[:count], data)
