"""Precision Time Protocol (IEEE 1588), version 2: synchronization of clocks to below a microsecond.

Decided here:
- Version 1 has another header, so its rows have the version only.
- All types share one set of columns; what a type does not have is null. Bytes after the fields of a type are TLVs.
- The message length bounds the body; one that does not fit is `bad_length`, and the body is read as far as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import items
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

SYNC = 0
DELAY_REQUEST = 1
PEER_DELAY_REQUEST = 2
PEER_DELAY_RESPONSE = 3
FOLLOW_UP = 8
DELAY_RESPONSE = 9
PEER_DELAY_FOLLOW_UP = 10
ANNOUNCE = 11
SIGNALING = 12
MANAGEMENT = 13
VERSION_2 = 2
HEADER = 34
# units of the correction field (2^-16 nanoseconds) in a second
CORRECTION = 65536 * 1_000_000_000
Fields = Iterator[tuple[str, Any]]

TLV = Struct(
    (
        Column("type", "u16", "TLV type, such as 1 management, 3 organization extension, 8 path trace.",
               why="ptp.v2.an.tlvType exists in some messages only"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each type"),
    )
)  # fmt: skip
NAME = "ptp.v2"

TABLES = (
    Table(
        "ptp",
        "One row for each PTP message; version 1 messages have the version only.",
        spec="IEEE 1588-2019",
        on=("ether.type=0x88f7", "udp.port=319", "udp.port=320"),
        columns=(
            Column("major_sdo_id", "u8", "Major SDO ID (transport specific): 0 IEEE 1588, 1 gPTP.",
                   wireshark=f"{NAME}.majorsdoid"),
            Column("message_type", "u8",
                   "Type: 0 Sync, 1 Delay_Req, 8 Follow_Up, 9 Delay_Resp, 11 Announce, 12 Signaling, 13 Management.",
                   wireshark=f"{NAME}.messagetype"),
            Column("minor_version", "u8", "Minor version.", wireshark=f"{NAME}.minorversionptp"),
            Column("version", "u8", "PTP version, 1 or 2.", wireshark=f"{NAME}.versionptp"),
            Column("length", "u16", "Bytes of the message.", wireshark=f"{NAME}.messagelength"),
            Column("domain", "u8", "Domain number, 0 to 255.", wireshark=f"{NAME}.domainnumber"),
            Column("minor_sdo_id", "u8", "Minor SDO ID.", wireshark=f"{NAME}.minorsdoid"),
            Column("flags", "u16", "Flags: 512 two-step, 1024 unicast, 8 PTP timescale, 1 and 2 leap second 61 and 59.",
                   wireshark=f"{NAME}.flags"),
            Column("correction", "duration", "Correction, seconds.", why="ptp.v2.correction.ns and its fraction"),
            Column("clock_identity", "hex64", "Clock identity of the sender.", wireshark=f"{NAME}.clockidentity"),
            Column("source_port", "u16", "Port number of the sender.", wireshark=f"{NAME}.sourceportid"),
            Column("sequence_id", "u16", "Sequence ID.", wireshark=f"{NAME}.sequenceid"),
            Column("control", "u8", "Control field, message type of version 1.", wireshark=f"{NAME}.controlfield"),
            Column("log_message_interval", "i8", "Interval between messages, log2 seconds; 127: unspecified.",
                   wireshark=f"{NAME}.logmessageperiod"),
            Column("timestamp_seconds", "i64", "Timestamp, seconds since 1970 (TAI).",
                   wireshark=f"{NAME}.sdr.origintimestamp.seconds"),
            Column("timestamp_nanoseconds", "u32", "Timestamp, nanoseconds of the second.",
                   wireshark=f"{NAME}.sdr.origintimestamp.nanoseconds"),
            Column("requesting_clock_identity", "hex64",
                   "Responses: requesting clock; signaling, management: target clock.",
                   wireshark=f"{NAME}.dr.requestingsourceportidentity"),
            Column("requesting_port", "u16", "Port number of that clock.",
                   wireshark=f"{NAME}.dr.requestingsourceportid"),
            Column("utc_offset", "i16", "Announce: TAI minus UTC, seconds.",
                   wireshark=f"{NAME}.an.origincurrentutcoffset"),
            Column("grandmaster_priority1", "u8", "Announce: priority 1 of the grandmaster; lower is preferred.",
                   wireshark=f"{NAME}.an.priority1"),
            Column("grandmaster_clock_class", "u8",
                   "Announce: clock class of the grandmaster: 6 locked, 7 holdover, 248 default.",
                   wireshark=f"{NAME}.an.grandmasterclockclass"),
            Column("grandmaster_clock_accuracy", "u8",
                   "Announce: clock accuracy of the grandmaster: 32 is 25 ns, 33 is 100 ns.",
                   wireshark=f"{NAME}.an.grandmasterclockaccuracy"),
            Column("grandmaster_clock_variance", "u16",
                   "Announce: scaled log variance of the grandmaster, its stability.",
                   wireshark=f"{NAME}.an.grandmasterclockvariance"),
            Column("grandmaster_priority2", "u8",
                   "Announce: priority 2 of the grandmaster; lower is preferred, after quality.",
                   wireshark=f"{NAME}.an.priority2"),
            Column("grandmaster_identity", "hex64", "Announce: clock identity of the grandmaster.",
                   wireshark=f"{NAME}.an.grandmasterclockidentity"),
            Column("steps_removed", "u16", "Announce: steps removed, number of clocks to the grandmaster.",
                   wireshark=f"{NAME}.an.localstepsremoved"),
            Column("time_source", "u8",
                   "Announce: time source: 16 atomic, 32 GNSS, 64 PTP, 80 NTP, 160 internal oscillator.",
                   wireshark=f"{NAME}.timesource"),
            Column("boundary_hops", "u8", "Management: boundary hops left.", why="several tshark fields"),
            Column("action", "u8", "Management: action: 0 get, 1 set, 2 response, 3 command, 4 acknowledge.",
                   why="several tshark fields"),
            Column("tlvs", List(TLV), "TLVs after the fields of the type, in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Fields:
    """Columns of one message; version 1 has another header, of which the version is read only."""
    first, second = message.number(1), message.number(1)
    version = second & 0x0F
    if version < VERSION_2:
        yield "version", version
        return
    yield "major_sdo_id", first >> 4
    kind = first & 0x0F
    yield "message_type", kind
    yield "minor_version", second >> 4
    yield "version", version
    length = message.number(2)
    yield "length", length
    yield "domain", message.number(1)
    yield "minor_sdo_id", message.number(1)
    yield "flags", message.number(2)
    yield "correction", int.from_bytes(message.take(8), "big", signed=True) / CORRECTION
    message.skip(4)
    yield "clock_identity", message.take(8).hex()
    yield "source_port", message.number(2)
    yield "sequence_id", message.number(2)
    yield "control", message.number(1)
    yield "log_message_interval", int.from_bytes(message.take(1), "big", signed=True)
    if not HEADER <= length <= message.promised + HEADER:
        message.fault("bad_length")
    size = min(max(length - HEADER, 0), message.promised)
    kept = min(size, message.left)
    body = Cursor(message.data, message.at, message.at + kept, faults=message.faults, missing=size - kept)
    yield from BODIES.get(kind, _tlvs)(body)


def _time(body: Cursor) -> Fields:
    yield "timestamp_seconds", body.number(6)
    yield "timestamp_nanoseconds", body.number(4)


def _port(body: Cursor) -> Fields:
    yield "requesting_clock_identity", body.take(8).hex()
    yield "requesting_port", body.number(2)


def _tlvs(body: Cursor) -> Fields:
    result: list[dict[str, Any]] = []
    yield "tlvs", result
    for kind, value in items(body, code=2, size=2):
        result.append({"type": kind, "value": value})


def _timed(body: Cursor) -> Fields:
    yield from _time(body)
    yield from _tlvs(body)


def _response(body: Cursor) -> Fields:
    yield from _time(body)
    yield from _port(body)
    yield from _tlvs(body)


def _peer_request(body: Cursor) -> Fields:
    yield from _time(body)
    body.skip(10)
    yield from _tlvs(body)


def _announce(body: Cursor) -> Fields:
    yield from _time(body)
    yield "utc_offset", int.from_bytes(body.take(2), "big", signed=True)
    body.skip(1)
    yield "grandmaster_priority1", body.number(1)
    yield "grandmaster_clock_class", body.number(1)
    yield "grandmaster_clock_accuracy", body.number(1)
    yield "grandmaster_clock_variance", body.number(2)
    yield "grandmaster_priority2", body.number(1)
    yield "grandmaster_identity", body.take(8).hex()
    yield "steps_removed", body.number(2)
    yield "time_source", body.number(1)
    yield from _tlvs(body)


def _signaling(body: Cursor) -> Fields:
    yield from _port(body)
    yield from _tlvs(body)


def _management(body: Cursor) -> Fields:
    yield from _port(body)
    body.skip(1)
    yield "boundary_hops", body.number(1)
    yield "action", body.number(1) & 0x0F
    body.skip(1)
    yield from _tlvs(body)


BODIES: dict[int, Callable[[Cursor], Fields]] = {
    SYNC: _timed,
    DELAY_REQUEST: _timed,
    PEER_DELAY_REQUEST: _peer_request,
    PEER_DELAY_RESPONSE: _response,
    FOLLOW_UP: _timed,
    DELAY_RESPONSE: _response,
    PEER_DELAY_FOLLOW_UP: _response,
    ANNOUNCE: _announce,
    SIGNALING: _signaling,
    MANAGEMENT: _management,
}
