"""Port Control Protocol and NAT-PMP, which it replaced: a host requests port mappings from a router.

Decided here:
- Both have the same ports; the version selects the format: 0 NAT-PMP, 2 PCP. Columns of both have one name.
- Addresses of PCP are IPv6 ones, in which IPv4 addresses are mapped; the columns have the IPv4 address.
- An error response may end after its header.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import complete, items, text
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Malformed, Mask, Messages
from netlake.schema import Column, List, Message, Struct, Table

NAT_PMP, PCP = 0, 2
RESPONSE = 0x80
# most bytes of a message of PCP
LONGEST = 1100
ANNOUNCE, MAP, PEER = 0, 1, 2
EXTERNAL_ADDRESS, MAP_UDP, MAP_TCP = 0, 1, 2
THIRD_PARTY, DESCRIPTION = 1, 128
MAPPED = bytes(10) + b"\xff\xff"

OPTION = Struct(
    (
        Column("code", "u8",
               "Option: 1 third party, 2 prefer failure, 3 filter, 128 description, 129 prefix64, 130 port set.",
               wireshark="portcontrol.option.code"),
        Column("value", "bytes", "Value, without padding.", why="one tshark field for each option"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "port_control",
        "One row for each message of the Port Control Protocol or NAT-PMP.",
        spec="RFC 6887, RFC 6886",
        on=("udp.port=5351", "udp.port=5350"),
        message=Message(
            "port mapping [{response?}response|request][ {protocol:6=TCP,17=UDP}] {internal_port}"
            "[ -> [{external_ip}:]{external_port}][ for {lifetime} s][ {result?!0}failed with code {result}]",
            "hosts",
        ),
        columns=(
            Column("version", "u8", "Version: 0 NAT-PMP, 2 PCP.", wireshark="portcontrol.version"),
            Column("opcode", "u8",
                   "Opcode: PCP: 0 announce, 1 map, 2 peer; NAT-PMP: 0 external address, 1 map UDP, 2 map TCP.",
                   wireshark="portcontrol.opcode"),
            Column("response", "bool", "Response, else request.", wireshark="portcontrol.r"),
            Column("result", "u16", "Response: 0 success, 1 unsupported version, 2 not authorized.",
                   wireshark="portcontrol.result_code"),
            Column("lifetime", "u32", "Lifetime of the mapping, or of the error, seconds; 0 deletes a mapping.",
                   wireshark="portcontrol.lifetime_req"),
            Column("epoch", "u32", "Response: seconds since the router's table of mappings was started.",
                   wireshark="portcontrol.epoch_time"),
            Column("client_ip", "ip", "PCP request: address of the client.", why="tshark shows it mapped to IPv6"),
            Column("nonce", "bytes", "PCP: nonce of the mapping, 12 bytes.", wireshark="portcontrol.map.nonce"),
            Column("protocol", "u8", "PCP: IP protocol of the mapping, 6 TCP, 17 UDP; 0 all.",
                   wireshark="portcontrol.map.protocol"),
            Column("internal_port", "u16", "Port of the host; 0 all.", wireshark="portcontrol.map.internal_port"),
            Column("external_port", "u16", "Port of the router, suggested or assigned.",
                   wireshark="portcontrol.map.req_sug_external_port"),
            Column("external_ip", "ip", "External address of the router, suggested or assigned.",
                   why="tshark shows that of PCP mapped to IPv6"),
            Column("remote_port", "u16", "PCP peer: port of the remote peer.",
                   wireshark="portcontrol.peer.remote_peer_port"),
            Column("remote_ip", "ip", "PCP peer: address of the remote peer.", why="tshark shows it mapped to IPv6"),
            Column("options", List(OPTION), "PCP: options in wire order."),
            Column("third_party_ip", "ip", "PCP: host for which the mapping is requested, if not the sender.",
                   why="tshark shows it mapped to IPv6"),
            Column("description", "text", "PCP: description of the mapping.",
                   wireshark="portcontrol.option.description"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """Messages of NAT-PMP and PCP, drafts of it included, that are as short as the RFCs demand."""
    return (byte_at(messages, 0) <= PCP) & (messages.end - messages.start <= LONGEST)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    version = message.number(1)
    yield "version", version
    opcode = message.number(1)
    response = opcode >= RESPONSE
    yield "opcode", opcode & 0x7F
    yield "response", response
    if version == NAT_PMP:
        yield from _nat_pmp(message, opcode & 0x7F, response=response)
    elif version == PCP:
        yield from _pcp(message, opcode & 0x7F, response=response)
    else:
        raise Malformed("bad_version")
    complete(message)


def _nat_pmp(message: Cursor, opcode: int, *, response: bool) -> Iterator[tuple[str, Any]]:
    result = 0
    if response:
        result = message.number(2)
        yield "result", result
        yield "epoch", message.number(4)
    if result and not message.promised:
        return
    if opcode == EXTERNAL_ADDRESS:
        if response:
            yield "external_ip", message.take(4)
    elif opcode in (MAP_UDP, MAP_TCP):
        if not response:
            message.skip(2)
        yield "internal_port", message.number(2)
        yield "external_port", message.number(2)
        yield "lifetime", message.number(4)
    else:
        raise Malformed("bad_value")


def _pcp(message: Cursor, opcode: int, *, response: bool) -> Iterator[tuple[str, Any]]:
    result = 0
    if response:
        message.skip(1)
        result = message.number(1)
        yield "result", result
    else:
        message.skip(2)
    yield "lifetime", message.number(4)
    if response:
        yield "epoch", message.number(4)
        message.skip(12)
    else:
        yield "client_ip", _address(message.take(16))
    if result and not message.promised:
        return
    if opcode in (MAP, PEER):
        yield "nonce", message.take(12)
        yield "protocol", message.number(1)
        message.skip(3)
        yield "internal_port", message.number(2)
        yield "external_port", message.number(2)
        yield "external_ip", _address(message.take(16))
        if opcode == PEER:
            yield "remote_port", message.number(2)
            message.skip(2)
            yield "remote_ip", _address(message.take(16))
    elif opcode != ANNOUNCE:
        raise Malformed("bad_value")
    yield from _options(message)


def _options(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The options; the byte between code and length is reserved."""
    options: list[dict[str, Any]] = []
    yield "options", options
    for number, value in items(message, code=2, size=2, pad=4):
        code = number >> 8
        options.append({"code": code, "value": value})
        if code == THIRD_PARTY and len(value) == 16:
            yield "third_party_ip", _address(value)
        elif code == DESCRIPTION:
            yield "description", text(value)


def _address(value: bytes) -> bytes:
    """An address of 16 bytes, or the four of an IPv4 address that is mapped in it."""
    return value[12:] if value.startswith(MAPPED) else value
