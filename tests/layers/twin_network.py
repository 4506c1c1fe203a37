"""IP and transport headers of the twin: importing this module fills the twin's NETWORKS and TRANSPORTS."""

from __future__ import annotations

from collections.abc import Callable

from tests.layers.twin import IP, NETWORKS, TRANSPORTS, Twin
from tests.layers.twin_types import Malformed, To, number

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
