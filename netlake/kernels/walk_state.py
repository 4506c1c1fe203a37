"""The records that the walk reads and writes, one dtype for each array.

HEADER, the record of an IP header, is in netlake.packets, because the tracker reads it too.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from netlake.packets import Bytes, Ints, Shorts, Tiny

# a packet is walked through at most this many headers, and this many IP headers
MOST_HEADERS = 40
MOST_NETWORK_HEADERS = 8
# and an aggregate of IEEE 802.11 through at most this many of its payloads, each with so many headers
MOST_SUBFRAMES = 64

# one message, see netlake.packets.Messages
MESSAGE = np.dtype(
    [
        ("start", np.int64),
        ("end", np.int64),
        ("hint", np.int64),
        ("row", np.int32),
        ("missing", np.int32),
        ("header", np.int32),
        ("source_port", np.int32),
        ("destination_port", np.int32),
        ("group", np.int16),
        ("fault", np.int8),
    ],
    align=True,
)

# one row of Packets: its stack, and where and why its walk stopped
PACKET = np.dtype(
    [
        ("stop_offset", np.int64),
        ("stop_value", np.int64),  # the number that was unknown, -1 without one
        ("stack", np.int32),  # number in Stacks
        ("below", np.int32),  # the stack below the payload, which a claim by content is appended to
        ("header", np.int32),  # row of the innermost IP header in Headers, -1 without one
        ("stop", np.int8),  # Stop
    ],
    align=True,
)

# one IP fragment
FRAGMENT = np.dtype(
    [
        ("network", np.int64),  # offset of the IP header
        ("headers", np.int64),  # offset of the fragment header (IPv6), or behind the IP header (IPv4)
        ("start", np.int64),  # first byte of the fragment's data
        ("end", np.int64),
        ("offset", np.int64),  # of the data in the datagram, bytes
        ("identification", np.int64),
        ("missing", np.int64),  # bytes that the capture did not keep
        ("row", np.int32),
        ("header", np.int32),  # row in Headers
        ("protocol", np.int16),
        ("depth", np.int16),  # IP headers around this one
        ("more", np.int8),  # whether further fragments follow
    ],
    align=True,
)

# what a row of Packets begins with: that of a captured packet is (0, -1, -1, 0, 0), that of a reassembled datagram is
# taken from the fragment that completed it
ORIGIN = np.dtype(
    [("key", np.int64), ("mac", np.int64), ("header", np.int32), ("stack", np.int32), ("vlan", np.int32)], align=True
)

# the state of the walk of one packet, and how far the arrays are filled; in one packet `at` only rises
WALK = np.dtype(
    [
        ("row", np.int64),
        ("at", np.int64),
        ("end", np.int64),  # behind the last captured byte
        ("promise", np.int64),  # behind the last byte by the lengths of the headers around
        ("key", np.int64),  # of flows in tunnels, see HEADER
        ("mac", np.int64),  # offset of the source address of the innermost link-layer header, -1 without one
        ("vlan", np.int64),  # of the VLAN tags so far, see HEADER
        ("header", np.int64),  # row of the innermost IP header in Headers, -1 without one
        ("depth", np.int64),  # IP headers so far
        ("datagram", np.int64),  # whether the next IP header is that of a reassembled datagram
        ("stack", np.int64),
        ("below", np.int64),  # the stack below the last leaf
        ("link_type", np.int64),  # of the header at `at` if the capture or a header names it, -1 otherwise
        ("hint", np.int64),  # from the header before
        ("source_port", np.int64),  # of the transport header at hand, -1 without one
        ("destination_port", np.int64),
        # of an aggregate of IEEE 802.11: where its next subframe begins, -1 without an aggregate; and the state behind
        # its own header, with which each subframe begins
        ("subframe", np.int64),
        ("aggregate_end", np.int64),
        ("aggregate_promise", np.int64),
        ("aggregate_key", np.int64),
        ("aggregate_header", np.int64),
        ("aggregate_depth", np.int64),
        ("aggregate_stack", np.int64),
        ("message_count", np.int64),
        ("header_count", np.int64),
        ("fragment_count", np.int64),
        ("stack_count", np.int64),
    ],
    align=True,
)


class PacketArrays(NamedTuple):
    """The arrays of Packets that the walk reads."""

    start: Annotated[Ints, "int64[::1]"]
    captured: Annotated[Ints, "int64[::1]"]
    length: Annotated[Ints, "int64[::1]"]
    link_type: Annotated[Shorts, "int32[::1]"]
    depth: Annotated[Shorts, "int32[::1]"]


class MessageArrays(NamedTuple):
    """The arrays of Messages, those of all groups one after another."""

    start: Annotated[Ints, "int64[::1]"]
    end: Annotated[Ints, "int64[::1]"]
    row: Annotated[Shorts, "int32[::1]"]
    missing: Annotated[Shorts, "int32[::1]"]
    fault: Annotated[Tiny, "int8[::1]"]
    header: Annotated[Shorts, "int32[::1]"]
    place: Annotated[Bytes, "int16[::1]"]
    source_port: Annotated[Shorts, "int32[::1]"]
    destination_port: Annotated[Shorts, "int32[::1]"]
    hint: Annotated[Ints, "int64[::1]"]
