"""The machine of SSH (netlake.layers.dialog.Machine): identification lines, and the KEXINIT of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from netlake.layers.dialog import DONE, MOST_KEPT, At, Row, Said, Where
from netlake.layers.items import text
from netlake.layers.streamed import NO, UNSURE, YES, Verdict
from netlake.streams.ssh.algorithms import Offer, chosen, fingerprint

NAME = b"SSH-"
# RFC 4253 section 4.2: an identification line, its line end included
LONGEST_LINE = 255
# length and padding length of a packet, and its message number
LENGTH, HEADER = 4, 6
# the smallest length: that of the padding length and the message number
LEAST = 2
KEXINIT = 20
# key exchange messages that the client sends first, and those by which the server answers
OF_CLIENT, OF_SERVER = (30, 34, 40), (31, 33, 41)


def first_look(data: bytes, _side: int) -> Verdict:
    """Whether a stream begins with an identification line."""
    if not data.startswith(NAME[: len(data)]):
        return NO
    return YES if len(data) >= len(NAME) else UNSURE


class Phase(Enum):
    """What a side says next: lines, packets with its KEXINIT among them, others, or nothing that is read."""

    LINES = 0
    OFFER = 1
    EXCHANGE = 2
    OVER = 3


@dataclass(slots=True)
class Side:
    """One direction: what is not complete of it, and its row so far."""

    phase: Phase = Phase.LINES
    kept: bytearray = field(default_factory=bytearray)
    preamble: int = 0  # bytes of `kept` that are lines before the identification
    begin: Where | None = None
    last: Where | None = None
    version: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    offer: Offer | None = None
    fault: str | None = None
    written: bool = False

    def take_preamble(self) -> None:
        """The lines before the identification are known."""
        if self.preamble:
            self.fields["preamble"] = _shown(bytes(self.kept[: self.preamble]))
            del self.kept[: self.preamble]
            self.preamble = 0

    def take_identification(self) -> None:
        """The identification is complete."""
        line, self.kept = bytes(self.kept), bytearray()
        if len(line) > LONGEST_LINE:
            self.fault = "too_large"
        shown = _shown(line)
        self.version, dash, software = shown.removeprefix(NAME.decode()).partition("-")
        self.fields |= {"identification": shown, "protocol_version": self.version}
        if not dash:
            self.fault = self.fault or "bad_value"
            return
        self.fields["software"], space, comments = software.partition(" ")
        if space:
            self.fields["comments"] = comments


class SshMachine:
    """Reads one SSH connection up to its key exchange."""

    def __init__(self) -> None:
        self.undecoded = [0, 0]
        self.sides = (Side(), Side())
        self.server: int | None = None

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said."""
        one, used = self.sides[side], 0
        one.begin = one.begin or at(0)
        while used < len(data) and one.phase is not Phase.OVER:
            used = (self._line if one.phase is Phase.LINES else self._packet)(side, data, used, at)
        yield from self._rows()
        if one.phase is Phase.OVER and one.offer is None and not self._is_done:
            self.undecoded[side] += len(data) - used

    def gap(self, side: int, size: int) -> Iterator[Said]:  # noqa: ARG002 - it does not matter how many are missing
        """Bytes are missing, so the place at which the next packet begins is not known."""
        if self.sides[side].phase is not Phase.OVER:
            self._over(side, "cut")
        yield from self._rows()

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more."""
        if self.sides[side].phase is not Phase.OVER:
            self._over(side, "short_header")
        yield from self._rows(ended=side)

    @property
    def _is_done(self) -> bool:
        return all(one.written for one in self.sides)

    def _over(self, side: int, fault: str | None) -> None:
        """Nothing more of a side is read; `fault` is that of a row without KEXINIT."""
        one = self.sides[side]
        if one.phase is Phase.LINES:
            one.take_preamble()
        if one.offer is None:
            one.fault = one.fault or fault
            self.undecoded[side] += len(one.kept)
        one.phase, one.kept = Phase.OVER, bytearray()

    def _line(self, side: int, data: bytes, used: int, at: At) -> int:
        """Read one line, or its part in data[used:]; how far it was read."""
        one = self.sides[side]
        room = MOST_KEPT - len(one.kept)
        end = data.find(b"\n", used, used + room)
        stop = min(used + room, len(data)) if end < 0 else end + 1
        one.kept += data[used:stop]
        one.last = at(stop - 1)
        if end >= 0 and one.kept.startswith(NAME, one.preamble):
            self._identified(side)
        elif len(one.kept) == MOST_KEPT:
            self._over(side, "too_large")
        elif end >= 0:
            one.preamble = len(one.kept)
        return stop

    def _identified(self, side: int) -> None:
        """The identification of a side is complete."""
        one = self.sides[side]
        one.take_preamble()
        one.take_identification()
        one.phase = Phase.OFFER
        versions = [each.version for each in self.sides]
        for number in range(2):
            is_old = any(map(_is_old, versions)) if None not in versions else number == side and _is_old(one.version)
            if is_old:
                self._over(number, None)

    def _packet(self, side: int, data: bytes, used: int, at: At) -> int:
        """Read one packet, or its part in data[used:]; how far it was read."""
        one = self.sides[side]
        if len(one.kept) < LENGTH:
            stop = min(len(data), used + LENGTH - len(one.kept))
            one.kept += data[used:stop]
            size = int.from_bytes(one.kept)
            if len(one.kept) == LENGTH and not LEAST <= size <= MOST_KEPT - LENGTH:
                self._over(side, "bad_length" if size < LEAST else "too_large")
            return stop
        whole = LENGTH + int.from_bytes(one.kept[:LENGTH])
        stop = min(len(data), used + whole - len(one.kept))
        one.kept += data[used:stop]
        if len(one.kept) == whole:
            packet, one.kept = bytes(one.kept), bytearray()
            self._message(side, packet, at(stop - 1))
        return stop

    def _message(self, side: int, packet: bytes, last: Where) -> None:
        """Take what is needed of a packet, which ends with the byte `last`."""
        one, number, end = self.sides[side], packet[HEADER - 1], len(packet) - packet[LENGTH]
        if one.offer is None and number == KEXINIT:
            one.offer, fault = Offer.read(packet[HEADER:end])
            one.fault, one.last, one.phase = one.fault or fault, last, Phase.EXCHANGE
        elif number in OF_CLIENT or number in OF_SERVER:
            if self.server is None:
                self.server = 1 - side if number in OF_CLIENT else side
            self._over(side, "bad_value")

    def _rows(self, ended: int | None = None) -> Iterator[Said]:
        """The rows that can be written, the client's first."""
        sides = self.sides
        are_over = [one.phase is Phase.OVER for one in sides]
        known = all(over or one.offer is not None for over, one in zip(are_over, sides, strict=True))
        known = known and (self.server is not None or all(are_over))
        server = 1 if self.server is None else self.server
        for side in (1 - server, server):
            one = sides[side]
            if one.begin is None or one.written or not (known or side == ended):
                continue
            one.written, self.server = True, server
            yield Row("ssh", self._fields(side), one.begin, one.last or one.begin, one.fault)
        if self._is_done:
            yield DONE

    def _fields(self, side: int) -> dict[str, Any]:
        """The columns of a side."""
        one, other, is_server = self.sides[side], self.sides[1 - side], side == self.server
        fields = one.fields | {"is_server": is_server}
        if one.offer is not None:
            fields |= one.offer.fields() | fingerprint(one.offer, server=is_server)
            if is_server and other.offer is not None:
                fields |= chosen(other.offer, one.offer)
        return fields


def _is_old(version: str | None) -> bool:
    """Whether it is a version of SSH-1 only."""
    return version is not None and version.startswith("1.") and version != "1.99"


def _shown(lines: bytes) -> str:
    """Lines as text, without the last line end."""
    return text(lines.removesuffix(b"\n").removesuffix(b"\r"))
