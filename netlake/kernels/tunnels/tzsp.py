"""TZSP, the TaZmen Sniffer Protocol: a packet that a sensor or router mirrors, behind tagged fields."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, done, malformed
from netlake.kernels.bytes import u16
from netlake.kernels.numbers import LinkType
from netlake.schema.faults import BAD_OPTIONS, BAD_VERSION, SHORT_HEADER

# types of messages without fields and packet
KEEPALIVE = 4
PORT_OPENER = 5
PADDING = 0
END = 1
MOST_FIELDS = 64


@kernel()
def link_type_of(encapsulation):
    """The link type of an encapsulation, -1 for one that is unknown."""
    if encapsulation == 1:
        return np.int64(LinkType.ETHERNET)
    if encapsulation == 2:
        return np.int64(LinkType.TOKEN_RING)
    if encapsulation == 4:
        return np.int64(LinkType.PPP)
    if encapsulation == 5:
        return np.int64(LinkType.FDDI)
    if encapsulation == 7:
        return np.int64(LinkType.RAW)
    if encapsulation == 18:
        return np.int64(LinkType.DOT11)
    if encapsulation == 119:
        return np.int64(LinkType.DOT11_PRISM)
    if encapsulation == 126:
        return np.int64(LinkType.DOT11_RADIOTAP)
    return np.int64(LinkType.DOT11_AVS) if encapsulation == 127 else np.int64(-1)


@kernel()
def tzsp(data, keys, w):
    """The mirrored packet, by its encapsulation; the identifier is 0. Keepalives and port openers carry none."""
    at, end = w.at, w.end
    if end - at < 4:
        return malformed(SHORT_HEADER)
    if data[at] != 1:
        return malformed(BAD_VERSION)
    if data[at + 1] == KEEPALIVE or data[at + 1] == PORT_OPENER:
        return done()
    inside = fields_end(data, at + 4, end)
    if inside < 0:
        return malformed(BAD_OPTIONS)
    encapsulation = u16(data, at + 2)
    link_type = link_type_of(encapsulation)
    if link_type < 0:
        return carries(Space.TUNNEL_PAYLOAD, encapsulation, inside, identifier=0)
    return carries(Space.LINK_TYPE, link_type, inside, identifier=0)


@kernel()
def fields_end(data, at, end):
    """Where the tagged fields end, which begin at `at`; -1 if they do not."""
    for _ in range(MOST_FIELDS):
        if at >= end:
            return np.int64(-1)
        if data[at] == END:
            return at + 1
        if data[at] == PADDING:
            at += 1
        elif at + 1 < end:
            at += 2 + np.int64(data[at + 1])
        else:
            return np.int64(-1)
    return np.int64(-1)
