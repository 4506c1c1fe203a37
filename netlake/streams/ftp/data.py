"""Data connections of FTP: what the control connection says of them, and the machine that reads their bytes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netlake.layers.dialog import Announced, At, Body, Piece, Row, Said, Where
from netlake.layers.items import text
from netlake.layers.streamed import NO, Verdict

# commands of which the latest of one announcement are kept
MOST_TRANSFERS = 16
# transfers whose argument is the name of the file
NAMED = (b"RETR", b"STOR", b"STOU", b"APPE")
TRANSFERS = (*NAMED, b"LIST", b"NLST", b"MLSD")


def nothing(_data: bytes, _side: int) -> Verdict:
    """Data connections have no form: only their announcement shows them."""
    return NO


class Transfer(NamedTuple):
    """A command that transfers a file, known in packet `due`; `exchange` is its number."""

    due: int
    exchange: int
    name: str | None


@dataclass(slots=True)
class Channel:
    """The data connection that was announced: the commands that may use it, in their order."""

    transfers: list[Transfer] = field(default_factory=list)

    def add(self, command: bytes, argument: bytes, exchange: int, due: int) -> None:
        """A command that may use it."""
        name = posixpath.basename(text(argument)) or None if command in NAMED else None
        self.transfers = [*self.transfers[1 - MOST_TRANSFERS :], Transfer(due, exchange, name)]

    def named(self, name: str, exchange: int, due: int) -> None:
        """A reply to command `exchange`, the last one, gives the name of the file (STOU); the first such reply counts.

        A later one is left out, not the first one replaced: else the name depends on how much was read already.
        """
        latest = [one.exchange == exchange for one in self.transfers[-2:]]
        if latest[-1:] == [True] and latest != [True, True]:
            given = Transfer(due, exchange, posixpath.basename(name) or None)
            self.transfers = [*self.transfers[1 - MOST_TRANSFERS :], given]

    def of(self, first: int, last: int) -> Transfer | None:
        """The command of the bytes in packets `first` to `last`; only what was known then counts."""
        known = [one for one in self.transfers if one.due <= last]
        before = [one for one in known if one.due <= first]
        chosen = before[-1:] or known[:1]
        if not chosen:
            return None
        # the same command can have got its name later
        return next(one for one in reversed(known) if one.exchange == chosen[0].exchange)


@dataclass(slots=True)
class Sent:
    """What one side of a data connection has sent."""

    begin: Where
    last: Where
    body: Body = field(default_factory=Body)
    size: int = 0
    missing: int = 0


class FtpData:
    """Reads a data connection: each direction with bytes is one file."""

    def __init__(self, announced: Announced = Announced()) -> None:  # noqa: B008 - immutable
        self.undecoded, self.closed = [0, 0], [False, False]
        self.channel: Channel = announced.about or Channel()
        self.flow = announced.flow
        self.sides: list[Sent | None] = [None, None]
        self.missing = [0, 0]

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Bytes of the file."""
        last, sent = at(len(data) - 1), self.sides[side]
        if sent is None:
            sent = self.sides[side] = Sent(at(0), last)
        sent.last, sent.size = last, sent.size + len(data)
        yield Piece(sent.body, data, self.missing[side])
        sent.missing, self.missing[side] = sent.missing + self.missing[side], 0

    def gap(self, side: int, size: int) -> Iterator[Said]:
        """Bytes of the file are missing."""
        self.missing[side] += size
        return iter(())

    def end(self, side: int) -> Iterator[Said]:
        """The file is over."""
        sent = self.sides[side]
        if sent is None:
            return
        sent.missing += self.missing[side]
        yield Piece(sent.body, is_last=True)
        transfer = self.channel.of(sent.begin.due, sent.last.due)
        closed = self.closed[side]
        fields: dict[str, Any] = {
            "source": "ftp_command", "source_flow": self.flow, "seen_bytes": sent.size, "missing_bytes": sent.missing,
            "total_bytes": sent.size + sent.missing if closed else None, "complete": closed and not sent.missing,
        }  # fmt: skip
        if transfer is not None:
            fields |= {"exchange": transfer.exchange, "name": transfer.name}
        yield Row("file", fields, sent.begin, bodies=(sent.body,))
