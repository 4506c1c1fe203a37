"""Generates a capture for the benchmark, for machines without real ones: TCP, DNS and others, interleaved.

    python -m tests.bench.generate OUT.pcap --packets 1000000

Random but repeatable (seed); sizes and shares are those of office traffic: 75 % TCP, 20 % UDP of which a third is DNS,
2 % ICMP, 1 % ARP, 6 % of all over IPv6, a tenth behind a VLAN tag.
"""

from __future__ import annotations

import argparse
import random
import struct
from pathlib import Path

MAGIC = 0xA1B2C3D4
START = 1_700_000_000
# a port of no table: the payload is random, as encrypted payload is, and is not decoded
UNKNOWN_PORT = 9999
EXCHANGE_PACKETS = (2, 4, 10, 20, 60)


def address(generator: random.Random, *, six: bool) -> bytes:
    """One of a few thousand addresses."""
    host = generator.randrange(1, 4000)
    return bytes.fromhex("20010db8000000000000") + struct.pack(">IH", host, 1) if six else struct.pack(
        ">I", 0x0A000000 + host
    )  # fmt: skip


def frame(payload: bytes, protocol: int, source: bytes, destination: bytes, *, tagged: bool) -> bytes:
    """An Ethernet frame around a transport payload."""
    six = len(source) == 16
    if six:
        header = struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64)
    else:
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0)
    macs = b"\x02\0\0\0" + destination[-2:] + b"\x02\0\0\0" + source[-2:]
    tag = struct.pack(">HH", 0x8100, 100) if tagged else b""
    return macs + tag + (b"\x86\xdd" if six else b"\x08\0") + header + source + destination + payload


def question(generator: random.Random, answer: bool) -> bytes:
    """A DNS message about one of a thousand names."""
    name = b"".join(
        struct.pack("B", len(part)) + part for part in (b"host%d" % generator.randrange(1000), b"example", b"org")
    )
    body = name + b"\0" + struct.pack(">HH", 1, 1)
    if answer:
        body += struct.pack(">HHHIHI", 0xC00C, 1, 1, 300, 4, generator.getrandbits(32))
    return struct.pack(">HHHHHH", generator.getrandbits(16), 0x8180 if answer else 0x0100, 1, int(answer), 0, 0) + body


def exchange(generator: random.Random) -> list[bytes]:
    """The frames of one exchange between two hosts, in order."""
    six, tagged = generator.random() < 0.06, generator.random() < 0.1
    a, b = address(generator, six=six), address(generator, six=six)
    port, kind = generator.randrange(1024, 65536), generator.random()
    ends = [(a, b), (b, a)]
    if kind < 0.30:
        count, service = generator.choice(EXCHANGE_PACKETS), generator.choice((80, 443, 443, 22, 8080))
        flags = [2, 18, *([16, 24] * count), 17, 17]
        sequence, result = [generator.getrandbits(32), generator.getrandbits(32)], []
        for index, flag in enumerate(flags):
            side = index & 1
            data = bytes(generator.choice((0, 40, 600, 1400))) if flag == 24 else b""
            options = b"\x02\x04\x05\xb4\x01\x03\x03\x07" if flag & 2 else b""
            pair = (port, service) if side == 0 else (service, port)
            header = struct.pack(
                ">HHIIBBHHH", *pair, sequence[side], sequence[1 - side], (20 + len(options)) << 2, flag, 5000, 0, 0
            )
            sequence[side] = (sequence[side] + len(data) + bool(flag & 3)) & 0xFFFFFFFF
            result.append(frame(header + options + data, 6, *ends[side], tagged=tagged))
        return result
    if kind < 0.65:
        messages = [question(generator, answer=False), question(generator, answer=True)]
        ports = [(port, 53), (53, port)]
        return [
            frame(struct.pack(">HHHH", *ports[i], 8 + len(m), 0) + m, 17, *ends[i], tagged=tagged)
            for i, m in enumerate(messages)
        ]
    if kind < 0.85:
        sides = [generator.randrange(2) for _ in range(generator.choice(EXCHANGE_PACKETS))]
        ports = [(port, UNKNOWN_PORT), (UNKNOWN_PORT, port)]
        sizes = [generator.choice((60, 200, 1200)) for _ in sides]
        return [
            frame(struct.pack(">HHHH", *ports[i], 8 + n, 0) + generator.randbytes(n), 17, *ends[i], tagged=tagged)
            for i, n in zip(sides, sizes, strict=True)
        ]
    if kind < 0.95:
        protocol, types = (58, (128, 129)) if six else (1, (8, 0))
        return [
            frame(
                struct.pack(">BBHHH", types[i & 1], 0, 0, port, i // 2) + bytes(48),
                protocol,
                *ends[i & 1],
                tagged=tagged,
            )
            for i in range(4)
        ]
    arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + b"\x02\0\0\0\0\1" + b"\x0a\0\0\1" + bytes(6) + b"\x0a\0\0\2"
    return [b"\xff" * 6 + b"\x02\0\0\0\0\1\x08\x06" + arp]


def write(path: Path, packets: int, seed: int = 7) -> None:
    """A classic capture of `packets` packets, about two hundred exchanges open at a time."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    open_now: list[list[bytes]] = []
    clock = START * 1_000_000
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 262144, 1))
        for _ in range(packets):
            if len(open_now) < 200:
                open_now.append(exchange(generator)[::-1])
            chosen = generator.randrange(len(open_now))
            data = open_now[chosen].pop()
            if not open_now[chosen]:
                open_now[chosen] = open_now[-1]
                open_now.pop()
            clock += generator.randrange(1200)
            file.write(struct.pack("<IIII", clock // 1_000_000, clock % 1_000_000, len(data), len(data)) + data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--packets", type=int, default=1_000_000)
    given = parser.parse_args()
    write(given.out, given.packets)
