"""Simple Network Management Protocol, versions 1 to 3.

Decided here:
- `value` of a variable has its bytes as sent; `number` or `text` also has the value, by its type.
- An encrypted message of version 3 has the columns of its header and security parameters; the rest is in `encrypted`.
- Get-bulk sends other numbers in the fields of error status and index; they have columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers import ber
from netlake.layers.items import text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

TRAP = 0xA4
BULK = 0xA5
COUNTER64 = 0x46
TIMETICKS = 0x43
OPAQUE = 0x44
IP_ADDRESS = 0x40
USER_SECURITY = 3
TYPES = {
    ber.INTEGER: "integer", ber.OCTETS: "octets", ber.NULL: "null", ber.OID: "oid", IP_ADDRESS: "ip_address",
    0x41: "counter32", 0x42: "gauge32", TIMETICKS: "timeticks", OPAQUE: "opaque", COUNTER64: "counter64",
    0x80: "no_such_object", 0x81: "no_such_instance", 0x82: "end_of_view",
}  # fmt: skip
NUMBERS = (ber.INTEGER, 0x41, 0x42, TIMETICKS, COUNTER64)

VARIABLE = Struct(
    (
        Column("oid", "text", "Object identifier of the variable, dotted.", wireshark="snmp.name"),
        Column("type", "word", "Type: integer, octets, oid, counter64 and others; null if unknown.",
               why="one tshark field for each type"),
        Column("number", "i64", "Value of a number; null if it does not fit in 63 bits and a sign.",
               why="one tshark field for each type"),
        Column("text", "text", "Value of an OID, address or printable string; else null.",
               why="one tshark field for each type"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "snmp",
        "One row for each SNMP message.",
        spec="RFC 1157, RFC 3416, RFC 3412, RFC 3414",
        on=("udp.port=161", "udp.port=162"),
        message=Message(
            "SNMP [{version?0}v1|{version?1}v2c|v3] {pdu_type:0=get,1=get-next,2=response,3=set,4=trap,5=get-bulk,6=i"
            "nform,7=trap,8=report}[ community {community}][ user {user_name}][ {variables.oid}]["
            " {error_status?!0}error {error_status}]",
            "management",
        ),
        columns=(
            Column("version", "u8", "Version, as sent: 0 version 1, 1 version 2c, 3 version 3.",
                   why="two tshark fields, snmp.version and snmp.msgVersion"),
            Column("community", "text", "Versions 1 and 2c: community string.", wireshark="snmp.community"),
            Column("pdu_type", "u8",
                   "PDU: 0 get, 1 get-next, 2 response, 3 set, 4 v1 trap, 5 get-bulk, 6 inform, 7 trap, 8 report.",
                   why="two tshark fields, snmp.data and snmp.plaintext"),
            Column("request_id", "i64", "Request ID that matches responses to requests.", wireshark="snmp.request_id"),
            Column("error_status", "i64", "Error status: 0 no error, 1 too big, 2 no such name, 5 general error.",
                   wireshark="snmp.error_status"),
            Column("error_index", "i64", "Error index: number of the variable in error, from 1.",
                   wireshark="snmp.error_index"),
            Column("non_repeaters", "i64", "Get-bulk: non-repeaters, variables that are retrieved once.",
                   wireshark="snmp.non_repeaters"),
            Column("max_repetitions", "i64", "Get-bulk: maximum repetitions of the other variables.",
                   wireshark="snmp.max_repetitions"),
            Column("enterprise", "text", "Trap of version 1: enterprise, OID of the device type.",
                   wireshark="snmp.enterprise"),
            Column("agent_ip", "ipv4", "Trap of version 1: address of the agent; null if 0.0.0.0.", unset=True,
                   wireshark="snmp.agent_addr"),
            Column("generic_trap", "i64",
                   "Trap of version 1: 0 cold start, 2 link down, 4 authentication failure, 6 enterprise-specific.",
                   wireshark="snmp.generic_trap"),
            Column("specific_trap", "i64", "Trap of version 1: specific trap of the enterprise.",
                   wireshark="snmp.specific_trap"),
            Column("uptime", "i64", "Trap of version 1: uptime of the agent, in 0.01 seconds.",
                   wireshark="snmp.time_stamp"),
            Column("message_id", "i64", "Version 3: message ID that matches responses to requests.",
                   wireshark="snmp.msgID"),
            Column("max_size", "i64", "Version 3: maximum message size of the sender, bytes.",
                   wireshark="snmp.msgMaxSize"),
            Column("message_flags", "u8", "Version 3: flags: 1 authenticated, 2 encrypted, 4 reportable.",
                   wireshark="snmp.msgFlags"),
            Column("security_model", "i64", "Version 3: security model; 3 is user-based (USM).",
                   wireshark="snmp.msgSecurityModel"),
            Column("engine_id", "bytes", "Version 3: authoritative engine ID.",
                   wireshark="snmp.msgAuthoritativeEngineID"),
            Column("engine_boots", "i64", "Version 3: reboots of the authoritative engine.",
                   wireshark="snmp.msgAuthoritativeEngineBoots"),
            Column("engine_time", "i64", "Version 3: time since its last reboot, seconds.",
                   wireshark="snmp.msgAuthoritativeEngineTime"),
            Column("user_name", "text", "Version 3: user name.", wireshark="snmp.msgUserName"),
            Column("authentication", "bytes", "Version 3: authentication parameters, the digest of the message.",
                   wireshark="snmp.msgAuthenticationParameters"),
            Column("privacy", "bytes", "Version 3: privacy parameters, the salt of the encryption.",
                   wireshark="snmp.msgPrivacyParameters"),
            Column("context_engine_id", "bytes", "Version 3: context engine ID.", wireshark="snmp.contextEngineID"),
            Column("context_name", "text", "Version 3: context name.", wireshark="snmp.contextName"),
            Column("encrypted", "bytes", "Version 3: encrypted PDU.", wireshark="snmp.encryptedPDU"),
            Column("variables", List(VARIABLE), "Variable bindings in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; bytes after it are not read."""
    body = ber.expect(message, ber.SEQUENCE)
    version = ber.number(body)
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
    yield "message_id", ber.number(head)
    yield "max_size", ber.number(head)
    flags = ber.taken(head, ber.OCTETS)[:1] or b"\0"
    yield "message_flags", flags[0]
    model = ber.number(head)
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
    yield "engine_boots", ber.number(parameters)
    yield "engine_time", ber.number(parameters)
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
        yield "generic_trap", ber.number(pdu)
        yield "specific_trap", ber.number(pdu)
        yield "uptime", ber.number(pdu, TIMETICKS, is_signed=False)
    else:
        names = ("non_repeaters", "max_repetitions") if tag == BULK else ("error_status", "error_index")
        for name in ("request_id", *names):
            yield name, ber.number(pdu)
    variables: list[dict[str, Any]] = []
    yield "variables", variables
    for tag, binding in ber.values(ber.expect(pdu, ber.SEQUENCE)):
        if tag != ber.SEQUENCE:
            raise Malformed("bad_value")
        oid = ber.oid(ber.taken(binding, ber.OID))
        kind, content = ber.value(binding)
        variables.append({"oid": oid, **_typed(kind, ber.whole(content), binding)})


def _typed(kind: int, data: bytes, around: Cursor) -> dict[str, Any]:
    """The value of a variable; a size that its type forbids is a fault of the message `around` it."""
    result: dict[str, Any] = {"type": TYPES.get(kind), "value": data}
    if (kind in NUMBERS and not data) or (kind == IP_ADDRESS and len(data) != 4):
        around.fault("bad_length")
    elif kind in NUMBERS:
        result["number"] = int.from_bytes(data, "big", signed=kind == ber.INTEGER)
    elif kind == ber.OID:
        result["text"] = ber.oid(data)
    elif kind == IP_ADDRESS:
        result["text"] = address_text(data)
    elif kind == ber.OCTETS and data.isascii() and (shown := text(data)).replace("\r\n", "").isprintable():
        result["text"] = shown
    return result
