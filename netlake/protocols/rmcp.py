"""Remote Management Control Protocol: IPMI and ASF, the management of servers by their baseboard controllers.

Decided here:
- On the secure port 664 a header of the security extensions (RSP) is before the RMCP header. Only integrity is defined
  for it, so that the message can be read; its trailer is not.
- A message has an RMCP header, then by class an ASF message or an IPMI session with a payload. IPMI 1.5 and 2.0
  (RMCP+, authentication type 6) have different session headers; columns of both have one name.
- The payload of a command is an IPMB message: `netfn` (even in requests, odd in responses), `command`, in responses a
  completion code, and `data`. Checksums are verified; a wrong one is `checksum_good` false and no fault.
- RMCP+ session setup (open session, RAKP 1 to 4) is read into columns, as it shows accounts, algorithms and the hash
  that an attacker would crack. Other payloads, and encrypted ones, are in `payload`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from netlake.layers.items import c_text, part, remainder, text
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, Message, Table

VERSION = 6
SECURE_PORT, RSP_HEADER = 664, 8
ACK = 0x80
ASF, IPMI = 6, 7
PRESENCE_PONG = 0x40
NONE, RMCP_PLUS = 0, 6
COMMANDS, OEM = 0, 2
# application commands with a user name or session: get session challenge, activate session
APPLICATION, CHALLENGE, ACTIVATE = 6, 0x39, 0x3A

TABLES = (
    Table(
        "rmcp",
        "One row for each RMCP message, with the IPMI or ASF message in it.",
        spec="ASF 2.0, IPMI 2.0",
        on=("udp.port=623", "udp.port=664"),
        message=Message(
            "[IPMI[ network function {netfn}][ command {command}]][ user {user_name}][ code {completion_code}]",
            "management",
        ),
        columns=(
            Column("rsp_session_id", "u32", "Secure port: session ID of the security extensions, 0 for none.",
                   wireshark="rsp.session_id"),
            Column("rsp_sequence", "u32", "Secure port: sequence number of the security extensions.",
                   wireshark="rsp.sequence"),
            Column("version", "u8", "RMCP version, 6.", wireshark="rmcp.version"),
            Column("sequence", "u8", "RMCP sequence number; 255 requests no acknowledgment.",
                   wireshark="rmcp.sequence"),
            Column("class", "u8", "Class: 6 ASF, 7 IPMI, 8 OEM.", wireshark="rmcp.class"),
            Column("ack", "bool", "Acknowledgment of a message, without content.", wireshark="rmcp.type"),
            Column("asf_enterprise", "u32", "ASF: IANA enterprise number that defines the type, 4542 ASF.",
                   wireshark="asf.iana"),
            Column("asf_type", "u8", "ASF: 16 reset, 17 power up, 18 power down, 64 presence pong, 128 ping.",
                   wireshark="asf.type"),
            Column("asf_tag", "u8", "ASF: tag that matches responses to requests.", wireshark="asf.tag"),
            Column("asf_length", "u8", "ASF: bytes of data.", wireshark="asf.len"),
            Column("supported_entities", "u8", "ASF pong: 128 IPMI, low bits version of ASF.",
                   why="tshark shows bytes"),
            Column("supported_interactions", "u8", "ASF pong: 128 security extensions, 32 DASH.",
                   why="tshark shows bytes"),
            Column("auth_type", "u8", "IPMI: 0 none, 1 MD2, 2 MD5, 4 password, 5 OEM, 6 RMCP+.",
                   wireshark="ipmi_session.authtype"),
            Column("payload_type", "u8", "RMCP+: 0 IPMI, 1 serial over LAN, 2 OEM, 16 and 17 open session, 18 to 21 "
                   "RAKP 1 to 4.", wireshark="ipmi_session.payloadtype"),
            Column("encrypted", "bool", "RMCP+: the payload is encrypted.", wireshark="ipmi_session.payloadtype.enc"),
            Column("authenticated", "bool", "RMCP+: the message has an integrity code.",
                   wireshark="ipmi_session.payloadtype.auth"),
            Column("oem_enterprise", "u32", "RMCP+ OEM payload: IANA enterprise number.", why="tshark shows bytes"),
            Column("oem_payload", "u16", "RMCP+ OEM payload: its identifier.", why="tshark shows bytes"),
            Column("session_sequence", "u32", "IPMI: session sequence number, 0 outside a session.",
                   wireshark="ipmi_session.sequence"),
            Column("session_id", "u32", "IPMI: session ID of the receiver, 0 outside a session.",
                   wireshark="ipmi_session.id"),
            Column("auth_code", "bytes", "IPMI 1.5: authentication code, 16 bytes.",
                   wireshark="ipmi_session.authcode"),
            Column("length", "u16", "IPMI: bytes of the payload.", wireshark="ipmi_session.msg.len"),
            Column("target", "u8", "Command: address of the target, 32 the controller.",
                   wireshark="ipmi.header.target"),
            Column("target_lun", "u8", "Command: logical unit of the target.", wireshark="ipmi.header.trg_lun"),
            Column("netfn", "u8",
                   "Command: network function: 0 chassis, 4 sensor, 6 application, 10 storage, 12 transport; one more "
                   "in a response.", wireshark="ipmi.header.netfn"),
            Column("source", "u8", "Command: address of the source; 129 and above are remote consoles.",
                   wireshark="ipmi.header.source"),
            Column("source_lun", "u8", "Command: logical unit of the source.", wireshark="ipmi.header.src_lun"),
            Column("command_sequence", "u8", "Command: matches a response to its request.",
                   wireshark="ipmi.header.sequence"),
            Column("command", "u8", "Command, by network function.", wireshark="ipmi.header.command"),
            Column("completion_code", "u8", "Response: 0 success, 193 invalid command, 212 insufficient privilege.",
                   wireshark="ipmi.header.completion"),
            Column("data", "bytes", "Command: its data.", why="tshark dissects it"),
            Column("checksum_good", "bool", "Command: both checksums are right.", why="derived from the checksums"),
            Column("user_name", "text", "Session setup: account, from Get Session Challenge or RAKP 1.",
                   wireshark="ipmi.app39.user"),
            Column("privilege", "u8", "Session setup: privilege: 1 callback, 2 user, 3 operator, 4 administrator.",
                   why="tshark has no field for RMCP+"),
            Column("message_tag", "u8", "RMCP+ session setup: tag that matches responses to requests.",
                   why="tshark shows bytes"),
            Column("status_code", "u8", "RMCP+ session setup: 0 success, 13 unauthorized name, 18 no cipher suite.",
                   why="tshark shows bytes"),
            Column("console_session_id", "u32", "RMCP+ session setup: session ID of the remote console.",
                   why="tshark shows bytes"),
            Column("managed_session_id", "u32", "RMCP+ session setup: session ID of the managed system.",
                   why="tshark shows bytes"),
            Column("auth_algorithm", "u8", "RMCP+ open session: 0 none, 1 HMAC-SHA1, 2 HMAC-MD5, 3 HMAC-SHA256.",
                   why="tshark shows bytes"),
            Column("integrity_algorithm", "u8",
                   "RMCP+ open session: 0 none, 1 HMAC-SHA1-96, 2 HMAC-MD5-128, 3 MD5-128, 4 HMAC-SHA256-128.",
                   why="tshark shows bytes"),
            Column("confidentiality_algorithm", "u8",
                   "RMCP+ open session: 0 none, 1 AES-CBC-128, 2 xRC4-128, 3 xRC4-40.", why="tshark shows bytes"),
            Column("random", "bytes", "RAKP 1 and 2: random number of the sender.", why="tshark shows bytes"),
            Column("managed_guid", "bytes", "RAKP 2: GUID of the managed system.", why="tshark shows bytes"),
            Column("key_exchange_code", "bytes", "RAKP 2 to 4: key exchange or integrity code, a keyed hash.",
                   why="tshark shows bytes"),
            Column("payload", "bytes", "Other content: an encrypted or another payload, ASF or OEM data.",
                   why="tshark shows bytes"),
            Column("trailer", "bytes", "IPMI: bytes after the payload: padding and integrity code.",
                   wireshark="ipmi_session.trailer"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """Messages of version 6, on the secure port after another header, or without that byte."""
    secure = (messages.source_port == SECURE_PORT) | (messages.destination_port == SECURE_PORT)
    return np.isin(np.where(secure, byte_at(messages, RSP_HEADER), byte_at(messages, 0)), (VERSION, -1))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    if SECURE_PORT in (message.source_port, message.destination_port):
        yield "rsp_session_id", message.number(4)
        yield "rsp_sequence", message.number(4)
    version = message.number(1)
    yield "version", version
    message.skip(1)
    yield "sequence", message.number(1)
    kind = message.number(1)
    yield "class", kind & 0x1F
    yield "ack", bool(kind & ACK)
    if version != VERSION:
        message.fault("bad_version")
    if kind & ACK:
        return
    if kind & 0x1F == ASF:
        yield from _asf(message)
    elif kind & 0x1F == IPMI:
        yield from _session(message)
    else:
        yield from remainder(message, "payload")


def _asf(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "asf_enterprise", message.number(4)
    kind = message.number(1)
    yield "asf_type", kind
    yield "asf_tag", message.number(1)
    message.skip(1)
    length = message.number(1)
    yield "asf_length", length
    data = part(message, length)
    if kind == PRESENCE_PONG and length >= 10:
        data.skip(8)
        yield "supported_entities", data.number(1)
        yield "supported_interactions", data.number(1)
    else:
        yield from remainder(data, "payload")


def _session(message: Cursor) -> Iterator[tuple[str, Any]]:
    """A session header, the payload, and what follows it."""
    auth = message.number(1)
    yield "auth_type", auth
    kind, encrypted = COMMANDS, False
    if auth == RMCP_PLUS:
        flags = message.number(1)
        kind, encrypted = flags & 0x3F, bool(flags & 0x80)
        yield "payload_type", kind
        yield "encrypted", encrypted
        yield "authenticated", bool(flags & 0x40)
        if kind == OEM:
            yield "oem_enterprise", message.little(4)
            yield "oem_payload", message.little(2)
        yield "session_id", message.little(4)
        yield "session_sequence", message.little(4)
        length = message.little(2)
    else:
        yield "session_sequence", message.little(4)
        yield "session_id", message.little(4)
        if auth != NONE:
            yield "auth_code", message.take(16)
        length = message.number(1)
    yield "length", length
    payload = part(message, length)
    if encrypted or kind not in PAYLOADS:
        yield from remainder(payload, "payload")
    else:
        yield from PAYLOADS[kind](payload)
    yield from remainder(message, "trailer")


def _command(payload: Cursor) -> Iterator[tuple[str, Any]]:
    """An IPMB message: two parts, each with a checksum."""
    whole = payload.data
    yield "target", payload.number(1)
    function = payload.number(1)
    yield "target_lun", function & 3
    yield "netfn", function >> 2
    payload.skip(1)
    yield "source", payload.number(1)
    sequence = payload.number(1)
    yield "source_lun", sequence & 3
    yield "command_sequence", sequence >> 2
    command = payload.number(1)
    yield "command", command
    netfn = function >> 2
    if netfn & 1:
        yield "completion_code", payload.number(1)
    data = part(payload, max(payload.promised - 1, 0))
    if netfn == APPLICATION:
        yield from _application(command, data.data)
    yield from remainder(data, "data")
    payload.skip(1)
    yield "checksum_good", not (sum(whole[:3]) & 0xFF or sum(whole[3:]) & 0xFF)


def _application(command: int, data: bytes) -> Iterator[tuple[str, Any]]:
    """User name and privilege of requests that set up a session."""
    if command == CHALLENGE and len(data) >= 17:
        yield "user_name", c_text(data[1:17])
    elif command == ACTIVATE and len(data) >= 2:
        yield "privilege", data[1] & 0xF


def _open_request(payload: Cursor) -> Iterator[tuple[str, Any]]:
    yield "message_tag", payload.number(1)
    yield "privilege", payload.number(1) & 0xF
    payload.skip(2)
    yield "console_session_id", payload.little(4)
    yield from _algorithms(payload)


def _open_response(payload: Cursor) -> Iterator[tuple[str, Any]]:
    """Open session response: after an error it may end with the session ID of the console."""
    yield "message_tag", payload.number(1)
    status = payload.number(1)
    yield "status_code", status
    yield "privilege", payload.number(1) & 0xF
    payload.skip(1)
    yield "console_session_id", payload.little(4)
    if status == 0 or payload.promised:
        yield "managed_session_id", payload.little(4)
        yield from _algorithms(payload)


def _algorithms(payload: Cursor) -> Iterator[tuple[str, Any]]:
    """Three records of eight bytes: type, two reserved bytes, length, algorithm, three reserved bytes."""
    for name in ("auth_algorithm", "integrity_algorithm", "confidentiality_algorithm"):
        payload.skip(4)
        yield name, payload.number(1) & 0x3F
        payload.skip(3)


def _rakp_1(payload: Cursor) -> Iterator[tuple[str, Any]]:
    yield "message_tag", payload.number(1)
    payload.skip(3)
    yield "managed_session_id", payload.little(4)
    yield "random", payload.take(16)
    yield "privilege", payload.number(1) & 0xF
    payload.skip(2)
    yield "user_name", text(part(payload, payload.number(1)).rest())


def _rakp_2(payload: Cursor) -> Iterator[tuple[str, Any]]:
    yield from _rakp_head(payload, "console_session_id")
    if payload.promised:
        yield "random", payload.take(16)
        yield "managed_guid", payload.take(16)
        yield from remainder(payload, "key_exchange_code")


def _rakp_3(payload: Cursor) -> Iterator[tuple[str, Any]]:
    yield from _rakp_head(payload, "managed_session_id")
    yield from remainder(payload, "key_exchange_code")


def _rakp_4(payload: Cursor) -> Iterator[tuple[str, Any]]:
    yield from _rakp_head(payload, "console_session_id")
    yield from remainder(payload, "key_exchange_code")


def _rakp_head(payload: Cursor, session: str) -> Iterator[tuple[str, Any]]:
    yield "message_tag", payload.number(1)
    yield "status_code", payload.number(1)
    payload.skip(2)
    yield session, payload.little(4)


# readers of RMCP+ payloads by type; IPMI 1.5 has commands only
PAYLOADS: dict[int, Callable[[Cursor], Iterator[tuple[str, Any]]]] = {
    COMMANDS: _command, 0x10: _open_request, 0x11: _open_response, 0x12: _rakp_1, 0x13: _rakp_2, 0x14: _rakp_3,
    0x15: _rakp_4,
}  # fmt: skip
