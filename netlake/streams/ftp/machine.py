"""The machine of FTP control connections (netlake.layers.dialog.Machine)."""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlake.layers.dialog import MOST_KEPT, At, Early, Expect, Handover, Row, Said, Where
from netlake.layers.items import text
from netlake.layers.lines import Line, Lines
from netlake.layers.streamed import NO, UNSURE, YES, Verdict
from netlake.streams.ftp.address import extended, of_command, of_reply
from netlake.streams.ftp.data import TRANSFERS, Channel

# of a line, and of the text of a reply, as much is kept; so many commands wait for their replies
LONGEST, MOST_PENDING = 4096, 256
SECRET = (b"PASS", b"ACCT", b"ADAT")
COMMANDS = frozenset(
    (b"USER", b"CWD", b"CDUP", b"SMNT", b"REIN", b"QUIT", b"PORT", b"PASV", b"TYPE", b"STRU", b"MODE", b"ALLO", b"REST",
     b"RNFR", b"RNTO", b"ABOR", b"DELE", b"RMD", b"MKD", b"PWD", b"SITE", b"SYST", b"STAT", b"HELP", b"NOOP", b"AUTH",
     b"PROT", b"PBSZ", b"CCC", b"MIC", b"CONF", b"ENC", b"FEAT", b"OPTS", b"LANG", b"EPRT", b"EPSV", b"LPRT",
     b"LPSV", b"MDTM", b"MLST", b"SIZE", b"HOST", b"XCUP", b"XCWD", b"XMKD", b"XPWD", b"XRMD", b"CLNT", *SECRET,
     *TRANSFERS)
)  # fmt: skip
# replies: TLS begins, extended passive mode, passive mode, path
TLS_BEGINS, EXTENDED_PASSIVE, PASSIVE, PATH = 234, 229, 227, 257
# the record type of a TLS handshake
HANDSHAKE = b"\x16"
_PATH = re.compile(rb'"((?:[^"]|"")*)"')
# Telnet commands, blanks and NUL, which can be before a command; a command; the password in the argument of SITE
_BEFORE = re.compile(rb"(?:\xff.?|[\s\0])*", re.DOTALL)
_COMMAND = re.compile(rb"([A-Za-z]+[0-9]*)(?:\s(.*))?\Z", re.DOTALL)
_PASSWORD = re.compile(rb"\W*PSWD", re.IGNORECASE)
_UNIQUE = re.compile(rb"FILE: *(\S+)", re.IGNORECASE)


def first_look(data: bytes, side: int) -> Verdict:
    """Whether a stream on any port begins with a greeting that names FTP."""
    line, end, _ = data.partition(b"\n")
    if not line[:3].isdigit():
        return NO
    if b"FTP" in line.upper():
        return look_on_port(data, side)
    return UNSURE if not end and len(data) < 64 else NO


def look_on_port(data: bytes, _side: int) -> Verdict:
    """Whether a stream on port 21 begins with a reply or a command."""
    if data[:3].isdigit():
        return YES if len(data) >= 4 else UNSURE
    word = re.match(rb"[A-Za-z]{0,4}", data)
    name = word[0].upper() if word else b""
    if len(name) == len(data):
        return UNSURE if any(one.startswith(name) for one in COMMANDS) else NO
    return YES if name in COMMANDS and data[len(name) : len(name) + 1] in (b" ", b"\t", b"\r", b"\n") else NO


def _split(data: bytes) -> tuple[bytes, bytes]:
    """The name and the argument of a command, without a password; both empty if the name is no word."""
    found = _COMMAND.match(_BEFORE.sub(b"", data, count=1))
    if found is None:
        return b"", b""
    name, argument = found[1].upper(), found[2] or b""
    is_secret = name in SECRET or (name == b"SITE" and _PASSWORD.match(argument))
    return name, b"" if is_secret else argument


@dataclass(slots=True)
class Command:
    """A command that waits for its reply."""

    name: bytes
    argument: bytes
    begin: Where
    exchange: int
    fields: dict[str, Any]
    preliminary: int | None = None
    channel: Channel | None = None


class FtpMachine:
    """Reads one control connection; the side that says the first reply is the server."""

    def __init__(self) -> None:
        self.undecoded = [0, 0]
        self.client: int | None = None
        self.lines = (Lines(LONGEST), Lines(LONGEST))
        self.skips, self.ended, self.spoken = [False, False], set[int](), set[int]()
        self.pending: deque[Command] = deque()
        self.room, self.count, self.is_over = MOST_KEPT, 0, False
        self.user: str | None = None
        self.cwd: str | None = None
        self.channel: Channel | None = None
        self.early = Early()
        # the reply that is not complete: its code, its lines, and where it begins
        self.code: bytes | None = None
        self.reply, self.reply_size = list[bytes](), 0
        self.begin: Where | None = None

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said."""
        used = 0
        self.spoken.add(side)
        while used < len(data):
            if self._is_early(side, data, used):
                self.undecoded[side] += self.early.add(data, used, at)
                return
            used, line = self.lines[side].next(data, used, at)
            if line is not None:
                yield from self._line(side, line)
            if self.is_over:
                yield Handover(used, bytes(self.early.data), self.early.begin)
                return

    def gap(self, side: int, size: int) -> Iterator[Said]:  # noqa: ARG002 - it does not matter how many are missing
        """Bytes are missing: replies cannot be given to the commands before it."""
        self.undecoded[side] += self.lines[side].clear()
        self.skips[side], self.code, self.reply, self.reply_size = True, None, [], 0
        if side == self.client:
            self.undecoded[side] += self.early.clear()
        yield from self._unanswered("cut")

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more; when all have ended, nothing is answered any more."""
        self.undecoded[side] += self.lines[side].clear()
        self.ended.add(side)
        if self.ended >= self.spoken:
            if self.client is not None:
                self.undecoded[self.client] += self.early.clear()
            yield from self._unanswered(None)

    def _is_early(self, side: int, data: bytes, used: int) -> bool:
        """Whether bytes of the client can only be TLS, to which the server has not agreed yet."""
        if side != self.client or not self.pending or self.pending[-1].name != b"AUTH":
            return False
        return bool(self.early.begin or self.early.is_lost) or (
            data[used : used + 1] == HANDSHAKE and self.lines[side].begin is None
        )

    def _line(self, side: int, line: Line) -> Iterator[Said]:
        """Read a line of a reply, or a command."""
        if self.skips[side]:
            self.skips[side], self.undecoded[side] = False, self.undecoded[side] + line.size
            return
        if self.client is None:
            is_reply = line.data[:3].isdigit() and not line.data[3:4].isdigit()
            self.client = 1 - side if is_reply else side
        if side == self.client:
            yield from self._command(line)
        else:
            yield from self._reply(side, line)

    def _reply(self, side: int, line: Line) -> Iterator[Said]:
        """Read a line of a reply (RFC 959 section 4.2)."""
        code, is_code = line.data[:3], len(line.data) >= 3 and line.data[:3].isdigit()
        if self.code is None and not is_code:
            self.undecoded[side] += line.size
            return
        is_end = is_code and line.data[3:4] != b"-" and self.code in (None, code)
        if self.code is None:
            self.code, self.begin = code, line.begin
        shown = line.data
        if is_code and code == self.code:
            shown = shown[3:].removeprefix(b"-" if not is_end else b" ")
        if self.reply_size + len(shown) <= LONGEST:
            self.reply.append(shown)
            self.reply_size += len(shown) + 1
        if is_end:
            lines, self.code, self.reply, self.reply_size = self.reply, None, [], 0
            yield from self._replied(int(code), b"\n".join(lines), line.end)

    def _command(self, line: Line) -> Iterator[Said]:
        """Read a command; what Telnet has before it (RFC 959 section 4.1.3) is left out."""
        name, argument = _split(line.data)
        command = Command(name, argument, line.begin, self.count, {})
        self.count += 1
        if name not in COMMANDS:
            self.undecoded[line.begin.side] += line.size
        if name == b"USER":
            self.user = text(argument)
        elif name in (b"PORT", b"EPRT"):
            yield from self._announce(command, of_command(name, argument), line.end)
        elif name in TRANSFERS and self.channel is not None:
            command.channel = self.channel
            self.channel.add(name, argument, command.exchange, line.end.due)
        self.pending.append(command)
        self.room -= len(name) + len(argument)
        while len(self.pending) > MOST_PENDING or (self.room < 0 and len(self.pending) > 1):
            yield self._row(self.pending.popleft(), None, None, line.end, None)

    def _announce(self, command: Command, found: tuple[bytes | None, int] | None, since: Where) -> Iterator[Said]:
        """The address and port of a data connection; without an address it is the server's."""
        if found is None or not found[1]:
            return
        is_passive = command.name in (b"PASV", b"EPSV")
        command.fields |= {"passive": is_passive, "data_ip": found[0], "data_port": found[1]}
        self.channel = Channel()
        client = self.client or 0
        yield Expect("ftp_data", found[1], 1 - client if is_passive else client, since, found[0], self.channel)

    def _replied(self, code: int, shown: bytes, end: Where) -> Iterator[Said]:
        """Give a reply to the command that waits for it."""
        if not self.pending:
            if self.begin is not None:
                fields = {"code": code, "message": text(shown), "user": self.user, "cwd": self.cwd}
                yield Row("ftp_command", fields, self.begin, end)
            return
        command = self.pending[0]
        if code < 200:
            command.preliminary = code
            if command.channel is not None and (found := _UNIQUE.search(shown)):
                command.channel.named(text(found[1]), command.exchange, end.due)
            return
        self.pending.popleft()
        if code == PASSIVE and command.name == b"PASV":
            yield from self._announce(command, of_reply(shown), end)
        elif code == EXTENDED_PASSIVE and command.name == b"EPSV":
            yield from self._announce(command, extended(shown), end)
        yield self._row(command, code, shown, end, None)
        self._changed(command, code, shown)
        if command.name == b"AUTH":
            self.is_over = code == TLS_BEGINS
            if not self.is_over and self.client is not None:
                self.undecoded[self.client] += self.early.clear()

    def _changed(self, command: Command, code: int, shown: bytes) -> None:
        """What a reply says of the directory."""
        if not 200 <= code < 300:
            return
        name, path = command.name.removeprefix(b"X"), command.argument.strip()
        if code == PATH and name == b"PWD" and (found := _PATH.search(shown)):
            self.cwd = text(found[1].replace(b'""', b'"'))
        elif name in (b"CWD", b"CDUP", b"CUP"):
            path = path if name == b"CWD" else b".."
            base = self.cwd if not path.startswith(b"/") else "/"
            joined = None if base is None else posixpath.normpath(posixpath.join(base, text(path)))
            self.cwd = joined if joined is None or len(joined) <= LONGEST else None
        elif name == b"REIN":
            self.user = self.cwd = None

    def _unanswered(self, fault: str | None) -> Iterator[Said]:
        while self.pending:
            yield self._row(self.pending.popleft(), None, None, None, fault)

    def _row(self, one: Command, code: int | None, shown: bytes | None, end: Where | None, fault: str | None) -> Row:
        self.room += len(one.name) + len(one.argument)
        fields = {
            "exchange": one.exchange, "command": text(one.name) or None, "argument": text(one.argument) or None,
            "code": code, "message": None if shown is None else text(shown), "preliminary_code": one.preliminary,
            "user": self.user, "cwd": self.cwd,
        }  # fmt: skip
        return Row("ftp_command", fields | one.fields, one.begin, end, fault or (None if one.name else "bad_value"))
