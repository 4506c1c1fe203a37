"""Flow samples of sFlow: one row for each sampled packet.

Decided here:
- The sampled packet has columns for its addresses and ports, from its bytes (`headers.py`), or from the records that
  an agent sends instead of them. It is not a packet of the capture: it has no row in `ethernet` or `ipv4`.
- The records of switching, routing and BGP have columns; others are in `records`, as sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers import xdr
from netlake.layers.parsed import several
from netlake.packets import Cursor, Short
from netlake.protocols.sflow.datagram import EXPANDED_FLOW, FLOW, ON, address, records, samples_of, source
from netlake.protocols.sflow.headers import sampled
from netlake.schema import Column, List, Struct, Table

INNER = "tshark shows the layers of the packet"
RECORD = Struct(
    (
        Column("enterprise", "u32", "Enterprise number of who defined the format; 0 is sFlow.org.",
               why="sflow.enterprise also has those of samples"),
        Column("format", "u16", "Format of the record: 1004 user, 1005 URL, 1006 MPLS.",
               why="tshark has those of all records"),
        Column("data", "bytes", "Record, as sent.", why="tshark dissects it"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "sflow_flow_sample",
        "One row for each flow sample in an sFlow datagram: a packet that an agent sampled.",
        spec="sFlow version 5 (sFlow.org, 2004)",
        on=ON,
        inside="sflow",
        columns=(
            Column("sequence", "u32", "Sequence number of the samples of this source.",
                   wireshark="sflow.flow_sample.sequence_number"),
            Column("source_class", "u32", "Source: 0 interface, 1 VLAN, 2 physical entity.",
                   wireshark="sflow.flow_sample.source_id_class"),
            Column("source_index", "u32", "Number of the source; of an interface its SNMP index.",
                   wireshark="sflow.flow_sample.index"),
            Column("sampling_rate", "u32", "One of so many packets is sampled.",
                   wireshark="sflow.flow_sample.sampling_rate"),
            Column("sample_pool", "u32", "Packets that could have been sampled, in total.",
                   wireshark="sflow.flow_sample.sample_pool"),
            Column("drops", "u32", "Samples that were dropped for lack of resources, in total.",
                   wireshark="sflow.flow_sample.dropped_packets"),
            Column("input_format", "u8", "0: `input_interface` is an SNMP index.",
                   why="tshark has it for expanded samples only"),
            Column("input_interface", "u32", "Interface by which the packet came.",
                   wireshark="sflow.flow_sample.input_interface"),
            Column("output_format", "u8",
                   "0: `output_interface` is an SNMP index, 1 a reason why it was dropped, 2 a number of interfaces.",
                   wireshark="sflow.flow_sample.output_interface_format"),
            Column("output_interface", "u32", "Interface to which the packet was sent.",
                   wireshark="sflow.flow_sample.output_interface_value"),
            Column("header_protocol", "u32", "Protocol of `header`: 1 Ethernet, 11 IPv4, 12 IPv6, 13 MPLS.",
                   wireshark="sflow_245.header_protocol"),
            Column("frame_length", "u32", "Bytes of the sampled frame on the wire.",
                   wireshark="sflow_245.header.frame_length"),
            Column("stripped", "u32", "Bytes that the agent removed from the frame, such as its FCS.",
                   wireshark="sflow_245.header.payload_stripped"),
            Column("header", "bytes", "First bytes of the sampled frame.", wireshark="sflow_245.header"),
            Column("sampled_src_mac", "mac", "Sampled packet: source MAC address.", why=INNER),
            Column("sampled_dst_mac", "mac", "Sampled packet: destination MAC address.", why=INNER),
            Column("sampled_src_ip", "ip", "Sampled packet: source address.", why=INNER),
            Column("sampled_dst_ip", "ip", "Sampled packet: destination address.", why=INNER),
            Column("sampled_protocol", "u8", "Sampled packet: IP protocol.", why=INNER),
            Column("sampled_src_port", "u16", "Sampled packet: source port.", why=INNER),
            Column("sampled_dst_port", "u16", "Sampled packet: destination port.", why=INNER),
            Column("in_vlan", "u32", "Switch: VLAN of the received packet.", wireshark="sflow_245.vlan.in"),
            Column("in_priority", "u32", "Switch: priority of the received packet.", wireshark="sflow_245.pri.in"),
            Column("out_vlan", "u32", "Switch: VLAN of the sent packet.", wireshark="sflow_245.vlan.out"),
            Column("out_priority", "u32", "Switch: priority of the sent packet.", wireshark="sflow_245.pri.out"),
            Column("next_hop", "ip", "Router: next router.", why="tshark has that of BGP too"),
            Column("src_mask", "u32", "Router: bits of the route's prefix to the source.",
                   wireshark="sflow_245.nexthop.src_mask"),
            Column("dst_mask", "u32", "Router: bits of the route's prefix to the destination.",
                   wireshark="sflow_245.nexthop.dst_mask"),
            Column("bgp_next_hop", "ip", "BGP: next router.", why="tshark has that of the route too"),
            Column("router_as", "u32", "BGP: autonomous system of the router.", wireshark="sflow_245.as"),
            Column("src_as", "u32", "BGP: autonomous system of the source.", wireshark="sflow_245.srcAS"),
            Column("src_peer_as", "u32", "BGP: autonomous system of the peer to the source.",
                   wireshark="sflow_245.peerAS"),
            Column("as_path", List("u32"), "BGP: autonomous systems on the way to the destination.",
                   why="sflow_245.dstAS also has communities"),
            Column("communities", List("u32"), "BGP: communities.", why="sflow_245.dstAS also has the path"),
            Column("local_preference", "u32", "BGP: local preference.", wireshark="sflow_245.localpref"),
            Column("records", List(RECORD), "Other records in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The rows of the flow samples in a datagram."""
    return several(_sample(body, long) for long, body in samples_of(message, (FLOW, EXPANDED_FLOW)))


def _sample(sample: Cursor, expanded: bool) -> Iterator[tuple[str, Any]]:  # noqa: FBT001 - the format of the sample
    yield from source(sample, expanded=expanded)
    for name in ("sampling_rate", "sample_pool", "drops"):
        yield name, sample.number(4)
    for name in ("input", "output"):
        if expanded:
            kind, value = sample.number(4), sample.number(4)
        else:
            number = sample.number(4)
            kind, value = number >> 30, number & 0x3FFFFFFF
        yield f"{name}_format", kind
        yield f"{name}_interface", value
    yield from records(sample, RECORDS)


def _header(record: Cursor) -> Iterator[tuple[str, Any]]:
    protocol = record.number(4)
    yield "header_protocol", protocol
    yield "frame_length", record.number(4)
    yield "stripped", record.number(4)
    header = xdr.opaque(record)
    yield "header", header
    try:
        yield from sampled(protocol, header)
    except Short:
        # the sample has the first bytes of the packet only
        return


def _ethernet(record: Cursor) -> Iterator[tuple[str, Any]]:
    yield "frame_length", record.number(4)
    for name in ("sampled_src_mac", "sampled_dst_mac"):
        yield name, record.take(6)
        record.skip(2)


def _ipv4(record: Cursor) -> Iterator[tuple[str, Any]]:
    return _ip(record, 4)


def _ipv6(record: Cursor) -> Iterator[tuple[str, Any]]:
    return _ip(record, 16)


def _ip(record: Cursor, size: int) -> Iterator[tuple[str, Any]]:
    record.skip(4)
    yield "sampled_protocol", record.number(4)
    yield "sampled_src_ip", record.take(size)
    yield "sampled_dst_ip", record.take(size)
    yield "sampled_src_port", record.number(4)
    yield "sampled_dst_port", record.number(4)


def _switch(record: Cursor) -> Iterator[tuple[str, Any]]:
    for name in ("in_vlan", "in_priority", "out_vlan", "out_priority"):
        yield name, record.number(4)


def _router(record: Cursor) -> Iterator[tuple[str, Any]]:
    yield "next_hop", address(record)
    yield "src_mask", record.number(4)
    yield "dst_mask", record.number(4)


def _gateway(record: Cursor) -> Iterator[tuple[str, Any]]:
    yield "bgp_next_hop", address(record)
    for name in ("router_as", "src_as", "src_peer_as"):
        yield name, record.number(4)
    path: list[int] = []
    yield "as_path", path
    for _ in range(record.number(4)):
        record.skip(4)
        path.extend(_numbers(record))
    communities: list[int] = []
    yield "communities", communities
    communities.extend(_numbers(record))
    yield "local_preference", record.number(4)


def _numbers(record: Cursor) -> Iterator[int]:
    for _ in range(record.number(4)):
        yield record.number(4)


RECORDS: dict[int, Callable[[Cursor], Iterator[tuple[str, Any]]]] = {
    1: _header, 2: _ethernet, 3: _ipv4, 4: _ipv6, 1001: _switch, 1002: _router, 1003: _gateway,
}  # fmt: skip
