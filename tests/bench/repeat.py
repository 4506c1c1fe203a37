"""Makes a long capture from short ones: the short ones side by side, over and over, each time with other hosts.

    python -m tests.bench.repeat OUT.pcap CAPTURE... [--packets 1500000]

The same 5-tuples over and over would be no realistic load for a flow table, so each capture in each repetition is a
site of its own, and every repetition begins after the end of the one before:

- The number of the site is XORed into one byte of each unicast address: byte 3 of a MAC address, byte 2 of an IPv4
  address (private addresses stay private), byte 13 of an IPv6 address (which keeps EUI-64 addresses in line with the
  MAC). After 256 sites hosts recur, at a later time.
- Ephemeral ports (49152 and above) are rotated by an amount of the repetition.
- IPv4, TCP and UDP checksums are updated from the difference (RFC 1624): a right one stays right, a wrong one wrong.
  netlake checks the first and stores the others.

Addresses inside payloads (DHCP, DNS, ICMPv6 targets) and ICMPv6 checksums are left as they are; nothing that is
measured depends on them. All edits are at the same offsets in every repetition, so they are found once and applied to
a copy of one buffer.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench import frames as pcap
from tests.bench.frames import Array, Frames, Headers

PACKETS = 1_500_000
START = 1_700_000_000
PAUSE = 60  # seconds between repetitions
SITES = 256
EPHEMERAL = 49152
ROTATION = 1009  # ports by which a repetition differs from the one before; prime, so that they recur late
MAC, IPV4, IPV6 = 6, 4, 16
CHANGED = {MAC: 3, IPV4: 2, IPV6: 13}  # the byte of an address that differs between sites


@dataclass(frozen=True)
class Edits:
    """Offsets of the bytes to change, the frame of each, and what checksums must account for."""

    byte: Array  # offsets of the address bytes
    byte_frame: Array
    weight: Array  # of an address byte in its 16-bit word: 256, 1, or 0 where no checksum covers it
    port: Array  # offsets of the ephemeral ports
    port_frame: Array
    ip_sum: Array  # offsets of IPv4 header checksums
    ip_frame: Array
    l4_sum: Array  # offsets of TCP and UDP checksums
    l4_frame: Array
    l4_zero: Array  # how a checksum of 0 is written: 65535 in UDP, where 0 means that there is none


def addresses(frames: Frames, at: Array, which: Array, width: int) -> tuple[Array, Array]:
    """Offsets of the byte to change, and the frames, for those addresses (`at`, of frames `which`) that are unicast."""
    first = frames.data[at]
    unicast = {MAC: (first & 1) == 0, IPV4: (first > 0) & (first < 224), IPV6: (first > 0) & (first < 255)}[width]
    if width == MAC:
        unicast &= frames.data[at[:, None] + np.arange(MAC)].any(axis=1)
    return at[unicast] + CHANGED[width], which[unicast]


def edits(frames: Frames, found: Headers) -> Edits:
    """What differs between sites."""
    by_type = {kind: np.flatnonzero(found.ethertype == kind) for kind in (pcap.ARP, pcap.IPV4, pcap.IPV6)}
    every = np.arange(len(frames))
    arp, four, six = by_type.values()
    ip4, ip6, request = found.network[four], found.network[six], found.network[arp]
    bytes_at, of_frame, weights = [], [], []
    for at, which, width, weight in (
        (frames.start, every, MAC, 0),
        (frames.start + 6, every, MAC, 0),
        (request + 8, arp, MAC, 0),
        (request + 14, arp, IPV4, 0),
        (request + 18, arp, MAC, 0),
        (request + 24, arp, IPV4, 0),
        (ip4 + 12, four, IPV4, 256),
        (ip4 + 16, four, IPV4, 256),
        (ip6 + 8, six, IPV6, 1),
        (ip6 + 24, six, IPV6, 1),
    ):
        offsets, frame = addresses(frames, at, which, width)
        bytes_at.append(offsets)
        of_frame.append(frame)
        weights.append(np.full(len(offsets), weight))
    ported = np.flatnonzero(found.transport >= 0)
    ephemeral = [np.flatnonzero(port >= EPHEMERAL) for port in (found.source, found.destination)]
    sums = found.transport[ported] + np.where(found.protocol[ported] == pcap.TCP, 16, 6)
    udp = found.protocol[ported] == pcap.UDP
    summed = ~udp | (pcap.word(frames.data, sums) != 0)
    return Edits(
        np.concatenate(bytes_at),
        np.concatenate(of_frame),
        np.concatenate(weights),
        np.concatenate([found.transport[chosen] + 2 * side for side, chosen in enumerate(ephemeral)]),
        np.concatenate(ephemeral),
        ip4 + 10,
        four,
        sums[summed],
        ported[summed],
        np.where(udp, 65535, 0)[summed],
    )


def update(data: Array, at: Array, delta: Array, zero: Array | int) -> None:
    """Checksums at offsets, after the sum of the words they cover has changed by `delta`; a checksum of 0 is `zero`."""
    # the sum of words that are not all 0 is never 0 in ones' complement: 0 modulo 65535 is 65535
    total = (65535 - pcap.word(data, at) + delta) % 65535
    put(data, at, np.where(total == 0, zero, 65535 - total))


def put(data: Array, at: Array, values: Array) -> None:
    """Write 16-bit numbers at offsets, in network order."""
    data[at], data[at + 1] = values >> 8, values & 255


def site(frames: Frames, where: Edits, part: Array, repetition: int) -> Array:
    """The bytes of one repetition; `part` is the site of each frame among those of a repetition."""
    data = frames.data.copy()
    number = (part + repetition * (int(part.max()) + 1)) % SITES
    old = data[where.byte].astype(np.int64)
    new = old ^ number[where.byte_frame]
    data[where.byte] = new
    by_address = np.bincount(where.byte_frame, weights=(new - old) * where.weight, minlength=len(frames))
    update(data, where.ip_sum, by_address[where.ip_frame].astype(np.int64), 0)
    old = pcap.word(data, where.port)
    new = EPHEMERAL + (old - EPHEMERAL + ROTATION * repetition) % (65536 - EPHEMERAL)
    put(data, where.port, new)
    by_port = np.bincount(where.port_frame, weights=new - old, minlength=len(frames))
    update(data, where.l4_sum, (by_address + by_port)[where.l4_frame].astype(np.int64), where.l4_zero)
    return data


def repeat(sources: list[Path], out: Path, packets: int = PACKETS) -> None:
    """Write `packets` packets of the sources, repeated, to a classic pcap file."""
    frames, part = pcap.join([pcap.read(path) for path in sources])
    where = edits(frames, pcap.headers(frames))
    period = int(frames.time.max()) // 1_000_000 + 1 + PAUSE
    record = frames.start - pcap.RECORD.size
    partial = out.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(pcap.HEADER)
        for repetition in range(-(-packets // len(frames))):
            data = site(frames, where, part, repetition)
            clock = frames.time + (START + repetition * period) * 1_000_000
            stamp = np.column_stack([clock // 1_000_000, clock % 1_000_000]).astype("<u4").view(np.uint8)
            data[record[:, None] + np.arange(8)] = stamp
            last = min(len(frames), packets - repetition * len(frames)) - 1
            file.write(data[: frames.start[last] + frames.size[last]].data)
    partial.replace(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--packets", type=int, default=PACKETS)
    given = parser.parse_args()
    repeat(given.captures, given.out, given.packets)
