"""The machine of SMTP (netlake.layers.dialog.Machine)."""

from __future__ import annotations

from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlake.layers.dialog import MOST_KEPT, At, Early, Handover, Row, Said, Where
from netlake.layers.items import text
from netlake.layers.lines import Line, Lines
from netlake.layers.streamed import NO, UNSURE, YES, Verdict
from netlake.streams import mail
from netlake.streams.smtp.content import Content

# of a line as much is kept; so many commands wait for their replies
LONGEST, MOST_PENDING = 4096, 256
# bytes of transactions that are not written yet
ROOM = 4 * MOST_KEPT
# replies: go on with AUTH, with the content, with TLS
CONTINUE, GO_ON, READY = 334, 354, 220
MOST_DIGITS = 12
# the record type of a TLS handshake
HANDSHAKE = b"\x16"
HELLOS = (b"HELO", b"EHLO", b"LHLO")
COMMANDS = frozenset(
    (*HELLOS, b"MAIL", b"RCPT", b"DATA", b"BDAT", b"RSET", b"QUIT", b"NOOP", b"VRFY", b"EXPN", b"HELP", b"AUTH",
     b"STARTTLS", b"TURN", b"ETRN", b"SEND", b"SOML", b"SAML", b"XCLIENT", b"XFORWARD")
)  # fmt: skip

# commands that end a transaction, and those that are part of one
ENDING = (*HELLOS, b"RSET", b"QUIT", b"MAIL")
PARTS = (b"MAIL", b"RCPT", b"DATA", b"BDAT", b"STARTTLS")


def first_look(data: bytes, _side: int) -> Verdict:
    """Whether a stream begins with a greeting of a mail server, or with HELO or one of its successors."""
    line, end, _ = data.partition(b"\n")
    if line[:4].upper() in HELLOS and line[4:5] in (b" ", b"\r"):
        return YES
    begins = (b"220 ", b"220-", b"554 ", b"554-", *(hello + b" " for hello in HELLOS))
    if not any(line[:5].upper().startswith(begin[: len(line)]) for begin in begins):
        return NO
    if not end and len(data) < 64:
        return UNSURE
    return NO if b"FTP" in line.upper() or not line[:3].isdigit() else YES


@dataclass(slots=True)
class Transaction:
    """A row that is not written yet; `room` are the bytes that it has of ROOM."""

    begin: Where
    fields: dict[str, Any]
    content: Content | None = None
    fault: str | None = None
    room: int = 0


@dataclass(slots=True)
class Pending:
    """A command that waits for its reply: its name, its transaction, which it `closes`, and the recipient it adds."""

    name: bytes
    transaction: Transaction | None = None
    closes: bool = False
    recipient: dict[str, Any] | None = None
    shares: bool = False  # the reply to it is that to the next command


class SmtpMachine:
    """Reads one SMTP connection; the side that says the first reply is the server."""

    def __init__(self) -> None:
        self.undecoded = [0, 0]
        self.client: int | None = None
        self.lines = (Lines(LONGEST), Lines(LONGEST))
        self.skips, self.ended, self.begin = [False, False], set[int](), dict[int, Where]()
        self.session: dict[str, Any] = {}
        self.open: Transaction | None = None
        self.content: Content | None = None
        self.pending: deque[Pending] = deque()
        self.reply, self.reply_size = list[str](), 0
        self.responses, self.rows, self.room, self.is_done = 0, 0, ROOM, False
        self.early = Early()

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said."""
        used = 0
        self.begin.setdefault(side, at(0))
        while used < len(data) and not self.is_done:
            if self.content is not None and side == self.client:
                content = self.content
                used = content.read(data, used)
                if self.content.is_over or used == len(data):
                    yield from content.pieces()
                self._after_content()
            elif self._is_early(side, data, used):
                self.undecoded[side] += self.early.add(data, used, at)
                return
            else:
                used, line = self.lines[side].next(data, used, at)
                yield from self._line(side, line) if line is not None else ()
        if self.is_done:
            yield Handover(used, bytes(self.early.data), self.early.begin)

    def gap(self, side: int, size: int) -> Iterator[Said]:
        """Bytes are missing: replies cannot be given to the commands before it."""
        self.undecoded[side] += self.lines[side].clear()
        self.reply, self.reply_size = [], 0
        if self.content is not None and side == self.client:
            self.content.gap(size)
            yield from self.content.pieces()
            self._after_content()
        else:
            self.skips[side] = True
        if side == self.client:
            self.undecoded[side] += self.early.clear()
        if self.open is not None:
            self.open.fault = self.open.fault or "cut"
            if side == self.client and self.open.content is not None:
                # a chunk can be missing
                self.open.content.is_whole = False
        yield from self._close_all("cut")

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more; when all have ended, all transactions do."""
        self.undecoded[side] += self.lines[side].clear()
        self.ended.add(side)
        if not self.ended >= self.begin.keys():
            return
        if self.client is not None:
            self.undecoded[self.client] += self.early.clear()
        yield from self._close_all("short_header")
        if self.open is not None:
            if self.open.content is not None:
                self.open.content.is_whole = False
            yield from self._row(self.open, None, "short_header")
            self.open = self.content = None
        if not self.rows and self.begin:
            begin = self.begin[min(self.begin, key=lambda one: one != self.client)]
            yield from self._row(Transaction(begin, dict(self.session)), None, None)

    def _close_all(self, fault: str) -> Iterator[Said]:
        """No reply to the commands so far will be read."""
        while self.pending:
            yield from self._closed(self.pending.popleft(), None, fault)

    def _closed(self, command: Pending, end: Where | None, fault: str | None) -> Iterator[Said]:
        """The row of the transaction that a command ends."""
        if command.closes and command.transaction is not None:
            yield from self._row(command.transaction, end, fault)

    def _row(self, one: Transaction, end: Where | None, fault: str | None) -> Iterator[Said]:
        self.room += one.room
        content = one.content
        one.fields["transaction"] = self.rows
        self.rows += 1
        if content is not None:
            one.fields["data_size"] = content.size
            one.fields["data_sha256"] = content.digest.hexdigest() if content.is_whole else None
        yield Row("smtp_transaction", one.fields, one.begin, end, one.fault or fault)
        if content is not None:
            yield from content.pieces(is_last=True)
            fields = mail.of_transaction("smtp_transaction", one.fields, content.missing)
            # the mail can be whole though something else of the transaction is not
            own = None if content.is_whole else one.fault or fault
            yield Row("mail", fields, one.begin, end, own, (content.body,), mail.rows_of)

    def _is_early(self, side: int, data: bytes, used: int) -> bool:
        """Whether bytes of the client can only be TLS, to which the server has not agreed yet."""
        if side != self.client or not self.pending or self.pending[-1].name != b"STARTTLS":
            return False
        return bool(self.early.begin or self.early.is_lost) or (
            data[used : used + 1] == HANDSHAKE and self.lines[side].begin is None
        )

    def _line(self, side: int, line: Line) -> Iterator[Said]:
        """Read a reply, a command, or a response of AUTH."""
        if self.skips[side]:
            self.skips[side], self.undecoded[side] = False, self.undecoded[side] + line.size
            return
        is_reply = line.data[:3].isdigit() and line.data[3:4] in (b"", b" ", b"-")
        if self.client is None:
            self.client = 1 - side if is_reply else side
        if side != self.client:
            if not is_reply:
                self.undecoded[side] += line.size
                return
            if self.reply_size + len(line.data) <= LONGEST:
                self.reply.append(text(line.data[4:]))
                self.reply_size += len(line.data)
            if line.data[3:4] != b"-":
                shown, self.reply, self.reply_size = "\n".join(self.reply), [], 0
                yield from self._replied(int(line.data[:3]), shown, line.end)
        elif self.pending and self.pending[0].name == b"AUTH" and 1 - side in self.begin:
            self._response(line.data)
        else:
            self._command(side, line)
            if len(self.pending) > MOST_PENDING:
                yield from self._closed(self.pending.popleft(), None, None)

    def _command(self, side: int, line: Line) -> None:
        """Read a command of the client."""
        name, _, argument = line.data.partition(b" ")
        command = Pending(name.upper())
        if command.name not in COMMANDS:
            self.undecoded[side] += line.size
        if command.name in ENDING and self.open is not None:
            # the reply to it ends the transaction before
            self.pending.append(Pending(b"", self.open, closes=True, shares=True))
            self.open = None
        if command.name in HELLOS:
            self.session |= {"helo": text(argument.strip()), "extended": command.name != b"HELO"}
        elif command.name == b"AUTH":
            self._auth(argument)
        elif command.name in PARTS:
            self._part(command, argument, line)
        self.pending.append(command)

    def _part(self, command: Pending, argument: bytes, line: Line) -> None:
        """Read a command that is part of a transaction, or begins one."""
        one = command.transaction = self.open = self.open or Transaction(line.begin, dict(self.session))
        if command.name in (b"MAIL", b"RCPT"):
            self._address(one, command, argument)
        elif command.name == b"DATA":
            self.content = one.content = Content()
        elif command.name == b"BDAT":
            size, _, last = argument.strip().partition(b" ")
            if not size.isdigit() or len(size) > MOST_DIGITS or last.upper() not in (b"", b"LAST"):
                one.fault = one.fault or "bad_value"
                return
            one.content = one.content or Content()
            one.content.chunk = int(size)
            self.content = one.content if one.content.chunk else None
            command.closes = last.upper() == b"LAST"
            if command.closes:
                self.open = None
        else:
            command.closes, self.open = True, None

    def _address(self, one: Transaction, command: Pending, argument: bytes) -> None:
        """Read the argument of MAIL or RCPT."""
        path = argument.partition(b":")[2].strip()
        if path.startswith(b"<"):
            address, _, parameters = path[1:].partition(b">")
        else:
            address, _, parameters = path.partition(b" ")
        size = len(argument) + 128
        if size > self.room:
            one.fault = one.fault or "too_large"
            return
        self.room, one.room = self.room - size, one.room + size
        if command.name == b"MAIL":
            one.fields["mail_from"] = text(address)
            one.fields["mail_parameters"] = [text(part) for part in parameters.split()]
        else:
            command.recipient = {"address": text(address), "code": None}
            one.fields.setdefault("recipients", []).append(command.recipient)

    def _after_content(self) -> None:
        """Go on with commands if the content, or a chunk of it, has ended."""
        if self.content is None or not self.content.is_over:
            return
        if self.content.chunk is None:
            self.pending.append(Pending(b".", self.open, closes=True))
            self.open = None
        self.content = None

    def _replied(self, code: int, shown: str, end: Where) -> Iterator[Said]:
        """Give a reply to the command that waits for it."""
        shares = True
        if not self.pending and "greeting" not in self.session:
            self.session["greeting"] = shown
        while self.pending and shares and not self.is_done:
            command = self.pending.popleft()
            one, shares = command.transaction, command.shares
            self._reply_of(command, code)
            if one is None or not command.closes:
                continue
            one.fields |= {"end_code": code, "end_text": shown}
            if command.name == b"STARTTLS":
                one.fields["starttls"] = self.is_done = code == READY
                if not self.is_done and self.client is not None:
                    self.undecoded[self.client] += self.early.clear()
            yield from self._closed(command, end, None)

    def _reply_of(self, command: Pending, code: int) -> None:
        """Take the code of the reply to a command."""
        one = command.transaction
        if command.name == b"AUTH":
            self.session["auth_code"] = code
            if code == CONTINUE:
                self.pending.appendleft(command)
        elif command.recipient is not None:
            command.recipient["code"] = code
        elif one is not None and command.name == b"MAIL":
            one.fields["mail_code"] = code
        elif one is not None and command.name == b"DATA":
            self._data_replied(one, code)

    def _data_replied(self, one: Transaction, code: int) -> None:
        """The server answers DATA: without 354 there is no content."""
        one.fields["data_code"] = code
        if code != GO_ON and one.content is not None and not one.content.size:
            if self.content is one.content:
                self.content = None
            one.content = None

    def _auth(self, argument: bytes) -> None:
        """Read the argument of AUTH."""
        method, _, initial = argument.strip().partition(b" ")
        self.session["auth_method"] = text(method.upper())
        self.session.pop("auth_user", None)
        self.responses = 0
        if initial:
            self._response(initial)

    def _response(self, line: bytes) -> None:
        """Take the user of a response of AUTH; nothing else of it is kept."""
        self.responses += 1
        method = self.session.get("auth_method")
        if self.responses > 1 or method not in ("PLAIN", "LOGIN"):
            return
        try:
            decoded = b64decode(line.strip(), validate=True)
        except ValueError:
            return
        user = decoded.split(b"\0")[1:2] if method == "PLAIN" else [decoded]
        if user:
            self.session["auth_user"] = text(user[0])
