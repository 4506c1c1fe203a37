"""`nprint`: the bits of headers in the manner of nPrint, a row for each packet.

A column is one bit of the fixed header of IPv4, IPv6, TCP, UDP or ICMP, most significant first; null where the packet
has no such header (nPrint writes -1). The headers are the first of IP and the one directly in it. Bits of options are
not in the set: the lake has options by kind, and not the padding between them. A header that was not captured whole is
null.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from netlake.features.definition import Array, Feature
from netlake.features.identity import times
from netlake.features.packets import PacketSet
from netlake.features.reader import CaptureReader
from netlake.kernels.feature_records import NO_TIME

ROWS = 1 << 14


@dataclass(frozen=True, slots=True)
class Field:
    """Bits of a header: nPrint's name, their number, and the SQL value, a number or the text of an address."""

    name: str
    bits: int
    value: str

    @property
    def is_address(self) -> bool:
        """Whether the value is the text of an address."""
        return self.name in ("src", "dst")


@dataclass(frozen=True, slots=True)
class Header:
    """A header: nPrint's prefix, the table of the lake, its fields in wire order."""

    prefix: str
    table: str
    fields: tuple[Field, ...]

    @property
    def bits(self) -> int:
        """Bits of the header."""
        return sum(field.bits for field in self.fields)


def _flags(*names: tuple[str, str]) -> tuple[Field, ...]:
    return tuple(Field(name, 1, f"{column}::BIGINT") for name, column in names)


_REST = (
    "CASE WHEN identifier IS NOT NULL THEN identifier::BIGINT << 16 | coalesce(sequence, 0)"
    " WHEN mtu IS NOT NULL THEN coalesce(unused, 0) << 16 | mtu"
    " WHEN pointer IS NOT NULL THEN pointer::BIGINT << 24 | coalesce(unused, 0) ELSE coalesce(unused, 0) END"
)
HEADERS = (
    Header("ipv4", "ipv4", (
        Field("ver", 4, "version"), Field("hl", 4, "header_length // 4"), Field("tos", 8, "dscp * 4 + ecn"),
        Field("tl", 16, "total_length"), Field("id", 16, "identification"),
        *_flags(("rbit", "reserved"), ("dfbit", "dont_fragment"), ("mfbit", "more_fragments")),
        Field("foff", 13, "fragment_offset // 8"), Field("ttl", 8, "ttl"), Field("proto", 8, "protocol"),
        Field("cksum", 16, "header_checksum"), Field("src", 32, "src_ip"), Field("dst", 32, "dst_ip"))),
    Header("ipv6", "ipv6", (
        Field("ver", 4, "version"), Field("tc", 8, "dscp * 4 + ecn"), Field("fl", 20, "flow_label"),
        Field("len", 16, "payload_length"), Field("nh", 8, "next_header"), Field("hl", 8, "hop_limit"),
        Field("src", 128, "src_ip"), Field("dst", 128, "dst_ip"))),
    Header("tcp", "tcp", (
        Field("sprt", 16, "src_port"), Field("dprt", 16, "dst_port"), Field("seq", 32, "seq"), Field("ackn", 32, "ack"),
        Field("doff", 4, "header_length // 4"), Field("res", 3, "flags >> 9"),
        *_flags(("ns", "ae"), ("cwr", "cwr"), ("ece", "ece"), ("urg", "urg"), ("ackf", "ack_flag"), ("psh", "psh"),
                ("rst", "rst"), ("syn", "syn"), ("fin", "fin")),
        Field("wsize", 16, '"window"'), Field("cksum", 16, "checksum"), Field("urp", 16, "urgent_pointer"))),
    Header("udp", "udp", (Field("sport", 16, "src_port"), Field("dport", 16, "dst_port"), Field("len", 16, "length"),
                          Field("cksum", 16, "checksum"))),
    Header("icmp", "icmpv4", (Field("type", 8, "type"), Field("code", 8, "code"), Field("cksum", 16, "checksum"),
                              Field("roh", 32, _REST))),
)  # fmt: skip


def _features() -> Iterator[Feature]:
    names = {"src": ("src_ip",), "dst": ("dst_ip",)}
    ports = {"sprt", "dprt", "sport", "dport"}
    for header in HEADERS:
        for field in header.fields:
            leak = "identity" if field.is_address or field.name in ports else "environment"
            source = names.get(field.name, (field.name,))[0]
            for bit in range(field.bits):
                name, doc = f"{header.prefix}_{field.name}_{bit}", f"Bit {bit} of {field.name}, {header.prefix}."
                null = "the packet has no such header"
                yield Feature(name, "i8", "", doc, null, leak, (f"{header.table}.{source}",))


@lru_cache(1 << 16)
def _packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def _bytes(field: Field, values: Array) -> Array:
    """The bits of a field as a matrix of 0 and 1, a row for each value."""
    if field.is_address:
        joined = b"".join(_packed(text) for text in values.tolist())
        return np.unpackbits(np.frombuffer(joined, np.uint8).reshape(len(values), field.bits // 8), axis=1)
    shifts = np.arange(field.bits - 1, -1, -1)
    return ((values.astype(np.int64)[:, None] >> shifts) & 1).astype(np.uint8)


@lru_cache(1 << 12)
def _carries(stack: str, table: str) -> bool:
    """Whether the first IP header of a stack is of `table`, or the header directly in it is."""
    names = stack.split(":")
    first = next((place for place, name in enumerate(names) if name in ("ipv4", "ipv6")), None)
    if first is None:
        return False
    after = next((name for name in names[first + 1 :] if not name.startswith("ipv6_")), "")
    return table in (names[first], after)


def _read(reader: CaptureReader) -> Iterator[list[pa.Array]]:
    chosen = reader.chosen_flows()
    for begin, end in reader.ranges(ROWS):
        packets = reader.read("packet", (f"coalesce(epoch_us(ts), {NO_TIME}) AS time", "coalesce(flow, 0) AS flow",
                                         "coalesce(stack, '') AS stack"), begin, end, chosen)  # fmt: skip
        order = np.argsort(packets["place_"], kind="stable")
        place, flow, time = (packets[name][order] for name in ("place_", "flow", "time"))
        stacks = packets["stack"][order]
        columns: list[pa.Array] = [
            pa.array(place.astype(np.int64) + begin), pa.array(flow, mask=flow == 0), times(time, time != NO_TIME),
        ]  # fmt: skip
        for header in HEADERS:
            columns += _header(header, reader.read, (begin, end), place, stacks)
        yield columns


def _header(
    header: Header, read: Callable[..., Mapping[str, Array]], span: tuple[int, int], place: Array, stacks: Array
) -> Iterator[pa.Array]:
    """The columns of the bits of a header."""
    values = [f"{field.value} AS f{number}" for number, field in enumerate(header.fields)]
    whole = " AND ".join(f"{field.value} IS NOT NULL" for field in header.fields)
    rows = read(header.table, ("place", *values), *span, condition=f"place = 0 AND {whole}")
    room = np.full(span[1] - span[0] + 1, -1, np.int64)
    room[rows["place_"]] = np.arange(len(rows["place_"]))
    carried = np.fromiter((_carries(stack, header.table) for stack in stacks.tolist()), bool, len(stacks))
    row = room[place]
    absent = ~carried | (row < 0)
    chosen = row[~absent]
    for number, field in enumerate(header.fields):
        bits = np.zeros((len(place), field.bits), np.uint8)
        bits[~absent] = _bytes(field, np.asarray(rows[f"f{number}"])[chosen])
        for column in np.ascontiguousarray(bits.T.astype(np.int8)):
            yield pa.array(column, mask=absent)


SET = PacketSet(
    "nprint",
    "nPrint: bits of headers",
    tuple(_features()),
    _read,
    references=("J. Holland et al., New Directions in Automated Traffic Analysis, CCS 2021",),
)
