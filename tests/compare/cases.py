"""Captures built from the cases of `tests/protocols`: rare tables have values compared too, in every run.

A case is a message; the packet around it is chosen by the first dispatch key of the table, such as an Ethernet frame
for `ether.type=0x8809`, or a UDP datagram for `udp.port=5683`; a trailer of a frame, which no key announces, is reached
by `ethernet.trailer`, its last bytes. Each case has a host of its own, so that no case is part of the connection of
another. A table has one capture for each link type, `cases/TABLE.pcap`, in which only that table is compared.

Tables of streams have the cases of `tests/streams`, by the name of their file in `turns`: each turn is a segment, and
each case a connection to the port `port`.

Cases with a fault, cases of which bytes are missing, and those that the module's `accept` refuses are left to
`tests/test_protocols.py`: what tshark shows of malformed messages is compared on the captures of fuzzers.
"""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dpkt

from netlake.kernels.numbers import DOT11_EXCHANGED
from tests.compare import layers
from tests.layers import build
from tests.streams.dialog_runner import steps

# the folder of these captures in reports
NAME = "cases"
FOLDER = Path(__file__).resolve().parent.parent / "protocols"
# link types of capture files
ETHERNET, PPP, CISCO_HDLC, DOT11 = 1, 9, 104, 105
CLIENT = 41000
# the data channel of CAPWAP, and a header without optional parts before a frame of IEEE 802.11
CAPWAP_DATA = 5247
WIRELESS = bytes.fromhex("0010030000000000")
SNAPLEN = 262_144

Case = dict[str, Any]
# link type and bytes of a packet
Packet = tuple[int, bytes]


def _ip(message: bytes, protocol: int, host: int) -> Packet:
    source = bytes([10, 1, host >> 8, host & 255])
    return ETHERNET, build.ethernet(build.ipv4(message, protocol, source=source))


def _ipv6(message: bytes, following: int, host: int) -> Packet:
    del host
    return ETHERNET, build.ethernet(build.ipv6(message, following), 0x86DD)


def _llc(message: bytes) -> Packet:
    """An 802.3 frame."""
    return ETHERNET, build.ethernet(message, len(message))


def _snap(organisation: str) -> Callable[[bytes, int, Case, int], Packet]:
    def packet(message: bytes, value: int, case: Case, host: int) -> Packet:
        del case, host
        return _llc(bytes.fromhex("aaaa03" + organisation) + struct.pack(">H", value) + message)

    return packet


def _before_trailer(message: bytes, _: int, case: Case, host: int) -> Packet:
    """A frame of an IPv4 packet before the trailer `message`, of the size that the case's row has in `lsdu_size`."""
    source = bytes([10, 1, host >> 8, host & 255])
    data = bytes(case["row"]["lsdu_size"] - len(message) - IPV4_HEADER)
    return ETHERNET, build.ethernet(build.ipv4(data, EXPERIMENT, source=source) + message)


def _ports(value: int, case: Case) -> tuple[int, int]:
    source, destination = case.get("ports", (CLIENT, value))
    return source, destination


def _udp(message: bytes, value: int, case: Case, host: int) -> Packet:
    return _ip(build.udp(message, *_ports(value, case)), 17, host)


def _tcp(message: bytes, value: int, case: Case, host: int) -> Packet:
    return _ip(build.tcp(message, *_ports(value, case)), 6, host)


def _sctp(message: bytes, value: int, case: Case, host: int) -> Packet:
    del case
    return _ip(build.sctp(build.chunk(message, value), source=CLIENT + host, destination=CLIENT), 132, host)


def _dot11(message: bytes, _: int, case: Case, host: int) -> Packet:
    """A frame of IEEE 802.11, in CAPWAP if the bytes of its frame control are exchanged, as there only."""
    if case.get("hint") != DOT11_EXCHANGED:
        return DOT11, message
    return _ip(build.udp(WIRELESS + message, CLIENT, CAPWAP_DATA), 17, host)


def _ip_protocol(message: bytes, value: int, case: Case, host: int) -> Packet:
    del case
    return (_ipv6 if value in IPV6_PROTOCOLS else _ip)(message, value, host)


IPV4_HEADER = 20
# an IP protocol without a decoder (RFC 3692)
EXPERIMENT = 253
# IP protocols that IPv6 only carries: hop-by-hop options, fragment header, ICMPv6
IPV6_PROTOCOLS = (0, 44, 58)
# the packet around a message, by key space: (message, value of the key, case, number of the host) -> packet
AROUND: dict[str, Callable[[bytes, int, Case, int], Packet]] = {
    "link.type": lambda message, value, case, host: (case.get("hint", value), message),
    "ether.type": lambda message, value, case, host: (ETHERNET, build.ethernet(message, value)),
    "ethernet.trailer": _before_trailer,
    "ethernet.length": lambda message, value, case, host: _llc(message),
    "llc.dsap": lambda message, value, case, host: _llc(bytes([value, value, 3]) + message),
    "snap.cisco": _snap("00000c"),
    "snap.nortel": _snap("000081"),
    "snap.bridged": _snap("0080c2"),
    "ppp.protocol": lambda message, value, case, host: (
        PPP, b"\xff\x03" + struct.pack(">H", case.get("hint", value)) + message
    ),
    "ip.protocol": _ip_protocol,
    "icmpv6.type": lambda message, value, case, host: _ipv6(message, 58, host),
    "udp.port": _udp,
    "tcp.segment": _tcp,
    "sctp.payload_protocol": _sctp,
    "dot11.type": _dot11,
    "cisco_hdlc.protocol": lambda message, value, case, host: (
        CISCO_HDLC, b"\x0f\x00" + struct.pack(">H", value) + message
    ),
}  # fmt: skip


def comparable(case: Case) -> bool:
    """Whether a case is a whole message without a fault, which the table accepts."""
    rows = case.get("rows", [case.get("row", {})])
    return not (case.get("missing") or case.get("fault") or any("fault" in row for row in rows)) and case.get(
        "accept", True
    )


def packets(table: str, key: str) -> Iterator[Packet]:
    """The packets of a table's cases, in which the messages are reached by `key`."""
    space, _, value = key.partition("=")
    cases = tomllib.loads((FOLDER / f"{table}.toml").read_text(encoding="utf-8"))["case"]
    for host, case in enumerate(cases, 1):
        if comparable(case):
            yield AROUND[space](bytes.fromhex(case["bytes"]), int(value, 0), case, host)


def reached() -> dict[str, str]:
    """Table -> dispatch key by which its cases are reached, of the tables with `cases` in layers.toml."""
    return {
        one.table.name: entry.get("reached") or one.table.on[0]
        for one in layers.compared()
        if (entry := layers.entries().get(one.table.name, {})).get("cases")
    }


def segments(table: str, file: str, port: int) -> Iterator[Packet]:
    """The packets of the cases of `file` with rows of a table of streams, which have neither gaps nor faults."""
    cases = tomllib.loads((FOLDER.parent / "streams" / f"{file}.toml").read_text(encoding="utf-8"))["case"]
    for client, case in enumerate(cases, CLIENT):
        rows = case.get("rows", {})
        if (
            table not in rows
            or any("gap" in turn for turn in case["turns"])
            or any("fault" in row for row in rows[table])
        ):
            continue
        numbers = [1, 1]
        for side, what in steps(case["turns"]):
            if isinstance(what, bytes):
                ports = (client, port) if side == 0 else (port, client)
                header = struct.pack(">HHIIBBHHH", *ports, numbers[side], numbers[1 - side], 0x50, 0x18, 8192, 0, 0)
                ends = (build.A4, build.B4) if side == 0 else (build.B4, build.A4)
                datagram = build.ipv4(header + what, 6, source=ends[0], destination=ends[1])
                yield ETHERNET, build.ethernet(datagram)
                numbers[side] += len(what)


def built() -> Iterator[tuple[str, Iterator[Packet]]]:
    """The tables with cases, and their packets."""
    for table, key in reached().items():
        yield table, packets(table, key)
    for one in layers.compared():
        entry = layers.entries().get(one.table.name, {})
        if "turns" in entry:
            yield one.table.name, segments(one.table.name, entry["turns"], entry["port"])


def write(folder: Path) -> list[tuple[Path, str]]:
    """Write the captures of all tables into `folder`; return their paths and names in reports."""
    written: list[tuple[Path, str]] = []
    for table, found_packets in built():
        by_link: dict[int, list[bytes]] = {}
        for link_type, packet in found_packets:
            by_link.setdefault(link_type, []).append(packet)
        for link_type, found in by_link.items():
            name = f"{table}.pcap" if len(by_link) == 1 else f"{table}-{link_type}.pcap"
            with (folder / name).open("wb") as file:
                writer = dpkt.pcap.Writer(file, snaplen=SNAPLEN, linktype=link_type)
                for second, packet in enumerate(found):
                    writer.writepkt(packet, ts=1_700_000_000 + second)
            written.append((folder / name, f"{NAME}/{name}"))
    return written
