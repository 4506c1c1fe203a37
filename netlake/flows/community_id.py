"""Community ID version 1, seed 0: an id of a flow that other tools compute too.

It is a hash of addresses, protocol and ports, the lesser end first. The ports of ICMP are its types where a type has an
answer (echo, timestamp, ...); otherwise type and code, and the id depends on the direction. A flow without the ports
that its protocol has gets no id. The tunnel around a flow is not part of its id.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels import flow_community_id as kernels
from netlake.kernels.numbers import IpProtocol
from netlake.schema.codes import ICMP_ANSWERS

ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()
# plain numbers: NumPy is slow with members of an enumeration
ICMPV4, ICMPV6 = IpProtocol.ICMPV4.value, IpProtocol.ICMPV6.value
WITH_PORTS = (ICMPV4, IpProtocol.TCP.value, IpProtocol.UDP.value, ICMPV6, IpProtocol.SCTP.value)
# types of requests and of their answers
PAIRED = {ICMPV4: tuple(ICMP_ANSWERS[4]), ICMPV6: tuple(ICMP_ANSWERS[6])}

Longs = npt.NDArray[np.int64]


def community_ids(addresses: Longs, version: Longs, protocol: Longs, ports: Longs, originator: Longs) -> pa.StringArray:
    """The Community ID of each flow, null where it has none.

    `addresses` (n, 4) are high and low halves of ends 0 and 1 in order, `ports` (n, 2) theirs, -1 without; `originator`
    is the end that began the flow.
    """
    count = len(protocol)
    paired = np.zeros(count, np.bool_)
    asked = ports[np.arange(count), originator]
    for number, types in PAIRED.items():
        paired |= (protocol == number) & np.isin(asked, types)
    one_way = np.isin(protocol, tuple(PAIRED)) & ~paired
    swapped = one_way & (originator == 1)
    addresses, ports = addresses.copy(), ports.copy()
    addresses[swapped] = addresses[swapped][:, [2, 3, 0, 1]]
    ports[swapped] = ports[swapped][:, ::-1]
    blocks = np.zeros((count, kernels.BLOCK), np.uint8)
    has_ports = np.isin(protocol, WITH_PORTS)
    hashed = np.where(has_ports[:, None], ports, -1)
    for family in (4, 6):
        rows = np.flatnonzero(version == family)
        blocks[rows] = _blocks(addresses[rows], protocol[rows], hashed[rows], is_v6=family == 6)
    texts = np.empty((count, kernels.TEXT), np.uint8)
    kernels.community_ids(blocks, ALPHABET, np.zeros(80, np.int64), np.zeros(21, np.uint8), texts)
    return _strings(texts, ~has_ports | (ports[:, 0] >= 0))


def _blocks(addresses: Longs, protocol: Longs, ports: Longs, *, is_v6: bool) -> npt.NDArray[np.uint8]:
    """The padded input of the hash: seed, addresses, protocol, a zero, ports."""
    rows = np.arange(len(protocol))
    blocks = np.zeros((len(rows), kernels.BLOCK), np.uint8)
    words = addresses.astype(">i8").view(np.uint8).reshape(len(rows), 4, 8)
    text = words.reshape(len(rows), 32) if is_v6 else words[:, [1, 3], 4:].reshape(len(rows), 8)
    end = 2 + text.shape[1] + 2
    blocks[:, 2 : end - 2] = text
    blocks[:, end - 2] = protocol
    shown = ports[:, 0] >= 0
    blocks[shown, end : end + 4] = ports[shown].astype(">u2").view(np.uint8).reshape(-1, 4)
    size = end + np.where(shown, 4, 0)
    blocks[rows, size] = 0x80
    blocks[:, 62:64] = (8 * size).astype(">u2").view(np.uint8).reshape(-1, 2)
    return blocks


def _strings(texts: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> pa.StringArray:
    count = len(texts)
    offsets = np.arange(count + 1, dtype=np.int32) * kernels.TEXT
    bits = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), count, [bits, pa.py_buffer(offsets), pa.py_buffer(texts)])
