"""CAPWAP: what a wireless access point (WTP) and its controller (AC) exchange, control messages and frames of stations.

Decided here:
- A row is one header. Columns of the control header and its elements are null in the data channel, whose frames the
  walk enters (netlake.kernels.tunnels.capwap), and of a message that DTLS protects, whose records are rows of `dtls`.
- Of the elements, those that identify the two devices have columns; all are in `elements`, as sent.
- Draft 8, which Cisco's controllers use, has a number before the length of the wireless information. Nothing announces
  it: it is read that way if only then the header has the length that it states.
- Fragments are not joined: of a fragment only the header is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, part, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

CONTROL_PORT, DATA_PORT = 5246, 5247
FIXED = 8
DOT11 = 1
# elements with a column: number, bytes of a number (0: text or bytes)
NUMBERS = {20: ("discovery_type", 1), 33: ("result_code", 4)}
TEXTS = {4: "controller_name", 28: "location", 45: "wtp_name"}
CONTROL_IPV4, SESSION, BOARD = 10, 35, 38
# parts of the board data with a column
BOARD_TEXTS = {0: "model", 1: "serial_number"}
BASE_MAC = 4

ELEMENT = Struct(
    (
        Column("type", "u16", "Type of the element: 20 discovery, 37 vendor, 38 board data, 39 WTP descriptor.",
               wireshark="capwap.message_element.type"),
        Column("value", "bytes", "Value, as sent.", wireshark="capwap.message_element.value"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "capwap",
        "One row for each CAPWAP header; a frame of a station that it carries is decoded further.",
        spec="RFC 5415, RFC 5416",
        on=("udp.port=5246", "udp.port=5247"),
        columns=(
            Column("version", "u8", "Version, 0.", wireshark="capwap.preamble.version"),
            Column("payload_type", "u8", "Type of the preamble: 0 CAPWAP header, 1 DTLS.",
                   wireshark="capwap.preamble.type"),
            Column("header_length", "u8", "Length of the header in units of four bytes, 2 to 31.",
                   wireshark="capwap.header.length"),
            Column("radio", "u8", "Radio of the access point, 0 to 31.", wireshark="capwap.header.rid"),
            Column("binding", "u8", "Wireless binding: 1 IEEE 802.11, 3 EPCGlobal.", wireshark="capwap.header.wbid"),
            Column("native", "bool", "T: the frame has the format of the binding; false: Ethernet.",
                   wireshark="capwap.header.flags.t"),
            Column("fragment", "bool", "F: the message is a fragment.", wireshark="capwap.header.flags.f"),
            Column("last_fragment", "bool", "L: the fragment is the last one.", wireshark="capwap.header.flags.l"),
            Column("keep_alive", "bool", "K: a keep-alive of the data channel.", wireshark="capwap.header.flags.k"),
            Column("fragment_id", "u16", "Number that the fragments of a message share.",
                   wireshark="capwap.header.fragment.id"),
            Column("fragment_offset", "u16", "Offset of the fragment in units of eight bytes, 0 to 8191.",
                   wireshark="capwap.header.fragment.offset"),
            Column("radio_mac", "mac", "Address of the radio, if it has six bytes.",
                   wireshark="capwap.header.mac.eui48"),
            Column("radio_eui64", "bytes", "Address of the radio, if it has eight bytes.",
                   wireshark="capwap.header.mac.eui64"),
            Column("wireless", "bytes", "Wireless information of the binding, as sent.",
                   wireshark="capwap.header.wireless.data"),
            Column("signal", "i8", "To the controller: signal strength (RSSI) of the frame, dBm.",
                   wireshark="capwap.header.wireless.data.ieee80211.fi.rssi"),
            Column("snr", "u8", "To the controller: signal-to-noise ratio of the frame, dB.",
                   wireshark="capwap.header.wireless.data.ieee80211.fi.snr"),
            Column("rate", "u16", "To the controller: data rate of the frame, 100 kbit/s.",
                   wireshark="capwap.header.wireless.data.ieee80211.fi.data_rate"),
            Column("wlans", "u16", "To the access point: bits of the WLANs in which it sends the frame.",
                   wireshark="capwap.header.wireless.data.ieee80211.dw.wlan_id_bitmap"),
            Column("message_type", "u32", "Control: message type, 1 discovery, 3 join, 13 echo request.",
                   wireshark="capwap.control.header.message_type"),
            Column("sequence", "u8", "Control: number that a request and its response share.",
                   wireshark="capwap.control.header.sequence_number"),
            Column("element_length", "u16", "Control: length of the elements as sent; RFC 5415 adds three bytes.",
                   wireshark="capwap.control.header.message_element_length"),
            Column("discovery_type", "u8", "Discovery: 0 unknown, 1 static, 2 DHCP, 3 DNS, 4 referral.",
                   wireshark="capwap.control.message_element.discovery_type"),
            Column("result_code", "u32", "Result: 0 success, others by RFC 5415.",
                   wireshark="capwap.control.message_element.result_code"),
            Column("session_id", "bytes", "Session ID, which connects the two channels.",
                   wireshark="capwap.control.message_element.session_id"),
            Column("controller_name", "text", "Name of the controller.",
                   wireshark="capwap.control.message_element.ac_name"),
            Column("control_ips", List("ipv4"), "Addresses of the controller's control channel.",
                   wireshark="capwap.control.message_element.message_element.capwap_control_ipv4"),
            Column("wtp_name", "text", "Name of the access point.",
                   wireshark="capwap.control.message_element.wtp_name"),
            Column("location", "text", "Location of the access point, as configured.",
                   wireshark="capwap.control.message_element.location_data"),
            Column("model", "text", "Board data: model number of the access point.",
                   wireshark="capwap.control.message_element.wtp_board_data.wtp_model_number"),
            Column("serial_number", "text", "Board data: serial number of the access point.",
                   wireshark="capwap.control.message_element.wtp_board_data.wtp_serial_number"),
            Column("base_mac", "mac", "Board data: base address of the access point.",
                   wireshark="capwap.control.message_element.wtp_board_data.base_mac_address"),
            Column("elements", List(ELEMENT), "Elements of a control message or keep-alive, in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header, and of the control message behind it."""
    first = message.number(1)
    yield "version", first >> 4
    if first >> 4:
        raise Malformed("bad_version")
    yield "payload_type", first
    if first:
        return
    bits = message.number(3)
    size = bits >> 19
    yield "header_length", size
    yield "radio", bits >> 14 & 31
    yield "binding", bits >> 9 & 31
    for name, shift in (("native", 8), ("fragment", 7), ("last_fragment", 6), ("keep_alive", 3)):
        yield name, bool(bits >> shift & 1)
    yield "fragment_id", message.number(2)
    yield "fragment_offset", message.number(2) >> 3
    if size * 4 < FIXED:
        raise Malformed("bad_length")
    yield from _optional(message.part(size * 4 - FIXED), bits)
    if bits >> 7 & 1:
        return
    if CONTROL_PORT in (message.source_port, message.destination_port):
        yield "message_type", message.number(4)
        yield "sequence", message.number(1)
        yield "element_length", message.number(2)
        message.skip(1)
        yield from _elements(message)
    elif bits >> 3 & 1:
        message.skip(2)
        yield from _elements(message)


def _optional(header: Cursor, bits: int) -> Iterator[tuple[str, Any]]:
    """The radio's address and the wireless information, of which the flags M and W say whether they are there."""
    if bits >> 4 & 1:
        address = part(header, header.number(1)).kept()
        header.skip(-header.at % 4)
        if len(address) in (6, 8):
            yield "radio_mac" if len(address) == 6 else "radio_eui64", address
    if bits >> 5 & 1:
        begin, size = header.at, header.number(1)
        if _padded(1 + size) != header.end - begin and header.left:
            again = header.number(1)
            if _padded(2 + again) == header.end - begin:
                size = again
            else:
                header.at = begin + 1
        information = part(header, size).kept()
        yield "wireless", information
        if bits >> 9 & 31 == DOT11 and size == 4:
            yield from _frame_information(information, to_controller=header.destination_port == DATA_PORT)


def _padded(size: int) -> int:
    """The least multiple of four from `size`."""
    return size + -size % 4


def _frame_information(data: bytes, *, to_controller: bool) -> Iterator[tuple[str, Any]]:
    """The wireless information of IEEE 802.11: how a frame was received, or the WLANs to which it goes."""
    if not to_controller:
        yield "wlans", int.from_bytes(data[:2])
        return
    yield "signal", int.from_bytes(data[:1], signed=True)
    yield "snr", data[1]
    yield "rate", int.from_bytes(data[2:])


def _elements(message: Cursor) -> Iterator[tuple[str, Any]]:
    elements: list[dict[str, Any]] = []
    control_ips: list[bytes] = []
    yield "elements", elements
    for kind, value in items(message, code=2, size=2):
        elements.append({"type": kind, "value": value})
        if kind in TEXTS:
            yield TEXTS[kind], text(value)
        elif kind == SESSION:
            yield "session_id", value
        elif kind == BOARD:
            yield from _board(Cursor(value, faults=message.faults))
        elif kind == CONTROL_IPV4 and len(value) >= 4:
            control_ips.append(value[:4])
            yield "control_ips", control_ips
        elif kind in NUMBERS and len(value) == NUMBERS[kind][1]:
            yield NUMBERS[kind][0], int.from_bytes(value)


def _board(board: Cursor) -> Iterator[tuple[str, Any]]:
    """The parts of the board data behind the vendor's number."""
    board.skip(4)
    for kind, value in items(board, code=2, size=2):
        if kind in BOARD_TEXTS:
            yield BOARD_TEXTS[kind], text(value)
        elif kind == BASE_MAC and len(value) == 6:
            yield "base_mac", value
