"""Joins tshark's messages of a dialog to what netlake has as one row.

tshark shows each message in a frame of its own. `Dialogs.note` gets all frames in order; to the frame with the last
message it adds a layer with the fields of all its messages as tshark shows them: `ftp.exchange` for an FTP command with
its replies, `smtp.mail` for an SMTP transaction, `socks.request` for a request to a SOCKS proxy. Which reply answers
which command follows from their order (RFC 959 section 5.4, RFC 5321 section 4.1.1); nothing of netlake is used.

- An FTP exchange has its command and its final reply, then the preliminary one. A reply with several lines is over with
  the line whose code is not followed by a hyphen.
- An SMTP transaction begins with MAIL, and ends with the reply to its content, or to the command that ends it. It has
  the last HELO or EHLO before it; of MAIL and RCPT the address.
- A SOCKS request has all messages up to the reply to it, to BIND the second one; tshark repeats its values in later
  frames.
- What has no final reply at the end is returned by `end`, with the frame of its command.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.compare.tshark import Frame, Layer

EXCHANGE, MAIL, REQUEST = "ftp.exchange", "smtp.mail", "socks.request"
SOCKS = (
    "socks.version", "socks.auth_method", "socks.auth_accepted_method", "socks.username", "socks.auth_status",
    "socks.command", "socks.dst", "socks.dstV6", "socks.remote_name", "socks.v4a_dns_name", "socks.port",
    "socks.dstport", "socks.results",
)  # fmt: skip
# fields with the same meaning in other versions and address families
ALIKE = {"socks.dstV6": "socks.dst", "socks.v4a_dns_name": "socks.remote_name", "socks.dstport": "socks.port"}
# what must be read from tshark for them
LAYERS = frozenset({"ftp", "smtp.command_line", "smtp.response", "socks"})
FIELDS = frozenset(
    {
        "tcp.stream", "ftp.line", "ftp.request.command", "ftp.response.code", "smtp.req.command",
        "smtp.req.parameter", "smtp.response.code", "smtp.rsp.parameter", *SOCKS,
    }
)  # fmt: skip
COMMAND, ARGUMENT, CODE, TEXT = "ftp.request.command", "ftp.request.arg", "ftp.response.code", "ftp.response.arg"
PARAMETER, SMTP_CODE, SMTP_TEXT = "smtp.req.parameter", "smtp.response.code", "smtp.rsp.parameter"
TLS_BEGINS, CONTENT_BEGINS, AUTH_GOES_ON = "234", "354", "334"
NONE_ACCEPTED, BIND = 255, "2"
HELLOS = ("HELO", "EHLO", "LHLO")
ADDRESS = re.compile(r"[^:]*:\s*(?:<([^>]*)>?|(\S*)).*", re.DOTALL)


@dataclass(slots=True, eq=False)
class Open:
    """A message that is not over: the frame with its last part so far, and its fields."""

    frame: Frame
    at: int
    fields: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        """Add a value of a field."""
        self.fields.setdefault(name, []).append(text)

    def layer(self, name: str, at: int) -> Layer:
        """It as a layer."""
        fields = {key: [(one, "") for one in of] for key, of in self.fields.items() if of}
        return Layer(name, quoted=False, fields=fields, at=at)


class Ftp:
    """One control connection."""

    def __init__(self) -> None:
        self.pending: deque[Open] = deque()
        self.lines: list[str] = []
        self.code, self.is_over = "", False

    def note(self, layer: Layer, frame: Frame) -> Iterator[Layer]:
        """Read a layer of tshark; the exchanges that it completes."""
        commands = deque(show for show, _ in layer.fields.get(COMMAND, ()))
        for _, value in layer.fields.get("ftp.line", ()):
            line = bytes.fromhex(value).decode("utf-8", "replace").rstrip("\r\n")
            if self.is_over:
                return
            if commands and line.startswith(commands[0]):
                self.command(commands.popleft(), line, Open(frame, layer.at))
            elif not layer.fields.get(COMMAND):
                yield from self.reply(line, Open(frame, layer.at))

    def command(self, name: str, line: str, one: Open) -> None:
        """A command, which waits for its reply."""
        one.add(COMMAND, name)
        if argument := line[len(name) + 1 :]:
            one.add(ARGUMENT, argument)
        self.pending.append(one)

    def reply(self, line: str, one: Open) -> Iterator[Layer]:
        """A line of a reply; the exchange that it completes."""
        ends = re.match(r"[0-9]{3}(?!-)", line)
        begins = re.match(r"[0-9]{3}-", line)
        if self.code and not (ends and line.startswith(self.code)):
            self.lines.append(line[4:] if begins and line.startswith(self.code) else line)
            return
        if not ends:
            if begins:
                self.code, self.lines = line[:3], [line[4:]]
            return
        code, text = line[:3], " ".join([*self.lines, line[4:]])  # tshark too passes over the byte behind the code
        self.code, self.lines = "", []
        if code < "2" and self.pending:
            self.pending[0].add("preliminary", code)
            return
        found = self.pending.popleft() if self.pending else one
        preliminary = found.fields.pop("preliminary", [])[-1:]
        found.fields[CODE] = [code, *preliminary]
        if text:
            found.add(TEXT, text)
        self.is_over = code == TLS_BEGINS and found.fields.get(COMMAND, [""])[0].upper() == "AUTH"
        yield found.layer(EXCHANGE, one.at)

    def end(self) -> Iterator[tuple[Frame, Layer]]:
        """The commands without a final reply."""
        for one in self.pending:
            one.fields[CODE] = one.fields.pop("preliminary", [])[-1:]
            yield one.frame, one.layer(EXCHANGE, one.at)


class Smtp:
    """One SMTP connection."""

    def __init__(self) -> None:
        # commands with the transaction to which they belong, and whether the reply to them ends it
        self.pending: deque[tuple[str, Open | None, bool]] = deque()
        self.mail: Open | None = None
        self.hello: list[str] = []
        # replies to parts of a transaction by the field's order: MAIL, RCPT, DATA, the end
        self.replies: dict[Open, dict[str, list[str]]] = {}

    def note(self, layer: Layer, frame: Frame) -> Iterator[Layer]:
        """Read a layer of tshark; the transactions that it completes."""
        parameter = " ".join(show for show, _ in layer.fields.get(PARAMETER, ()))
        for show, _ in layer.fields.get("smtp.req.command", ()):
            self.command(show.upper(), parameter, Open(frame, layer.at))
        text = " ".join(show for show, _ in layer.fields.get(SMTP_TEXT, ()))
        for show, _ in layer.fields.get(SMTP_CODE, ())[:1]:
            yield from self.reply(show, text, layer.at)

    def command(self, name: str, parameter: str, one: Open) -> None:
        """A command, which waits for its reply."""
        ending = name in (*HELLOS, "RSET", "QUIT", "MAIL")
        before, self.mail = self.mail, None if ending else self.mail
        if name in HELLOS:
            self.hello = [parameter] if parameter else []
        elif name == "MAIL":
            one.fields[PARAMETER] = [*self.hello, address(parameter)]
            self.replies[one] = {}
            if before is not None:
                self.pending.append(("", before, True))
            self.pending.append((name, one, False))
            self.mail = one
            return
        elif name == "RCPT" and self.mail is not None:
            self.mail.add(PARAMETER, address(parameter))
        last = name == "BDAT" and parameter.upper().endswith(" LAST")
        self.pending.append((name, before, (ending and before is not None) or last))
        self.mail = None if last else self.mail

    def reply(self, code: str, text: str, at: int) -> Iterator[Layer]:
        """A reply; the transactions that it ends."""
        while self.pending:
            name, one, closes = self.pending.popleft()
            if one is not None:
                if closes:
                    self.replies[one]["."] = [code]
                    yield self.whole(one, at, text)
                elif name in ("MAIL", "RCPT", "DATA"):
                    self.replies[one].setdefault(name, []).append(code)
            if name == "DATA" and code == CONTENT_BEGINS:
                self.pending.appendleft((".", one, one is not None))
                self.mail = None
            elif name == "AUTH" and code == AUTH_GOES_ON:
                self.pending.appendleft((name, one, closes))
            if name:
                return

    def whole(self, one: Open, at: int, text: str = "") -> Layer:
        """A transaction that is over."""
        replies = self.replies.pop(one)
        one.fields[SMTP_CODE] = [code for part in ("MAIL", "RCPT", "DATA", ".") for code in replies.get(part, ())]
        one.fields[SMTP_TEXT] = [text] if text else []
        return one.layer(MAIL, at)

    def end(self) -> Iterator[tuple[Frame, Layer]]:
        """The transactions that have no end."""
        for one in list(self.replies):
            yield one.frame, self.whole(one, one.at)


class Socks:
    """One connection to a proxy."""

    def __init__(self) -> None:
        self.one: Open | None = None
        # its fields before a reply
        self.asked: dict[str, list[str]] = {}
        self.replies, self.is_over = 0, False

    def note(self, layer: Layer, frame: Frame) -> Iterator[Layer]:
        """Read a layer of tshark; the request that it completes."""
        if self.is_over:
            return
        one = self.one = self.one or Open(frame, layer.at)
        if "socks.results" in layer.fields:
            self.asked = self.asked or {name: list(of) for name, of in one.fields.items()}
            one.fields = {name: list(of) for name, of in self.asked.items()}
        for name in SOCKS:
            for show, _ in layer.fields.get(name, ()):
                if name != "socks.version" or name not in one.fields:
                    one.add(ALIKE.get(name, name), show)
        refused = any(int(show, 0) == NONE_ACCEPTED for show, _ in layer.fields.get("socks.auth_accepted_method", ()))
        if "socks.results" not in layer.fields and not refused:
            return
        self.replies += 1
        waits = one.fields.get("socks.command") == [BIND] and one.fields.get("socks.results") == ["0"]
        if refused or not waits or self.replies == 2:
            self.is_over = True
            yield one.layer(REQUEST, layer.at)

    def end(self) -> Iterator[tuple[Frame, Layer]]:
        """A request without a reply."""
        if self.one is not None and not self.is_over:
            yield self.one.frame, self.one.layer(REQUEST, self.one.at)


def address(parameter: str) -> str:
    """The address in the parameter of MAIL or RCPT, without angle brackets."""
    found = ADDRESS.fullmatch(parameter)
    return (found[1] if found[1] is not None else found[2]) if found else ""


KINDS: dict[str, type[Ftp | Smtp | Socks]] = {"ftp": Ftp, "smtp": Smtp, "socks": Socks}


class Dialogs:
    """All dialogs of a capture, by tshark's number of the stream."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Ftp | Smtp | Socks] = {}

    def note(self, frame: Frame) -> None:
        """Add to a frame the layers that its messages complete."""
        stream = ""
        for layer in list(frame.layers):
            if layer.name == "tcp" and not layer.quoted:
                stream = next((show for show, _ in layer.fields.get("tcp.stream", ())), "")
            elif layer.name in LAYERS:
                kind = layer.name.partition(".")[0]
                if (kind, stream) not in self.found:
                    self.found[kind, stream] = KINDS[kind]()
                frame.layers.extend(self.found[kind, stream].note(layer, frame))

    def end(self) -> Iterator[tuple[Frame, Layer]]:
        """What has no final reply, with its frame."""
        for one in self.found.values():
            yield from one.end()
