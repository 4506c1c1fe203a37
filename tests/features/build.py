"""Writes captures from packets as text, for flows whose features are computed by hand.

A packet is `TIME DIRECTION FLAGS name=value ...`: seconds, `>` or `<`, flags of TCP as letters or `.` for none; names
are payload, window, seq, ack, options (bytes of options of TCP), ttl, proto (tcp, udp, icmp), type, code.
"""

from __future__ import annotations

import struct
from pathlib import Path

BEGIN = 1_700_000_000
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}
ENDS = (("10.0.0.1", 40000), ("10.0.0.2", 80))
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1}


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def frame(direction: str, flags: str, values: dict[str, str]) -> bytes:
    """The bytes of one packet."""
    (src, sport), (dst, dport) = ENDS if direction == ">" else ENDS[::-1]
    number = {name: int(text) for name, text in values.items() if name != "proto"}
    protocol, payload = values.get("proto", "tcp"), bytes(number.get("payload", 0))
    if protocol == "tcp":
        options = b"\1" * number.get("options", 0)
        bits = sum(FLAGS[letter] for letter in flags if letter != ".")
        body = struct.pack(">HHIIBBHHH", sport, dport, number.get("seq", 0), number.get("ack", 0),
                           (20 + len(options)) // 4 << 4, bits, number.get("window", 1000), 0, 0) + options  # fmt: skip
    elif protocol == "udp":
        body = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
    else:
        body = struct.pack(">BBHHH", number.get("type", 8), number.get("code", 0), 0, 7, 1)
    body += payload
    ends = b"".join(bytes(map(int, text.split("."))) for text in (src, dst))
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, number.get("ttl", 64), NUMBERS[protocol], 0) + ends
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    macs = bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
    return (macs if direction == "<" else macs[6:] + macs[:6]) + b"\x08\0" + head + body


def write(path: Path, packets: list[str]) -> Path:
    """Write a classic pcap of packets as text."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for text in packets:
        time, direction, flags, *rest = text.split()
        data = frame(direction, flags, dict(pair.split("=") for pair in rest))
        micros = round(float(time) * 1_000_000)
        records.append(
            struct.pack("<IIII", BEGIN + micros // 1_000_000, micros % 1_000_000, len(data), len(data)) + data
        )
    path.write_bytes(b"".join(records))
    return path
