"""Counter samples of sFlow: one row for the counters of an interface, a VLAN or a processor.

Decided here:
- The records that most agents send have columns: of interfaces, Ethernet, VLANs and the processor. Others are in
  `records`, as sent.
- The counters are totals since the agent started; rates are differences between rows of the same agent and source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from netlake.layers.parsed import several
from netlake.packets import Cursor
from netlake.protocols.sflow.datagram import COUNTER, EXPANDED_COUNTER, ON, records, samples_of, source
from netlake.protocols.sflow.flow_sample import RECORD
from netlake.schema import Column, List, Table

UP = 1
OPER_UP = 2

TABLES = (
    Table(
        "sflow_counter_sample",
        "One row for each counter sample in an sFlow datagram.",
        spec="sFlow version 5 (sFlow.org, 2004)",
        on=ON,
        inside="sflow",
        columns=(
            Column("sequence", "u32", "Sequence number of the samples of this source.",
                   wireshark="sflow.counters_sample.sequence_number"),
            Column("source_class", "u32", "Source: 0 interface, 1 VLAN, 2 physical entity.",
                   wireshark="sflow.counters_sample.source_id_type"),
            Column("source_index", "u32", "Number of the source; of an interface its SNMP index.",
                   wireshark="sflow.counters_sample.source_id_index"),
            Column("interface_index", "u32", "Interface: SNMP index.", wireshark="sflow_245.ifindex"),
            Column("interface_type", "u32", "Interface: IANA type, 6 Ethernet.", wireshark="sflow_245.iftype"),
            Column("speed", "u64", "Interface: speed, bits per second.", wireshark="sflow_245.ifspeed"),
            Column("duplex", "u32", "Interface: 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.",
                   wireshark="sflow_245.ifdirection"),
            Column("admin_up", "bool", "Interface: it should be up.", wireshark="sflow_245.ifadmin_status"),
            Column("oper_up", "bool", "Interface: it is up.", wireshark="sflow_245.ifoper_status"),
            Column("in_octets", "u64", "Interface: bytes received.", wireshark="sflow_245.ifinoct"),
            Column("in_unicast", "u32", "Interface: unicast packets received.", wireshark="sflow_245.ifinpkt"),
            Column("in_multicast", "u32", "Interface: multicast packets received.", wireshark="sflow_245.ifinmcast"),
            Column("in_broadcast", "u32", "Interface: broadcast packets received.", wireshark="sflow_245.ifinbcast"),
            Column("in_discards", "u32", "Interface: received packets that were discarded.",
                   wireshark="sflow_245.ifindisc"),
            Column("in_errors", "u32", "Interface: received packets with errors.", wireshark="sflow_245.ifinerr"),
            Column("in_unknown_protocols", "u32", "Interface: received packets of unknown protocols.",
                   wireshark="sflow_245.ifinunk"),
            Column("out_octets", "u64", "Interface: bytes sent.", wireshark="sflow_245.ifoutoct"),
            Column("out_unicast", "u32", "Interface: unicast packets sent.", wireshark="sflow_245.ifoutpkt"),
            Column("out_multicast", "u32", "Interface: multicast packets sent.", wireshark="sflow_245.ifoutmcast"),
            Column("out_broadcast", "u32", "Interface: broadcast packets sent.", wireshark="sflow_245.ifoutbcast"),
            Column("out_discards", "u32", "Interface: packets to send that were discarded.",
                   wireshark="sflow_245.ifoutdisc"),
            Column("out_errors", "u32", "Interface: packets not sent for errors.", wireshark="sflow_245.ifouterr"),
            Column("promiscuous", "u32", "Interface: 1 if it receives all packets.", wireshark="sflow_245.ifpromisc"),
            Column("alignment_errors", "u32", "Ethernet: frames with a number of bits that is not a multiple of 8.",
                   wireshark="sflow_245.dot3StatsAlignmentErrors"),
            Column("fcs_errors", "u32", "Ethernet: frames with a wrong checksum.",
                   wireshark="sflow_245.dot3StatsFCSErrors"),
            Column("single_collisions", "u32", "Ethernet: frames sent after one collision.",
                   wireshark="sflow_245.dot3StatsSingleCollisionFrames"),
            Column("multiple_collisions", "u32", "Ethernet: frames sent after several collisions.",
                   wireshark="sflow_245.dot3StatsMultipleCollisionFrames"),
            Column("sqe_test_errors", "u32", "Ethernet: SQE test errors.",
                   wireshark="sflow_245.dot3StatsSQETestErrors"),
            Column("deferred_transmissions", "u32", "Ethernet: frames delayed by a busy medium.",
                   wireshark="sflow_245.dot3StatsDeferredTransmissions"),
            Column("late_collisions", "u32", "Ethernet: collisions after 512 bits.",
                   wireshark="sflow_245.dot3StatsLateCollisions"),
            Column("excessive_collisions", "u32", "Ethernet: frames given up after collisions.",
                   wireshark="sflow_245.dot3StatsExcessiveCollisions"),
            Column("internal_transmit_errors", "u32", "Ethernet: frames not sent for an internal error.",
                   wireshark="sflow_245.dot3StatsInternalMacTransmitErrors"),
            Column("carrier_sense_errors", "u32", "Ethernet: losses of the carrier.",
                   wireshark="sflow_245.dot3StatsCarrierSenseErrors"),
            Column("frame_too_longs", "u32", "Ethernet: frames that are too long.",
                   wireshark="sflow_245.dot3StatsFrameTooLongs"),
            Column("internal_receive_errors", "u32", "Ethernet: frames not received for an internal error.",
                   wireshark="sflow_245.dot3StatsInternalMacReceiveErrors"),
            Column("symbol_errors", "u32", "Ethernet: invalid symbols.", wireshark="sflow_245.dot3StatsSymbolErrors"),
            Column("vlan_id", "u32", "VLAN: number.", wireshark="sflow_245.vlan_id"),
            Column("vlan_octets", "u64", "VLAN: bytes.", wireshark="sflow_245.octets"),
            Column("vlan_unicast", "u32", "VLAN: unicast packets.", wireshark="sflow_245.ucastPkts"),
            Column("vlan_multicast", "u32", "VLAN: multicast packets.", wireshark="sflow_245.multicastPkts"),
            Column("vlan_broadcast", "u32", "VLAN: broadcast packets.", wireshark="sflow_245.broadcastPkts"),
            Column("vlan_discards", "u32", "VLAN: discarded packets.", wireshark="sflow_245.discards"),
            Column("cpu_5s", "u32", "Processor: load in the last 5 seconds, in 1/100 percent.",
                   wireshark="sflow_5.cpu_5s"),
            Column("cpu_1m", "u32", "Processor: load in the last minute, in 1/100 percent.",
                   wireshark="sflow_5.cpu_1m"),
            Column("cpu_5m", "u32", "Processor: load in the last 5 minutes, in 1/100 percent.",
                   wireshark="sflow_5.cpu_5m"),
            Column("total_memory", "u64", "Processor: memory, bytes.", wireshark="sflow_5.total_memory"),
            Column("free_memory", "u64", "Processor: free memory, bytes.", wireshark="sflow_5.free_memory"),
            Column("records", List(RECORD), "Other records in wire order."),
        ),
    ),
)  # fmt: skip

ETHERNET = (
    "alignment_errors",
    "fcs_errors",
    "single_collisions",
    "multiple_collisions",
    "sqe_test_errors",
    "deferred_transmissions",
    "late_collisions",
    "excessive_collisions",
    "internal_transmit_errors",
    "carrier_sense_errors",
    "frame_too_longs",
    "internal_receive_errors",
    "symbol_errors",
)
VLAN = ("vlan_id", "vlan_octets", "vlan_unicast", "vlan_multicast", "vlan_broadcast", "vlan_discards")
PROCESSOR = ("cpu_5s", "cpu_1m", "cpu_5m", "total_memory", "free_memory")
BEFORE_STATUS = ("interface_index", "interface_type", "speed", "duplex")
AFTER_STATUS = (
    "in_octets",
    "in_unicast",
    "in_multicast",
    "in_broadcast",
    "in_discards",
    "in_errors",
    "in_unknown_protocols",
    "out_octets",
    "out_unicast",
    "out_multicast",
    "out_broadcast",
    "out_discards",
    "out_errors",
    "promiscuous",
)
# bytes of a counter, four for the others
SIZES = dict.fromkeys(("speed", "in_octets", "out_octets", "vlan_octets", "total_memory", "free_memory"), 8)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The rows of the counter samples in a datagram."""
    return several(_sample(body, long) for long, body in samples_of(message, (COUNTER, EXPANDED_COUNTER)))


def _sample(sample: Cursor, expanded: bool) -> Iterator[tuple[str, Any]]:  # noqa: FBT001 - the format of the sample
    yield from source(sample, expanded=expanded)
    yield from records(sample, RECORDS)


def _interface(record: Cursor) -> Iterator[tuple[str, Any]]:
    yield from _counters(BEFORE_STATUS, record)
    status = record.number(4)
    yield "admin_up", bool(status & UP)
    yield "oper_up", bool(status & OPER_UP)
    yield from _counters(AFTER_STATUS, record)


def _counters(names: tuple[str, ...], record: Cursor) -> Iterator[tuple[str, Any]]:
    """Counters; one with all bits set is not available."""
    for name in names:
        size = SIZES.get(name, 4)
        number = record.number(size)
        yield name, None if number == (1 << 8 * size) - 1 else number


RECORDS: dict[int, Callable[[Cursor], Iterator[tuple[str, Any]]]] = {
    1: _interface, 2: partial(_counters, ETHERNET), 5: partial(_counters, VLAN), 1001: partial(_counters, PROCESSOR),
}  # fmt: skip
