"""Records of NetFlow and IPFIX: one row for each flow that the exporter measured, or for each record of options.

Decided here:
- Records of all versions have the same columns. What has no column is in `fields`, as sent.
- Data whose template was not seen before, in this message or an earlier one of the same sender, is one row with the
  bytes of its set.
- Times of versions 1 to 9 are milliseconds since the exporter started; `first_time` and `last_time` are computed from
  them and the header. IPFIX sends times; it has no uptime in its header.
- A message has at most MOST_RECORDS records and MOST_VALUES values that are read, so that a small message with a large
  template cannot become millions of values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from netlake.layers.items import part, remainder
from netlake.layers.parsed import several
from netlake.layers.probes import by_content
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.netflow.elements import ELEMENTS
from netlake.protocols.netflow.message import FIRST_DATA, ON, PORTS, RECORD, SETS, Head, head_of, record_size, walk
from netlake.protocols.netflow.templates import VARIABLE, Template, Templates, learn
from netlake.schema import Column, List, Struct, Table

MOST_RECORDS = 4096
MOST_VALUES = 1 << 16
WRAP = 1 << 32

FIELD = Struct(
    (
        Column("type", "u16", "Number of the element.", why="no tshark field"),
        Column("enterprise", "u32", "IANA enterprise number of who defined the element; null for IANA.",
               why="no tshark field"),
        Column("scope", "bool", "Options: a scope, which names what the options are of.", why="derived"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each element"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "netflow_record",
        "One row for each record in a NetFlow or IPFIX message: mostly a flow that the exporter measured.",
        spec="RFC 3954, RFC 7011, RFC 7012, RFC 5103",
        on=ON,
        inside="netflow",
        columns=(
            Column("version", "u16", "Version of the message: 1, 5, 7, 9; 10 is IPFIX.", why="compared in netflow"),
            Column("record_type", "word", "flow; options, which describe the exporter; undecoded, without a template.",
                   why="defined by netlake"),
            Column("domain_id", "u32", "Source ID or observation domain ID of the message.",
                   why="compared in netflow"),
            Column("template_id", "u16", "Version 9 and IPFIX: template of the record.", why="compared in netflow"),
            Column("flow_src_ip", "ip", "Source address of the flow.", wireshark="cflow.srcaddr"),
            Column("flow_dst_ip", "ip", "Destination address of the flow.", wireshark="cflow.dstaddr"),
            Column("flow_src_port", "u16", "Source port of the flow.", wireshark="cflow.srcport"),
            Column("flow_dst_port", "u16", "Destination port of the flow.", wireshark="cflow.dstport"),
            Column("protocol", "u8", "IP protocol of the flow: 6 TCP, 17 UDP.", wireshark="cflow.protocol"),
            Column("packets", "u64", "Packets since the last record of the flow; of a firewall: of the initiator.",
                   wireshark="cflow.packets"),
            Column("bytes", "u64", "Bytes since the last record of the flow; of a firewall: of the initiator.",
                   wireshark="cflow.octets"),
            Column("total_packets", "u64", "Packets since the flow began.", wireshark="cflow.packets"),
            Column("total_bytes", "u64", "Bytes since the flow began.", wireshark="cflow.octets"),
            Column("reverse_packets", "u64", "Packets of the other direction, in a record of both.",
                   wireshark="cflow.packets"),
            Column("reverse_bytes", "u64", "Bytes of the other direction, in a record of both.",
                   wireshark="cflow.octets"),
            Column("first_time", "ts", "Time of the first packet of the flow, UTC.", why="derived, or two fields"),
            Column("last_time", "ts", "Time of the last packet of the flow, UTC.", why="derived, or two fields"),
            Column("first_uptime", "duration", "First packet: time since the exporter started, seconds.",
                   wireshark="cflow.timestart"),
            Column("last_uptime", "duration", "Last packet: time since the exporter started, seconds.",
                   wireshark="cflow.timeend"),
            Column("tcp_flags", "u16", "TCP flags of all packets: 1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK.",
                   wireshark="cflow.tcpflags"),
            Column("tos", "u8", "Type of service.", wireshark="cflow.tos"),
            Column("icmp_type_code", "u16", "ICMP type times 256 plus code.", wireshark="cflow.icmp_type_code_ipv4"),
            Column("icmpv6_type_code", "u16", "ICMPv6 type times 256 plus code.", why="no tshark field"),
            Column("ip_version", "u8", "IP version of the flow.", wireshark="cflow.ip_version"),
            Column("input_interface", "u32", "Interface (SNMP index) that the flow enters.",
                   wireshark="cflow.inputint"),
            Column("output_interface", "u32", "Interface (SNMP index) that the flow leaves by; 0 if dropped.",
                   wireshark="cflow.outputint"),
            Column("direction", "u8", "0 measured at the input, 1 at the output.", wireshark="cflow.direction"),
            Column("next_hop", "ip", "Next router.", wireshark="cflow.nexthop"),
            Column("bgp_next_hop", "ip", "Next router by BGP.", wireshark="cflow.bgpnexthop"),
            Column("src_as", "u32", "Autonomous system of the source.", wireshark="cflow.srcas"),
            Column("dst_as", "u32", "Autonomous system of the destination.", wireshark="cflow.dstas"),
            Column("src_mask", "u8", "Bits of the route's prefix to the source.", wireshark="cflow.srcmask"),
            Column("dst_mask", "u8", "Bits of the route's prefix to the destination.", wireshark="cflow.dstmask"),
            Column("src_mac", "mac", "Source MAC address at the input.", wireshark="cflow.srcmac"),
            Column("dst_mac", "mac", "Destination MAC address at the input.", wireshark="cflow.dstmac"),
            Column("vlan_id", "u16", "VLAN at the input.", wireshark="cflow.vlanid"),
            Column("end_reason", "u8", "Why the record ends: 1 idle, 2 active, 3 end of flow, 4 forced, 5 resources.",
                   wireshark="cflow.flow_end_reason"),
            Column("flow_id", "u64", "Flow number of the exporter.", wireshark="cflow.flow_id"),
            Column("nat_src_ip", "ip", "Source address after translation.",
                   wireshark="cflow.post_natsource_ipv4_address"),
            Column("nat_dst_ip", "ip", "Destination address after translation.",
                   wireshark="cflow.post_natdestination_ipv4_address"),
            Column("nat_src_port", "u16", "Source port after translation.",
                   wireshark="cflow.post_naptsource_transport_port"),
            Column("nat_dst_port", "u16", "Destination port after translation.",
                   wireshark="cflow.post_naptdestination_transport_port"),
            Column("nat_event", "u8", "1 translation created, 2 deleted.", wireshark="cflow.nat_event"),
            Column("firewall_event", "u8", "1 flow created, 2 deleted, 3 denied, 4 alert, 5 update.",
                   wireshark="cflow.firewall_event"),
            Column("application_name", "text", "Name of the application.", wireshark="cflow.appl_name"),
            Column("interface_name", "text", "Options: name of the interface.", wireshark="cflow.if_name"),
            Column("sampling_interval", "u32", "Options: one of so many packets was sampled.",
                   wireshark="cflow.sampling_interval"),
            Column("fields", List(FIELD), "Values without a column, or that their column cannot store, in wire order."),
            Column("data", "bytes", "Undecoded: content of the set.", why="tshark shows it as text"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip

# the greatest number that each column can store; of a greater one, `fields` has the bytes
STORED = {"int16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1}
MOST = {
    column.name: STORED[column.scalar.arrow]
    for column in TABLES[0].columns
    if column.scalar is not None and column.scalar.arrow in STORED
}

Row = Iterator[tuple[str, Any]]
memory = Templates


def parse(message: Cursor) -> Row:
    """The rows of the records in a message."""
    return several(_rows(message, by_content(message, PORTS)))


def _rows(message: Cursor, heuristic: bool) -> Iterator[Row]:  # noqa: FBT001 - the value of a column
    try:
        head = head_of(message)
    except (Short, Malformed):
        return
    # IPFIX with a wrong length: the fault is that of the row in `netflow`
    message.faults.clear()
    same = (("version", head.version), ("domain_id", head.domain), ("heuristic", heuristic))
    for count, row in enumerate(_fixed(message, head) if head.version in RECORD else _sets(message, head)):
        if count == MOST_RECORDS:
            message.fault("too_large")
            return
        yield chain(same, row)


def _fixed(message: Cursor, head: Head) -> Iterator[Row]:
    """A row for each record of version 1, 5 or 7; records beyond the end of the message have none."""
    size = record_size(message, head)
    for _ in range(head.count):
        if not message.left or message.promised < size:
            return
        yield _old(part(message, size), head)


def _old(record: Cursor, head: Head) -> Row:
    """A record of version 1, 5 or 7, which differ after the ports."""
    yield "record_type", "flow"
    for name in ("flow_src_ip", "flow_dst_ip", "next_hop"):
        yield name, record.take(4)
    yield "input_interface", record.number(2)
    yield "output_interface", record.number(2)
    yield "packets", record.number(4)
    yield "bytes", record.number(4)
    for name in ("first", "last"):
        uptime = record.number(4)
        yield f"{name}_uptime", uptime / 1000
        yield f"{name}_time", _time(head, uptime)
    yield "flow_src_port", record.number(2)
    yield "flow_dst_port", record.number(2)
    if head.version == 1:
        record.skip(2)
        for name in ("protocol", "tos", "tcp_flags"):
            yield name, record.number(1)
        record.skip(record.promised)
        return
    record.skip(1)
    for name in ("tcp_flags", "protocol", "tos"):
        yield name, record.number(1)
    yield "src_as", record.number(2)
    yield "dst_as", record.number(2)
    yield "src_mask", record.number(1)
    yield "dst_mask", record.number(1)
    record.skip(record.promised)


def _time(head: Head, uptime: int) -> int | None:
    """Microseconds since 1970 of an uptime in milliseconds, which may have passed 2^32; null without an uptime."""
    if head.uptime is None:
        return None
    before = (head.uptime - uptime) % WRAP
    before -= WRAP if before >= WRAP // 2 else 0
    return head.seconds * 1_000_000 + head.nanoseconds // 1000 - before * 1000


def _sets(message: Cursor, head: Head) -> Iterator[Row]:
    """A row for each record of version 9 or IPFIX; templates on the way are remembered."""
    if head.version not in SETS:
        return
    templates: Templates = message.memory
    sender, values = (message.sender, message.source_port, head.version, head.domain), 0
    try:
        for kind, body in walk(message):
            for identifier, template in learn(kind, body, head.version):
                templates.put((*sender, identifier), template)
            if kind < FIRST_DATA:
                continue
            found = templates.get((*sender, kind))
            if found is None or not found.least:
                yield _undecoded(kind, body)
                continue
            while body.promised >= found.least:
                yield _record(kind, body, found, head)
                values += len(found.fields)
                if values > MOST_VALUES:
                    message.fault("too_large")
                    return
    except (Short, Malformed):
        # a set that ends too early; the row in `netflow` has the fault
        return


def _undecoded(kind: int, body: Cursor) -> Row:
    yield "record_type", "undecoded"
    yield "template_id", kind
    yield from remainder(body, "data")


def _record(kind: int, body: Cursor, template: Template, head: Head) -> Row:
    """A record, by its template."""
    yield "record_type", "options" if template.options else "flow"
    yield "template_id", kind
    others: list[dict[str, Any]] = []
    yield "fields", others
    seen: set[str] = set()
    for field in template.fields:
        length = field.length
        if length == VARIABLE:
            length = body.number(1)
            length = body.number(2) if length == 255 else length
            if length > body.promised:
                raise Malformed("bad_length")
        value = body.take(length)
        name, read = ELEMENTS.get((field.enterprise, field.type), ("", None))
        typed = read(value) if read is not None and name not in seen and not field.scope else None
        if typed is None:
            others.append({**field._asdict(), "value": value})
            continue
        seen.add(name)
        if isinstance(typed, int) and typed > MOST.get(name, typed):
            others.append({**field._asdict(), "value": value})
        yield name, typed
        if name in ("first_uptime", "last_uptime") and head.uptime is not None:
            yield name.replace("uptime", "time"), _time(head, int.from_bytes(value, "big"))
