"""Address Resolution Protocol: maps protocol addresses to hardware addresses; RARP and InARP use the same message.

Decided here:
- Messages with MAC and IPv4 addresses, nearly all, are read as a fixed header of 28 bytes.
- The sizes of other messages decide where their addresses start. Each address that is a MAC or an IPv4 address is read;
  `addresses` then has all four as sent, so that no byte of an unusual message is lost.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netlake.layers.read import addresses, fill, fixed, mark_short, plain, where
from netlake.packets import Columns, Ints, Mask, Messages
from netlake.schema import Column, Message, Table

# size of a message with 6-byte hardware and 4-byte protocol addresses
HEADER = 28
FIXED = 8
IPV4 = 0x0800
# hardware types with MAC addresses: Ethernet, experimental Ethernet, IEEE 802 networks
WITH_MACS = (1, 2, 6)

TABLES = (
    Table(
        "arp",
        "One row for each ARP, RARP or InARP message.",
        spec="RFC 826",
        on=("ether.type=0x0806", "ether.type=0x8035"),
        size=HEADER,
        context="record",
        message=Message(
            "ARP [{operation?1}who has {target_ip}, asks {sender_ip} ({sender_mac})|{operation?2}{sender_ip} is at"
            " {sender_mac}|operation {operation} of {sender_ip} ({sender_mac})]",
            "hosts", ends=("sender_ip", "target_ip"), hosts=("sender_mac", "target_mac"),
        ),
        columns=(
            Column("hardware_type", "u16", "Hardware type: 1 Ethernet, 6 IEEE 802 networks.", at=0,
                   wireshark="arp.hw.type", encoding="dictionary"),
            Column("protocol_type", "u16", "EtherType of the protocol addresses: 2048 (0x0800) IPv4.", at=2,
                   wireshark="arp.proto.type", encoding="dictionary"),
            Column("hardware_size", "u8", "Size of a hardware address, bytes; 6 for Ethernet.", at=4,
                   wireshark="arp.hw.size"),
            Column("protocol_size", "u8", "Size of a protocol address, bytes; 4 for IPv4.", at=5,
                   wireshark="arp.proto.size"),
            Column("operation", "u16",
                   "Operation: 1 request, 2 reply, 3 and 4 RARP request and reply, 8 and 9 InARP request and reply.",
                   at=6, wireshark="arp.opcode", encoding="dictionary"),
            Column("sender_mac", "mac", "Hardware address of the sender; null unless it is a MAC address.", at=8,
                   wireshark="arp.src.hw_mac"),
            Column("sender_ip", "ipv4", "Protocol address of the sender; null unless it is an IPv4 address.", at=14,
                   wireshark="arp.src.proto_ipv4"),
            Column("target_mac", "mac",
                   "Hardware address of the target, zero in a request; null unless it is a MAC address.", at=18,
                   wireshark="arp.dst.hw_mac"),
            Column("target_ip", "ipv4", "Protocol address of the target; null unless it is an IPv4 address.", at=24,
                   wireshark="arp.dst.proto_ipv4"),
            Column("addresses", "bytes",
                   "All four addresses as sent, where they are not MAC and IPv4 addresses; else null.",
                   why="arp.src.hw and three more fields"),
        ),
    ),
)  # fmt: skip


# in wire order
ADDRESSES = (("sender_mac", "mac"), ("sender_ip", "ipv4"), ("target_mac", "mac"), ("target_ip", "ipv4"))


def read(messages: Messages) -> Columns:
    """Columns of messages with MAC and IPv4 addresses by one gather; addresses of the others by their sizes."""
    before = messages.fault.copy()
    columns = fixed(TABLES[0], messages)
    size = messages.end - messages.start
    hardware = plain(columns["hardware_size"]).astype(np.int64)
    protocol = plain(columns["protocol_size"]).astype(np.int64)
    macs = (hardware == 6) & np.isin(plain(columns["hardware_type"]), WITH_MACS)
    ips = (protocol == 4) & (plain(columns["protocol_type"]) == IPV4)
    unusual = ~(macs & ips) & (size >= FIXED)
    if not unusual.any():
        return columns
    messages.fault[unusual] = before[unusual]
    at = np.full(len(messages), FIXED)
    for (name, kind), (typed, width) in zip(ADDRESSES, ((macs, hardware), (ips, protocol)) * 2, strict=True):
        index = np.flatnonzero(unusual & typed & (at + width <= size))
        values = addresses(kind, messages.data, messages.start[index] + at[index], messages.pools)
        columns[name] = fill(len(messages), index, values, where(columns[name], ~unusual))
        at += width
    mark_short(messages, unusual & (size < at))
    columns["addresses"] = _address_bytes(messages, unusual, np.minimum(at, size))
    return columns


def _address_bytes(messages: Messages, unusual: Mask, size: Ints) -> pa.Array:
    """Bytes after the fixed part of the messages that are `unusual`, null for the others."""
    result: list[bytes | None] = [None] * len(messages)
    for index in np.flatnonzero(unusual).tolist():
        start = int(messages.start[index])
        result[index] = messages.data[start + FIXED : start + int(size[index])].tobytes()
    return pa.array(result, pa.binary())
