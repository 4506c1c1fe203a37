"""ONC RPC messages over UDP: calls and replies.

Decided here:
- A reply does not name its program. `Calls` remembers the calls of each client, and a reply has the program and
  procedure of the call with its XID; the columns are null if that call was not captured.
- Most programs have ports that the port mapper assigns. `probe` finds their messages by content: a call has eight fixed
  bytes, a known authentication flavor and lengths that fit; of replies only those without a verifier are found.
- Arguments and results of programs without a table of their own, such as NFS, are in `data`, as sent.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netlake.layers import xdr
from netlake.layers.items import remainder, text
from netlake.layers.probes import by_content, number_at
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Message, Table

PORTS = (111, 2049)
ON = tuple(f"udp.port={port}" for port in PORTS)
CALL, REPLY = 0, 1
VERSION = 2
ACCEPTED, DENIED = 0, 1
SUCCESS, PROGRAM_MISMATCH = 0, 2
RPC_MISMATCH = 0
NONE, SYSTEM = 0, 1
# none, system, short, DES, Kerberos, GSS
FLAVORS = (0, 1, 2, 3, 4, 6)
MOST_CREDENTIAL = 400
MOST_CALLS = 1 << 16
# greatest number of a program or procedure that a probe accepts; larger ones are reserved
LARGEST_PROGRAM = 0x5FFFFFFF
LARGEST_PROCEDURE = 255
# least XID of a reply that a probe accepts: clients start at a random number, other protocols have small numbers there
LEAST_XID = 1 << 16
# most groups of a credential
MOST_GROUPS = 16

TABLES = (
    Table(
        "rpc",
        "One row for each ONC RPC message over UDP.",
        spec="RFC 5531",
        on=ON,
        message=Message(
            "RPC {message_type:0=call,1=reply}[ program {program}[ procedure {procedure}]][ by {machine_name}]"
            "[{reply_status?1} denied]",
            "rpc_services", default=False,
        ),
        columns=(
            Column("xid", "u32", "Transaction ID, which matches a reply to its call.", wireshark="rpc.xid"),
            Column("message_type", "u32", "0 call, 1 reply.", wireshark="rpc.msgtyp"),
            Column("rpc_version", "u32", "Call: version of RPC, 2.", wireshark="rpc.version"),
            Column("program", "u32", "Program: 100000 port mapper, 100003 NFS, 100005 mount; in a reply from its call.",
                   wireshark="rpc.program"),
            Column("program_version", "u32", "Version of the program; in a reply from its call.",
                   wireshark="rpc.programversion"),
            Column("procedure", "u32", "Number of the procedure; in a reply from its call.",
                   wireshark="rpc.procedure"),
            Column("credential_flavor", "u32", "Call: how the client is authenticated: 0 not, 1 by user number, 6 GSS.",
                   wireshark="rpc.auth.flavor"),
            Column("machine_name", "text", "Flavor 1: name of the client.", wireshark="rpc.auth.machinename"),
            Column("uid", "u32", "Flavor 1: user number.", wireshark="rpc.auth.uid"),
            Column("gid", "u32", "Flavor 1: group number.", wireshark="rpc.auth.gid"),
            Column("gids", List("u32"), "Flavor 1: further groups.", wireshark="rpc.auth.gid"),
            Column("credential", "bytes", "Other flavors: credential, as sent.", why="tshark dissects it"),
            Column("reply_status", "u32", "Reply: 0 accepted, 1 denied.", wireshark="rpc.replystat"),
            Column("verifier_flavor", "u32", "Flavor of the verifier.", wireshark="rpc.auth.flavor"),
            Column("verifier", "bytes", "Verifier, as sent; null if it is empty.", why="tshark dissects it"),
            Column("accept_status", "u32",
                   "Accepted: 0 success, 1 no such program, 2 wrong version, 3 no such procedure, 4 bad arguments.",
                   wireshark="rpc.state_accept"),
            Column("reject_status", "u32", "Denied: 0 wrong RPC version, 1 not authenticated.",
                   wireshark="rpc.state_reject"),
            Column("auth_status", "u32", "Denied: 1 bad credential, 2 rejected credential, 5 too weak.",
                   wireshark="rpc.state_auth"),
            Column("least_version", "u32", "Wrong version: least that the server has.",
                   wireshark="rpc.programversion.min"),
            Column("greatest_version", "u32", "Wrong version: greatest that the server has.",
                   wireshark="rpc.programversion.max"),
            Column("data", "bytes", "Arguments or results, as sent.", why="tshark dissects it"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


class Called(NamedTuple):
    """What a call asks for."""

    program: int
    version: int
    procedure: int


class Calls:
    """The calls of all clients in a capture, at most MOST_CALLS; the oldest is forgotten first."""

    def __init__(self) -> None:
        self.known: OrderedDict[tuple[Any, ...], Called] = OrderedDict()

    def put(self, key: tuple[Any, ...], called: Called) -> None:
        """Remember a call; a later one with the same XID replaces it."""
        self.known.pop(key, None)
        self.known[key] = called
        if len(self.known) > MOST_CALLS:
            self.known.popitem(last=False)

    def get(self, key: tuple[Any, ...]) -> Called | None:
        """The call, None if it was not captured."""
        return self.known.get(key)


memory = Calls


@dataclass(slots=True)
class Head:
    """What the header of a message means for its body: `succeeded` is True for a reply with results."""

    call: bool = False
    called: Called | None = None
    succeeded: bool = False


def accept(messages: Messages) -> Mask:
    """On RPC ports: calls of version 2, and replies."""
    kind, word = number_at(messages, 4, 4), number_at(messages, 8, 4)
    return np.asarray(((kind == CALL) & (word == VERSION)) | ((kind == REPLY) & (word <= DENIED)))


def probe(messages: Messages) -> Mask:
    """Calls with a known flavor and lengths that fit, and successful replies without a verifier."""
    size = messages.end - messages.start + messages.missing
    kind, aligned = number_at(messages, 4, 4), size % 4 == 0
    length = number_at(messages, 28, 4)
    behind = np.where((length >= 0) & (length <= MOST_CREDENTIAL), 32 + length, 0)
    program = number_at(messages, 12, 4)
    call = aligned & (kind == CALL) & (number_at(messages, 8, 4) == VERSION) & (behind > 0) & (length % 4 == 0)
    call &= (program > 0) & (program <= LARGEST_PROGRAM) & (number_at(messages, 20, 4) <= LARGEST_PROCEDURE)
    call &= np.isin(number_at(messages, 24, 4), FLAVORS) & np.isin(number_at(messages, behind, 4), FLAVORS)
    call &= (number_at(messages, behind + 4, 4) >= 0) & (behind + 8 + number_at(messages, behind + 4, 4) <= size)
    reply = aligned & (kind == REPLY) & (number_at(messages, 0, 4) >= LEAST_XID)
    for offset in (8, 12, 16, 20):
        reply &= number_at(messages, offset, 4) == 0
    return np.asarray(call | reply)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The row of a message."""
    yield "heuristic", by_content(message, PORTS)
    yield from header(message, Head())
    yield from remainder(message, "data")


def body(message: Cursor, program: int) -> Head | None:
    """What a message of `program` is, with the cursor at its arguments or results; None for all others."""
    if not _may_be(message, program):
        return None
    head = Head()
    try:
        for _ in header(message, head, program):
            pass
    except (Short, Malformed):
        return None
    known = head.called is not None and head.called.program == program
    return head if known and (head.call or head.succeeded) else None


def _may_be(message: Cursor, program: int) -> bool:
    """Whether a message can be of `program`, by the program of a call or of the call that it answers."""
    kind = int.from_bytes(message.data[4:8], "big")
    if kind == CALL:
        return int.from_bytes(message.data[12:16], "big") == program
    called = message.memory.get((message.receiver, message.destination_port, int.from_bytes(message.data[:4], "big")))
    return called is not None and called.program == program


def header(message: Cursor, head: Head, only: int | None = None) -> Iterator[tuple[str, Any]]:
    """The columns of the header; fills `head`. Calls are remembered, with `only` those of that program."""
    xid = message.number(4)
    yield "xid", xid
    kind = message.number(4)
    yield "message_type", kind
    calls: Calls = message.memory
    if kind == CALL:
        yield from _call(message, head)
        if head.called is not None and only in (None, head.called.program):
            calls.put((message.sender, message.source_port, xid), head.called)
    elif kind == REPLY:
        head.called = calls.get((message.receiver, message.destination_port, xid))
        if head.called is not None:
            yield from _columns(head.called)
        yield from _reply(message, head)
    else:
        raise Malformed("bad_value")


def _columns(called: Called) -> Iterator[tuple[str, Any]]:
    yield from (("program", called.program), ("program_version", called.version), ("procedure", called.procedure))


def _call(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    version = message.number(4)
    yield "rpc_version", version
    if version != VERSION:
        raise Malformed("bad_version")
    called = Called(message.number(4), message.number(4), message.number(4))
    yield from _columns(called)
    flavor = message.number(4)
    yield "credential_flavor", flavor
    credential = xdr.opaque(message)
    if flavor == SYSTEM:
        yield from _system(Cursor(credential, faults=message.faults))
    elif credential:
        yield "credential", credential
    yield from _verifier(message)
    head.call, head.called = True, called


def _system(credential: Cursor) -> Iterator[tuple[str, Any]]:
    """The credential of flavor 1; one that ends too early does not end the message."""
    try:
        credential.skip(4)
        yield "machine_name", text(xdr.opaque(credential))
        yield "uid", credential.number(4)
        yield "gid", credential.number(4)
        groups: list[int] = []
        yield "gids", groups
        count = credential.number(4)
        groups.extend(credential.number(4) for _ in range(min(count, MOST_GROUPS)))
        if count > MOST_GROUPS:
            credential.fault("bad_length")
    except (Short, Malformed):
        credential.fault("bad_length")


def _verifier(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "verifier_flavor", message.number(4)
    yield "verifier", xdr.opaque(message) or None


def _reply(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    status = message.number(4)
    yield "reply_status", status
    if status == ACCEPTED:
        yield from _verifier(message)
        accepted = message.number(4)
        yield "accept_status", accepted
        head.succeeded = accepted == SUCCESS
        if accepted == PROGRAM_MISMATCH:
            yield from _versions(message)
    elif status == DENIED:
        rejected = message.number(4)
        yield "reject_status", rejected
        if rejected == RPC_MISMATCH:
            yield from _versions(message)
        else:
            yield "auth_status", message.number(4)
    else:
        raise Malformed("bad_value")


def _versions(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "least_version", message.number(4)
    yield "greatest_version", message.number(4)


def procedure_called(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    """The columns that tables of RPC programs have in common, of a message whose call was seen."""
    yield from (("heuristic", by_content(message, PORTS)), ("response", not head.call))
    if head.called:
        yield from (("version", head.called.version), ("procedure", head.called.procedure))
