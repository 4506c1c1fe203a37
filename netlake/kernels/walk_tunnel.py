"""One step of the walk through a tunnel's header: what is inside begins a conversation of its own.

`(data, at, end, ...) -> (space, value, next, limit, identifier, fault)`: as `netlake.kernels.walk_link`, and the
identifier. It tells tunnels between the same two hosts apart where both directions carry the same one (VNI, GRE key,
PPPoE session, ERSPAN session), is 0 where they differ by direction (GTP, L2TP), and -1 where the header makes no
conversation of its own: labels and tags may be there in one direction only (MPLS, NSH).

A payload that has no number of its own is told by its first four bits, as routers do; TUNNEL_PAYLOAD with that number
is a payload that is not known.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u24, u32
from netlake.kernels.steps import (
    CISCO_METADATA,
    DONE,
    ERSPAN,
    ETHER_TYPE,
    FABRIC_PATH,
    GENEVE,
    GRE,
    GTP_U,
    L2TP,
    MPLS,
    NOWHERE,
    NSH,
    PBB,
    PIM,
    PPPOE,
    TEREDO,
    TUNNEL_PAYLOAD,
)
from netlake.schema.faults import BAD_LENGTH, BAD_OPTIONS, BAD_VALUE, BAD_VERSION, SHORT_HEADER

IPV4_TYPE = 0x0800
IPV6_TYPE = 0x86DD
TRANSPARENT_ETHERNET = 0x6558
WCCP_TYPE = 0x883E
PPP_TYPE = 0x880B
MPLS_TYPE = 0x8847
ERSPAN_TYPE = 0x88BE
NSH_TYPE = 0x894F
FIRST_ETHERTYPE = 0x0600
VXLAN_GPE_PORT = 4790
# of an associated channel of MPLS: IPv4 and IPv6
CHANNEL_IPV4 = 0x0021
CHANNEL_IPV6 = 0x0057
G_PDU = 255
METADATA = 0x0101
MOST_EXTENSIONS = 32


@kernel(once=True)
def tunnel_step(data, keys, step, at, end, promise, hint, source, destination):
    """The header of a tunnel of kind `step`; `hint` and ports as in `netlake.packets.Messages`."""
    if step == GRE:
        return gre_step(data, at, end)
    if step == MPLS:
        return mpls_step(data, keys, at, end)
    if step == PPPOE:
        return pppoe_step(data, at, end, promise)
    if step == L2TP:
        return l2tp_step(data, at, end, promise, source)
    if step == ERSPAN:
        return erspan_step(data, at, end, hint)
    if step == TEREDO:
        return teredo_step(data, at, end)
    if step == PBB or step == PIM or step == FABRIC_PATH:
        return fixed_step(data, step, at, end)
    if end - at < 8:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    if step == GTP_U:
        return gtp_step(data, keys, at, end, promise)
    if step == NSH:
        return nsh_step(data, at, end)
    if step == CISCO_METADATA:
        # version and length, both 1, come first in Ethernet; in GRE the type of what follows does
        return ETHER_TYPE, u16(data, at + 6 if u16(data, at) == METADATA else at), at + 8, -1, -1, 0
    if step == GENEVE:
        if data[at] >> 6 != 0:
            return NOWHERE, 0, at, -1, 0, BAD_VERSION
        size = 8 + (np.int64(data[at]) & 63) * 4
        if at + size > end:
            return NOWHERE, 0, at, -1, 0, SHORT_HEADER
        return ETHER_TYPE, u16(data, at + 2), at + size, -1, u24(data, at + 4), 0
    return vxlan_step(data, at, source, destination)


@kernel()
def next_protocol(kind, following, identifier):
    """What the one-byte number of VXLAN-GPE and NSH says that follows."""
    if kind == 1:
        return ETHER_TYPE, IPV4_TYPE, following, -1, identifier, 0
    if kind == 2:
        return ETHER_TYPE, IPV6_TYPE, following, -1, identifier, 0
    if kind == 3:
        return ETHER_TYPE, TRANSPARENT_ETHERNET, following, -1, identifier, 0
    if kind == 4:
        return ETHER_TYPE, NSH_TYPE, following, -1, identifier, 0
    if kind == 5:
        return ETHER_TYPE, MPLS_TYPE, following, -1, identifier, 0
    return TUNNEL_PAYLOAD, kind, following, -1, identifier, 0


@kernel()
def ip_or(data, at, end, limit, identifier, fault):
    """An IP packet by its first four bits, else a payload that is not known."""
    version = np.int64(data[at] >> 4) if at < end else np.int64(0)
    if version == 4:
        return ETHER_TYPE, IPV4_TYPE, at, limit, identifier, fault
    if version == 6:
        return ETHER_TYPE, IPV6_TYPE, at, limit, identifier, fault
    return TUNNEL_PAYLOAD, version, at, limit, identifier, fault


@kernel()
def is_ethernet(data, keys, at, end):
    """Whether a frame of Ethernet may begin at `at`: its type is one that is known."""
    if at < 0 or at + 14 > end:
        return False
    kind = u16(data, at + 12)
    return kind >= FIRST_ETHERTYPE and keys[ETHER_TYPE, kind] >= 0


@kernel(once=True)
def vxlan_step(data, at, source, destination):
    """VXLAN, and on a port of its own the one that says what it carries."""
    identifier = u24(data, at + 4)
    generic = source == VXLAN_GPE_PORT or destination == VXLAN_GPE_PORT
    if generic and data[at] & 4:
        return next_protocol(np.int64(data[at + 3]), at + 8, identifier)
    return ETHER_TYPE, TRANSPARENT_ETHERNET, at + 8, -1, identifier, 0


@kernel(once=True)
def nsh_step(data, at, end):
    """The network service header."""
    size = (u16(data, at) & 63) * 4
    if data[at] >> 6 != 0:
        return NOWHERE, 0, at, -1, -1, BAD_VERSION
    if size < 8:
        return NOWHERE, 0, at, -1, -1, BAD_LENGTH
    if at + size > end:
        return NOWHERE, 0, at, -1, -1, SHORT_HEADER
    return next_protocol(np.int64(data[at + 3]), at + size, np.int64(-1))


@kernel(once=True)
def mpls_step(data, keys, at, end):
    """One label; behind the last an IP packet, an associated channel or a pseudowire of Ethernet.

    The control word of a pseudowire begins with four zero bits, and so may an address: the type at either place tells.
    """
    if end - at < 4:
        return NOWHERE, 0, at, -1, -1, SHORT_HEADER
    inside = at + 4
    if not data[at + 2] & 1:
        return ETHER_TYPE, MPLS_TYPE, inside, -1, -1, 0
    if inside + 4 <= end and data[inside] >> 4 == 1:
        channel = u16(data, inside + 2)
        if channel == CHANNEL_IPV4:
            return ETHER_TYPE, IPV4_TYPE, inside + 4, -1, -1, 0
        if channel == CHANNEL_IPV6:
            return ETHER_TYPE, IPV6_TYPE, inside + 4, -1, -1, 0
    if inside < end and data[inside] >> 4 == 0:
        if is_ethernet(data, keys, inside, end) and not is_ethernet(data, keys, inside + 4, end):
            return ETHER_TYPE, TRANSPARENT_ETHERNET, inside, -1, -1, 0
        if is_ethernet(data, keys, inside + 4, end):
            return ETHER_TYPE, TRANSPARENT_ETHERNET, inside + 4, -1, -1, 0
    return ip_or(data, inside, end, -1, np.int64(-1), 0)


@kernel(once=True)
def pppoe_step(data, at, end, promise):
    """PPPoE: a session's frame (code 0) carries PPP, a message of discovery carries nothing."""
    if end - at < 6:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    if data[at] != 0x11:
        return NOWHERE, 0, at, -1, 0, BAD_VERSION
    limit = at + 6 + u16(data, at + 4)
    fault = BAD_LENGTH if limit > promise else 0
    if data[at + 1] != 0:
        return DONE, 0, at, -1, 0, 0
    return ETHER_TYPE, PPP_TYPE, at + 6, limit, u16(data, at + 2), fault


@kernel(once=True)
def l2tp_step(data, at, end, promise, source):
    """L2TP over UDP (it has ports) or over IP; what version 3 carries was agreed upon and is not said."""
    if end - at < 4:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    if source < 0:
        if u32(data, at) == 0:
            return DONE, 0, at, -1, 0, 0
        return TUNNEL_PAYLOAD, 0, at + 4, -1, 0, 0
    flags = u16(data, at)
    version = flags & 15
    if version != 2 and version != 3:
        return NOWHERE, 0, at, -1, 0, BAD_VERSION
    if flags & 0x8000:
        return DONE, 0, at, -1, 0, 0
    if version == 3:
        if end - at < 8:
            return NOWHERE, 0, at, -1, 0, SHORT_HEADER
        return TUNNEL_PAYLOAD, 0, at + 8, -1, 0, 0
    limit = at + u16(data, at + 2) if flags & 0x4000 else np.int64(-1)
    size = 8 if flags & 0x4000 else 6
    if flags & 0x0800:
        size += 4
    if flags & 0x0200:
        if at + size + 2 > end:
            return NOWHERE, 0, at, -1, 0, SHORT_HEADER
        size += 2 + u16(data, at + size)
    if at + size > end:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    if limit >= 0 and limit < at + size:
        return NOWHERE, 0, at, -1, 0, BAD_LENGTH
    return ETHER_TYPE, PPP_TYPE, at + size, limit, 0, BAD_LENGTH if limit > promise else 0


@kernel(once=True)
def gtp_step(data, keys, at, end, promise):
    """GTP version 1 of the user plane: a G-PDU carries a packet, or a frame of Ethernet; others carry nothing."""
    flags = np.int64(data[at])
    if flags >> 5 != 1 or not flags & 0x10:
        return NOWHERE, 0, at, -1, 0, BAD_VERSION
    limit = at + 8 + u16(data, at + 2)
    fault = BAD_LENGTH if limit > promise else 0
    if data[at + 1] != G_PDU:
        return DONE, 0, at, -1, 0, fault
    inside = at + 8
    if flags & 7:
        inside += 4
        if inside > end:
            return NOWHERE, 0, at, -1, 0, SHORT_HEADER
        if flags & 4:
            inside = extensions_end(data, inside, end)
            if inside < 0:
                return NOWHERE, 0, at, -1, 0, BAD_OPTIONS
    if is_ethernet(data, keys, inside, end) and data[inside] >> 4 != 4 and data[inside] >> 4 != 6:
        return ETHER_TYPE, TRANSPARENT_ETHERNET, inside, limit, 0, fault
    return ip_or(data, inside, end, limit, np.int64(0), fault)


@kernel(once=True)
def extensions_end(data, inside, end):
    """Where GTP's extension headers end, each of which ends in the type of the next; -1 if they do not."""
    for _ in range(MOST_EXTENSIONS):
        if data[inside - 1] == 0:
            return inside
        if inside >= end or data[inside] == 0:
            return np.int64(-1)
        inside += np.int64(data[inside]) * 4
        if inside > end:
            return np.int64(-1)
    return np.int64(-1)


@kernel(once=True)
def erspan_step(data, at, end, first):
    """ERSPAN: the first type has no header at all, which GRE tells by having no sequence number."""
    if first:
        return ETHER_TYPE, TRANSPARENT_ETHERNET, at, -1, 0, 0
    if end - at < 8:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    version = data[at] >> 4
    session = u16(data, at + 2) & 0x3FF
    if version == 1:
        return ETHER_TYPE, TRANSPARENT_ETHERNET, at + 8, -1, session, 0
    if version != 2:
        return NOWHERE, 0, at, -1, 0, BAD_VERSION
    if end - at < 12:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    about = u16(data, at + 10)
    size = 20 if about & 1 else 12
    if at + size > end:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    kind = about >> 10 & 31
    if kind == 0:
        return ETHER_TYPE, TRANSPARENT_ETHERNET, at + size, -1, session, 0
    if kind == 2:
        return ip_or(data, at + size, end, -1, session, 0)
    return TUNNEL_PAYLOAD, kind, at + size, -1, session, 0


@kernel(once=True)
def teredo_step(data, at, end):
    """Teredo: an authentication and an origin may stand before the IPv6 packet."""
    inside = at
    if end - inside >= 4 and u16(data, inside) == 1:
        inside += 13 + np.int64(data[inside + 2]) + np.int64(data[inside + 3])
    if end - inside >= 8 and u16(data, inside) == 0:
        inside += 8
    if inside >= end:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    if data[inside] >> 4 != 6:
        return NOWHERE, 0, at, -1, 0, BAD_VALUE
    return ETHER_TYPE, IPV6_TYPE, inside, -1, 0, 0


@kernel(once=True)
def fixed_step(data, step, at, end):
    """A provider backbone's service tag; FabricPath's; or PIM, whose register carries the packet that is registered."""
    if step == FABRIC_PATH:
        if end - at < 2:
            return NOWHERE, 0, at, -1, -1, SHORT_HEADER
        return ETHER_TYPE, TRANSPARENT_ETHERNET, at + 2, -1, -1, 0
    if step == PBB:
        if end - at < 4:
            return NOWHERE, 0, at, -1, -1, SHORT_HEADER
        return ETHER_TYPE, TRANSPARENT_ETHERNET, at + 4, -1, u24(data, at + 1), 0
    if end - at < 8 or data[at] != 0x21:
        # no register; one without a packet has a header that stands for it, and nothing behind that
        return DONE, 0, at, -1, -1, 0
    return ip_or(data, at + 8, end, -1, np.int64(0), 0)


@kernel(once=True)
def gre_step(data, at, end):
    """GRE of RFC 2784 and 2890, and the enhanced one of PPTP, whose key differs by direction and so tells nothing."""
    if end - at < 4:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    flags, kind = u16(data, at), u16(data, at + 2)
    version = flags & 7
    if version > 1:
        return NOWHERE, 0, at, -1, 0, BAD_VERSION
    size = 4
    identifier = 0
    if flags & 0xC000:  # checksum or routing: both words are there
        size += 4
    if flags & 0x2000:
        if at + size + 4 > end:
            return NOWHERE, 0, at, -1, 0, SHORT_HEADER
        if version == 0:
            identifier = u32(data, at + size)
        size += 4
    if flags & 0x1000:
        size += 4
    if version == 1 and flags & 0x80:
        size += 4
    if flags & 0x4000:
        size = routing_end(data, at, at + size, end) - at
    if size < 0 or at + size > end:
        return NOWHERE, 0, at, -1, 0, SHORT_HEADER
    if kind == WCCP_TYPE:
        # what a cache engine redirects is IPv4; version 2 puts four bytes before it
        size += 0 if at + size < end and data[at + size] >> 4 == 4 else 4
        kind = IPV4_TYPE
    return ETHER_TYPE, kind, at + size, -1, identifier, 0


@kernel(once=True)
def routing_end(data, at, entry, end):
    """Where GRE's source route entries end; before `at` if they do not."""
    while entry + 4 <= end:
        family, size = u16(data, entry), np.int64(data[entry + 3])
        entry += 4 + size
        if family == 0 and size == 0:
            return entry
    return at - 1
