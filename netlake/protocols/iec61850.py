"""IEC 61850 in Ethernet frames: GOOSE, events of substation devices, and sampled values of currents and voltages.

Decided here:
- Both have a header of eight bytes, whose length includes it; bytes after this length are padding. What follows is BER.
- A GOOSE data set is a list in wire order. An array or structure is an element of its own, before its members, whose
  `depth` is one more; members below MOST_DEPTH are not read (`too_deep`).
- Numbers of headers are unsigned, also if the sender omitted the zero byte that BER requires before a top bit.
- A message of sampled values has a row for each ASDU, as it is the record of one instant; its samples are bytes, since
  their format is in the configuration of the substation.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterator
from typing import Any

from netlake.layers import ber
from netlake.layers.items import part, text
from netlake.layers.parsed import NEXT
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 8
MANAGEMENT, GOOSE, SAMPLED = 0x60, 0x61, 0x60
MOST_DEPTH = 8
SIMULATED = 0x8000
# context tags of the data of a GOOSE message
ARRAY, STRUCTURE, BOOLEAN, BITS, INTEGER, UNSIGNED, FLOAT = 0xA1, 0xA2, 0x83, 0x84, 0x85, 0x86, 0x87
VISIBLE, MMS, TIME = 0x8A, 0x90, 0x91
TYPES = {
    ARRAY: "array", STRUCTURE: "structure", BOOLEAN: "boolean", BITS: "bit_string", INTEGER: "integer",
    UNSIGNED: "unsigned", FLOAT: "float", 0x88: "real", 0x89: "octet_string", VISIBLE: "visible_string",
    0x8C: "binary_time", 0x8D: "bcd", 0x8E: "boolean_array", 0x8F: "oid", MMS: "mms_string", TIME: "utc_time",
}  # fmt: skip

DATA = Struct(
    (
        Column("type", "word", "Type: boolean, integer, unsigned, float, bit_string, utc_time and others.",
               why="one tshark field for each type"),
        Column("depth", "u8", "Arrays and structures around the element.", why="tshark has no field for it"),
        Column("boolean", "bool", "Value of a boolean.", wireshark="goose.boolean"),
        Column("integer", "i64", "Value of an integer.", wireshark="goose.integer"),
        Column("unsigned", "u64", "Value of an unsigned integer.", wireshark="goose.unsigned"),
        Column("float", "f64", "Value of a floating-point number.", wireshark="goose.float_value"),
        Column("bits", "text", "Value of a bit string, as digits.", why="tshark shows its bytes"),
        Column("text", "text", "Value of a string.", why="two tshark fields, one for each type"),
        Column("time", "ts", "Value of a UTC time, microseconds, truncated.", wireshark="goose.utc_time"),
        Column("value", "bytes", "Value, as sent; null for an array or structure.",
               why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "goose",
        "One row for each GOOSE message, of IEC 61850-8-1.",
        spec="IEC 61850-8-1",
        on=("ether.type=0x88b8",),
        context="record",
        message=Message(
            "GOOSE[ {go_id}| {control_block}] state {state_number} sequence {sequence_number}[{simulation?}"
            " (simulation)]",
            "ics", only="{sequence_number?0}",
        ),
        columns=(
            Column("appid", "u16", "APPID: selects the messages that a device accepts.", wireshark="goose.appid"),
            Column("length", "u16", "Bytes of the message from the APPID on.", wireshark="goose.length"),
            Column("simulated", "bool", "S bit of the header: a test device sent it.",
                   wireshark="goose.reserve1.s_bit"),
            Column("management", "bool", "Management message, whose content is not read.",
                   why="derived from the tag of the message"),
            Column("control_block", "text", "gocbRef: reference of the GOOSE control block.",
                   wireshark="goose.gocbRef"),
            Column("time_to_live", "u32", "timeAllowedtoLive: the next message is sent before, milliseconds.",
                   wireshark="goose.timeAllowedtoLive"),
            Column("data_set", "text", "datSet: reference of the data set.", wireshark="goose.datSet"),
            Column("go_id", "text", "goID: identifier of the sender.", wireshark="goose.goID"),
            Column("time", "ts", "t: time of the last change of state, UTC, microseconds, truncated.",
                   wireshark="goose.t"),
            Column("time_quality", "u8", "Quality of `time`: 128 leap second known, 64 clock failure, 32 not "
                   "synchronized; low bits accuracy.", why="part of goose.t"),
            Column("state_number", "u32", "stNum: incremented by each change of state.", wireshark="goose.stNum"),
            Column("sequence_number", "u32", "sqNum: incremented by each repetition, 0 after a change.",
                   wireshark="goose.sqNum"),
            Column("simulation", "bool", "simulation (test in edition 1): the data are of a test.",
                   wireshark="goose.simulation"),
            Column("configuration_revision", "u32", "confRev: revision of the data set.", wireshark="goose.confRev"),
            Column("needs_commissioning", "bool", "ndsCom: the control block needs further configuration.",
                   wireshark="goose.ndsCom"),
            Column("entry_count", "u32", "numDatSetEntries: number of elements of the data set.",
                   wireshark="goose.numDatSetEntries"),
            Column("data", List(DATA), "allData: elements of the data set in wire order."),
        ),
    ),
    Table(
        "sampled_values",
        "One row for each ASDU of IEC 61850 sampled values.",
        spec="IEC 61850-9-2",
        on=("ether.type=0x88ba",),
        context="record",
        columns=(
            Column("appid", "u16", "APPID: selects the messages that a device accepts.", wireshark="sv.appid"),
            Column("length", "u16", "Bytes of the message from the APPID on.", wireshark="sv.length"),
            Column("simulated", "bool", "S bit of the header: a test device sent it.", wireshark="sv.reserve1.s_bit"),
            Column("asdu_count", "u16", "noASDU: number of ASDUs in the message.", wireshark="sv.noASDU"),
            Column("sv_id", "text", "svID: identifier of the stream of samples.", wireshark="sv.svID"),
            Column("data_set", "text", "datSet: reference of the data set.", wireshark="sv.datSet"),
            Column("sample_count", "u16", "smpCnt: number of the sample in its second.", wireshark="sv.smpCnt"),
            Column("configuration_revision", "u32", "confRev: revision of the data set.", wireshark="sv.confRev"),
            Column("refresh_time", "ts", "refrTm: time of the refresh of the buffer, UTC, microseconds, truncated.",
                   wireshark="sv.refrTm"),
            Column("synchronization", "u8", "smpSynch: 0 none, 1 local clock, 2 global clock, else the clock's ID.",
                   wireshark="sv.smpSynch"),
            Column("sample_rate", "u16", "smpRate: samples for each period or second, by `sample_mode`.",
                   wireshark="sv.smpRate"),
            Column("samples", "bytes", "Samples: in 9-2LE eight pairs of a value and its quality.",
                   wireshark="sv.seqData"),
            Column("sample_mode", "u16", "smpMod: 0 samples for each period, 1 for each second, 2 seconds for each "
                   "sample.", wireshark="sv.smpMod"),
            Column("grandmaster", "hex64", "gmIdentity: clock identity of the PTP grandmaster.",
                   why="tshark shows a number"),
        ),
    ),
)  # fmt: skip


def parse_goose(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one GOOSE message."""
    body = yield from _header(message, {})
    tag, pdu = ber.value(body)
    if tag not in (MANAGEMENT, GOOSE):
        raise Malformed("bad_value")
    yield "management", tag == MANAGEMENT
    if tag == MANAGEMENT:
        return
    data: list[dict[str, Any]] = []
    yield "data", data
    for field, content in ber.values(pdu):
        if field == 0xAB:
            _elements(content, data, 0)
        elif field in FIELDS:
            yield FIELDS[field], _field(field, ber.whole(content), pdu)
            if field == 0x84:
                yield "time_quality", content.data[7] if len(content.data) == 8 else None


FIELDS = {
    0x80: "control_block", 0x81: "time_to_live", 0x82: "data_set", 0x83: "go_id", 0x84: "time", 0x85: "state_number",
    0x86: "sequence_number", 0x87: "simulation", 0x88: "configuration_revision", 0x89: "needs_commissioning",
    0x8A: "entry_count",
}  # fmt: skip


def _field(tag: int, content: bytes, pdu: Cursor) -> Any:
    """A field of a GOOSE message by its tag."""
    if tag in (0x80, 0x82, 0x83):
        return text(content)
    if tag == 0x84:
        return _time(content, pdu)
    return _boolean(content, pdu) if tag in (0x87, 0x89) else _unsigned(content, pdu)


def _elements(content: Cursor, into: list[dict[str, Any]], depth: int) -> None:
    """Append the elements of a data set, array or structure."""
    if depth > MOST_DEPTH:
        raise Malformed("too_deep")
    for tag, inner in ber.values(content):
        element: dict[str, Any] = {"type": TYPES.get(tag), "depth": depth}
        if tag in (ARRAY, STRUCTURE):
            into.append(element)
            _elements(inner, into, depth + 1)
            continue
        value = ber.whole(inner)
        element["value"] = value
        if tag in READERS:
            name, read = READERS[tag]
            element[name] = read(value, content)
        into.append(element)


def parse_sampled_values(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of each ASDU of a message; one row without one if there is none."""
    header: dict[str, Any] = {}
    body = yield from _header(message, header)
    pdu = ber.expect(body, SAMPLED)
    first = True
    for tag, content in ber.values(pdu):
        if tag == 0x80:
            header["asdu_count"] = _unsigned(ber.whole(content), pdu)
            yield "asdu_count", header["asdu_count"]
        elif tag == 0xA2:
            for asdu_tag, asdu in ber.values(content):
                if asdu_tag != ber.SEQUENCE:
                    raise Malformed("bad_value")
                if not first:
                    yield from ((NEXT, None), *header.items())
                first = False
                yield from _asdu(asdu)
    if first:
        message.fault("bad_value")


def _asdu(asdu: Cursor) -> Iterator[tuple[str, Any]]:
    for tag, content in ber.values(asdu):
        value = ber.whole(content)
        name = ASDU.get(tag)
        if name in ("sv_id", "data_set"):
            yield name, text(value)
        elif name == "refresh_time":
            yield name, _time(value, asdu)
        elif name == "samples":
            yield name, value
        elif name == "grandmaster":
            yield name, value.hex() if len(value) == 8 else None
        elif name:
            yield name, _unsigned(value, asdu)


ASDU = {
    0x80: "sv_id", 0x81: "data_set", 0x82: "sample_count", 0x83: "configuration_revision", 0x84: "refresh_time",
    0x85: "synchronization", 0x86: "sample_rate", 0x87: "samples", 0x88: "sample_mode", 0x89: "grandmaster",
}  # fmt: skip


def _header(message: Cursor, into: dict[str, Any]) -> Generator[tuple[str, Any], None, Cursor]:
    """Yields the columns of the header, and puts them in `into`; returns a cursor over the rest of the message."""
    into["appid"] = message.number(2)
    yield "appid", into["appid"]
    length = into["length"] = message.number(2)
    yield "length", length
    into["simulated"] = bool(message.number(2) & SIMULATED)
    yield "simulated", into["simulated"]
    message.skip(2)
    if length < HEADER:
        raise Malformed("bad_length")
    if length - HEADER > message.promised:
        message.fault("bad_length")
    return part(message, min(length - HEADER, message.promised))


def _boolean(value: bytes, around: Cursor) -> Any:
    return value != b"\0" if len(value) == 1 else _invalid(around)


def _signed(value: bytes, around: Cursor) -> Any:
    number = ber.signed(value)
    return _invalid(around) if number is None else number


def _text(value: bytes, around: Cursor) -> str:
    del around
    return text(value)


def _unsigned(value: bytes, around: Cursor) -> Any:
    """An unsigned number of at most eight bytes, a zero byte before them not counted."""
    if not value or len(value) > 9 or (len(value) == 9 and value[0]):
        return _invalid(around)
    return int.from_bytes(value)


def _float(value: bytes, around: Cursor) -> Any:
    """A number in IEEE 754 format after the size of its exponent."""
    formats = {(5, 8): ">f", (9, 11): ">d"}
    form = formats.get((len(value), value[0])) if value else None
    return float(struct.unpack(form, value[1:])[0]) if form else _invalid(around)


def _bits(value: bytes, around: Cursor) -> Any:
    """A bit string, whose first byte is the number of unused bits at its end."""
    if not value or value[0] > 7 or (value[0] and len(value) == 1):
        return _invalid(around)
    digits = "".join(f"{byte:08b}" for byte in value[1:])
    return digits[: len(digits) - value[0]]


def _time(value: bytes, around: Cursor) -> Any:
    """Microseconds since 1970: seconds, a fraction in 2^-24 seconds, and a byte of quality."""
    if len(value) != 8:
        return _invalid(around)
    return int.from_bytes(value[:4]) * 1_000_000 + (int.from_bytes(value[4:7]) * 1_000_000 >> 24)


def _invalid(around: Cursor) -> Any:
    """None, with a fault: a value has a size that its type forbids."""
    around.fault("bad_value")
    return None


READERS: dict[int, tuple[str, Callable[[bytes, Cursor], Any]]] = {
    BOOLEAN: ("boolean", _boolean), BITS: ("bits", _bits), INTEGER: ("integer", _signed),
    UNSIGNED: ("unsigned", _unsigned), FLOAT: ("float", _float), VISIBLE: ("text", _text), MMS: ("text", _text),
    TIME: ("time", _time),
}  # fmt: skip
