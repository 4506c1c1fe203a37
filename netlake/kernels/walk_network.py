"""One step of the walk through a network header, or one of its extensions."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16
from netlake.kernels.steps import AUTHENTICATION, FRAGMENT, IP_PROTOCOL, NOWHERE
from netlake.schema.faults import BAD_LENGTH, BAD_OPTIONS, BAD_VERSION, SHORT_HEADER

# IP protocols with a meaning of their own for the walk
TCP_PROTOCOL = 6
UDP_PROTOCOL = 17
NO_NEXT_HEADER = 59


@kernel(once=True)
def ipv4_step(data, at, end, promise):
    """IPv4 at `at`: as `netlake.kernels.walk_link`; the limit is that of the total length.

    A total length of 0 is segmentation offload's, and means the rest of the frame.
    """
    if end - at < 20:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[at] >> 4 != 4:
        return NOWHERE, 0, at, -1, BAD_VERSION
    header = (np.int64(data[at]) & 15) * 4
    total = u16(data, at + 2)
    protocol = np.int64(data[at + 9])
    if header < 20:
        return NOWHERE, 0, at, -1, BAD_LENGTH
    if at + header > end:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if total == 0:
        return IP_PROTOCOL, protocol, at + header, -1, 0
    if total < header:
        return NOWHERE, 0, at, -1, BAD_LENGTH
    fault = BAD_LENGTH if at + total > promise else 0
    return IP_PROTOCOL, protocol, at + header, at + total, fault


@kernel(once=True)
def ipv6_step(data, at, end, promise):
    """IPv6 at `at`; a payload length of 0 (jumbogram, segmentation offload) means the rest of the frame."""
    if end - at < 40:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    if data[at] >> 4 != 6:
        return NOWHERE, 0, at, -1, BAD_VERSION
    payload = u16(data, at + 4)
    protocol = np.int64(data[at + 6])
    if payload == 0:
        return IP_PROTOCOL, protocol, at + 40, -1, 0
    fault = BAD_LENGTH if at + 40 + payload > promise else 0
    return IP_PROTOCOL, protocol, at + 40, at + 40 + payload, fault


@kernel(once=True)
def extension_step(data, step, at, end):
    """An IPv6 extension header (or AH); the size of it is the next offset less `at`."""
    if end - at < 8:
        return NOWHERE, 0, at, -1, SHORT_HEADER
    protocol = np.int64(data[at])
    size = 8
    if step == AUTHENTICATION:
        size = (np.int64(data[at + 1]) + 2) * 4
        if size < 12:
            return NOWHERE, 0, at, -1, BAD_LENGTH
    elif step != FRAGMENT:
        size = (np.int64(data[at + 1]) + 1) * 8
    if at + size > end:
        return NOWHERE, 0, at, -1, BAD_OPTIONS
    return IP_PROTOCOL, protocol, at + size, -1, 0


@kernel()
def pair_of_icmp(version, kind, code):
    """(source, destination) that stand for ports: a type and its answer's, or type and code where it has no answer."""
    if version == 4:
        if kind == 8:
            return 8, 0
        if kind == 0:
            return 0, 8
        if kind == 13:
            return 13, 14
        if kind == 14:
            return 14, 13
        if kind == 15:
            return 15, 16
        if kind == 16:
            return 16, 15
        if kind == 17:
            return 17, 18
        if kind == 18:
            return 18, 17
        if kind == 10:
            return 10, 9
        if kind == 9:
            return 9, 10
        return kind, code
    if kind == 128:
        return 128, 129
    if kind == 129:
        return 129, 128
    if kind == 133:
        return 133, 134
    if kind == 134:
        return 134, 133
    if kind == 135:
        return 135, 136
    if kind == 136:
        return 136, 135
    if kind == 130:
        return 130, 131
    if kind == 131:
        return 131, 130
    if kind == 144:
        return 144, 145
    if kind == 145:
        return 145, 144
    if kind == 139:
        return 139, 140
    if kind == 140:
        return 140, 139
    return kind, code
