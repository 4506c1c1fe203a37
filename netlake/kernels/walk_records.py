"""What the walk writes: messages, IP headers, fragments, stops and stacks; and the numbers that it derives for them.

`w` is a record of WALK; the caller has made room in the arrays.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Stop
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.walk_network import pair_of_icmp
from netlake.packets import QUOTED
from netlake.schema.faults import CUT, SHORT_HEADER

MOST = 0x7FFFFFFF


@kernel()
def bytes_of(start, end):
    """The number of bytes from `start` to `end` as HEADER's fields count them."""
    return max(0, min(end - start, MOST))


@kernel()
def narrow(w, limit):
    """The layer ends at `limit`; -1 leaves it as it is."""
    if 0 <= limit < w.promise:
        w.promise = limit
        w.end = min(w.end, limit)


@kernel()
def is_fragment(w, start, offset):
    """Whether to wait for the rest of a datagram: a first fragment that the capture cut is read as it is."""
    return offset != 0 or w.promise <= max(start, w.end)


@kernel()
def key_of(key, step, identifier):
    """The key of flows inside a tunnel."""
    return (key * 1_000_003 + (np.int64(step) << 32) + identifier) & 0x7FFFFFFFFFFFFFFF


@kernel()
def emit(messages, w, group, fault, hint):
    """Write the message of `group` at the current offset, with the ports of the transport header that carries it."""
    m = messages[w.message_count]
    at, end = w.at, max(w.at, w.end)
    if fault == SHORT_HEADER and w.promise > end:
        fault = np.int64(CUT)
    m.group = group
    m.row = w.row
    m.start = at
    m.end = end
    m.missing = max(0, min(w.promise - end, MOST))
    m.fault = fault
    m.header = w.header
    m.hint = hint
    m.source_port = w.source_port
    m.destination_port = w.destination_port
    w.message_count += 1


@kernel()
def emit_leaf(messages, w, group, hint):
    """Write the message of a leaf, or of a payload that no key claims; what is below it is noted for a claim."""
    w.below = w.stack
    emit(messages, w, group, np.int64(0), hint)


@kernel()
def push(stacks, w, group):
    """Put `group` on the packet's stack; where the table of stacks is full, a stack stays as it is."""
    above = np.int64(stacks[w.stack, group])
    if above < 0:
        above = w.stack_count
        if above >= stacks.shape[0]:
            return
        stacks[w.stack, group] = above
        w.stack_count = above + 1
    w.stack = above


@kernel()
def stop(packet, reason, at, value=-1):
    """Note where and why the walk of a packet stopped, unless it stopped before."""
    if packet.stop == Stop.NONE:
        packet.stop = reason
        packet.stop_offset = at
        packet.stop_value = value


@kernel()
def begin_header(headers, w, version, kind):
    """Write the record of the IP header at the current offset; its row."""
    row = w.header_count
    h = headers[row]
    h.network = w.at
    h.transport = -1
    h.end = w.end
    h.key = w.key
    h.mac = w.mac
    h.vlan = w.vlan
    h.row = w.row
    h.outer = w.header
    h.source_port = -1
    h.destination_port = -1
    h.payload = 0
    h.ip_length = min(w.promise - w.at, MOST)
    h.protocol = -1
    h.version = version
    h.kind = kind
    w.header_count = row + 1
    return row


@kernel()
def read_ports(data, header, start, end):
    """Ports (or ICMP's pair) of the transport header at `start` into the record of its IP header, if they are there."""
    protocol = header.protocol
    if protocol == IpProtocol.TCP or protocol == IpProtocol.UDP or protocol == IpProtocol.SCTP:
        if end - start >= 4:
            header.source_port = u16(data, start)
            header.destination_port = u16(data, start + 2)
    elif (protocol == IpProtocol.ICMPV4 or protocol == IpProtocol.ICMPV6) and end - start >= 2:
        pair = pair_of_icmp(header.version, np.int64(data[start]), np.int64(data[start + 1]))
        header.source_port = pair[0]
        header.destination_port = pair[1]


@kernel()
def quote(data, headers, w, at):
    """Write the record of the IP header that an ICMP error quotes at `at`, for the tracker to look up its flow."""
    end = w.end
    if end - at < 20:
        return
    version = np.int64(data[at] >> 4)
    size = (np.int64(data[at]) & 15) * 4 if version == 4 else np.int64(40)
    if (version != 4 and version != 6) or size < 20 or (version == 6 and end - at < 40):
        return
    here, key = w.at, w.key
    w.at = at
    w.key = headers[w.header].key
    h = headers[begin_header(headers, w, version, QUOTED)]
    w.at, w.key = here, key
    h.mac = -1
    h.protocol = np.int64(data[at + 9]) if version == 4 else np.int64(data[at + 6])
    if version == 6 or u16(data, at + 6) & 0x1FFF == 0:
        h.transport = at + size
        read_ports(data, h, at + size, end)


@kernel()
def begin_fragment(fragments, headers, w, start, offset):
    """Write the fragment whose data begin at `start`, except the fields of the fragment header; its row."""
    row = w.fragment_count
    f = fragments[row]
    h = headers[w.header]
    f.row = w.row
    f.header = w.header
    f.network = h.network
    f.start = start
    f.end = max(start, w.end)
    f.offset = offset
    f.protocol = h.protocol
    f.depth = w.depth - 1
    f.missing = max(0, w.promise - max(start, w.end))
    w.fragment_count = row + 1
    h.payload = max(0, min(w.promise - start, MOST))
    return row
