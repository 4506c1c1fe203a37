"""The twin of the walk: one packet at a time, in plain Python, without reassembly.

It is written from the specifications of the headers, on bytes and with exceptions: reading beyond the captured bytes of
a layer raises Malformed. What it shares with the walk is only the look-up of dispatch keys and the words of its result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.layers.twin_types import End, Header, Malformed, Message, Result, To, icmp_pair, ip_version, number, ports_of

ETHER, IP, TUNNEL = "ether.type", "ip.protocol", "tunnel.payload"
IPV4, IPV6, PPP, MPLS, BRIDGED = 0x0800, 0x86DD, 0x880B, 0x8847, 0x6558
MOST_HEADERS, MOST_IP_HEADERS, MOST_SUBFRAMES = 40, 8, 64
Lookup = Callable[[str, int], str | None]


class Twin:
    """The walk of one packet of `length` bytes on the wire, of which `data` were captured."""

    def __init__(self, data: bytes, length: int, link_type: int, lookup: Lookup) -> None:
        self.data, self.lookup = data, lookup
        self.at, self.end, self.promise = 0, len(data), max(length, len(data))
        self.link_type, self.hint, self.ports, self.mac = link_type, 0, (-1, -1), -1
        self.tunnels: tuple[tuple[str, int], ...] = ()
        self.header, self.depth = -1, 0
        # of an A-MSDU: where its second subframe begins, and where it ends; and the state in which subframes begin
        self.aggregate: tuple[int, int] | None = None
        self.outside: dict[str, Any] = {}
        self.result = Result()

    def walk(self) -> Result:
        """Follow the packet from its link header."""
        group = self.lookup("link.type", self.link_type)
        if group is None:
            self.stop("unknown_link_type", self.at, self.link_type)
        elif group == "ppp" and self.link_type in (9, 50) and self.is_cisco():
            group = "cisco_hdlc"
        self.go_on(group)
        if self.aggregate:
            self.subframes(*self.aggregate)
        return self.result

    def subframes(self, at: int, promise: int) -> None:
        """The subframes of an A-MSDU behind the first; the packet's row is about the first one that stops."""
        result, count = self.result, 1
        about = result.stack, result.header
        while promise - at >= 14:
            if count == MOST_SUBFRAMES:
                self.stop("too_deep", at)
                break
            count += 1
            stopped = result.stop
            vars(self).update(self.outside)
            self.hint, self.link_type, self.ports, self.at = 0, -1, (-1, -1), at
            result.stack, result.header = list(self.outside["stack"]), self.header
            at = self.subframe(promise)
            if stopped is None and result.stop:
                about = result.stack, result.header
        result.stack, result.header = about

    def subframe(self, promise: int) -> int:
        """One subframe of an A-MSDU; where the next one begins."""
        begin = self.at
        if self.end - begin < 14:
            self.stop("cut", begin)
            return promise
        size = number(self.data, begin + 12, 2)
        last = begin + 14 + size
        if last > promise:
            self.stop("malformed", begin)
        self.mac, self.at = begin + 6, begin + 14
        self.narrow(last)
        if self.at < self.end:
            self.go_on("llc")
        elif self.at < self.promise:
            self.stop("cut", self.at)
        return last + -(14 + size) % 4

    def go_on(self, group: str | None) -> None:
        """Follow the packet from the header of `group` at the current offset."""
        for _ in range(MOST_HEADERS):
            if group is None:
                return
            self.result.stack.append(group)
            if group in TRANSPORTS:
                group = self.transport(group)
            elif group in ("icmpv4", "icmpv6"):
                group = self.icmp(group)
            elif group in ("ipv4", "ipv6"):
                group = self.follow(group, self.network(group))
            elif group in EXTENSIONS:
                group = self.follow(group, self.extension(group))
            elif group in STEPS:
                group = self.follow(group, self.enter(group))
            else:
                self.emit(group, None, max(self.hint, self.link_type))
                group = None
        if group is not None:
            self.stop("too_deep", self.at)

    def emit(self, group: str, fault: str | None = None, hint: int = 0, end: int | None = None) -> None:
        last, promise = (self.end, self.promise) if end is None else (end, end)
        last = max(last, self.at)
        if fault == "short_header" and promise > last:
            fault = "cut"
        missing = max(0, promise - last)
        self.result.messages.append(Message(group, self.at, last, missing, fault, self.header, self.ports, hint))

    def stop(self, reason: str, at: int, value: int = -1) -> None:
        if self.result.stop is None:
            self.result.stop = (reason, at, value)

    def narrow(self, limit: int | None) -> None:
        if limit is not None and limit < self.promise:
            self.promise, self.end = limit, min(self.end, limit)

    def need(self, size: int, at: int | None = None) -> None:
        if self.end - (self.at if at is None else at) < size:
            raise Malformed("short_header")

    def follow(self, group: str, found: To | End | Malformed) -> str | None:
        """The next group by what a header gave."""
        cut = self.promise > self.end
        if isinstance(found, Malformed):
            self.stop("cut" if cut and found.fault in ("short_header", "bad_options") else "malformed", self.at)
            return None
        if isinstance(found, End) or (found.space == IP and found.value == 59 and group != "ipv4"):
            return None
        self.hint = found.hint
        if found.at >= self.end:
            if cut:
                self.stop("cut", found.at)
            if cut or found.space != IP:
                return None
        self.at = found.at
        if found.space == "llc":
            return "llc"
        inner = self.lookup(found.space, found.value)
        if inner is None:
            self.stop(UNKNOWN.get(found.space, "unknown_ip_protocol"), found.at, found.value)
        elif found.space == IP and inner in BARE:
            self.tunnels += ((inner, 1),)
            if self.header >= 0 and inner in ("ipv4", "ipv6"):
                self.emit("ip_in_ip", hint=self.result.headers[self.header].version)
        return inner

    def enter(self, group: str) -> To | End | Malformed:
        """A link header or a tunnel's."""
        found: To | End | Malformed
        try:
            found = STEPS[group](self)
        except Malformed as error:
            found = error
        else:
            if group in LINKS and found.at > self.end:
                found = Malformed("short_header", found.limit)
        hint, self.link_type = max(self.hint, self.link_type), -1
        if isinstance(found, To) and found.space == "link.type":
            self.link_type = found.value
        elif isinstance(found, End) and found.reason:
            self.stop(found.reason, found.at, found.value)
        self.emit(group, found.fault, hint)
        self.ports = (-1, -1)
        if group == "ethernet" and isinstance(found, To):
            self.trailer()
        self.narrow(found.limit)
        if isinstance(found, To) and found.tunnel is not None:
            self.tunnels += ((group, found.tunnel),)
        return found

    def trailer(self) -> None:
        """The trailer of PRP at the end of a frame of Ethernet."""
        at, end, data = self.at, self.end, self.data
        left = end - at - 14
        if end < self.promise or left < 6 or data[end - 2 : end] != b"\x88\xfb":
            return
        lan, size = divmod(number(data, end - 4, 2), 0x1000)
        tagged = number(data, at + 12, 2) in (0x8100, 0x88A8)
        if lan in (10, 11) and (size == left or (tagged and size == left - 4)):
            self.at = end - 6
            self.emit("prp")
            self.at, self.end, self.promise = at, end - 6, end - 6

    def begin(self, version: int, kind: str) -> Header:
        outer, self.header = self.header, len(self.result.headers)
        length = self.promise - self.at
        self.result.headers.append(Header(self.at, self.end, version, kind, length, outer, self.mac, self.tunnels))
        return self.result.headers[-1]

    def network(self, group: str) -> To | End | Malformed:
        """An IP header."""
        self.ports, data, at = (-1, -1), self.data, self.at
        if self.depth >= MOST_IP_HEADERS:
            self.stop("too_deep", at)
            return End()
        try:
            found = NETWORKS[group](self)
        except Malformed as error:
            self.header = -1
            if group == "ipv4" and error.fault == "short_header" and self.end - at >= 20:
                self.begin(4, "whole").protocol = data[at + 9]
                self.result.header = self.header
            self.emit(group, error.fault)
            return error
        self.narrow(found.limit)
        self.begin(int(group[-1]), "whole").protocol = found.value
        self.result.header, self.mac = self.header, -1
        self.depth += 1
        self.emit(group, found.fault)
        bits = number(data, at + 6, 2) if group == "ipv4" else 0
        return self.fragment(found, (bits & 0x1FFF) * 8, more=bool(bits & 0x2000))

    def extension(self, group: str) -> To | End | Malformed:
        """An IPv6 extension header, or the authentication header of either version."""
        data, at = self.data, self.at
        size = self.extension_size(group)
        if isinstance(size, Malformed):
            self.emit(group, size.fault)
            return size
        self.emit(group, end=at + size)
        found = To(IP, data[at], at + size)
        if self.header < 0:
            return found
        self.result.headers[self.header].protocol = found.value
        bits = number(data, at + 2, 2) if group == "ipv6_fragment" else 0
        return self.fragment(found, bits & 0xFFF8, more=bool(bits & 1))

    def extension_size(self, group: str) -> int | Malformed:
        """The bytes of an extension header."""
        if self.end - self.at < 8:
            return Malformed("short_header")
        count = self.data[self.at + 1]
        size = {"ipv6_fragment": 8, "ipsec_ah": (count + 2) * 4}.get(group, (count + 1) * 8)
        if size < 12 and group == "ipsec_ah":
            return Malformed("bad_length")
        return size if size <= self.end - self.at else Malformed("bad_options")

    def fragment(self, found: To, offset: int, *, more: bool) -> To | End:
        """`found`, unless it is a fragment to wait for; a first one that the capture cut is read as it is."""
        if not (more or offset) or (not offset and self.promise > max(found.at, self.end)):
            return found
        header = self.result.headers[self.header]
        header.kind, header.payload = "fragment", max(0, self.promise - found.at)
        if offset == 0:
            header.transport = found.at
            header.ports = ports_of(self.data, header, found.at, self.end)
        self.stop("fragment", found.at)
        return End()

    def icmp(self, group: str) -> None:
        """ICMP of either version."""
        data, at = self.data, self.at
        self.emit(group)
        if self.end - at < 2:
            return
        kind = data[at]
        if self.header >= 0:
            header = self.result.headers[self.header]
            header.ports = icmp_pair(int(group[-1]), kind, data[at + 1])
            header.transport, header.payload = at, max(0, self.promise - at - 8)
            if kind in ((3, 4, 5, 11, 12) if group == "icmpv4" else (1, 2, 3, 4)):
                self.quote(at + 8)
        if leaf := self.lookup(f"{group}.type", kind):
            self.emit(leaf)

    def quote(self, at: int) -> None:
        """The header that an error quotes."""
        data, end, around = self.data, self.end, self.header
        version = ip_version(data, at, end)
        size = (data[at] & 15) * 4 if version == 4 and at < end else 40
        if version not in (4, 6) or end - at < {4: 20, 6: 40}[version] or size < 20:
            return
        tunnels = self.result.headers[around].tunnels
        header = Header(at, end, version, "quoted", self.promise - at, around, -1, tunnels)
        self.result.headers.append(header)
        header.protocol = data[at + 9] if version == 4 else data[at + 6]
        if version == 6 or number(data, at + 6, 2) & 0x1FFF == 0:
            header.transport = at + size
            header.ports = ports_of(data, header, at + size, end)

    def transport(self, group: str) -> str | None:
        """TCP, UDP or SCTP."""
        data, at = self.data, self.at
        fault = None
        if self.end - at >= 4:
            self.ports = (number(data, at, 2), number(data, at + 2, 2))
        else:
            self.ports = (-1, -1)
        try:
            payload, limit, fault = TRANSPORTS[group](self)
        except Malformed as error:
            payload, limit, fault = None, error.limit, error.fault
        if self.header >= 0 and self.end - at >= 4:
            header = self.result.headers[self.header]
            header.ports, header.transport = self.ports, at
            header.payload = max(0, (at if limit is None else limit) - (at if payload is None else payload))
        if group == "udp" and payload is not None:
            self.narrow(limit)
        self.emit(group, fault)
        if payload is None:
            self.stop("cut" if fault == "short_header" and self.promise > self.end else "malformed", at)
            return None
        if payload >= self.end:
            if payload < self.promise:
                self.stop("cut", payload)
            return None
        self.at = payload
        return MESSAGES[group](self) if group in MESSAGES else self.payload(group)

    def payload(self, group: str) -> str | None:
        """The payload of a TCP segment or a UDP datagram: the step that it is, if any."""
        space, protocol = ("tcp.segment", 6) if group == "tcp" else ("udp.port", 17)
        inner = self.by_ports(space)
        if inner is None:
            if group == "udp":  # the payload of TCP is handed to its stream
                self.emit("", hint=17)
                self.stop("unknown_port", self.at, self.service())
        elif inner not in STEPS and inner not in BARE:
            self.emit(inner, hint=protocol)
            self.result.stack += [inner] if group == "udp" and inner != "contested" else []
            inner = None
        elif inner in BARE:
            self.tunnels += ((inner, 0),)
        return inner

    def by_ports(self, space: str) -> str | None:
        """The group that the two ports lead to; `contested` if they lead to two that are no steps."""
        here, there = self.lookup(space, self.ports[1]), self.lookup(space, self.ports[0])
        if here is None or there is None or here == there:
            return here or there
        steps = [group for group in (here, there) if group in STEPS]
        if not steps:
            return "contested"
        for group in steps:
            if FITS.get(group, self.reads)(self, group):
                return group
        if len(steps) == 1:
            return there if steps == [here] else here
        return here if self.ports[1] < self.ports[0] else there

    @staticmethod
    def reads(w: Twin, group: str) -> bool:
        """Whether a step reads its header, and what follows is known."""
        try:
            found = STEPS[group](w)
        except Malformed:
            return False
        known = not isinstance(found, To) or found.space == "llc" or w.lookup(found.space, found.value) is not None
        return known and not found.fault

    def service(self) -> int:
        """The well-known port if only one is."""
        low = [port for port in self.ports if port < 1024]
        return low[0] if len(low) == 1 else -1

    def is_cisco(self) -> bool:
        """Whether a frame of a serial line begins as Cisco HDLC does."""
        return self.data[:1] in (b"\x0f", b"\x8f") and self.data[1:2] in (b"", b"\0")


EXTENSIONS = {"ipv6_hop_by_hop", "ipv6_routing", "ipv6_destination_options", "ipv6_fragment", "ipsec_ah"}
BARE = {"ipv4", "ipv6", "mpls", "ethernet"}
UNKNOWN = {
    "link.type": "unknown_link_type", "dot11.type": "unknown_link_type", ETHER: "unknown_ethertype",
    "cisco_hdlc.protocol": "unknown_ethertype", "llc.dsap": "unknown_llc", "snap.cisco": "unknown_snap",
    "snap.nortel": "unknown_snap", "snap.bridged": "unknown_snap", "ppp.protocol": "unknown_ppp_protocol",
    TUNNEL: "unknown_tunnel_payload", "capwap.type": "unknown_tunnel_payload",
}  # fmt: skip
# functions of the headers: twin_links, twin_tunnels, twin_capwap, twin_network and twin_ports fill them
STEPS: dict[str, Callable[[Twin], To | End]] = {}
LINKS: set[str] = set()
NETWORKS: dict[str, Callable[[Twin], To]] = {}
TRANSPORTS: dict[str, Callable[[Twin], tuple[int, int, str | None]]] = {}
# transports whose packets carry several messages
MESSAGES: dict[str, Callable[[Twin], None]] = {}
# whether a header of a tunnel over UDP is certainly there, although the other port has a table too
FITS: dict[str, Callable[[Twin, str], bool]] = {}
