"""Session Description Protocol: the media of a call, in the bodies of SIP messages.

Decided here:
- A body is a description if its Content-Type is application/sdp, alone or as a part of a multipart body; each
  description is a row. The content is not examined, as the type decides for the receiver too.
- Lines end with CR LF, LF or CR. The lines before the first `m=` describe the session, later ones the medium before
  them. Lines of one letter that RFC 8866 allows once: the first is used.
- Attributes and bandwidths are text as sent (`rtpmap:0 PCMU/8000`); `codecs` has the rtpmap attributes by field.
- An incomplete or unknown line is skipped and sets the fault `bad_value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netlake.layers.headers import headers, line, whole_number
from netlake.layers.items import text
from netlake.layers.parsed import NEXT, NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, List, Message, Struct, Table

TYPE = "application/sdp"
# most descriptions in one multipart body
MOST_PARTS = 16
LINE_END = re.compile(rb"\r\n|\r|\n")
BOUNDARY = re.compile(r';\s*boundary="?([^";,\s]+)', re.IGNORECASE)
ATTRIBUTE, BANDWIDTH, CONNECTION, INFORMATION, KEY, MEDIUM = "abcikm"
LARGEST = (1 << 63) - 1

TIME = Struct(
    (
        Column("start", "u64", "Start, seconds since 1900; 0 unbounded.", wireshark="sdp.time.start"),
        Column("stop", "u64", "End, seconds since 1900; 0 unbounded.", wireshark="sdp.time.stop"),
        Column("repeats", List("text"), "Repeat times: interval, duration and offsets.", wireshark="sdp.repeat_time"),
    )
)
CODEC = Struct(
    (
        Column("format", "word", "RTP payload type.", why="sdp.media.format has those of the media line too"),
        Column("name", "word", "Encoding name, such as PCMU.", wireshark="sdp.mime.type"),
        Column("clock_rate", "u32", "Clock rate, hertz.", wireshark="sdp.sample_rate"),
        Column("parameters", "text", "Encoding parameters: number of audio channels.", why="tshark has no field"),
    )
)
_COMMON = (
    Column("connection_type", "word", "Address type of the connection: IP4 or IP6.",
           wireshark="sdp.connection_info.address_type"),
    Column("connection_address", "text", "Connection address: where media are received.",
           wireshark="sdp.connection_info.address"),
    Column("connection_ttl", "u8", "TTL of an IPv4 multicast address.", wireshark="sdp.connection_info.ttl"),
    Column("bandwidth", List("text"), "Bandwidths, such as AS:64 for 64 kbit/s.", wireshark="sdp.bandwidth"),
    Column("key", "text", "Encryption key, as sent.", wireshark="sdp.encryption_key"),
)  # fmt: skip
MEDIA = Struct(
    (
        Column("type", "word", "Media type: audio, video, text, application, message or image.",
               wireshark="sdp.media.media"),
        Column("port", "u16", "Port on which media are received; 0 refuses the medium.", wireshark="sdp.media.port"),
        Column("port_count", "u16", "Number of ports, if more than one.", wireshark="sdp.media.portcount"),
        Column("protocol", "word", "Transport, such as RTP/AVP, RTP/SAVP or udptl.", wireshark="sdp.media.proto"),
        Column("formats", List("word"), "Formats: RTP payload types, preferred first.",
               why="tshark shows names of payload types"),
        Column("title", "text", "Title of the medium.", wireshark="sdp.media_title"),
        *_COMMON,
        Column("codecs", List(CODEC), "Codecs of dynamic payload types, from the rtpmap attributes."),
        Column("attributes", List("text"), "Attributes in wire order, as sent.", wireshark="sdp.media_attr"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "sdp",
        "One row for each session description in a SIP message.",
        spec="RFC 8866, RFC 3264",
        on=("udp.port=5060", "sctp.port=5060", "udp.port=5061"),
        inside="sip",
        message=Message("SDP session[ {session_name}][ of {origin_address}][, media {media.type}]", "voice"),
        columns=(
            Column("version", "u8", "Version, 0.", wireshark="sdp.version"),
            Column("origin_user", "text", "Origin: user name of the originator.", wireshark="sdp.owner.username"),
            Column("origin_session", "text", "Origin: session ID.", wireshark="sdp.owner.sessionid"),
            Column("origin_version", "text", "Origin: version of the description.", wireshark="sdp.owner.version"),
            Column("origin_type", "word", "Origin: address type, IP4 or IP6.", wireshark="sdp.owner.address_type"),
            Column("origin_address", "text", "Origin: address or name of the originator's host.",
                   wireshark="sdp.owner.address"),
            Column("session_name", "text", "Session name.", wireshark="sdp.session_name"),
            Column("session_information", "text", "Session information.", wireshark="sdp.session_info"),
            Column("uri", "text", "URI of further information.", wireshark="sdp.uri"),
            Column("emails", List("text"), "Email addresses.", wireshark="sdp.email"),
            Column("phones", List("text"), "Phone numbers.", wireshark="sdp.phone"),
            *_COMMON,
            Column("times", List(TIME), "Times of the session."),
            Column("time_zones", "text", "Time zone adjustments.", why="tshark shows a part of it"),
            Column("attributes", List("text"), "Attributes of the session in wire order, as sent.",
                   wireshark="sdp.session_attr"),
            Column("media", List(MEDIA), "Media descriptions in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of each description in a SIP message; no row for other messages."""
    if TYPE.encode() in message.data.lower():
        yield from _described(message)
    yield NO_ROW, None


def _described(message: Cursor) -> Iterator[tuple[str, Any]]:
    try:
        line(message)
        kind, body = _body(message)
    except Short:
        return
    boundary = BOUNDARY.search(kind)
    if kind.lower().startswith(TYPE):
        if body.promised:
            yield from _description(body)
            yield NEXT, None
    elif kind.lower().startswith("multipart/") and boundary:
        for part in _parts(body, b"--" + boundary[1].encode("utf-8", "replace")):
            yield from _description(part)
            yield NEXT, None


def _body(message: Cursor) -> tuple[str, Cursor]:
    """Content-Type and body of a message or a part after its headers; the body ends at its Content-Length."""
    found: dict[str, str] = {}
    quiet = Cursor(message.data, message.at, message.end, missing=message.missing)
    for name, value in headers(quiet, []):
        found.setdefault({"c": "content-type", "l": "content-length"}.get(name, name), value)
    length = whole_number(found.get("content-length", ""), LARGEST)
    promised = quiet.promised if length is None else min(length, quiet.promised)
    size = min(promised, quiet.left)
    return found.get("content-type", ""), Cursor(quiet.take(size), faults=message.faults, missing=promised - size)


def _parts(body: Cursor, delimiter: bytes) -> Iterator[Cursor]:
    """The parts of a multipart body that are descriptions."""
    pieces = body.data.split(delimiter)[1 : MOST_PARTS + 1]
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        if piece.startswith(b"--"):
            return
        content = piece.removeprefix(b"\r\n") if last else piece.removeprefix(b"\r\n").removesuffix(b"\r\n")
        try:
            kind, part = _body(Cursor(content, faults=body.faults, missing=body.missing if last else 0))
        except Short:
            return
        if kind.lower().startswith(TYPE) and part.promised:
            yield part


def _description(body: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one description; the last line is complete only if the capture has the byte after it."""
    lines = LINE_END.split(body.data)
    unfinished = bool(body.missing)
    media: list[dict[str, Any]] = []
    lists: dict[str, list[Any]] = {name: [] for name in ("emails", "phones", "bandwidth", "times", "attributes")}
    yield from lists.items()
    yield "media", media
    seen: set[str] = set()
    for sent in lines[:-1] if unfinished else lines:
        if not sent:
            continue
        letter, equals, value = text(sent[:1]), sent[1:2], text(sent[2:])
        if equals != b"=":
            body.fault("bad_value")
        elif letter == MEDIUM:
            media.append(_medium(value, body))
        elif media:
            _within(media[-1], letter, value, body)
        else:
            for name, found in _session(letter, value, body, lists):
                if name not in seen:
                    seen.add(name)
                    yield name, found
    if "version" not in seen and not unfinished:
        raise Malformed("bad_value")
    if unfinished:
        raise Short


def _session(letter: str, value: str, body: Cursor, lists: dict[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    """Columns of a line of the session; fills `lists`."""
    single = {"s": "session_name", "i": "session_information", "u": "uri", "z": "time_zones", KEY: "key"}
    several = {"e": "emails", "p": "phones", BANDWIDTH: "bandwidth", ATTRIBUTE: "attributes"}
    if letter in single:
        yield single[letter], value
    elif letter in several:
        lists[several[letter]].append(value)
    elif letter == "v":
        yield "version", _number(value, body, 255)
    elif letter == "o":
        words = value.split(" ")
        names = ("origin_user", "origin_session", "origin_version", "", "origin_type", "origin_address")
        yield from ((name, word) for name, word in zip(names, words, strict=False) if name)
        if len(words) != len(names):
            body.fault("bad_value")
    elif letter == CONNECTION:
        yield from _connection(value, body).items()
    elif letter == "t":
        start, _, stop = value.partition(" ")
        lists["times"].append({"start": _number(start, body), "stop": _number(stop, body), "repeats": []})
    elif letter == "r" and lists["times"]:
        lists["times"][-1]["repeats"].append(value)
    else:
        body.fault("bad_value")


def _medium(value: str, body: Cursor) -> dict[str, Any]:
    kind, port, protocol, *formats = [*value.split(" "), "", ""] if value.count(" ") < 2 else value.split(" ")
    number, slash, count = port.partition("/")
    medium: dict[str, Any] = {name: [] for name in ("bandwidth", "codecs", "attributes")}
    medium |= {"type": kind, "port": _number(number, body, 65535), "protocol": protocol or None}
    medium["formats"] = [word for word in formats if word]
    if slash:
        medium["port_count"] = _number(count, body, 65535)
    return medium


def _within(medium: dict[str, Any], letter: str, value: str, body: Cursor) -> None:
    """Add a line to the medium before it."""
    if letter == ATTRIBUTE:
        medium["attributes"].append(value)
        if value.startswith("rtpmap:"):
            medium["codecs"].append(_codec(value.removeprefix("rtpmap:"), body))
    elif letter == BANDWIDTH:
        medium["bandwidth"].append(value)
    elif letter == CONNECTION:
        for name, found in _connection(value, body).items():
            medium.setdefault(name, found)
    elif letter in (INFORMATION, KEY):
        medium.setdefault("title" if letter == INFORMATION else "key", value)
    else:
        body.fault("bad_value")


def _codec(value: str, body: Cursor) -> dict[str, Any]:
    number, _, encoding = value.partition(" ")
    name, _, rate = encoding.partition("/")
    rate, _, parameters = rate.partition("/")
    return {
        "format": number,
        "name": name or None,
        "clock_rate": _number(rate, body, (1 << 32) - 1),
        "parameters": parameters or None,
    }


def _connection(value: str, body: Cursor) -> dict[str, Any]:
    words = value.split(" ")
    if len(words) != 3:
        body.fault("bad_value")
        return {}
    address, slash, suffix = words[2].partition("/")
    found: dict[str, Any] = {"connection_type": words[1], "connection_address": address}
    if slash and words[1] == "IP4":
        found["connection_ttl"] = _number(suffix.partition("/")[0], body, 255)
    return found


def _number(value: str, body: Cursor, most: int = LARGEST) -> int | None:
    number = whole_number(value, most)
    if number is None:
        body.fault("bad_value")
    return number
