"""`nprint` against the bytes of headers, `kitsune` against a second implementation of its statistics."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pytest

import netlake
from netlake import features
from netlake.features.sets.kitsune import GROUPS, RATES
from netlake.features.sets.nprint import HEADERS

PLACES = {"ipv4": 0, "ipv6": 0, "tcp": None, "udp": None, "icmp": None}
SIZES = {header.prefix: header.bits // 8 for header in HEADERS}
CAPTURES = ("WebattackSQLinj.pcap", "http_ipv6.pcap", "icmp-tunnel.pcap", "whatsapp_login_call.pcap")


def headers_of(frame: bytes) -> dict[str, bytes]:
    """The first IP header and the one directly in it, by nPrint's prefix, of an Ethernet frame."""
    kind, at = int.from_bytes(frame[12:14], "big"), 14
    while kind in (0x8100, 0x88A8):
        kind, at = int.from_bytes(frame[at + 2 : at + 4], "big"), at + 4
    if kind == 0x0800 and len(frame) >= at + 20:
        found, protocol = {"ipv4": frame[at : at + 20]}, frame[at + 9]
        fragment = int.from_bytes(frame[at + 6 : at + 8], "big") & 0x1FFF
        at += (frame[at] & 15) * 4
        if fragment:
            return found
    elif kind == 0x86DD and len(frame) >= at + 40:
        found, protocol = {"ipv6": frame[at : at + 40]}, frame[at + 6]
        at += 40
        if protocol == 0:
            protocol, at = frame[at], at + 8 + frame[at + 1] * 8
    else:
        return {}
    name = {6: "tcp", 17: "udp", 1: "icmp"}.get(protocol)
    if name and len(frame) >= at + SIZES[name]:
        found[name] = frame[at : at + SIZES[name]]
    return found


@pytest.mark.parametrize("name", CAPTURES)
def test_nprint_is_bit_exact(name: str, shared_captures: Path, tmp_path: Path) -> None:
    path = shared_captures / "ndpi" / f"default__pcap__{name}"
    netlake.capture([path], tmp_path / "lake")
    with path.open("rb") as file:
        frames = [data for _, data in dpkt.pcap.Reader(file)]
    count = 0
    for batch in features.compute(tmp_path / "lake", "nprint"):
        columns = {header.prefix: [place for place, column in enumerate(batch.schema.names)
                                   if column.startswith(f"{header.prefix}_")] for header in HEADERS}  # fmt: skip
        for prefix, places in columns.items():
            matrix = np.stack([batch.column(place).fill_null(-1).to_numpy() for place in places], axis=1)
            for number, bits in zip(batch.column("packet").to_pylist(), matrix, strict=True):
                header = headers_of(frames[number - 1]).get(prefix)
                if header is None:
                    assert (bits == -1).all(), (number, prefix)
                else:
                    assert np.packbits(bits.astype(np.uint8)).tobytes() == header, (number, prefix)
                    count += 1
    assert count > len(frames)


class Stream:
    """w, LS, SS of one stream and rate, as the paper defines them."""

    def __init__(self, rate: float) -> None:
        self.rate, self.w, self.ls, self.ss, self.last, self.residual = rate, 0.0, 0.0, 0.0, None, 0.0

    def decay(self, now: float) -> None:
        if self.last is not None and now > self.last:
            factor = 2 ** (-self.rate * (now - self.last))
            self.w, self.ls, self.ss = self.w * factor, self.ls * factor, self.ss * factor
        self.last = now if self.last is None else max(now, self.last)

    def insert(self, now: float, value: float) -> None:
        self.decay(now)
        self.w, self.ls, self.ss = self.w + 1, self.ls + value, self.ss + value**2

    @property
    def mean(self) -> float:
        return self.ls / self.w if self.w else 0.0

    @property
    def variance(self) -> float:
        return abs(self.ss / self.w - self.mean**2) if self.w else 0.0

    def one(self) -> list[float]:
        return [self.w, self.mean, math.sqrt(self.variance)]


# a variance of that share of the squared mean is mostly rounding error, also if it is 0 by chance
NEARLY, ROUNDING = 1e-7, 1e-300


class Kitsune:
    """All streams of one rate."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.streams: dict[Any, Stream] = defaultdict(lambda: Stream(rate))
        self.products: dict[Any, tuple[float, float]] = {}

    def one(self, name: Any, now: float, value: float) -> list[float]:
        self.streams[name].insert(now, value)
        return self.streams[name].one()

    def two(self, group: str, source: Any, target: Any, now: float, value: float) -> list[float]:
        own, other = self.streams[group, source, target], self.streams[group, target, source]
        own.insert(now, value)
        if other.last is not None:
            other.decay(now)
        pair = (group, *sorted([source, target], key=repr))
        total, last = self.products.get(pair, (0.0, now))
        residual = value - own.mean
        total = total * 2 ** (-self.rate * max(now - last, 0)) + residual * other.residual
        self.products[pair] = total, max(now, last)
        own.residual = residual
        covariance = total / (own.w + other.w)
        spread = math.sqrt(own.variance) * math.sqrt(other.variance)
        correlation = covariance / spread if spread > 0 else 0.0
        # SS / w - mean^2 has lost most of its digits: what is left depends on the order of the operations
        if other.last is not None and any(0 < one.variance + ROUNDING < NEARLY * one.mean**2 for one in (own, other)):
            correlation = math.nan
        return [*own.one(), math.hypot(own.variance, other.variance), math.hypot(own.mean, other.mean), covariance,
                correlation]  # fmt: skip


PACKETS = """
SELECT p.packet, (epoch_us(p.ts) - min(epoch_us(p.ts)) OVER ()) / 1e6 AS time, p.length,
  p.src_ip, p.dst_ip, p.src_port, p.dst_port,
  coalesce(if(p.from_originator, c.orig_mac, c.resp_mac), '') AS mac, p.from_originator
FROM packet p JOIN connection c ON c.capture = p.capture AND c.flow = p.flow WHERE p.capture = '{}' ORDER BY packet
"""


def expected(lake: netlake.Lake, capture: str) -> dict[int, list[float]]:
    """Packet -> its 100 features, in the order of the set."""
    rates = [Kitsune(rate) for rate in RATES]
    clock, result = -math.inf, {}
    for packet, time, length, src, dst, sport, dport, mac, began in lake.sql(PACKETS.format(capture)).rows():
        clock = max(clock, time)
        # the sides of a host that sends to itself are told apart by who began
        source, target = ((src, began), (dst, not began)) if src == dst else (src, dst)
        groups: dict[str, list[float]] = {name: [] for name, *_ in GROUPS}
        for one in rates:
            groups["MI"] += one.one(("MI", mac, src), clock, length)
            jitter = one.streams["jit", source, target]
            passed = clock - jitter.last if jitter.last is not None else 0.0
            groups["HH_jit"] += one.one(("jit", source, target), clock, passed)
            groups["HH"] += one.two("HH", source, target, clock, length)
            ends = ((src, sport), (dst, dport))
            ends = ((*ends[0], began), (*ends[1], not began)) if ends[0] == ends[1] else ends
            groups["HpHp"] += one.two("HpHp", *ends, clock, length)
        result[packet] = [value for name, *_ in GROUPS for value in groups[name]]
    return result


def test_kitsune_equals_second_implementation(lake: netlake.Lake) -> None:
    compared = undefined = 0
    for facts in lake.captures:
        wanted = expected(lake, facts.capture)
        found = 0
        for batch in features.compute(lake, "kitsune", captures=[facts.capture]):
            matrix = np.stack([column.to_numpy() for column in batch.columns[4:]], axis=1)
            for packet, row in zip(batch.column("packet").to_pylist(), matrix, strict=True):
                want = np.array(wanted[packet])
                known = ~np.isnan(want)
                assert np.isfinite(row).all()
                np.testing.assert_allclose(row[known], want[known], rtol=1e-6, atol=1e-3, err_msg=str(packet))
                found += 1
                undefined += np.count_nonzero(~known)
        assert found == len(wanted)
        compared += found
    assert compared > 1000
    assert undefined < 0.2 * compared * len(RATES) * 2
