"""Reads the frames of a classic pcap file into arrays: where each begins, and where its headers and addresses are.

Reads only formats of the benchmark's captures: little-endian classic pcap with microseconds, Ethernet, VLAN
tags, ARP, IPv4 and IPv6 without extension headers that matter here. Everything else counts as other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MAGIC = 0xA1B2C3D4
HEADER = struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 262144, 1)
RECORD = struct.Struct("<IIII")
VLAN = (0x8100, 0x88A8)
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
TCP, UDP = 6, 17

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Frames:
    """Frames in one buffer of bytes, with their record headers between them."""

    data: Array  # u8, without the file header
    start: Array  # offset of the first byte of each frame; its record header ends there
    size: Array  # captured bytes of each frame
    time: Array  # microseconds

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Headers:
    """Offsets and numbers of the headers of each frame; -1 where a frame has none."""

    ethertype: Array  # behind VLAN tags
    network: Array  # offset of the network header
    protocol: Array  # of IP
    transport: Array  # offset of the transport header, of TCP and UDP alone
    source: Array  # ports
    destination: Array
    payload: Array  # bytes behind the transport header, padding excluded


def read(path: Path) -> Frames:
    """All frames of a file; ValueError if it is not a little-endian Ethernet pcap with microseconds."""
    raw = path.read_bytes()
    if raw[:4] != HEADER[:4] or struct.unpack_from("<I", raw, 20)[0] != 1:
        raise ValueError(
            f"{path} is not a little-endian classic pcap of Ethernet frames; convert it with editcap -F pcap"
        )
    starts, sizes, times, offset = [], [], [], len(HEADER)
    while offset + RECORD.size <= len(raw):
        seconds, micros, size, _ = RECORD.unpack_from(raw, offset)
        offset += RECORD.size
        starts.append(offset - len(HEADER))
        sizes.append(size)
        times.append(seconds * 1_000_000 + micros)
        offset += size
    data = np.frombuffer(raw, np.uint8)[len(HEADER) :]
    return Frames(data, *(np.array(values, np.int64) for values in (starts, sizes, times)))


def join(parts: list[Frames]) -> tuple[Frames, Array]:
    """Frames of all parts in order of time, each part shifted to begin at time 0; and the part of each frame."""
    part = np.concatenate([np.full(len(frames), number) for number, frames in enumerate(parts)])
    time = np.concatenate([frames.time - frames.time.min() for frames in parts])
    size = np.concatenate([frames.size for frames in parts])
    begin = np.cumsum([0] + [len(frames.data) for frames in parts[:-1]])
    start = np.concatenate([frames.start + shift for frames, shift in zip(parts, begin, strict=True)])
    order = np.argsort(time, kind="stable")
    data = np.concatenate([frames.data for frames in parts])
    records = [data[s - RECORD.size : s + n] for s, n in zip(start[order], size[order], strict=True)]
    ends = np.cumsum(size[order] + RECORD.size)
    return Frames(np.concatenate(records), ends - size[order], size[order], time[order]), part[order]


def word(data: Array, at: Array) -> Array:
    """The 16-bit numbers at offsets, in network order."""
    numbers: Array = (data[at].astype(np.int64) << 8) | data[at + 1]
    return numbers


def headers(frames: Frames) -> Headers:
    """Where the headers of each frame are."""
    # padded, so that offsets of a short frame stay within the buffer; they are checked afterwards
    data = np.concatenate([frames.data, np.zeros(128, np.uint8)])
    at, end = frames.start + 12, frames.start + frames.size
    for _ in range(2):
        at = np.where(np.isin(word(data, at), VLAN), at + 4, at)
    ethertype, network = word(data, at), at + 2
    four, six = (ethertype == IPV4) & (network + 20 <= end), (ethertype == IPV6) & (network + 40 <= end)
    # NumPy 2.5 refuses a number that the type of the bytes cannot store
    wide = data.astype(np.int64)
    protocol = np.where(four, wide[network + 9], np.where(six, wide[network + 6], -1))
    transport = network + np.where(four, (data[network] & 15).astype(np.int64) * 4, 40)
    fragment = four & (word(data, network + 6) & 0x1FFF != 0)
    ported = np.isin(protocol, (TCP, UDP)) & ~fragment & (transport + 8 <= end)
    transport = np.where(ported, transport, -1)
    safe = np.where(ported, transport, 0)
    length = np.where(four, word(data, network + 2), 40 + word(data, network + 4))
    own = np.where(protocol == TCP, (data[np.minimum(safe + 12, len(data) - 1)] >> 4).astype(np.int64) * 4, 8)
    return Headers(
        ethertype=ethertype,
        network=network,
        protocol=protocol,
        transport=transport,
        source=np.where(ported, word(data, safe), -1),
        destination=np.where(ported, word(data, safe + 2), -1),
        payload=np.where(ported, np.maximum(length - (transport - network) - own, 0), 0),
    )
