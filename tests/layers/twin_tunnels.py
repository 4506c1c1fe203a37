"""Tunnels of the twin: importing this module fills the twin's STEPS."""

from __future__ import annotations

from collections.abc import Callable

from tests.layers.twin import BRIDGED, ETHER, IPV4, IPV6, MPLS, PPP, STEPS, TUNNEL, Twin
from tests.layers.twin_links import type_or_length
from tests.layers.twin_types import End, Malformed, To, ip_version, number

Step = Callable[[Twin], To | End]


def tunnel(name: str) -> Callable[[Step], Step]:
    def register(step: Step) -> Step:
        STEPS[name] = step
        return step

    return register


def tunneled_ip(w: Twin, at: int, identifier: int | None, limit: int | None = None, fault: str | None = None) -> To:
    """An IP packet by its first four bits, else an unknown payload."""
    version = ip_version(w.data, at, w.end)
    space, value = (ETHER, {4: IPV4, 6: IPV6}[version]) if version in (4, 6) else (TUNNEL, version)
    return To(space, value, at, limit, identifier, fault=fault)


@tunnel("gre")
def gre(w: Twin) -> To:
    w.need(4)
    flags, kind = number(w.data, w.at, 2), number(w.data, w.at + 2, 2)
    if flags & 7 > 1:
        raise Malformed("bad_version")
    at, identifier = w.at + (8 if flags & 0xC000 else 4), 0
    key = at
    if flags & 0x2000:
        w.need(4, at)
        identifier = 0 if flags & 7 else number(w.data, at, 4)
        at += 4
    at += 4 * bool(flags & 0x1000) + 4 * (flags & 0x87 == 0x81)
    while flags & 0x4000:
        w.need(4, at)
        family, size = number(w.data, at, 2), w.data[at + 3]
        at += 4 + size
        if family == size == 0:
            break
    w.need(0, at)
    if kind == 0x883E:
        plain = is_ipv4(w, at) or (ip_version(w.data, at, w.end) == 4 and not is_ipv4(w, at + 4))
        return To(ETHER, IPV4, at if plain else at + 4, tunnel=identifier)
    if kind == 0x6400 and flags & 0x2007 == 0x2001:
        limit = at + number(w.data, key, 2)
        identifier = number(w.data, key + 2, 2)
        return To(ETHER, BRIDGED, at, limit, identifier, fault="bad_length" if limit > w.promise else None)
    if kind == 0x6400 or (kind in range(0x8200, 0x8380, 0x10) and is_frame(w, at)):
        return To(ETHER, BRIDGED, at, tunnel=identifier)
    if kind in range(0x8200, 0x8380, 0x10):
        return To("link.type", 105, at, tunnel=identifier)
    return To(ETHER, kind, at, tunnel=identifier, hint=int(kind == 0x88BE and not flags & 0x1000))


def by_next_protocol(kind: int, at: int, identifier: int | None) -> To:
    known = {1: IPV4, 2: IPV6, 3: BRIDGED, 4: 0x894F, 5: MPLS}
    return To(ETHER if kind in known else TUNNEL, known.get(kind, kind), at, tunnel=identifier)


@tunnel("vxlan")
def vxlan(w: Twin) -> To:
    w.need(8)
    identifier = number(w.data, w.at + 4, 3)
    if 4790 in w.ports and w.data[w.at] & 4:
        return by_next_protocol(w.data[w.at + 3], w.at + 8, identifier)
    return To(ETHER, BRIDGED, w.at + 8, tunnel=identifier)


@tunnel("nsh")
def nsh(w: Twin) -> To:
    w.need(8)
    if w.data[w.at] >> 6:
        raise Malformed("bad_version")
    size = (w.data[w.at + 1] & 63) * 4
    if size < 8:
        raise Malformed("bad_length")
    w.need(size)
    return by_next_protocol(w.data[w.at + 3], w.at + size, None)


@tunnel("geneve")
def geneve(w: Twin) -> To:
    w.need(8)
    if w.data[w.at] >> 6:
        raise Malformed("bad_version")
    size = 8 + (w.data[w.at] & 63) * 4
    w.need(size)
    return To(ETHER, number(w.data, w.at + 2, 2), w.at + size, tunnel=number(w.data, w.at + 4, 3))


def is_ipv4(w: Twin, at: int) -> bool:
    """Whether a whole header of IPv4 has a correct checksum; one that is cut cannot be checked."""
    if ip_version(w.data, at, w.end) != 4 or w.data[at] & 15 < 5:
        return False
    header = w.data[at : min(at + (w.data[at] & 15) * 4, w.end)]
    words = sum(number(header, place, 2) for place in range(0, len(header), 2))
    return len(header) < (w.data[at] & 15) * 4 or (words > 0 and words % 0xFFFF == 0)


def is_frame(w: Twin, at: int) -> bool:
    if at + 14 > w.end:
        return False
    kind, left = number(w.data, at + 12, 2), w.promise - at - 14
    if kind < 0x600:
        padded = kind < left <= 46
        known = w.end - at >= 17 and w.lookup("llc.dsap", w.data[at + 14]) is not None
        return known and kind >= 3 and (kind == left or padded)
    if kind in (IPV4, IPV6):
        return w.end - at == 14 or w.data[at + 14] >> 4 == {IPV4: 4, IPV6: 6}[kind]
    return w.lookup(ETHER, kind) is not None


def guessed(w: Twin, at: int, identifier: int | None, limit: int | None = None, fault: str | None = None) -> To:
    """IP where its header agrees with the packet, else a frame of Ethernet, else IP where nothing contradicts it."""
    version, left = ip_version(w.data, at, w.end), w.promise - at
    exact = version == 6 and w.end - at >= 6 and number(w.data, at + 4, 2) + 40 == left
    if not is_ipv4(w, at) and not exact and is_frame(w, at):
        return To(ETHER, BRIDGED, at, limit, identifier, fault=fault)
    if version == 4 and not is_ipv4(w, at):
        total = number(w.data, at + 2, 2)
        fits = total == left or (total < left and not number(w.data, at + 10, 2))
        if w.data[at] & 15 < 5 or not fits:
            return To(TUNNEL, 4, at, limit, identifier, fault=fault)
    return tunneled_ip(w, at, identifier, limit, fault)


@tunnel("mpls")
def mpls(w: Twin) -> To:
    w.need(4)
    at = w.at + 4
    if not w.data[w.at + 2] & 1:
        return To(ETHER, MPLS, at)
    if number(w.data, w.at, 3) >> 4 in (0, 2):
        return tunneled_ip(w, at, None)
    if w.end - at >= 4 and w.data[at] >> 4 == 1:
        channel = {0x21: IPV4, 0x57: IPV6}.get(number(w.data, at + 2, 2))
        if channel:
            return To(ETHER, channel, at + 4)
    if at < w.end and w.data[at] >> 4 == 0 and is_frame(w, at + 4):
        return To(ETHER, BRIDGED, at + 4)
    return guessed(w, at, None)


@tunnel("pppoe")
def pppoe(w: Twin) -> To | End:
    w.need(6)
    if w.data[w.at] != 0x11:
        raise Malformed("bad_version")
    if w.data[w.at + 1]:
        return End()
    limit = w.at + 6 + number(w.data, w.at + 4, 2)
    fault = "bad_length" if limit > w.promise else None
    return To(ETHER, PPP, w.at + 6, limit, number(w.data, w.at + 2, 2), fault=fault)


@tunnel("l2tp")
def l2tp(w: Twin) -> To | End:
    w.need(4)
    if w.ports == (-1, -1):
        return To(TUNNEL, 0, w.at + 4, tunnel=0) if number(w.data, w.at, 4) else End()
    flags = number(w.data, w.at, 2)
    if flags & 15 not in (2, 3):
        raise Malformed("bad_version")
    if flags & 0x8000:
        return End()
    if flags & 15 == 3:
        w.need(8)
        return To(TUNNEL, 0, w.at + 8, tunnel=0)
    at = w.at + 6 + 2 * bool(flags & 0x4000) + 4 * bool(flags & 0x0800)
    if flags & 0x0200:
        w.need(2, at)
        at += 2 + number(w.data, at, 2)
    w.need(0, at)
    limit = w.at + number(w.data, w.at + 2, 2) if flags & 0x4000 else None
    if limit is not None and limit < at:
        raise Malformed("bad_length")
    return To(ETHER, PPP, at, limit, 0, fault="bad_length" if limit and limit > w.promise else None)


@tunnel("gtp_u")
def gtp_u(w: Twin) -> To | End:
    w.need(8)
    flags, at = w.data[w.at], w.at + 8
    if flags & 0xF0 != 0x30:
        raise Malformed("bad_version")
    limit = at + number(w.data, w.at + 2, 2)
    fault = "bad_length" if limit > w.promise else None
    if w.data[w.at + 1] != 255:
        return End(fault=fault)
    if flags & 7:
        at += 4
        w.need(0, at)
    count = 0
    while flags & 4 and w.data[at - 1]:
        count += 1
        size = w.data[at] * 4 if at < w.end else 0
        at += size
        if not size or at > w.end or count == 32:
            raise Malformed("bad_options")
    return guessed(w, at, 0, limit, fault)


@tunnel("erspan")
def erspan(w: Twin) -> To:
    if w.hint:
        return To(ETHER, BRIDGED, w.at, tunnel=0)
    w.need(8)
    version, session = w.data[w.at] >> 4, number(w.data, w.at + 2, 2) & 0x3FF
    if version not in (1, 2):
        raise Malformed("bad_version")
    if version == 1:
        return To(ETHER, BRIDGED, w.at + 8, tunnel=session)
    w.need(12)
    last = number(w.data, w.at + 10, 2)
    at = w.at + (20 if last & 1 else 12)
    w.need(0, at)
    kind = last >> 10 & 31
    if kind == 2:
        return tunneled_ip(w, at, session)
    return To(ETHER, BRIDGED, at, tunnel=session) if kind == 0 else To(TUNNEL, kind, at, tunnel=session)


@tunnel("teredo")
def teredo(w: Twin) -> To:
    at = w.at
    if w.end - at >= 4 and w.data[at : at + 2] == b"\0\1":
        at += 13 + w.data[at + 2] + w.data[at + 3]
    if w.end - at >= 8 and w.data[at : at + 2] == b"\0\0":
        at += 8
    w.need(1, at)
    if w.data[at] >> 4 != 6:
        raise Malformed("bad_value")
    return To(ETHER, IPV6, at, tunnel=0)


@tunnel("pim")
def pim(w: Twin) -> To | End:
    return tunneled_ip(w, w.at + 8, 0) if w.end - w.at >= 8 and w.data[w.at] == 0x21 else End()


@tunnel("ieee8021ah")
def ieee8021ah(w: Twin) -> To:
    w.need(4)
    return To(ETHER, BRIDGED, w.at + 4, tunnel=number(w.data, w.at + 1, 3))


@tunnel("cisco_metadata")
def cisco_metadata(w: Twin) -> To:
    w.need(8)
    first = w.data[w.at : w.at + 2] == b"\1\1"
    return To(ETHER, number(w.data, w.at + 6 * first, 2), w.at + 8)


@tunnel("fabric_path")
def fabric_path(w: Twin) -> To:
    w.need(2)
    return To(ETHER, BRIDGED, w.at + 2)


def tag(name: str, size: int) -> None:
    """A tag of `size` bytes before an EtherType or a length."""

    @tunnel(name)
    def step(w: Twin) -> To:
        w.need(size + 2)
        return type_or_length(w, w.at + size)


tag("vn_tag", 4)
tag("e_tag", 6)
tag("hsr", 4)

COMMON = (IPV4, IPV6, MPLS, 0x0806, 0x8100, 0x8864, 0x88A8)


@tunnel("cisco_ttag")
def cisco_ttag(w: Twin) -> To:
    w.need(8)
    first, second = number(w.data, w.at + 4, 2), number(w.data, w.at + 6, 2)
    return type_or_length(w, w.at + (4 if first in COMMON and second not in COMMON else 6))


@tunnel("macsec")
def macsec(w: Twin) -> To | End:
    w.need(6)
    control, short = w.data[w.at], w.data[w.at + 1] & 63
    if control & 0x80:
        raise Malformed("bad_version")
    at = w.at + (14 if control & 0x20 else 6)
    if control & 0x0C:
        return End("encrypted", at)
    w.need(2, at)
    last = at + short if short else max(w.promise - 16, at)
    found = type_or_length(w, at)
    found.limit = last if found.limit is None else min(last, found.limit)
    return found


LINK_TYPES = {1: 1, 2: 6, 4: 9, 5: 10, 7: 101, 18: 105, 119: 119, 126: 127, 127: 163}


@tunnel("tzsp")
def tzsp(w: Twin) -> To | End:
    w.need(4)
    version, kind = w.data[w.at : w.at + 2]
    if version != 1:
        raise Malformed("bad_version")
    if kind in (4, 5):
        return End()
    fields, encapsulation = w.data[w.at + 4 : w.end], number(w.data, w.at + 2, 2)
    at = 0
    for _ in range(64):
        if at >= len(fields) or (fields[at] > 1 and at + 1 >= len(fields)):
            break
        if fields[at] == 1:
            at += w.at + 5
            if encapsulation in LINK_TYPES:
                return To("link.type", LINK_TYPES[encapsulation], at, tunnel=0)
            return To(TUNNEL, encapsulation, at, tunnel=0)
        at += 2 + fields[at + 1] if fields[at] else 1
    raise Malformed("bad_options")


@tunnel("hp_erm")
def hp_erm(w: Twin) -> To:
    w.need(12)
    return To(ETHER, BRIDGED, w.at + 12, tunnel=0)


@tunnel("trill")
def trill(w: Twin) -> To:
    w.need(6)
    bits = number(w.data, w.at, 2)
    if bits & 0xC000:
        raise Malformed("bad_version")
    size = 6 + (bits >> 6 & 31) * 4
    w.need(size)
    return To(ETHER, BRIDGED, w.at + size)


@tunnel("lisp")
def lisp(w: Twin) -> To:
    w.need(8)
    flags = w.data[w.at]
    identifier = number(w.data, w.at + 4, 3) if flags & 8 else 0
    if flags & 4:
        return by_next_protocol(w.data[w.at + 3], w.at + 8, identifier)
    return tunneled_ip(w, w.at + 8, identifier)


@tunnel("ayiya")
def ayiya(w: Twin) -> To | End:
    w.need(8)
    first, second, operation, kind = w.data[w.at : w.at + 4]
    size = 8 + 2 ** (first >> 4) + (second >> 4) * 4
    w.need(size)
    if operation & 15 not in (1, 3) or kind == 59:
        return End()
    known = {4: IPV4, 41: IPV6}
    return To(ETHER if kind in known else TUNNEL, known.get(kind, kind), w.at + size, tunnel=0)
