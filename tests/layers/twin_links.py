"""Link headers of the twin: importing this module fills the twin's STEPS and LINKS."""

from __future__ import annotations

from collections.abc import Callable

from netlake.kernels.numbers import DOT11_EXCHANGED
from tests.layers.twin import ETHER, IPV4, IPV6, LINKS, PPP, STEPS, Twin
from tests.layers.twin_types import End, Malformed, To, ip_version, little, number

Step = Callable[[Twin], To | End]


def link(*names: str) -> Callable[[Step], Step]:
    def register(step: Step) -> Step:
        LINKS.update(names)
        STEPS.update(dict.fromkeys(names, step))
        return step

    return register


def type_or_length(w: Twin, at: int) -> To:
    kind = number(w.data, at, 2)
    return To(ETHER, kind, at + 2) if kind >= 0x600 else To("llc", 0, at + 2, limit=at + 2 + kind)


def ip_or(w: Twin, at: int, found: Callable[[int], To | End]) -> To | End:
    """An IP packet at `at`, else what `found` makes of the first four bits."""
    version = ip_version(w.data, at, w.end)
    return To(ETHER, {4: IPV4, 6: IPV6}[version], at) if version in (4, 6) else found(version)


@link("ethernet")
def ethernet(w: Twin) -> To:
    w.need(14)
    w.mac = w.at + 6
    return type_or_length(w, w.at + 12)


@link("dot1q")
def dot1q(w: Twin) -> To:
    w.need(4)
    return type_or_length(w, w.at + 2)


# what the ARPHRD_ type of a Linux cooked header says, then its protocol field
DEVICES = {770: 107, 801: 105, 802: 119, 803: 127, 824: 253}
PROTOCOLS = {1: (ETHER, 0x8137), 3: ("link.type", 1), 4: ("llc", 0), 7: (ETHER, PPP), 8: (ETHER, PPP),
             12: ("link.type", 227), 13: ("link.type", 227), 246: ("link.type", 230)}  # fmt: skip


def cooked(device: int, protocol: int, at: int) -> To:
    if device in DEVICES:
        return To("link.type", DEVICES[device], at)
    return To(*PROTOCOLS.get(protocol, (ETHER, protocol)), at)


@link("linux_sll")
def linux_sll(w: Twin) -> To:
    w.need(16)
    w.mac = w.at + 6 if number(w.data, w.at + 4, 2) == 6 else w.mac
    return cooked(number(w.data, w.at + 2, 2), number(w.data, w.at + 14, 2), w.at + 16)


@link("linux_sll2")
def linux_sll2(w: Twin) -> To:
    w.need(20)
    w.mac = w.at + 12 if w.data[w.at + 11] == 6 else w.mac
    return cooked(number(w.data, w.at + 8, 2), number(w.data, w.at, 2), w.at + 20)


@link("raw")
def raw(w: Twin) -> To | End:
    w.need(1)

    def other(_: int) -> To:
        raise Malformed("bad_version")

    return ip_or(w, w.at, other)


@link("null", "loop")
def null(w: Twin) -> To:
    w.need(4)
    family = number(w.data, w.at, 4)
    if family > 0xFFFF:
        family = little(w.data, w.at, 2)
    return To(ETHER, {2: IPV4, 10: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}.get(family, family), w.at + 4)


@link("ppp")
def ppp(w: Twin) -> To:
    at = w.at + (w.link_type in (166, 204))
    frame = w.data[at : w.end]
    if len(frame) >= 2 and frame[0] == 0xFF:
        at += 2
    elif len(frame) >= 4 and frame[0] in (0x0F, 0x8F) and frame[1] == 0:
        return To(ETHER, number(frame, 2, 2), at + 4)
    w.need(1, at)
    size = 1 if w.data[at] & 1 else 2
    w.need(size, at)
    protocol = number(w.data, at, size)
    return To("ppp.protocol", protocol, at + size, hint=protocol)


@link("llc")
def llc(w: Twin) -> To:
    w.need(3)
    size = 3 if w.data[w.at + 2] & 3 == 3 else 4
    w.need(size)
    return To("llc.dsap", w.data[w.at], w.at + (3 if w.data[w.at] == 0xAA else size))


@link("snap")
def snap(w: Twin) -> To:
    w.need(5)
    own = {b"\0\0\x0c": "snap.cisco", b"\0\0\x81": "snap.nortel", b"\0\x80\xc2": "snap.bridged"}
    return To(own.get(w.data[w.at : w.at + 3], ETHER), number(w.data, w.at + 3, 2), w.at + 5)


@link("fddi")
def fddi(w: Twin) -> To | End:
    w.need(13)
    return To("llc", 0, w.at + 13) if w.data[w.at] & 0x70 == 0x50 else End("unknown_llc", w.at + 13)


@link("nflog")
def nflog(w: Twin) -> To | End:
    w.need(4)
    at, family, data = w.at + 4, w.data[w.at], w.data
    read = number if w.end - at >= 2 and data[at] < data[at + 1] else little
    while at + 4 <= w.end:
        size, kind = read(data, at, 2), read(data, at + 2, 2) & 0x7FFF
        if size < 4 or at + size > w.promise:
            raise Malformed("bad_length")
        if kind == 9:
            if family in (2, 10):
                return To(ETHER, {2: IPV4, 10: IPV6}[family], at + 4, limit=at + size)
            return End("unknown_link_type", at + 4, family, limit=at + size)
        at += size + -size % 4
    if at != w.end or w.promise > w.end:
        raise Malformed("short_header")
    return End()


def by_nlpid(w: Twin, at: int) -> To | End:
    w.need(1, at)
    kind = w.data[at]
    if kind in (0x81, 0x82, 0x83):
        return To("llc.dsap", 0xFE, at)
    known = {0x80: ("llc.dsap", 0xAA), 0xCC: (ETHER, IPV4), 0x8E: (ETHER, IPV6), 0xCF: (ETHER, PPP)}
    return To(*known[kind], at + 1) if kind in known else End("unknown_llc", at + 1, kind)


@link("frame_relay")
def frame_relay(w: Twin) -> To | End:
    address = w.data[w.at : w.end][:4]
    last = next((at for at, octet in enumerate(address) if octet & 1), min(3, w.end - w.at))
    at = w.at + last + 1
    w.need(2, at)
    if last == 0 or not w.data[at - 1] & 1:
        raise Malformed("bad_value")
    control = w.data[at]
    if control == 3:
        return by_nlpid(w, at + 1 + (w.data[at + 1] == 0))
    if last == 1 and w.data[w.at] >> 2 == 0 and w.data[w.at + 1] >> 4 == 0:
        return End("unknown_llc", at, control) if control & 1 else by_nlpid(w, at + 2)
    kind = number(w.data, at, 2)
    return To(ETHER, kind, at + 2) if kind >= 0x600 else End("unknown_llc", at, control)


@link("cisco_hdlc")
def cisco_hdlc(w: Twin) -> To:
    w.need(4)
    kind, at = number(w.data, w.at + 2, 2), w.at + 4
    if kind == 0xFEFE:
        return To("llc.dsap", 0xFE, at + (w.data[at : min(at + 1, w.end)] == b"\0"))
    return To({0x2000: "snap.cisco", 0x8035: "cisco_hdlc.protocol"}.get(kind, ETHER), kind, at)


@link("other_link")
def other_link(w: Twin) -> To | End:
    return OTHERS[w.link_type](w)


def ip_behind(size: int) -> Step:
    def step(w: Twin) -> To | End:
        w.need(1, w.at + size)
        return ip_or(w, w.at + size, lambda _: End("unknown_link_type", w.at + size, w.link_type))

    return step


def pflog(w: Twin) -> To | End:
    return ip_behind(w.data[w.at] + -w.data[w.at] % 4 if w.at < w.end else 4)(w)


def atm(w: Twin) -> To | End:
    return To("llc", 0, w.at)


def clip(w: Twin) -> To | End:
    return atm(w) if w.data[w.at : min(w.at + 1, w.end)] in (b"", b"\xaa") else ip_behind(0)(w)


def sunatm(w: Twin) -> To | End:
    w.need(4)
    kind = w.data[w.at] & 15
    if kind == 2:
        return To("llc", 0, w.at + 4)
    if kind == 1:
        w.need(6)
        if w.data[w.at + 4] != 0xFF:
            return To("link.type", 1, w.at + 6)
    return End("unknown_link_type", w.at + 4, 123)


def token_ring(w: Twin) -> To | End:
    w.need(14)
    at = w.at + 14
    if w.data[w.at + 8] & 0x80 and at < w.end:
        at += max(w.data[at] & 31, 2)
    return To("llc", 0, at) if w.data[w.at + 1] & 0xC0 == 0x40 else End("unknown_llc", at)


def arcnet(size: int) -> Step:
    def step(w: Twin) -> To | End:
        w.need(size + 1)
        at = w.at + size + 1
        kind = w.data[at - 1]
        if kind in (0xF0, 0xF1):
            return To(ETHER, {0xF0: IPV4, 0xF1: 0x0806}[kind], at)
        if kind not in (0xD4, 0xD5):
            return End("unknown_ethertype", at, kind)
        w.need(3, at)
        if w.data[at] == 0xFF:
            at += 4
            w.need(3, at)
        return End("fragment", at + 3) if w.data[at] else To(ETHER, {0xD4: IPV4, 0xD5: 0x0806}[kind], at + 3)

    return step


def multilink(w: Twin) -> To | End:
    if w.end - w.at < 2 or w.data[w.at] & 0xE0 == 0xC0:
        return To("link.type", 107, w.at + 2)
    return End("unknown_llc" if w.data[w.at] & 0x20 else "fragment", w.at + 2)


def wrapped(size: slice, kind: int) -> Step:
    def step(w: Twin) -> To | End:
        w.need(12)
        length = int.from_bytes(w.data[w.at : w.at + 12][size], "little")
        if length < 8:
            raise Malformed("bad_length")
        return To("link.type", little(w.data, w.at + kind, 4), w.at + length)

    return step


def preamble(w: Twin) -> To | End:
    head = w.data[w.at : w.end][:8]
    rest = head.lstrip(b"\x55")
    at = w.at + len(head) - len(rest)
    if not rest:
        raise Malformed("short_header")
    if rest[0] != 0xD5:
        return End("fragment", at)
    return To("link.type", 1, at + 1, limit=max(w.promise - 4, at + 1))


def infiniband(w: Twin) -> To | End:
    return To(ETHER, number(w.data, w.at + 40, 2) if w.end - w.at >= 44 else 0, w.at + 44)


def tagged(size: int) -> Step:
    def step(w: Twin) -> To | End:
        w.need(size + 2)
        w.mac = w.at + 6
        return type_or_length(w, w.at + size)

    return step


OTHERS: dict[int, Step] = {
    6: token_ring, 7: arcnet(2), 8: ip_behind(16), 100: atm, 106: clip, 109: ip_behind(12), 117: pflog, 123: sunatm,
    129: arcnet(4), 182: multilink, 192: wrapped(slice(2, 4), 4), 226: ip_behind(24), 242: infiniband,
    258: wrapped(slice(0, 4), 8), 274: preamble, 281: tagged(16), 282: lambda w: To("link.type", 1, w.at + 4),
    284: tagged(16), 285: tagged(20),
}  # fmt: skip


@link("dot11")
def dot11(w: Twin) -> To | End:  # noqa: PLR0911, PLR0912 - one for each kind of frame
    data, at, flags = w.data, w.at, 0
    if w.link_type in (119, 127, 163):
        w.need(8)
        if w.link_type == 127:
            size = little(data, at + 2, 2)
        else:
            native = w.link_type == 119 and number(data, at, 4) >> 12 != 0x80211 and little(data, at, 4) < 0x10000
            size = little(data, at + 4, 4) if native else number(data, at + 4, 4)
        if size < 8:
            raise Malformed("bad_length")
        flags = radiotap_flags(data, at, min(at + size, w.end)) if w.link_type == 127 else 0
        at += size
    w.need(10, at)
    first, bits = data[at : at + 2][:: -1 if w.hint == DOT11_EXCHANGED else 1]
    if first & 3:
        raise Malformed("bad_version")
    limit = max(w.promise - 4, at) if flags & 0x10 else None
    kind, subtype = first >> 2 & 3, first >> 4
    if kind in (1, 3):
        return End(limit=limit)
    w.need(24, at)
    if kind == 0:
        return To("dot11.type", 0, at, limit, hint=w.hint if w.hint == DOT11_EXCHANGED else 0)
    if subtype & 4:
        return End(limit=limit)
    body, control = at + (30 if bits & 3 == 3 else 24), 0
    if subtype & 8:
        w.need(2, body)
        control = little(data, body, 2)
        body += 6 if bits & 0x80 else 2
    if flags & 0x20:
        body += -(body - at) % 4
    if bits & 0x40:
        return End("encrypted", body, limit=limit)
    if bits & 4 or data[at + (23 if w.hint == DOT11_EXCHANGED else 22)] & 15:
        return End("fragment", body, limit=limit)
    if control & 0x80:
        return first_subframe(w, body, w.promise if limit is None else min(limit, w.promise))
    source = at + (24 if bits & 3 == 3 else 16 if bits & 2 else 10)
    w.mac = source if source + 6 <= w.end else w.mac
    return To("llc", 0, body, limit)


def first_subframe(w: Twin, at: int, promise: int) -> To:
    w.need(14, at)
    size = number(w.data, at + 12, 2)
    last = at + 14 + size
    if w.aggregate is None:
        w.aggregate = (last + -(14 + size) % 4, promise)
        state = ("tunnels", "header", "depth")
        w.outside = {name: getattr(w, name) for name in state} | {"end": min(w.end, promise), "promise": promise}
        w.outside["stack"] = list(w.result.stack)
    w.mac = at + 6
    return To("llc", 0, at + 14, min(last, promise), fault="bad_length" if last > promise else None)


def radiotap_flags(data: bytes, at: int, end: int) -> int:
    present = word = little(data, at + 4, 4)
    field = at + 8
    while word & 0x80000000:
        if field + 4 > end:
            return 0
        word = little(data, field, 4)
        field += 4
    if present & 1:
        field += -(field - at) % 8 + 8
    return data[field] if present & 2 and field < end else 0
