"""Adds comments, names, interface descriptions and TLS secrets to a recorded pcapng file.

Usage: annotate.py RECORDED.pcapng SECRETS.txt OUTPUT.pcapng. Called by record.sh. Every packet, its time and every
other block stay as recorded; each comment is added to the first packet that matches a display filter of tshark.
"""

from __future__ import annotations

import ipaddress
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SECTION, INTERFACE, PACKET, NAMES, SECRETS = 0x0A0D0D0A, 1, 6, 4, 10
ABOUT = "A lighthouse and its harbour: a client, a guest, a router and a server, recorded by tests/captures/record.sh"
INTERFACES = {"lan": "the client's cable", "lan2": "the guest's cable", "dmz": "the server's cable, router only"}
HOSTS = {
    "10.10.0.1": ["router.lab"],
    "10.10.0.66": ["guest.lab"],
    "10.20.0.2": ["server.lab", "www.lab", "mail.lab"],
    "fd00:20::2": ["server.lab"],
}
COMMENTS = {
    "dhcp": "The client asks for an address",
    "dns.flags.rcode == 3": "There is no such name",
    "dns.flags.truncated == 1": "The answer does not fit a datagram and is asked for again by TCP",
    "ip.flags.mf == 1": "The first of a datagram's fragments",
    "tls.handshake.type == 1": "TLS begins; its secrets stand at the head of this file",
    "gre": "From here on, tunnels",
    "tcp.analysis.retransmission": "Lost and sent again",
    "tcp && ip.dst == 10.97.0.1": "An end that never answers",
    "tcp.analysis.zero_window": "The reader is slower than the writer",
    "sctp.chunk_type == 1": "SCTP begins\nwith an INIT chunk",
}


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each block of a little-endian file."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        yield kind, data[at + 8 : at + size - 4]
        at += size


def block(kind: int, body: bytes) -> bytes:
    """A whole block, padded to four bytes."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def option(code: int, text: str) -> bytes:
    """An option with text; code 0 ends a list of options."""
    value = text.encode()
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def names() -> bytes:
    """The body of a name resolution block: an IPv4 record is of type 1, an IPv6 record of type 2."""
    body = b""
    for host, texts in HOSTS.items():
        address = ipaddress.ip_address(host)
        value = address.packed + b"".join(text.encode() + b"\0" for text in texts)
        body += struct.pack("<HH", 1 if address.version == 4 else 2, len(value)) + value + bytes(-len(value) % 4)
    return body + bytes(4)


def first(recorded: Path, wanted: str) -> int:
    """The number of the first packet that matches a display filter."""
    command = ["tshark", "-r", str(recorded), "-Y", wanted, "-T", "fields", "-e", "frame.number"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(found[0])


def packet(body: bytes, comment: str | None) -> bytes:
    """A packet block with a comment before its other options."""
    if comment is None:
        return block(PACKET, body)
    (captured,) = struct.unpack_from("<I", body, 12)
    at = 20 + captured + -captured % 4
    return block(PACKET, body[:at] + option(1, comment) + (body[at:] or option(0, "")))


def interface(body: bytes) -> bytes:
    """An interface block with a description after its name."""
    (size,) = struct.unpack_from("<H", body, 10)
    name = body[12 : 12 + size].decode()
    at = 12 + size + -size % 4
    return block(INTERFACE, body[:at] + option(3, INTERFACES[name]) + body[at:])


def main(recorded: Path, secrets: Path, output: Path) -> None:
    """Copy `recorded` to `output` with these additions."""
    comments = {first(recorded, wanted): comment for wanted, comment in COMMENTS.items()}
    written, number = [], 0
    keys = secrets.read_bytes()
    for kind, body in blocks(recorded.read_bytes()):
        if kind == SECTION:
            written.append(block(kind, body[:16] + option(1, ABOUT) + body[16:]))
            written.append(block(SECRETS, struct.pack("<II", 0x544C534B, len(keys)) + keys))
        elif kind == INTERFACE:
            written.append(interface(body))
        elif kind == PACKET:
            number += 1
            if number == 1:
                written.append(block(NAMES, names()))
            written.append(packet(body, comments.get(number)))
        else:
            written.append(block(kind, body))
    output.write_bytes(b"".join(written))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
