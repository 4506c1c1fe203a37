"""One stream of HTTP/2 or HTTP/3: its request, its response, and the row of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np

from netlake.kernels.times import microseconds
from netlake.layers.content_coding import coding_of
from netlake.layers.contents import Content, file_fields
from netlake.layers.dialog import Body, Fields, Piece, Row, Said, Where
from netlake.layers.spans import text_of
from netlake.packets import NO_TIME
from netlake.streams.file import media_type, name_in, name_of_path
from netlake.streams.http.heads import credentials_of
from netlake.streams.http2 import grpc
from netlake.streams.http2.fields import Block

CREDENTIALS = (b"authorization", b"proxy-authorization")
# columns of fields: the first one of each name
OF_REQUEST = {
    "method": b":method", "scheme": b":scheme", "authority": b":authority", "path": b":path", "protocol": b":protocol",
    "user_agent": b"user-agent", "referer": b"referer", "origin": b"origin", "x_forwarded_for": b"x-forwarded-for",
    "request_content_type": b"content-type", "request_content_encoding": b"content-encoding",
}  # fmt: skip
OF_RESPONSE = {
    "server": b"server", "location": b"location", "content_type": b"content-type",
    "content_encoding": b"content-encoding", "content_disposition": b"content-disposition",
    "www_authenticate": b"www-authenticate",
}  # fmt: skip
MOST_DIGITS = 18


@dataclass(slots=True)
class Half:
    """A request or response: its head, its trailers, and what is known of its body.

    `is_over`: its end was seen, or no more of it will be. `is_whole`: no part of it is missing.
    """

    body: Body = field(default_factory=Body)
    begin: Where | None = None
    place: int = 0
    head: Block | None = None
    trailers: Block | None = None
    size: int = 0
    missing: int = 0
    has_end: bool = False
    is_over: bool = False
    is_whole: bool = True
    messages: grpc.Messages | None = None

    def first(self, name: bytes) -> bytes | None:
        """The value of the first field of a name in its head."""
        return next((value for one, value in self.head.fields if one == name), None) if self.head else None

    def text(self, name: bytes) -> str | None:
        """The same as text."""
        value = self.first(name)
        return None if value is None else text_of(value)

    def take(self, head: Block) -> None:
        """Its head is known."""
        self.head = head
        if self.body.number < 0:
            self.body.coding = coding_of(self.text(b"content-encoding"))

    @property
    def has_body(self) -> bool:
        """Whether it has bytes of a body, captured or not."""
        return self.begin is not None and self.size + self.missing > 0

    @property
    def length(self) -> int | None:
        """Content-Length; None without one that is a number."""
        value = self.first(b"content-length") or b""
        return int(value) if value.isdigit() and len(value) <= MOST_DIGITS else None


@dataclass(slots=True)
class Exchange:
    """A stream that is not over; `request` is of the client. `room` are the bytes that its fields take.

    `table` is the one of its row; `is_pushed` is None where the table has no such column.
    """

    number: int
    request: Half
    response: Half
    begin: Where
    place: int
    table: str = "http2_stream"
    is_pushed: bool | None = False
    interim: list[int] = field(default_factory=list)
    anomalies: set[str] = field(default_factory=set)
    reset: tuple[str, str] | None = None  # the error code, and who sent it
    fault: str | None = None
    room: int = 0

    def add_fault(self, fault: str) -> None:
        """The first fault counts."""
        self.fault = self.fault or fault

    def rows(self, end: Where | None) -> Iterator[Said]:
        """The row of the stream, and those of its bodies."""
        request, response = self.request, self.response
        for half in (request, response):
            whole = half.has_end and half.is_whole and half.length is not None
            bodiless = half is response and (request.first(b":method") == b"HEAD" or self._status in (204, 304))
            if whole and half.length != half.size and not bodiless:
                self.anomalies.add("different_lengths")
        fields: dict[str, Any] = {
            "stream_id": self.number, "interim_statuses": self.interim, "anomalies": sorted(self.anomalies),
        }  # fmt: skip
        if self.is_pushed is not None:
            fields["pushed"] = self.is_pushed
        if request.begin is not None:
            fields |= self._request()
        if response.begin is not None:
            fields |= self._response()
        if self.reset is not None:
            fields["reset_code"], fields["reset_by"] = self.reset
        if is_grpc(request) or is_grpc(response):
            fields |= self._grpc()
        halves = [(half, name) for half, name in ((request, "request"), (response, "response")) if half.has_body]
        for half, _ in halves:
            yield Piece(half.body, is_last=True)
        names = [f"{name}_body_sha256" for _, name in halves]
        bodies = tuple(half.body for half, _ in halves)
        made = partial(hashed, self.table, names)
        yield Row(self.table, fields, self.begin, end, self.fault, bodies, made, self.place)
        for half, name in halves:
            file = self._file(half, complete=fields[f"{name}_complete"])
            yield Row("file", file, half.begin or self.begin, end, None, (half.body,), as_file, half.place)

    @property
    def _status(self) -> int | None:
        value = self.response.first(b":status") or b""
        return int(value) if len(value) == 3 and value.isdigit() else None

    def _request(self) -> dict[str, Any]:
        request = self.request
        fields = {column: request.text(name) for column, name in OF_REQUEST.items()}
        for name in reversed(CREDENTIALS):
            if (value := request.first(name)) is not None:
                fields["authorization_scheme"], fields["authorization_user"] = credentials_of(value)
        return fields | _shared("request_", request) | {"cookies": _cookies(request)}

    def _response(self) -> dict[str, Any]:
        response = self.response
        assert response.begin is not None  # noqa: S101 - the caller checks
        fields: dict[str, Any] = {column: response.text(name) for column, name in OF_RESPONSE.items()}
        fields["status"] = self._status
        fields["response_packet"], fields["response_ts"] = response.begin.packet, microseconds_of(response.begin.ts)
        values = [] if response.head is None else response.head.fields
        fields["set_cookie"] = [text_of(value) for name, value in values if name == b"set-cookie"]
        return fields | _shared("response_", response)

    @property
    def called(self) -> tuple[str | None, str | None]:
        """gRPC: service and method of the path."""
        service, _, method = (self.request.text(b":path") or "").lstrip("/").rpartition("/")
        return service or None, method or None

    def _grpc(self) -> dict[str, Any]:
        service, method = self.called
        last = self.response.trailers or self.response.head or Block()
        values = dict(reversed(last.fields))
        status, message = values.get(b"grpc-status", b""), values.get(b"grpc-message")
        return {
            "grpc_service": service,
            "grpc_method": method,
            "grpc_status": int(status) if status.isdigit() and len(status) < 10 else None,
            "grpc_message": None if message is None else text_of(unquote_to_bytes(message)),
            "grpc_request_messages": self.request.messages.count if self.request.messages else 0,
            "grpc_response_messages": self.response.messages.count if self.response.messages else 0,
        }

    def _file(self, half: Half, *, complete: bool) -> Fields:
        """The columns of `file` that follow from a message with a body."""
        path = (self.request.first(b":path") or b"").partition(b"?")[0].partition(b"#")[0].rpartition(b"/")[2]
        return {
            "source": self.table, "exchange": self.number,
            "name": name_in(half.text(b"content-disposition")) or name_of_path(path),
            "declared_type": media_type(half.text(b"content-type")), "coding": half.text(b"content-encoding"),
            "seen_bytes": half.size, "missing_bytes": half.missing, "complete": complete,
            "total_bytes": half.size + half.missing if half.has_end else half.length,
        }  # fmt: skip


def hashed(table: str, names: list[str], fields: Fields, *contents: Content) -> list[tuple[str, Fields]]:
    """The row of a stream with the hashes of its bodies, in the columns `names`; null for a body without bytes."""
    hashes = {name: one.sha256 if one.size else None for name, one in zip(names, contents, strict=True)}
    return [(table, fields | hashes)]


def as_file(fields: Fields, content: Content) -> list[tuple[str, Fields]]:
    """The row of a file with what its content says."""
    decoded = None if fields["coding"] is None else not content.broken
    return [("file", fields | file_fields(content) | {"decoded": decoded})]


def microseconds_of(ts: int) -> int | None:
    """A time of Packets in microseconds; None for a packet without one."""
    return None if ts == NO_TIME else int(microseconds(np.array([ts], np.int64))[0])


def message_row(stream: Exchange, message: grpc.Message, end: Where | None) -> Row:
    """The row of a message of gRPC."""
    service, method = stream.called
    columns = {
        "stream_id": stream.number, "service": service, "method": method, "number": message.number,
        "compressed": message.flag & 1 == 1, "length": message.length, "missing": message.missing,
    }  # fmt: skip
    fault = "cut" if message.missing else "bad_value" if message.flag > 1 else None
    return Row("grpc_message", columns, message.begin, end, fault, place=message.place)


def is_grpc(half: Half) -> bool:
    """Whether a message is of gRPC."""
    return (half.first(b"content-type") or b"").startswith(grpc.CONTENT_TYPE)


def _shared(prefix: str, half: Half) -> dict[str, Any]:
    """The columns that requests and responses have."""
    return {
        f"{prefix}headers": _headers(half.head),
        f"{prefix}trailers": _headers(half.trailers),
        f"{prefix}content_length": half.length,
        f"{prefix}body_length": half.size,
        f"{prefix}body_missing": half.missing,
        f"{prefix}complete": half.has_end and half.is_whole and half.head is not None,
    }


def _headers(block: Block | None) -> list[dict[str, str]]:
    """All fields; of credentials only the scheme."""
    return [{"name": text_of(name), "value": _shown(name, value)} for name, value in block.fields] if block else []


def _shown(name: bytes, value: bytes) -> str:
    if name.lower() in CREDENTIALS:
        scheme, space, _ = value.partition(b" ")
        return text_of(scheme) if space else ""
    return text_of(value)


def _cookies(request: Half) -> list[dict[str, str | None]]:
    """The cookies of all fields, which HTTP/2 allows to have one each (RFC 9113 section 8.2.3)."""
    values = [] if request.head is None else [value for name, value in request.head.fields if name == b"cookie"]
    return [_cookie(part.strip()) for value in values for part in value.split(b";") if part.strip()]


def _cookie(part: bytes) -> dict[str, str | None]:
    name, sign, value = part.partition(b"=")
    return {"name": text_of(name.strip()), "value": text_of(value.strip()) if sign else None}


def new_exchange(number: int, begin: Where, place: int) -> Exchange:
    """A stream of which nothing is known yet."""
    return Exchange(number, Half(), Half(), begin, place)
