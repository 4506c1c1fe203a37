"""The port mapper (RPC bind): which ports the programs of a host have.

Decided here:
- Version 2 gives ports; versions 3 and 4 give universal addresses as text, such as 192.0.2.1.8.1, whose last two
  numbers are the port. Both have the same columns.
- A reply has a row if its call was captured; its procedure decides what the results mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers import xdr
from netlake.layers.items import remainder, text
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor
from netlake.protocols.rpc.message import ON, Calls, Head, body, procedure_called
from netlake.schema import Column, List, Message, Struct, Table

PROGRAM = 100_000
WITH_PORTS = 2
NULL, SET, UNSET, GET, DUMP, CALL = range(6)
GET_OF_VERSION, INDIRECT = 9, 10
MOST_MAPPINGS = 4096

MAPPING = Struct(
    (
        Column("program", "u32", "Program.", wireshark="portmap.prog"),
        Column("version", "u32", "Version of the program.", wireshark="portmap.version"),
        Column("protocol", "u32", "Version 2: IP protocol: 6 TCP, 17 UDP.", wireshark="portmap.proto"),
        Column("port", "u32", "Version 2: port.", wireshark="portmap.port"),
        Column("netid", "word", "Versions 3 and 4: transport, such as udp6.", wireshark="portmap.rpcb.netid"),
        Column("address", "text", "Versions 3 and 4: universal address.", wireshark="portmap.rpcb.addr"),
        Column("owner", "text", "Versions 3 and 4: user who registered it.", wireshark="portmap.rpcb.owner"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "portmap",
        "One row for each message of the port mapper over UDP.",
        spec="RFC 1833",
        on=ON,
        inside="rpc",
        message=Message(
            "portmap [{response?}reply|call] {procedure:0=null,1=set,2=unset,3=get port,4=dump,5=call}"
            "[ program {program}][ port {port}]",
            "rpc_services",
        ),
        columns=(
            Column("response", "bool", "Reply, else call.", why="compared in rpc"),
            Column("version", "u32", "Version of the port mapper, 2 to 4.", why="compared in rpc"),
            Column("procedure", "u32", "Procedure: 1 set, 2 unset, 3 get port or address, 4 dump, 5 call.",
                   wireshark="portmap.procedure_v2"),
            Column("program", "u32", "Call: program that is asked about.", wireshark="portmap.prog"),
            Column("program_version", "u32", "Call: version of the program.", wireshark="portmap.version"),
            Column("protocol", "u32", "Call of version 2: IP protocol: 6 TCP, 17 UDP.", wireshark="portmap.proto"),
            Column("port", "u32", "Version 2: port of the program; 0 in a reply: it is not registered.",
                   wireshark="portmap.port"),
            Column("netid", "word", "Call of versions 3 and 4: transport, such as udp6.",
                   wireshark="portmap.rpcb.netid"),
            Column("address", "text", "Versions 3 and 4: universal address; empty in a reply: it is not registered.",
                   wireshark="portmap.rpcb.addr"),
            Column("owner", "text", "Call of versions 3 and 4: user who registers it.", wireshark="portmap.rpcb.owner"),
            Column("result", "bool", "Reply to set and unset: success.", wireshark="portmap.answer"),
            Column("called_procedure", "u32", "Call of a program by the port mapper: its procedure.",
                   wireshark="portmap.proc"),
            Column("mappings", List(MAPPING), "Reply to dump: programs in wire order."),
            Column("data", "bytes", "Other arguments or results, as sent.", why="tshark dissects it"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip

memory = Calls


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The row of a message of the port mapper; none for other messages."""
    head = body(message, PROGRAM)
    if head is None or head.called is None:
        yield NO_ROW, None
        return
    yield from procedure_called(message, head)
    yield from _arguments(message, head) if head.call else _results(message, head)
    yield from remainder(message, "data")


def _arguments(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    version, procedure = head.called[1:] if head.called else (0, 0)
    if procedure in (SET, UNSET, GET) or (version > WITH_PORTS and procedure == GET_OF_VERSION):
        for name, value in _mapping(message, version):
            yield "program_version" if name == "version" else name, value
    elif procedure == CALL or (version > WITH_PORTS and procedure == INDIRECT):
        for name in ("program", "program_version", "called_procedure"):
            yield name, message.number(4)


def _results(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    version, procedure = head.called[1:] if head.called else (0, 0)
    if procedure in (SET, UNSET):
        yield "result", bool(message.number(4))
    elif procedure == GET or (version > WITH_PORTS and procedure == GET_OF_VERSION):
        yield from _address(message, version)
    elif procedure == DUMP:
        mappings: list[dict[str, Any]] = []
        yield "mappings", mappings
        for _ in range(MOST_MAPPINGS):
            if not message.number(4):
                return
            mapping: dict[str, Any] = {}
            mappings.append(mapping)
            mapping.update(_mapping(message, version))
        message.fault("too_large")
    elif procedure == CALL:
        yield from _address(message, version)


def _address(message: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    if version <= WITH_PORTS:
        yield "port", message.number(4)
    else:
        yield "address", text(xdr.opaque(message))


def _mapping(message: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    yield "program", message.number(4)
    yield "version", message.number(4)
    if version <= WITH_PORTS:
        yield "protocol", message.number(4)
        yield "port", message.number(4)
        return
    for name in ("netid", "address", "owner"):
        yield name, text(xdr.opaque(message))
