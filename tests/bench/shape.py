"""Measures the shape of a capture: sizes, protocols, services, packets per flow and TCP payload.

    python -m tests.bench.shape CAPTURE...

Prints the captures side by side. The generator of realistic.py reproduces these numbers, and this shows how well.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.bench import frames as pcap
from tests.bench.frames import TCP, UDP, Array, Frames, Headers

SIZES = (0, 65, 128, 256, 512, 1024, 1500, 70000)
NETWORK = {pcap.ARP: "ARP", pcap.IPV4: "IPv4", pcap.IPV6: "IPv6"}
TRANSPORT = {1: "ICMP", 2: "IGMP", TCP: "TCP", UDP: "UDP", 58: "ICMPv6"}
# services with a smaller share of the packets are not listed
LISTED = 0.002


def flows(frames: Frames, found: Headers) -> tuple[Array, Array]:
    """The flow number of each TCP or UDP frame, and their frame numbers: one flow per 5-tuple, both directions."""
    chosen = np.flatnonzero(found.transport >= 0)
    four = found.ethertype[chosen] == pcap.IPV4
    at, width = found.network[chosen] + np.where(four, 12, 8), np.where(four, 4, 16)
    ends = []
    for side, port in ((0, found.source[chosen]), (1, found.destination[chosen])):
        byte = np.arange(16)
        offsets = at[:, None] + side * width[:, None] + byte
        inside = byte < width[:, None]
        address = np.where(inside, frames.data[np.minimum(offsets, len(frames.data) - 1)], 0)
        ends.append(np.column_stack([address, port >> 8, port & 255]).astype(np.uint8).view("V18").ravel())
    first = np.array([a.tobytes() <= b.tobytes() for a, b in zip(*ends, strict=True)])
    low, high = np.where(first, ends[0], ends[1]), np.where(first, ends[1], ends[0])
    protocol = found.protocol[chosen].astype(np.uint8).view("V1")
    key = np.column_stack([v.view(np.uint8).reshape(len(chosen), -1) for v in (low, high, protocol)])
    return np.unique(key, axis=0, return_inverse=True)[1].ravel(), chosen


def measure(path: Path) -> dict[str, str]:
    """The rows of the table for one capture."""
    frames = pcap.read(path)
    found = pcap.headers(frames)
    total, size = len(frames), frames.size
    rows = {"packets": f"{total:,}", "bytes per packet": f"{size.mean():.0f}"}
    for low, high in itertools.pairwise(SIZES):
        name = f"size {low} to {high - 1}" if high < SIZES[-1] else f"size {low} and more"
        rows[name] = share(((size >= low) & (size < high)).sum(), total)
    for number, name in NETWORK.items():
        rows[name] = share((found.ethertype == number).sum(), total)
    for number, name in TRANSPORT.items():
        rows[name] = share((found.protocol == number).sum(), total)
    tcp = found.protocol == TCP
    rows["TCP segments with payload"] = share((tcp & (found.payload > 0)).sum(), tcp.sum())
    rows["TCP payload, of all bytes"] = share(found.payload[tcp].sum(), size.sum())
    flow, chosen = flows(frames, found)
    for number in (TCP, UDP):
        counts = np.unique(flow[found.protocol[chosen] == number], return_counts=True)[1]
        name = TRANSPORT[number]
        rows[f"{name} flows"] = f"{len(counts):,}"
        rows[f"{name} packets per flow, mean"] = f"{counts.mean():.1f}"
        rows[f"{name} packets per flow, median"] = f"{np.median(counts):.0f}"
        rows[f"{name} packets per flow, 90 %"] = f"{np.quantile(counts, 0.9):.0f}"
    port = np.minimum(found.source, found.destination)
    services, counts = np.unique(np.column_stack([found.protocol, port])[chosen], axis=0, return_counts=True)
    for (protocol, number), count in sorted(zip(services.tolist(), counts.tolist(), strict=True), key=lambda s: -s[1]):
        if count >= LISTED * total:
            rows[f"{TRANSPORT[protocol]} port {number}"] = share(count, total)
    return rows


def share(part: float, whole: float) -> str:
    """A part in percent."""
    return f"{part / whole:.1%}" if whole else "-"


def show(paths: Iterable[Path]) -> None:
    """Print the shapes of captures side by side."""
    shapes = {path.parent.name if path.stem == "capture" else path.stem: measure(path) for path in paths}
    names = list(dict.fromkeys(name for rows in shapes.values() for name in rows))
    width = max(14, *(len(name) + 2 for name in shapes))
    print(f"{'':32}" + "".join(f"{name:>{width}}" for name in shapes))
    for name in names:
        print(f"{name:32}" + "".join(f"{rows.get(name, '-'):>{width}}" for rows in shapes.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path, nargs="+")
    show(parser.parse_args().captures)
