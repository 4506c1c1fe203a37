"""Addresses and ports of the packet that an ICMP error quotes; they identify the flow that the error concerns.

The quoted packet starts with an IP header and may end early: routers send only its first bytes (RFC 792: 8 bytes of
payload). A column whose bytes are missing is null; that is the fault `cut` only if the capture lacks them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import Pool
from netlake.layers.read import mark
from netlake.packets import Codes, Columns, Mask, Messages, Nullable
from netlake.schema import Column, faults

QUOTED = (
    Column("quoted_protocol", "u8", "Error: IANA number of the protocol in the quoted packet.", why="ip.proto again"),
    Column("quoted_src_ip", "ip", "Error: source address of the quoted packet.", why="ip.src again"),
    Column("quoted_dst_ip", "ip", "Error: destination address of the quoted packet.", why="ip.dst again"),
    Column(
        "quoted_src_port",
        "u16",
        "Error: source port of the quoted packet; null without ports.",
        why="udp.srcport again",
    ),
    Column("quoted_dst_port", "u16", "Error: destination port of the quoted packet.", why="udp.dstport again"),
)

# layers and fields that filters find in a quoted packet too, see Table.also; `network` is ip or ipv6
LAYERS = ("tcp@quoted_protocol=6", "udp@quoted_protocol=17")


def also(network: str) -> tuple[tuple[str, str], ...]:
    """The Wireshark fields of the columns QUOTED, by column."""
    ports = (
        (f"quoted_{way}_port", f"{name}.{way}port@quoted_protocol={number}")
        for way in ("src", "dst")
        for name, number in (("tcp", 6), ("udp", 17))
    )
    return (("quoted_src_ip", f"{network}.src"), ("quoted_dst_ip", f"{network}.dst"), *ports)


Longs = npt.NDArray[np.int64]

# headers that start with source and destination port; plain numbers: NumPy is slow with members of an enumeration
WITH_PORTS = tuple(
    one.value for one in (IpProtocol.TCP, IpProtocol.UDP, IpProtocol.DCCP, IpProtocol.SCTP, IpProtocol.UDP_LITE)
)
# extension headers of IPv6: next header, then the length in units of 8 bytes, minus one
EXTENSIONS = tuple(
    one.value for one in (IpProtocol.HOP_BY_HOP_OPTIONS, IpProtocol.ROUTING, IpProtocol.DESTINATION_OPTIONS)
)
FRAGMENT = IpProtocol.FRAGMENT.value
MOST_EXTENSIONS = 8


def quoted(messages: Messages, errors: Mask, at: int) -> Columns:
    """The columns QUOTED; `errors` are the messages that quote a packet, `at` is the offset of the quoted packet."""
    rows = len(messages)
    protocol = np.full(rows, -1, np.int16)
    ports = np.full((2, rows), -1, np.int32)
    addresses = np.full((2, rows), -1, np.int32)
    pool = messages.pools["ip"] if "ip" in messages.pools else Pool("ip")
    begin, end = messages.start + at, messages.end
    reached = np.flatnonzero(errors & (begin < end))
    version = messages.data[begin[reached]] >> 4
    for family, header, place in ((4, 20, 12), (6, 40, 8)):
        index = reached[(version == family) & (end[reached] - begin[reached] >= header)]
        if len(index):
            first = begin[index]
            addresses[0, index] = pool.codes(messages.data, first + place, family)
            addresses[1, index] = pool.codes(messages.data, first + place + (4 if family == 4 else 16), family)
            carried = _carried_by_4 if family == 4 else _carried_by_6
            protocol[index], transport = carried(messages.data, first, end[index])
            with_ports = np.isin(protocol[index], WITH_PORTS) & (transport >= 0) & (transport + 4 <= end[index])
            _ports(messages.data, transport[with_ports], ports, index[with_ports])
    _mark_cut(messages, errors, protocol, ports[1])
    columns: Columns = {"quoted_protocol": Nullable(protocol, protocol >= 0)}
    for side, name in enumerate(("src", "dst")):
        codes = Codes(addresses[side], "ip")
        columns[f"quoted_{name}_ip"] = codes if "ip" in messages.pools else pool.text(codes.codes).cast(pa.string())
        columns[f"quoted_{name}_port"] = Nullable(ports[side], ports[side] >= 0)
    return columns


def _mark_cut(messages: Messages, errors: Mask, protocol: npt.NDArray[np.int16], port: npt.NDArray[np.int32]) -> None:
    """Set the fault `cut` of errors whose missing bytes the capture lacks; bytes that were not sent are no fault."""
    lacking = (protocol < 0) | (np.isin(protocol, WITH_PORTS) & (port < 0))
    mark(messages, errors & lacking & (messages.missing > 0), faults.CUT)


def _ports(data: npt.NDArray[np.uint8], transport: Longs, ports: npt.NDArray[np.int32], index: Longs) -> None:
    for side in (0, 1):
        high, low = data[transport + 2 * side], data[transport + 2 * side + 1]
        ports[side, index] = high.astype(np.int32) << 8 | low


def _carried_by_4(data: npt.NDArray[np.uint8], first: Longs, end: Longs) -> tuple[Longs, Longs]:
    """Protocol and offset of the transport header of each IPv4 header; the offset is -1 for later fragments."""
    del end
    later = (data[first + 6] & 0x1F).astype(np.int64) << 8 | data[first + 7]
    header = (data[first] & 15).astype(np.int64) * 4
    return data[first + 9].astype(np.int64), np.where((later == 0) & (header >= 20), first + header, -1)


def _carried_by_6(data: npt.NDArray[np.uint8], first: Longs, end: Longs) -> tuple[Longs, Longs]:
    """Protocol and offset of the transport header of each IPv6 header; loops over the few with extension headers."""
    protocol = data[first + 6].astype(np.int64)
    transport = first + 40
    for position in np.flatnonzero(np.isin(protocol, (*EXTENSIONS, FRAGMENT))).tolist():
        kind, at, limit = int(protocol[position]), int(transport[position]), int(end[position])
        for _ in range(MOST_EXTENSIONS):
            if kind not in (*EXTENSIONS, FRAGMENT):
                break
            if at + 8 > limit:
                kind, at = -1, -1
                break
            if kind == FRAGMENT and int(data[at + 2]) << 8 | int(data[at + 3]) & 0xF8:
                kind, at = int(data[at]), -1
                break
            kind, at = int(data[at]), at + (8 if kind == FRAGMENT else 8 + 8 * int(data[at + 1]))
        protocol[position], transport[position] = kind, at
    return protocol, transport
