"""The mount protocol: clients ask an NFS server for its directories before they use them.

A reply has a row if its call was captured; its procedure decides what the results mean.
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

PROGRAM = 100_005
NULL, MOUNT, DUMP, UNMOUNT, UNMOUNT_ALL, EXPORT, EXPORT_ALL = range(7)
# bytes of a file handle before version 3
HANDLE = 32
MOST_ITEMS = 4096

ENTRY = Struct(
    (
        Column("host", "text", "Name of the client.", wireshark="mount.dump.hostname"),
        Column("directory", "text", "Directory that it mounted.", wireshark="mount.dump.directory"),
    )
)
DIRECTORY = Struct(
    (
        Column("directory", "text", "Exported directory.", wireshark="mount.export.directory"),
        Column("groups", List("text"), "Hosts or groups that may mount it; empty for all.",
               wireshark="mount.export.group"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "mount",
        "One row for each message of the mount protocol over UDP.",
        spec="RFC 1094, RFC 1813",
        on=ON,
        inside="rpc",
        message=Message(
            "NFS mount [{response?}reply|call] {procedure:0=null,1=mount,2=dump,3=unmount,4=unmount all,5=export}"
            "[ {path}][ status {status}]",
            "files",
        ),
        columns=(
            Column("response", "bool", "Reply, else call.", why="compared in rpc"),
            Column("version", "u32", "Version of the mount protocol, 1 to 3.", why="compared in rpc"),
            Column("procedure", "u32", "Procedure: 1 mount, 2 dump, 3 unmount, 4 unmount all, 5 export.",
                   wireshark="mount.procedure_v3"),
            Column("path", "text", "Call: path of the directory on the server.", wireshark="mount.path"),
            Column("status", "u32", "Reply: 0 success, 1 not permitted, 2 no such directory, 13 access denied.",
                   wireshark="mount.status"),
            Column("file_handle", "bytes", "Reply: file handle of the directory.", why="tshark dissects it"),
            Column("flavors", List("u32"), "Reply of version 3: authentication flavors that the server accepts.",
                   wireshark="mount.flavor"),
            Column("mounts", List(ENTRY), "Reply to dump: mounted directories."),
            Column("exports", List(DIRECTORY), "Reply to export: exported directories."),
            Column("data", "bytes", "Other arguments or results, as sent.", why="tshark dissects it"),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip

memory = Calls


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The row of a message of the mount protocol; none for other messages."""
    head = body(message, PROGRAM)
    if head is None or head.called is None:
        yield NO_ROW, None
        return
    yield from procedure_called(message, head)
    yield from _arguments(message, head) if head.call else _results(message, head)
    yield from remainder(message, "data")


def _arguments(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    if head.called and head.called.procedure in (MOUNT, UNMOUNT):
        yield "path", text(xdr.opaque(message))


def _results(message: Cursor, head: Head) -> Iterator[tuple[str, Any]]:
    version, procedure = head.called[1:] if head.called else (0, 0)
    if procedure == MOUNT:
        yield from _mounted(message, version)
    elif procedure == DUMP:
        mounts: list[dict[str, str]] = []
        yield "mounts", mounts
        for _ in _follows(message):
            mounts.append({"host": text(xdr.opaque(message))})
            mounts[-1]["directory"] = text(xdr.opaque(message))
    elif procedure in (EXPORT, EXPORT_ALL):
        exports: list[dict[str, Any]] = []
        yield "exports", exports
        for _ in _follows(message):
            exports.append({"directory": text(xdr.opaque(message)), "groups": (groups := [])})
            for _ in _follows(message):
                groups.append(text(xdr.opaque(message)))  # noqa: PERF401 - those before an early end are kept


def _mounted(message: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    status = message.number(4)
    yield "status", status
    if status:
        return
    if version < 3:
        yield "file_handle", message.take(HANDLE)
        return
    yield "file_handle", xdr.opaque(message)
    flavors: list[int] = []
    yield "flavors", flavors
    for _ in range(message.number(4)):
        flavors.append(message.number(4))  # noqa: PERF401 - those before an early end are kept


def _follows(message: Cursor) -> Iterator[None]:
    """Once for each element of a list, each of which follows a true value."""
    for _ in range(MOST_ITEMS):
        if not message.number(4):
            return
        yield
    message.fault("too_large")
