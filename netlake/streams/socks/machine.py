"""The machine of SOCKS (netlake.layers.dialog.Machine).

Each direction is a sequence of messages with lengths of their own, which is read without regard to the other one; the
first byte of a client's message says which it is. Only when the final reply and the request are complete do both meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from netlake.layers.dialog import At, Early, Handover, Row, Said, Where
from netlake.layers.items import text
from netlake.layers.streamed import NO, UNSURE, YES, Verdict

V4, V5 = 4, 5
CONNECT, BIND, ASSOCIATE = 1, 2, 3
LOGIN = 1
USER_AND_PASSWORD, NO_METHOD = 2, 255
V4_GRANTED, V5_GRANTED = 90, 0
IPV4, DOMAIN, IPV6 = 1, 3, 4
V4_FIXED = 8
# user and domain of version 4 together
LONGEST_V4 = 1024


class Short(Exception):  # noqa: N818 - control flow: the message is not complete
    """More bytes are needed."""


class Wrong(Exception):  # noqa: N818 - control flow: the bytes are no message
    """The bytes are not of SOCKS."""


class Message(NamedTuple):
    """The columns of a message, and its size."""

    fields: dict[str, Any]
    size: int


def first_look(data: bytes, side: int) -> Verdict:
    """Whether a stream on any port begins with requests of SOCKS, or with the answers to methods."""
    if data[0] == V4:
        # BIND without a user is too little evidence on any port
        return NO if data[1:2] == bytes([BIND]) and data[V4_FIXED : V4_FIXED + 1] == b"\0" else _look_v4(data)
    if side:
        return _known(data, 2, (b"\x05\x00\x05", b"\x05\x02\x01"))
    if len(data) < 2:
        return UNSURE
    methods = data[2 : 2 + data[1]]
    if not 0 < data[1] <= 10 or any(9 < method < 128 for method in methods):
        return NO
    return _look_behind_methods(data[2 + data[1] :], methods)


def _look_behind_methods(after: bytes, methods: bytes) -> Verdict:
    """Whether a request or a login follows the methods of version 5."""
    if len(after) < 4:
        return NO if after[:1] not in (b"", b"\x05", b"\x01") else UNSURE
    if after[0] == LOGIN:
        return YES if USER_AND_PASSWORD in methods and after[1] else NO
    is_request = after[0] == V5 and after[1] in (1, 2, 3) and not after[2] and after[3] in (IPV4, DOMAIN, IPV6)
    return YES if is_request else NO


def look_on_port(data: bytes, side: int) -> Verdict:
    """As `first_look`, for port 1080."""
    if data[0] == V4:
        return _look_v4(data) if side == 0 else NO
    if data[0] != V5:
        return NO
    if len(data) < 2:
        return UNSURE
    if side:
        return YES if data[1] in (0, 1, USER_AND_PASSWORD, NO_METHOD) else NO
    return YES if 0 < data[1] <= 16 else NO


def _known(data: bytes, size: int, begins: tuple[bytes, ...]) -> Verdict:
    if len(data) <= size:
        return UNSURE if any(begin.startswith(data) for begin in begins) else NO
    return YES if data.startswith(begins) else NO


def _look_v4(data: bytes) -> Verdict:
    if len(data) >= 4 and (data[1] not in (CONNECT, BIND) or data[2:4] == b"\0\0"):
        return NO
    user, end, behind = data[V4_FIXED:].partition(b"\0")
    if any(not 32 <= byte < 127 for byte in user):
        return NO
    address = data[4:V4_FIXED]
    if address[:3] != b"\0\0\0" or not end:
        return YES if end else UNSURE
    # version 4a: the name of a host follows (messages of OpenFlow 1.3 begin alike, with a small number here)
    name, end, _ = behind.partition(b"\0")
    if address[3] == 0 or any(not 32 < byte < 127 for byte in name) or (end and not name):
        return NO
    return YES if end else UNSURE


def client_message(data: bytes) -> Message:
    """The first message of a client; raises Short or Wrong."""
    if data[0] == V4:
        return _request_v4(data)
    if data[0] == LOGIN:
        return _login(data)
    if data[0] != V5:
        raise Wrong
    raise Short


def _request_v4(data: bytes) -> Message:
    if len(data) < V4_FIXED:
        raise Short
    user, end, rest = data[V4_FIXED:].partition(b"\0")
    fields: dict[str, Any] = {
        "version": V4, "command": data[1], "target_port": int.from_bytes(data[2:4]), "target_ip": data[4:8],
        "user": text(user) or None,
    }  # fmt: skip
    size = V4_FIXED + len(user) + 1
    domain = b""
    # 0.0.0.x: the name follows (SOCKS 4a)
    if end and data[4:7] == bytes(3) and data[7]:
        domain, end, _ = rest.partition(b"\0")
        size += len(domain) + 1
        fields |= {"target_ip": None, "target_domain": text(domain)}
    if len(user) + len(domain) > LONGEST_V4:
        raise Wrong
    if not end:
        raise Short
    return Message(fields, size)


def _login(data: bytes) -> Message:
    """User and password (RFC 1929)."""
    if len(data) < 2 or len(data) < 3 + data[1]:
        raise Short
    size = 3 + data[1] + data[2 + data[1]]
    if len(data) < size:
        raise Short
    return Message({"user": text(data[2 : 2 + data[1]])}, size)


def methods_of(data: bytes) -> Message:
    """The methods that a client of version 5 offers."""
    if len(data) < 2 or len(data) < 2 + data[1]:
        raise Short
    return Message({"version": V5, "methods": list(data[2 : 2 + data[1]])}, 2 + data[1])


def addressed(data: bytes, number: str, who: str) -> Message:
    """A request or a reply of version 5: its columns, with the number as `number` and the address as `who`."""
    if len(data) < 5:
        raise Short
    if data[0] != V5:
        raise Wrong
    kind = data[3]
    at, width = (5, data[4]) if kind == DOMAIN else (4, {IPV4: 4, IPV6: 16}.get(kind, -1))
    if width < 0:
        raise Wrong
    if len(data) < at + width + 2:
        raise Short
    value = data[at : at + width]
    fields: dict[str, Any] = {"version": V5, number: data[1]}
    fields[f"{who}_port"] = int.from_bytes(data[at + width : at + width + 2])
    fields[f"{who}_domain" if kind == DOMAIN else f"{who}_ip"] = text(value) if kind == DOMAIN else value
    return Message(fields, at + width + 2)


class SocksMachine:
    """Reads one connection to a proxy; the client is the side whose first byte is a version."""

    def __init__(self) -> None:
        self.undecoded = [0, 0]
        self.kept = (bytearray(), bytearray())
        self.early = (Early(), Early())
        self.client: int | None = None
        self.fields: dict[str, Any] = {}
        self.begin: Where | None = None
        # messages that were read of each side; whether a side has said its last one
        self.counts, self.is_over = [0, 0], [False, False]
        self.replies, self.is_done, self.has_spoken = 0, False, [False, False]
        self.end_of_reply: Where | None = None

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said."""
        if self.is_done:
            self.undecoded[side] += len(data)
            return
        self.has_spoken[side] = True
        if self.client is None:
            self.client = side if side == 0 or data[0] not in (0, V5) else 1 - side
        if self.begin is None or (side == self.client and self.begin.side != side):
            self.begin = at(0)
        used, kept = 0, self.kept[side]
        while used < len(data) and not self.is_over[side]:
            before = len(kept)
            kept += data[used:]
            try:
                message = self._message(side, bytes(kept))
            except Short:
                used = len(data)
                continue
            except Wrong:
                yield from self._fail("bad_value")
                return
            used += message.size - before
            self.counts[side] += 1
            self.fields |= message.fields
            kept.clear()
            if side != self.client and self.is_over[side]:
                self.end_of_reply = at(used - 1)
        yield from self._met(side, data, used, at)

    def gap(self, side: int, size: int) -> Iterator[Said]:  # noqa: ARG002 - it does not matter how many are missing
        """Bytes are missing: lengths are not known any more."""
        yield from self._fail("cut")

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more; without the server's reply the row ends with it."""
        if side != self.client or not self.is_over[side] or not self.has_spoken[1 - side]:
            yield from self._fail("short_header")

    def _message(self, side: int, data: bytes) -> Message:
        """The next message of a side; raises Short or Wrong."""
        count = self.counts[side]
        if side == self.client:
            if count == 0 and data[0] == V5:
                return methods_of(data)
            is_request = count and data[0] == V5
            message = addressed(data, "command", "target") if is_request else client_message(data)
            self.is_over[side] = "command" in message.fields
            return message
        return self._reply(side, data, count)

    def _reply(self, side: int, data: bytes, count: int) -> Message:
        """The next message of the proxy."""
        if data[0] == 0 and self.fields.get("version") != V5:
            if len(data) < V4_FIXED:
                raise Short
            self._replied(side, data[1] == V4_GRANTED)
            bound = {"bound_port": int.from_bytes(data[2:4]), "bound_ip": data[4:8]}
            return Message({"reply": data[1], **bound}, V4_FIXED)
        if len(data) < 2:
            raise Short
        if count == 0:
            if data[0] != V5:
                raise Wrong
            # other methods have messages whose form is not known
            self.is_over[side] = data[1] not in (0, USER_AND_PASSWORD)
            return Message({"version": V5, "method": data[1]}, 2)
        if data[0] == LOGIN and count == 1:
            self.is_over[side] = data[1] != 0
            return Message({"auth_status": data[1]}, 2)
        message = addressed(data, "reply", "bound")
        self._replied(side, data[1] == V5_GRANTED)
        return message

    def _replied(self, side: int, is_granted: bool) -> None:  # noqa: FBT001 - the one fact of a reply
        """A reply to a request: the last one, unless it is the first one of BIND."""
        self.replies += 1
        self.is_over[side] = not (is_granted and self.fields.get("command") == BIND and self.replies == 1)

    def _met(self, side: int, data: bytes, used: int, at: At) -> Iterator[Said]:
        """What follows the messages of a side, and the row when both sides have said theirs."""
        client = self.client or 0
        if not self.is_over[1 - client]:
            if self.is_over[side] and used < len(data):
                self.undecoded[side] += self.early[side].add(data, used, at)
            return
        refused = "reply" not in self.fields
        if not refused and not self.is_over[client]:
            if side != client and used < len(data):
                self.undecoded[side] += self.early[side].add(data, used, at)
            return
        is_granted = self.fields.get("reply") == (V4_GRANTED if self.fields.get("version") == V4 else V5_GRANTED)
        yield from self._row(None, self.end_of_reply)
        if is_granted and self.fields.get("command") in (CONNECT, BIND):
            early = self.early[1 - side]
            yield Handover(used, bytes(early.data), early.begin)
            return
        self.undecoded[side] += len(data) - used
        self._over()

    def _row(self, fault: str | None, end: Where | None) -> Iterator[Said]:
        self.is_done = True
        if self.begin is not None:
            yield Row("socks", self.fields, self.begin, end, fault)

    def _fail(self, fault: str) -> Iterator[Said]:
        """Nothing more can be read."""
        if not self.is_done:
            yield from self._row(fault, None)
            self._over()

    def _over(self) -> None:
        """What was kept is of no message."""
        for side, kept in enumerate(self.kept):
            self.undecoded[side] += self.early[side].clear() + len(kept)
            kept.clear()
