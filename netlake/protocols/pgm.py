"""Pragmatic General Multicast: reliable multicast from one sender, which receivers ask for lost packets.

Decided here:
- The header is followed by fields of its type, options, and in data packets the payload, which is not stored.
- Fields of several types have one column: `sequence` is the packet's own number in SPM, POLL, POLR, ODATA and RDATA,
  the requested one in NAK and NCF.
- Options start with their total length. An option that does not fit ends them (`bad_options`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

SPM, POLL, POLR, ODATA, RDATA, NAK, NNAK, NCF, SPMR, ACK = 0, 1, 2, 4, 5, 8, 9, 10, 12, 13
OPTIONS_PRESENT = 1
OPT_LENGTH, LENGTH_SIZE, LAST = 0, 4, 0x80
# bytes of an address by its family
WIDTHS = {1: 4, 2: 16}

OPTION = Struct(
    (
        Column("type", "u8",
               "Option: 1 fragment, 2 NAK list, 3 join, 7 redirect, 8 parity parameters, 13 SYN, 14 FIN, 15 RST.",
               why="tshark has the end bit in it"),
        Column("value", "bytes", "Bytes after the length.", why="one tshark field for each option"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "pgm",
        "One row for each PGM packet.",
        spec="RFC 3208",
        on=("ip.protocol=113",),
        columns=(
            Column("source_port", "u16", "Source port, 0 to 65535.", wireshark="pgm.hdr.sport"),
            Column("destination_port", "u16", "Destination port, 0 to 65535.", wireshark="pgm.hdr.dport"),
            Column("type", "u8",
                   "Type: 0 SPM, 1 POLL, 2 POLR, 4 ODATA, 5 RDATA, 8 NAK, 9 NNAK, 10 NCF, 12 SPMR, 13 ACK.",
                   wireshark="pgm.hdr.type"),
            Column("flags", "u8",
                   "Flags: 1 options present, 2 significant to the network, 64 variable length, 128 parity.",
                   wireshark="pgm.hdr.opts"),
            Column("checksum", "u16", "Checksum; 0 none.", wireshark="pgm.hdr.cksum"),
            Column("gsi", "bytes", "Global source ID, which with a port identifies the session.",
                   wireshark="pgm.hdr.gsi"),
            Column("tsdu_length", "u16", "Bytes of the payload.", wireshark="pgm.hdr.tsdulen"),
            Column("sequence", "u32", "Sequence number, of the packet or of the requested one.",
                   wireshark="pgm.spm.sqn"),
            Column("trailing_edge", "u32", "SPM and data: oldest sequence number that can be repaired.",
                   wireshark="pgm.spm.trail"),
            Column("leading_edge", "u32", "SPM: newest sequence number of data.", wireshark="pgm.spm.lead"),
            Column("path_ip", "ip", "SPM and POLL: address of the last hop.", wireshark="pgm.spm.path.ipv4"),
            Column("round", "u16", "POLL and POLR: round.", wireshark="pgm.poll.round"),
            Column("subtype", "u16", "POLL: subtype; 0 general, 1 DLR.", wireshark="pgm.poll.subtype"),
            Column("backoff", "u32", "POLL: back-off interval, microseconds.", wireshark="pgm.poll.backoff_ivl"),
            Column("random", "u32", "POLL: random string.", wireshark="pgm.poll.rand_str"),
            Column("mask", "u32", "POLL: bits of the random string that a receiver must match.",
                   wireshark="pgm.poll.matching_bmask"),
            Column("source_ip", "ip", "NAK and NCF: address of the source.", wireshark="pgm.nak.src.ipv4"),
            Column("group_ip", "ip", "NAK and NCF: multicast group.", wireshark="pgm.nak.grp.ipv4"),
            Column("highest_sequence", "u32", "ACK: highest sequence number received.", wireshark="pgm.ack.maxsqn"),
            Column("received", "u32", "ACK: bit map of received packets.", wireshark="pgm.ack.bitmap"),
            Column("options", List(OPTION), "Options in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one packet."""
    yield "source_port", message.number(2)
    yield "destination_port", message.number(2)
    kind = message.number(1)
    yield "type", kind
    flags = message.number(1)
    yield "flags", flags
    yield "checksum", message.number(2)
    yield "gsi", message.take(6)
    yield "tsdu_length", message.number(2)
    if kind not in READERS:
        raise Malformed("bad_value")
    yield from READERS[kind](message)
    if flags & OPTIONS_PRESENT:
        yield from _options(message)


def _spm(message: Cursor) -> Iterator[tuple[str, Any]]:
    for name in ("sequence", "trailing_edge", "leading_edge"):
        yield name, message.number(4)
    yield "path_ip", _address(message)


def _poll(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "sequence", message.number(4)
    yield "round", message.number(2)
    yield "subtype", message.number(2)
    yield "path_ip", _address(message)
    for name in ("backoff", "random", "mask"):
        yield name, message.number(4)


def _polr(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "sequence", message.number(4)
    yield "round", message.number(2)
    message.skip(2)


def _data(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "sequence", message.number(4)
    yield "trailing_edge", message.number(4)


def _nak(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "sequence", message.number(4)
    yield "source_ip", _address(message)
    yield "group_ip", _address(message)


def _request(message: Cursor) -> Iterator[tuple[str, Any]]:
    """A request for an SPM has no fields."""
    del message
    yield from ()


def _ack(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "highest_sequence", message.number(4)
    yield "received", message.number(4)


READERS: dict[int, Callable[[Cursor], Iterator[tuple[str, Any]]]] = {
    SPM: _spm, POLL: _poll, POLR: _polr, ODATA: _data, RDATA: _data, NAK: _nak, NNAK: _nak, NCF: _nak,
    SPMR: _request, ACK: _ack,
}  # fmt: skip


def _address(message: Cursor) -> bytes:
    """An address after its family and two reserved bytes."""
    family = message.number(2)
    message.skip(2)
    if family not in WIDTHS:
        raise Malformed("bad_value")
    return message.take(WIDTHS[family])


def _options(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The options after their total length, up to that with the end bit; each takes at least two bytes."""
    options: list[dict[str, Any]] = []
    yield "options", options
    if message.number(1) & ~LAST != OPT_LENGTH or message.number(1) != LENGTH_SIZE:
        raise Malformed("bad_options")
    total = message.number(2) - LENGTH_SIZE
    if total < 0 or total > message.promised:
        raise Malformed("bad_options")
    found = part(message, total)
    while found.promised:
        kind, size = found.number(1), found.number(1) - 2
        if size < 0 or size > found.promised:
            raise Malformed("bad_options")
        options.append({"type": kind & ~LAST, "value": found.take(size)})
        if kind & LAST:
            return
