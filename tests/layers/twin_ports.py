"""Tunnels over UDP whose other port has a table too: importing this module fills the twin's FITS.

Each function returns whether the payload at `w.at` is certainly the header of its tunnel, from the specification of it.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.layers.twin import ETHER, FITS, STEPS, Twin
from tests.layers.twin_tunnels import is_frame
from tests.layers.twin_types import Malformed, ip_version, number

Fits = Callable[[Twin], bool]


def fits(function: Fits) -> Fits:
    FITS[function.__name__] = lambda w, _: function(w)
    return function


def known(w: Twin, space: str, value: int) -> bool:
    return w.lookup(space, value) is not None


def ip_ends(w: Twin, at: int) -> bool:
    """Whether the IP packet at `at` ends with the datagram."""
    version = ip_version(w.data, at, w.end)
    length = {4: number(w.data, at + 2, 2), 6: 40 + number(w.data, at + 4, 2)}.get(version, -1)
    return at + length == w.promise


@fits
def vxlan(w: Twin) -> bool:
    head = w.data[w.at : min(w.end, w.at + 8)]
    if len(head) < 8 or head[7]:
        return False
    if 4790 in w.ports:
        return head[0] < 16 and head[0] & 12 > 0 and head[1:3] == b"\0\0"
    policy = head[0] == 0x88 and not head[1] & 0xB7
    return policy or head[:4] == b"\x08\0\0\0"


@fits
def geneve(w: Twin) -> bool:
    head = w.data[w.at : min(w.end, w.at + 8)]
    if len(head) < 8 or head[0] > 63 or head[1] & 63 or head[7] or w.at + 8 + 4 * head[0] > w.promise:
        return False
    return known(w, ETHER, number(head, 2, 2))


@fits
def gre(w: Twin) -> bool:
    head = w.data[w.at : min(w.end, w.at + 4)]
    return len(head) == 4 and not head[0] & 0x4F and not head[1] and known(w, ETHER, number(head, 2, 2))


@fits
def gtp_u(w: Twin) -> bool:
    head = w.data[w.at : min(w.end, w.at + 8)]
    return len(head) == 8 and head[0] >> 3 == 6 and w.at + 8 + number(head, 2, 2) == w.promise


@fits
def l2tp(w: Twin) -> bool:
    head = w.data[w.at : w.end]
    if len(head) < 8:
        return False
    flags, whole = number(head, 0, 2), w.at + number(head, 2, 2) == w.promise
    version = flags & 15
    if version not in (2, 3) or flags & 0x34F0:
        return False
    if flags & 0x8000:
        return flags & 0x7FF0 == 0x4800 and whole
    if version == 3:
        return head[:4] == b"\0\3\0\0"
    return whole if flags & 0x4000 else carries_ppp(w)


def carries_ppp(w: Twin) -> bool:
    """Whether PPP follows the header of L2TP."""
    try:
        found = STEPS["l2tp"](w)
    except Malformed:
        return False
    protocol = number(w.data, found.at, 2) if found.at + 2 <= w.end else -1
    return protocol == 0xFF03 or (protocol >= 0 and known(w, "ppp.protocol", protocol))


@fits
def teredo(w: Twin) -> bool:
    try:
        at = STEPS["teredo"](w).at
    except Malformed:
        return False
    return at + 40 <= w.end and ip_ends(w, at)


@fits
def mpls(w: Twin) -> bool:
    at = w.at
    while at + 4 <= w.end and not w.data[at + 2] & 1:
        at += 4
    at += 4
    if at + 20 > w.end:
        return False
    if w.data[at] >> 4 == 0:
        return is_frame(w, at) or is_frame(w, at + 4)
    return ip_ends(w, at)


@fits
def capwap(w: Twin) -> bool:
    data = w.data[w.at : w.end]
    if len(data) < 8:
        return False
    if data[0] == 1:
        return data[1:4] == bytes(3) and data[4] in range(20, 27) and data[5] == 0xFE
    size = 4 * (data[1] >> 3)
    return data[0] == 0 and 8 <= size <= len(data) and data[3] & 7 == 0 and data[7] & 7 == 0
