"""Generates traffic in the shape of an office or a plant, for machines without the labelled captures.

    python -m tests.bench.realistic office|plant OUT.pcap [--seed 1]

One capture is 45 minutes of one site. Numbers of flows and their lengths are those measured (shape.py) on
generated captures of such sites: an office is bulk downloads over TLS and HTTP by a dozen workstations, with DNS,
name resolution, directory services and neighbor discovery; a plant is one master that polls Modbus devices over
connections that stay open, with some IEC 104 and BACnet. `tests.bench.repeat` makes a long capture from these.

Shapes of the captures measured and of those generated are printed side by side by

    python -m tests.bench.shape MEASURED.pcap GENERATED.pcap
"""

from __future__ import annotations

import argparse
import math
import random
import struct
from collections.abc import Callable
from pathlib import Path

from tests.bench.hosts import ACK, SPAN, Connection, Host, Site, group, host

LLMNR = group("e00000fc", "ff020000000000000000000000010003")
MDNS = group("e00000fb", "ff0200000000000000000000000000fb")
SSDP = group("effffffa", "ff02000000000000000000000000000c")
DHCPV6 = group("e0000001", "ff020000000000000000000000010002")
RECORD = 16384  # bytes of a full TLS record


def encrypted(site: Site, size: int) -> bytes:
    """TLS 1.2 records of application data."""
    sizes = [min(RECORD, size - offset) for offset in range(0, size, RECORD)]
    return b"".join(struct.pack(">BHH", 23, 0x303, n) + site.generator.randbytes(n) for n in sizes)


def hello(site: Site, name: bytes) -> bytes:
    """A ClientHello with a server name."""
    names = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack(">HH", 0, len(names)) + names + bytes.fromhex("000a00060004001d0017")
    body = b"\x03\x03" + site.generator.randbytes(32) + b"\0" + bytes.fromhex("0004c02fc030") + b"\x01\0"
    body += struct.pack(">H", len(extensions)) + extensions
    return struct.pack(">BHHB", 22, 0x301, len(body) + 4, 1) + len(body).to_bytes(3) + body


def answer(site: Site) -> bytes:
    """A ServerHello, and a certificate in outline."""
    body = b"\x03\x03" + site.generator.randbytes(32) + b"\0" + bytes.fromhex("c02f00")
    messages = b"\x02" + len(body).to_bytes(3) + body + b"\x0e\0\0\0"
    return struct.pack(">BHH", 22, 0x303, len(messages)) + messages


def download(site: Site, client: Host, server: Host, port: int, packets: int) -> None:
    """A connection of about `packets` packets, nearly all of them one response or a few."""
    connection, secure = Connection(site, site.when(), client, server, port), port == 443
    connection.open()
    if secure:
        connection.message(0, hello(site, b"update.example.net"))
        connection.message(1, answer(site))
    left = max(1, (packets - 10) * 2 // 3)
    while left > 0:
        segments = min(left, site.generator.randrange(2, 120))
        size = segments * 1460 - site.generator.randrange(1460)
        path = b"/content/%d.cab" % site.generator.getrandbits(30)
        request = b"GET %s HTTP/1.1\r\nHost: update.example.net\r\nConnection: Keep-Alive\r\n\r\n" % path
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nServer: Microsoft-IIS/10.0\r\n\r\n" % size
        connection.message(0, encrypted(site, 300) if secure else request, 2.0)
        connection.message(1, encrypted(site, size) if secure else head + site.generator.randbytes(size))
        connection.segment(0, ACK)
        left -= segments
    connection.close()


def dialogue(site: Site, client: Host, server: Host, port: int, packets: int) -> None:
    """A connection of short requests and responses."""
    connection = Connection(site, site.when(), client, server, port)
    connection.open()
    for _ in range(max(1, (packets - 6) // 3)):
        connection.message(0, encrypted(site, site.generator.randrange(60, 350)), 0.5)
        connection.message(1, encrypted(site, site.generator.randrange(60, 900)))
        connection.segment(0, ACK)
    connection.close()


def name(site: Site, suffix: bytes) -> bytes:
    """A DNS name out of a few hundred."""
    label = b"host%d" % site.generator.randrange(300)
    return bytes([len(label)]) + label + suffix + b"\0"


def dns(site: Site, client: Host, server: Host) -> None:
    """A query and its response."""
    time, port, number = site.when(), site.generator.randrange(49152, 65536), site.generator.getrandbits(16)
    body = name(site, b"\x07example\x03net") + struct.pack(">HH", site.generator.choice((1, 1, 28)), 1)
    found = struct.pack(">HHHIHI", 0xC00C, 1, 1, 300, 4, site.generator.getrandbits(32))
    site.udp(time, client, server, (port, 53), struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + body)
    site.udp(
        time + 0.002, server, client, (53, port), struct.pack(">HHHHHH", number, 0x8180, 1, 1, 0, 0) + body + found
    )


def resolution(site: Site, client: Host, to: Host, port: int) -> None:
    """A name asked of all neighbors, twice over IPv4 and twice over IPv6."""
    time, number = site.when(), 0 if port == 5353 else site.generator.getrandbits(16)
    body = struct.pack(">HHHHHH", number, 0, 1, 0, 0, 0) + name(site, b"\x05local" if port == 5353 else b"")
    own = port if port == 5353 else site.generator.randrange(49152, 65536)
    for attempt in range(2):
        for six in (False, True):
            site.udp(time + attempt * 0.4, client, to, (own, port), body + struct.pack(">HH", 1, 1), six=six)


def netbios(site: Site, client: Host) -> None:
    """A NetBIOS name query, sent three times."""
    time, number = site.when(), site.generator.getrandbits(16)
    label = b"HOST%-11d\0" % site.generator.randrange(300)
    encoded = bytes(half + 65 for byte in label for half in (byte >> 4, byte & 15))
    body = struct.pack(">HHHHHHB", number, 0x110, 1, 0, 0, 0, 32) + encoded + b"\0" + struct.pack(">HH", 32, 1)
    everyone = Host(b"\xff" * 6, client.four[:3] + b"\xff", b"")
    for attempt in range(3):
        site.udp(time + attempt * 0.75, client, everyone, (137, 137), body)


def discovery(site: Site, client: Host) -> None:
    """A search for UPnP devices, sent four times."""
    time, port = site.when(), site.generator.randrange(49152, 65536)
    body = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'
    for attempt in range(4):
        site.udp(time + attempt, client, SSDP, (port, 1900), body)


def solicit(site: Site, client: Host) -> None:
    """A DHCPv6 client without a server: eight Solicits, at growing intervals."""
    time, transaction = site.generator.uniform(0, 100), site.generator.randbytes(3)
    identity = struct.pack(">HHHHI", 1, 14, 1, 1, 0x2A000000) + client.mac
    association = struct.pack(">HHIII", 3, 12, 1, 0, 0)
    wanted = struct.pack(">HHHHHH", 6, 8, 17, 23, 24, 32) + struct.pack(">HHH", 8, 2, 0)
    for attempt in range(8):
        site.udp(
            time + 2.0**attempt,
            client,
            DHCPV6,
            (546, 547),
            b"\x01" + transaction + identity + association + wanted,
            six=True,
        )


def clock(site: Site, client: Host, server: Host) -> None:
    """An NTP request and its response."""
    time = site.when()
    for offset, mode, source, to in ((0.0, 3, client, server), (0.001, 4, server, client)):
        site.udp(
            time + offset, source, to, (123, 123), bytes([0x18 | mode, 2, 10, 0xEC]) + site.generator.randbytes(44)
        )


def neighbors(site: Site, client: Host, router: Host) -> None:
    """An IPv6 neighbor solicitation and its advertisement."""
    time = site.when()
    for offset, source, to, head, option in ((0.0, client, router, 135, 1), (0.0005, router, client, 136, 2)):
        target = to if head == 135 else source
        body = struct.pack(">BBHI", head, 0, 0, 0) + target.six + bytes([option, 1]) + source.mac
        site.ip(time + offset, source, to, 58, body, six=True)


def modbus(site: Site, client: Host, server: Host, packets: int) -> None:
    """A master that reads four areas every second; about five in eight messages get an acknowledgement of their own."""
    connection = Connection(site, 0.0, client, server, 502)
    exchanges = max(1, int(packets / 3.25))
    for number in range(exchanges):
        function = (4, 3, 1, 2)[number & 3]
        size = 20 if function > 2 else 1
        head = struct.pack(">HHHBB", number & 0xFFFF, 0, 6, 1, function)
        pause = SPAN / exchanges * (3.9 if number % 4 == 0 else 0.02)
        for side, data in ((0, head + struct.pack(">HH", 0, 10)), (1, b"")):
            body = data or struct.pack(
                ">HHHBBB", number & 0xFFFF, 0, size + 3, 1, function, size
            ) + site.generator.randbytes(size)
            connection.message(side, body, 0.003 if side else pause)
            if site.generator.random() < 0.625:
                connection.segment(1 - side, ACK)


def telecontrol(site: Site, client: Host, server: Host, packets: int) -> None:
    """A station that reports measured values over IEC 104, each acknowledged; every fifth by an S frame too."""
    connection, rounds = Connection(site, 0.0, client, server, 2404), packets * 5 // 12
    for number in range(rounds):
        full = number % 5 == 0
        count, kind, cause = (13, 13, 1) if full else (1, 36, 3)
        object_size = 8 if full else 15
        asdu = struct.pack("<BBBBH", kind, count, cause, 0, 788)
        for item in range(count):
            asdu += (2001 + item).to_bytes(3, "little") + site.generator.randbytes(object_size - 3)
        head = struct.pack("<BBHH", 0x68, 4 + len(asdu), number * 2 & 0xFFFF, 4)
        connection.message(1, head + asdu, SPAN / rounds)
        connection.segment(0, ACK)
        if number % 5 == 4:
            connection.message(0, struct.pack("<BBHH", 0x68, 4, 1, (number + 1) * 2 & 0xFFFF))
            connection.segment(1, ACK)


def building(site: Site, client: Host, server: Host, packets: int) -> None:
    """A BACnet client that reads many properties, and values that change reported now and then."""
    for number in range(packets // 3):
        time, invoke = SPAN * number / (packets / 3), number & 255
        wanted = granted = b""
        for item in range(50):
            identifier = struct.pack(">BI", 0x0C, item)
            wanted += identifier + bytes.fromhex("1e09551f")
            granted += identifier + bytes.fromhex("1e29554e44") + struct.pack(">f", item / 7) + bytes.fromhex("4f1f")
        changed = (
            bytes.fromhex("1002 0901 1c02000001 2c00000003 3900 4e 09552e44")
            + struct.pack(">f", number)
            + bytes.fromhex("2f4f")
        )
        for offset, source, to, apdu in (
            (0.0, client, server, bytes([0, 5, invoke, 14]) + wanted),
            (0.005, server, client, bytes([0x30, invoke, 14]) + granted),
            (3.0, server, client, changed),
        ):
            body = b"\x81\x0a" + struct.pack(">H", len(apdu) + 6) + b"\x01\x04" + apdu
            site.udp(time + offset, source, to, (47808, 47808), body)


def background(site: Site, clients: list[Host], server: Host, router: Host, counts: tuple[int, ...]) -> None:
    """Traffic of every network; `counts` are numbers of exchanges in the order of the loop below."""
    pick = site.generator.choice
    kinds: tuple[Callable[[], None], ...] = (
        lambda: dns(site, pick(clients), server),
        lambda: resolution(site, pick(clients), LLMNR, 5355),
        lambda: resolution(site, pick(clients), MDNS, 5353),
        lambda: netbios(site, pick(clients)),
        lambda: discovery(site, pick(clients)),
        lambda: solicit(site, pick(clients)),
        lambda: clock(site, pick(clients), server),
        lambda: neighbors(site, pick(clients), router),
        lambda: site.arp(site.when(), pick(clients), router),
    )
    for kind, count in zip(kinds, counts, strict=True):
        for _ in range(count):
            kind()


def office(site: Site) -> None:
    """A dozen workstations, servers in another subnet."""
    clients = [host(number, b"\xac\x19\x0f") for number in range(20, 32)]
    router, servers = host(1, b"\xac\x19\x0f"), [host(number, b"\x0a\xba\x84") for number in range(64, 68)]
    pick = site.generator.choice
    for _ in range(45):
        download(
            site, pick(clients), servers[0], 443, int(math.exp(site.generator.uniform(math.log(12), math.log(1600))))
        )
    for number in range(13):
        download(site, pick(clients), servers[1], 8530, 1900 if number < 5 else 20)
    for port, count, packets in ((445, 5, 42), (389, 7, 19), (88, 10, 10)):
        for _ in range(count):
            dialogue(site, pick(clients), servers[2], port, packets)
    background(site, clients, servers[3], router, (345, 80, 40, 45, 20, 27, 20, 36, 120))


def plant(site: Site) -> None:
    """One master, field devices in its subnet, and a few computers."""
    subnet = b"\x0a\x29\x0a"
    master, router, computers = host(95, subnet), host(254, subnet), [host(number, subnet) for number in range(96, 99)]
    for number, packets in enumerate((34600, 1900, 30, 30, 30, 20)):
        modbus(site, master if number < 1 else computers[number % 3], host(64 + number, subnet), packets)
    telecontrol(site, master, host(80, subnet), 1180)
    building(site, computers[0], host(81, subnet), 270)
    background(site, [master, *computers], host(53, b"\xac\x1d\x2a"), router, (60, 11, 8, 10, 5, 6, 37, 5, 65))


MAKERS = {"office": office, "plant": plant}


def write(kind: str, path: Path, seed: int) -> None:
    """Write 45 minutes of a site to a classic pcap file."""
    site = Site(random.Random(seed))  # noqa: S311 - not for secrets
    MAKERS[kind](site)
    site.write(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(MAKERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.kind, given.out, given.seed)
