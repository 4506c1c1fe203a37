"""Files in TFTP (RFC 1350, RFC 2347, RFC 2348): a reader of datagrams (netlake.layers.datagrams).

Decided here:
- A transfer begins with the first DATA between the client of a request and its server. Blocks are taken in order; one
  that was taken is not taken again. Blocks that are left out are missing: as many bytes as a block has.
- Numbers of blocks are modulo 2^16; the block behind 65,535 is 0.
- The size of a block is that of the server's OACK, 512 without one. If a block is larger, its size is that of all.
- A file is over with a block that is shorter; it is not complete if the transfer ends before: with an error, or with
  its flow.
- Text in mode netascii is as transferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netlake.layers.datagrams import Datagram, Peer
from netlake.layers.dialog import Body, Piece, Row, Said, Where
from netlake.layers.items import text

READ, WRITE, DATA, ACKNOWLEDGMENT, ERROR, OPTIONS = range(1, 7)
BLOCK, NUMBERS = 512, 1 << 16
# requests that are kept; the flows that are open are those of the tracker
MOST = 1 << 12
# client, address of the server
Key = tuple[Peer, bytes]


@dataclass(slots=True)
class Request:
    """A request: the last part of the name, and the flow of the request."""

    name: str | None
    is_write: bool
    flow: int
    block: int = BLOCK


@dataclass(slots=True)
class Transfer:
    """A file that is not over: the block that is next, and the bytes so far."""

    request: Request
    key: Key
    begin: Where
    last: Where
    body: Body = field(default_factory=Body)
    next: int = 1
    size: int = 0
    missing: int = 0


class TftpFiles:
    """Reads the files of all transfers."""

    def __init__(self) -> None:
        self.requests: dict[Key, Request] = {}
        self.open: dict[int, Transfer] = {}

    def feed(self, message: Datagram) -> Iterator[Said]:
        """Read a message."""
        opcode = int.from_bytes(message.data[:2])
        if opcode in (READ, WRITE):
            self._request(message, is_write=opcode == WRITE)
        elif opcode == OPTIONS:
            self._acknowledged(message)
        elif opcode == DATA and len(message.data) >= 4:
            yield from self._data(message)
        elif opcode == ERROR:
            yield from self.leave(message.flow)

    def leave(self, flow: int) -> Iterator[Said]:
        """Nothing more is transferred in a flow."""
        transfer = self.open.pop(flow, None)
        if transfer is not None:
            yield from self._end(transfer, is_over=False)

    def _request(self, message: Datagram, *, is_write: bool) -> None:
        """A client requests a file; it can use its port again."""
        key = (message.source, message.destination.address)
        name = re.split(r"[/\\]", text(message.data[2:].partition(b"\0")[0]))[-1] or None
        self.requests.pop(key, None)
        self.requests[key] = Request(name, is_write, message.flow)
        if len(self.requests) > MOST:
            del self.requests[next(iter(self.requests))]

    def _acknowledged(self, message: Datagram) -> None:
        """A server agrees to options."""
        request = self.requests.get((message.destination, message.source.address))
        parts = [text(part).lower() for part in message.data[2:].split(b"\0")]
        size = dict(zip(parts[::2], parts[1::2], strict=False)).get("blksize", "")
        if request is not None and size.isascii() and size.isdigit() and 0 < int(size[:5]) < NUMBERS:
            request.block = int(size[:5])

    def _data(self, message: Datagram) -> Iterator[Said]:
        transfer = self.open.get(message.flow) or self._begun(message)
        if transfer is None:
            return
        self.open[message.flow] = transfer
        payload, number = message.data[4:], int.from_bytes(message.data[2:4])
        ahead = (number - transfer.next) % NUMBERS
        if ahead >= NUMBERS >> 1:
            return  # it was taken
        size, request = len(payload) + message.missing, transfer.request
        request.block = max(request.block, size)
        lost = ahead * request.block
        yield Piece(transfer.body, payload, lost)
        transfer.next, transfer.last = (number + 1) % NUMBERS, message.at
        transfer.size += len(payload)
        transfer.missing += lost + message.missing
        if size < request.block:
            del self.open[message.flow]
            yield from self._end(transfer, is_over=True)

    def _begun(self, message: Datagram) -> Transfer | None:
        """The transfer of the first DATA of a flow, for one request; None without one."""
        sides = ((message.destination, message.source, False), (message.source, message.destination, True))
        for client, server, is_write in sides:
            key = (client, server.address)
            request = self.requests.get(key)
            if request is not None and request.is_write == is_write:
                del self.requests[key]
                return Transfer(request, key, message.at, message.at)
        return None

    def _end(self, transfer: Transfer, *, is_over: bool) -> Iterator[Said]:
        """The row of a transfer."""
        request = transfer.request
        fields: dict[str, Any] = {
            "source": "tftp", "source_flow": request.flow, "name": request.name, "seen_bytes": transfer.size,
            "missing_bytes": transfer.missing, "total_bytes": transfer.size + transfer.missing if is_over else None,
            "complete": is_over and not transfer.missing,
        }  # fmt: skip
        yield Piece(transfer.body, is_last=True)
        yield Row("file", fields, transfer.begin, transfer.last, bodies=(transfer.body,))
