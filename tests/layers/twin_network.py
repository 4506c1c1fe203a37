"""IP and transport headers of the twin: importing this module fills the twin's NETWORKS, TRANSPORTS and MESSAGES."""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.layers.twin import IP, MESSAGES, NETWORKS, TRANSPORTS, Twin
from tests.layers.twin_types import Malformed, To, number

MOST_CHUNKS = 64
Network = Callable[[Twin], To]
Transport = Callable[[Twin], tuple[int, int, str | None]]


def network(name: str) -> Callable[[Network], Network]:
    def register(step: Network) -> Network:
        NETWORKS[name] = step
        return step

    return register


def transport(name: str) -> Callable[[Transport], Transport]:
    def register(step: Transport) -> Transport:
        TRANSPORTS[name] = step
        return step

    return register


@network("ipv4")
def ipv4(w: Twin) -> To:
    w.need(20)
    first, total = w.data[w.at], number(w.data, w.at + 2, 2)
    header = (first & 15) * 4
    if first >> 4 != 4:
        raise Malformed("bad_version")
    if header < 20:
        raise Malformed("bad_length")
    w.need(header)
    found = To(IP, w.data[w.at + 9], w.at + header)
    if total:
        if total < header:
            raise Malformed("bad_length")
        found.limit = w.at + total
        found.fault = "bad_length" if found.limit > w.promise else None
    return found


@network("ipv6")
def ipv6(w: Twin) -> To:
    w.need(40)
    if w.data[w.at] >> 4 != 6:
        raise Malformed("bad_version")
    found, length = To(IP, w.data[w.at + 6], w.at + 40), number(w.data, w.at + 4, 2)
    if length:
        found.limit = w.at + 40 + length
        found.fault = "bad_length" if found.limit > w.promise else None
    return found


@transport("tcp")
def tcp(w: Twin) -> tuple[int, int, str | None]:
    left, at = w.end - w.at, w.at
    w.need(4)
    size = (w.data[at + 12] >> 4) * 4 if left > 12 else 20
    if left < 20:
        raise Malformed("short_header", max(w.promise, at + size) - size)
    if size < 20 or at + size > w.promise:
        raise Malformed("bad_length")
    if size > left:
        raise Malformed("short_header", w.promise - size)
    return at + size, w.promise, None


@transport("udp")
def udp(w: Twin) -> tuple[int, int, str | None]:
    w.need(4)
    if w.end - w.at < 8:
        raise Malformed("short_header", max(w.promise, w.at + 8) - 8)
    length = number(w.data, w.at + 4, 2)
    if 0 < length < 8:
        raise Malformed("bad_length")
    if length == 0 or w.at + length > w.promise:
        return w.at + 8, w.promise, "bad_length" if length else None
    return w.at + 8, w.at + length, None


@transport("sctp")
def sctp(w: Twin) -> tuple[int, int, str | None]:
    w.need(4)
    if w.end - w.at < 12:
        raise Malformed("short_header", max(w.promise, w.at + 12) - 12)
    return w.at + 12, w.promise, None


def chunks(w: Twin) -> None:
    """The DATA and I-DATA chunks of an SCTP packet."""
    data, end, promise, at, last = w.data, w.end, w.promise, w.at, None
    for _ in range(MOST_CHUNKS):
        if at + 4 > end:
            if promise > end:
                w.stop("cut", min(at, end))
            break
        kind, flags, size = struct.unpack_from(">BBH", data, at)
        begin = at + (16 if kind == 0 else 20)
        if size < 4 or at + size > promise:
            w.stop("malformed", at)
            break
        if kind in (0, 64) and begin < at + size:
            if begin > end:
                w.stop("cut", at)
            else:
                w.at, w.end, w.promise = begin, min(end, at + size), at + size
                last = user_message(w, flags, number(data, begin - 4, 4)) or last
        at += size + -size % 4
    else:
        if at < promise:
            w.stop("too_deep", min(at, end))
    w.result.stack += [last] if last else []


def user_message(w: Twin, flags: int, protocol: int) -> str | None:
    """The payload of a chunk."""
    if flags & 3 != 3:
        w.stop("partial_message", w.at)
        return None
    leaf = w.lookup("sctp.payload_protocol", protocol) if protocol else w.by_ports("sctp.port")
    if leaf is not None:
        w.emit(leaf, hint=132)
        leaf = None if leaf == "contested" else leaf
    elif protocol:
        w.stop("unknown_payload_protocol", w.at, protocol if protocol < 1 << 31 else -1)
    else:
        w.stop("unknown_port", w.at, w.service())
    return leaf


MESSAGES["sctp"] = chunks
