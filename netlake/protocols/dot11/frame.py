"""Frames of IEEE 802.11, with the radio header of the capture.

Decided here:
- Addresses are in columns twice: by position (`address_1` to `address_4`), and by their meaning in a frame of this type
  and direction. In an A-MSDU each subframe has its own destination and source, which are therefore null.
- The duration field of a PS-Poll frame is an association ID.
- Only the frame control of extension frames is read.
- Its two bytes are exchanged in the CAPWAP messages of some vendors, in frames of data also those of the sequence
  control; the walk finds the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.kernels.numbers import DOT11_EXCHANGED
from netlake.packets import Cursor, Malformed
from netlake.protocols.dot11.ht_control import COLUMNS as HT_CONTROL
from netlake.protocols.dot11.ht_control import ht_control
from netlake.protocols.dot11.radio import CHECKED, COLUMNS, radio
from netlake.schema import Column, Table

MANAGEMENT, CONTROL, DATA, EXTENSION = range(4)
# control frames with one address: CTS, Ack
ONE_ADDRESS = (12, 13)
POLL = 10
CF_ENDS = (14, 15)
WRAPPER = 7
QOS = 8
TO_DS, FROM_DS, ORDER = 0x01, 0x02, 0x80
FLAGS = (
    ("to_ds", TO_DS), ("from_ds", FROM_DS), ("more_fragments", 0x04), ("retry", 0x08), ("power_management", 0x10),
    ("more_data", 0x20), ("protected", 0x40), ("order", ORDER),
)  # fmt: skip
# meaning of addresses 1 to 4 of data frames, by to DS and from DS
MEANINGS = (
    ("destination", "source", "bssid"),
    ("bssid", "source", "destination"),
    ("destination", "bssid", "source"),
    (None, None, "destination", "source"),
)

TABLES = (
    Table(
        "dot11",
        "One row for each IEEE 802.11 frame.",
        spec="IEEE 802.11, radiotap.org",
        on=("link.type=105", "link.type=119", "link.type=127", "link.type=163"),
        context="record",
        layers=("wlan",),
        columns=(
            *COLUMNS,
            Column("version", "u8", "Protocol version, 0.", wireshark="wlan.fc.version"),
            Column("type", "u8", "Type: 0 management, 1 control, 2 data, 3 extension.", wireshark="wlan.fc.type"),
            Column("subtype", "u8", "Subtype within the type: management 8 beacon, control 13 Ack, data 8 QoS data.",
                   wireshark="wlan.fc.subtype"),
            Column("to_ds", "bool", "To DS: the frame goes to the distribution system.", wireshark="wlan.fc.tods"),
            Column("from_ds", "bool", "From DS: the frame comes from the distribution system.",
                   wireshark="wlan.fc.fromds"),
            Column("more_fragments", "bool", "More fragments follow.", wireshark="wlan.fc.frag"),
            Column("retry", "bool", "Retry: the frame is a retransmission.", wireshark="wlan.fc.retry"),
            Column("power_management", "bool", "Power management: the station enters power-save mode.",
                   wireshark="wlan.fc.pwrmgt"),
            Column("more_data", "bool", "More data is buffered for the receiver.", wireshark="wlan.fc.moredata"),
            Column("protected", "bool", "Protected frame: the body is encrypted.", wireshark="wlan.fc.protected"),
            Column("order", "bool", "+HTC/order: an HT Control field is present, or frames are strictly ordered.",
                   wireshark="wlan.fc.order"),
            Column("duration", "u16", "Duration (NAV), microseconds; null where the top bit is set.",
                   wireshark="wlan.duration"),
            Column("association_id", "u16", "PS-Poll: association ID of the station, 1 to 2007.", wireshark="wlan.aid"),
            Column("address_1", "mac", "Address 1: receiver.", why="compared by meaning"),
            Column("address_2", "mac", "Address 2: transmitter.", why="compared by meaning"),
            Column("address_3", "mac", "Address 3.", why="compared by meaning"),
            Column("address_4", "mac", "Address 4.", why="compared by meaning"),
            Column("receiver", "mac", "Receiver address (RA).", wireshark="wlan.ra"),
            Column("transmitter", "mac", "Transmitter address (TA).", wireshark="wlan.ta"),
            Column("destination", "mac", "Destination address (DA).", wireshark="wlan.da"),
            Column("source", "mac", "Source address (SA).", wireshark="wlan.sa"),
            Column("bssid", "mac", "BSSID: ID of the basic service set.", wireshark="wlan.bssid"),
            Column("fragment", "u8", "Fragment number, 0 to 15.", wireshark="wlan.frag"),
            Column("sequence", "u16", "Sequence number, 0 to 4095.", wireshark="wlan.seq"),
            Column("qos", "u16", "QoS Control field.", wireshark="wlan.qos"),
            Column("tid", "u8", "QoS: traffic identifier (TID), 0 to 15.", wireshark="wlan.qos.tid"),
            Column("eosp", "bool", "QoS from the access point: end of service period (EOSP).",
                   wireshark="wlan.qos.eosp"),
            Column("ack_policy", "u8", "QoS: ack policy, 0 normal, 1 no ack, 2 no explicit ack, 3 block ack.",
                   wireshark="wlan.qos.ack"),
            Column("amsdu", "bool", "QoS: the frame contains an A-MSDU.", wireshark="wlan.qos.amsdupresent"),
            Column("txop", "u8",
                   "QoS: upper byte; TXOP limit, TXOP duration requested or queue size, by direction and bit 4.",
                   why="one tshark field per meaning"),
            Column("ht_control", "u32", "HT Control field.", wireshark="wlan.htc"),
            Column("fcs", "u32", "Frame check sequence, if the capture contains it.", wireshark="wlan.fcs"),
            Column("duration_id", "u16", "Duration/ID field as sent, 16 bits.", why="tshark shows it by its meaning"),
            *HT_CONTROL,
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the radio header, the frame header and the frame check sequence."""
    flags = 0
    for name, value in radio(message):
        flags = value if name == "radio_flags" else flags
        yield name, value
    if flags & CHECKED and message.promised < 4 + 2:
        raise Malformed("bad_length")
    first, bits = message.number(1), message.number(1)
    if message.hint == DOT11_EXCHANGED:
        first, bits = bits, first
    kind, subtype = first >> 2 & 3, first >> 4
    yield "version", first & 3
    if first & 3:
        raise Malformed("bad_version")
    yield "type", kind
    yield "subtype", subtype
    if kind != EXTENSION:
        yield from _header(message, kind, subtype, bits)
    if flags & CHECKED:
        if message.promised < 4:
            raise Malformed("bad_length")
        message.skip(message.promised - 4)
        yield "fcs", message.little(4)


def _header(message: Cursor, kind: int, subtype: int, bits: int) -> Iterator[tuple[str, Any]]:
    """Columns from the frame control to the body."""
    for name, bit in FLAGS:
        yield name, bool(bits & bit)
    yield from _duration(message, poll=kind == CONTROL and subtype == POLL)
    if kind == CONTROL:
        yield from _control(message, subtype)
        return
    ends: list[tuple[str, bytes]] = []
    yield from _addresses(message, kind, bits, ends)
    aggregate = False
    if kind == DATA and subtype & QOS:
        for name, value in _qos(message, bits):
            aggregate = value if name == "amsdu" else aggregate
            yield name, value
    # in an A-MSDU each subframe has its own destination and source
    if not aggregate:
        yield from ends
    if bits & ORDER and (kind == MANAGEMENT or subtype & QOS):
        control = message.little(4)
        yield "ht_control", control
        yield from ht_control(control)


def _duration(message: Cursor, *, poll: bool) -> Iterator[tuple[str, Any]]:
    number = message.little(2)
    yield "duration_id", number
    if poll:
        yield "association_id", number & 0x3FFF
    elif not number >> 15:
        yield "duration", number


def _control(message: Cursor, subtype: int) -> Iterator[tuple[str, Any]]:
    """Receiver, and in most subtypes transmitter; one of them may be the BSSID."""
    first = message.take(6)
    yield "address_1", first
    yield "receiver", first
    if subtype == POLL:
        yield "bssid", first
    if subtype == WRAPPER or subtype in ONE_ADDRESS:
        return
    second = message.take(6)
    yield "address_2", second
    yield "bssid" if subtype in CF_ENDS else "transmitter", second


def _addresses(message: Cursor, kind: int, bits: int, ends: list[tuple[str, bytes]]) -> Iterator[tuple[str, Any]]:
    """Addresses with the sequence control after the third; meanings of the third and fourth are appended to `ends`."""
    meanings = MEANINGS[bits & (TO_DS | FROM_DS) if kind == DATA else 0]
    for index, meaning in enumerate(meanings):
        address = message.take(6)
        yield f"address_{index + 1}", address
        if index < 2:
            yield ("receiver", "transmitter")[index], address
        if meaning and (meaning == "bssid" or index < 2):
            yield meaning, address
        elif meaning:
            ends.append((meaning, address))
        if index == 2:
            exchanged = kind == DATA and message.hint == DOT11_EXCHANGED
            number = message.number(2) if exchanged else message.little(2)
            yield "fragment", number & 15
            yield "sequence", number >> 4


def _qos(message: Cursor, bits: int) -> Iterator[tuple[str, Any]]:
    number = message.little(2)
    yield "qos", number
    yield "tid", number & 15
    if bits & FROM_DS:
        yield "eosp", bool(number & 0x10)
    yield "ack_policy", number >> 5 & 3
    yield "amsdu", bool(number & 0x80)
    yield "txop", number >> 8
