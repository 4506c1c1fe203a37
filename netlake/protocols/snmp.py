"""Simple Network Management Protocol, versions 1 to 3: what managers ask of devices, and what devices report.

A variable's value stands in `number` or `text` by its type, and always in `value` as sent. Of an encrypted message of
version 3 there is what the header and the security parameters say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers import ber
from netlake.layers.items import text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

TRAP = 0xA4
BULK = 0xA5
COUNTER64 = 0x46
OPAQUE = 0x44
IP_ADDRESS = 0x40
USER_SECURITY = 3
TYPES = {
    ber.INTEGER: "integer", ber.OCTETS: "octets", ber.NULL: "null", ber.OID: "oid", IP_ADDRESS: "ip_address",
    0x41: "counter32", 0x42: "gauge32", 0x43: "timeticks", OPAQUE: "opaque", COUNTER64: "counter64",
    0x80: "no_such_object", 0x81: "no_such_instance", 0x82: "end_of_view",
}  # fmt: skip
UNSIGNED = (0x41, 0x42, 0x43, COUNTER64)

VARIABLE = Struct(
    (
        Column("oid", "text", "Name of the variable, numbers with dots.", wireshark="snmp.name"),
        Column("type", "word", "integer, octets, oid, counter64 and others; null where it is of no known type.",
               why="a field for each type"),
        Column("number", "i64", "The value if it is a number that fits.", why="a field for each type"),
        Column("text", "text", "The value if it is an OID, an address or printable text.", why="as above"),
        Column("value", "bytes", "The value as sent.", why="a field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "snmp",
        "One row for each SNMP message.",
        spec="RFC 1157, RFC 3416, RFC 3412, RFC 3414",
        on=("udp.port=161", "udp.port=162"),
        columns=(
            Column("version", "u8", "As sent: 0 version 1, 1 version 2c, 3 version 3.",
                   why="snmp.version and snmp.msgVersion"),
            Column("community", "text", "Versions 1 and 2c: what serves as a password.", wireshark="snmp.community"),
            Column("pdu_type", "u8",
                   "0 get, 1 get next, 2 response, 3 set, 4 trap of version 1, 5 get bulk, 6 inform, 7 trap, 8 report.",
                   why="snmp.data and snmp.plaintext"),
            Column("request_id", "i64", "What ties answers to the question.", wireshark="snmp.request_id"),
            Column("error_status", "i64", "0 no error, 1 too big, 2 no such name, 5 general and others.",
                   wireshark="snmp.error_status"),
            Column("error_index", "i64", "Which variable is in error, from 1.", wireshark="snmp.error_index"),
            Column("non_repeaters", "i64", "Get bulk: variables that are asked for once.",
                   wireshark="snmp.non_repeaters"),
            Column("max_repetitions", "i64", "Get bulk: how often the others are.", wireshark="snmp.max_repetitions"),
            Column("enterprise", "text", "Trap of version 1: kind of device, an OID.", wireshark="snmp.enterprise"),
            Column("agent_ip", "ipv4", "Trap of version 1: the device.", wireshark="snmp.agent_addr"),
            Column("generic_trap", "i64",
                   "Trap of version 1: 0 cold start, 2 link down, 4 authentication failure, 6 of the enterprise.",
                   wireshark="snmp.generic_trap"),
            Column("specific_trap", "i64", "Trap of version 1: the enterprise's number.",
                   wireshark="snmp.specific_trap"),
            Column("uptime", "i64", "Trap of version 1: since the device began, hundredths of seconds.",
                   wireshark="snmp.time_stamp"),
            Column("message_id", "i64", "Version 3: what ties messages together.", wireshark="snmp.msgID"),
            Column("max_size", "i64", "Version 3: bytes of the longest message that the sender takes.",
                   wireshark="snmp.msgMaxSize"),
            Column("message_flags", "u8", "Version 3: 1 authenticated, 2 encrypted, 4 to be reported on.",
                   wireshark="snmp.msgFlags"),
            Column("security_model", "i64", "Version 3: 3 is by users.", wireshark="snmp.msgSecurityModel"),
            Column("engine_id", "bytes", "Version 3: the authoritative engine.",
                   wireshark="snmp.msgAuthoritativeEngineID"),
            Column("engine_boots", "i64", "Version 3: how often that engine began.",
                   wireshark="snmp.msgAuthoritativeEngineBoots"),
            Column("engine_time", "i64", "Version 3: seconds since it began.",
                   wireshark="snmp.msgAuthoritativeEngineTime"),
            Column("user_name", "text", "Version 3: the user.", wireshark="snmp.msgUserName"),
            Column("authentication", "bytes", "Version 3: digest of the message.",
                   wireshark="snmp.msgAuthenticationParameters"),
            Column("privacy", "bytes", "Version 3: salt of the encryption.", wireshark="snmp.msgPrivacyParameters"),
            Column("context_engine_id", "bytes", "Version 3: engine that is asked.", wireshark="snmp.contextEngineID"),
            Column("context_name", "text", "Version 3: which of its views.", wireshark="snmp.contextName"),
            Column("encrypted", "bytes", "Version 3: what is encrypted.", wireshark="snmp.encryptedPDU"),
            Column("variables", List(VARIABLE), "Variables in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message; what follows it belongs to nobody."""
    body = ber.expect(message, ber.SEQUENCE)
    version = ber.signed(ber.taken(body, ber.INTEGER))
    if version not in (0, 1, 3):
        raise Malformed("bad_version")
    yield "version", version
    if version == 3:
        yield from _version_3(body)
        return
    yield "community", text(ber.taken(body, ber.OCTETS))
    yield from _pdu(body)


def _version_3(body: Cursor) -> Iterator[tuple[str, Any]]:
    head = ber.expect(body, ber.SEQUENCE)
    yield "message_id", ber.signed(ber.taken(head, ber.INTEGER))
    yield "max_size", ber.signed(ber.taken(head, ber.INTEGER))
    flags = ber.taken(head, ber.OCTETS)[:1] or b"\0"
    yield "message_flags", flags[0]
    model = ber.signed(ber.taken(head, ber.INTEGER))
    yield "security_model", model
    parameters = ber.expect(body, ber.OCTETS)
    if model == USER_SECURITY:
        yield from _user(ber.expect(parameters, ber.SEQUENCE))
    tag, scoped = ber.value(body)
    if tag == ber.OCTETS:
        yield "encrypted", ber.whole(scoped)
        return
    yield "context_engine_id", ber.taken(scoped, ber.OCTETS)
    yield "context_name", text(ber.taken(scoped, ber.OCTETS))
    yield from _pdu(scoped)


def _user(parameters: Cursor) -> Iterator[tuple[str, Any]]:
    yield "engine_id", ber.taken(parameters, ber.OCTETS)
    yield "engine_boots", ber.signed(ber.taken(parameters, ber.INTEGER))
    yield "engine_time", ber.signed(ber.taken(parameters, ber.INTEGER))
    yield "user_name", text(ber.taken(parameters, ber.OCTETS))
    yield "authentication", ber.taken(parameters, ber.OCTETS)
    yield "privacy", ber.taken(parameters, ber.OCTETS)


def _pdu(body: Cursor) -> Iterator[tuple[str, Any]]:
    tag, pdu = ber.value(body)
    if not 0xA0 <= tag <= 0xA8:
        raise Malformed("bad_value")
    yield "pdu_type", tag & 0x1F
    if tag == TRAP:
        yield "enterprise", ber.oid(ber.taken(pdu, ber.OID))
        yield "agent_ip", ber.taken(pdu, IP_ADDRESS)
        yield "generic_trap", ber.signed(ber.taken(pdu, ber.INTEGER))
        yield "specific_trap", ber.signed(ber.taken(pdu, ber.INTEGER))
        yield "uptime", _unsigned(ber.taken(pdu, 0x43))
    else:
        names = ("non_repeaters", "max_repetitions") if tag == BULK else ("error_status", "error_index")
        for name in ("request_id", *names):
            yield name, ber.signed(ber.taken(pdu, ber.INTEGER))
    variables: list[dict[str, Any]] = []
    yield "variables", variables
    for tag, binding in ber.values(ber.expect(pdu, ber.SEQUENCE)):
        if tag != ber.SEQUENCE:
            raise Malformed("bad_value")
        known = ber.oid(ber.taken(binding, ber.OID))
        kind, content = ber.value(binding)
        variables.append({"oid": known, **_typed(kind, ber.whole(content))})


def _unsigned(data: bytes) -> int | None:
    number = int.from_bytes(data, "big")
    return number if data and number < 1 << 63 else None


def _typed(kind: int, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"type": TYPES.get(kind), "value": data}
    if kind == ber.INTEGER:
        found["number"] = ber.signed(data)
    elif kind in UNSIGNED:
        found["number"] = _unsigned(data)
    elif kind == ber.OID:
        found["text"] = ber.oid(data)
    elif kind == IP_ADDRESS and len(data) == 4:
        found["text"] = address_text(data)
    elif kind == ber.OCTETS and data.isascii() and (shown := text(data)).replace("\r\n", "").isprintable():
        found["text"] = shown
    return found
