"""DNS (RFC 1035): the plain decoder of tests/dns, and for TCP the messages that fill a segment (section 4.2.2)."""

from __future__ import annotations

from netlake.kernels.numbers import IpProtocol
from tests.dns.decoder import PORTS, decode
from tests.dns.test_reader import SEEDS
from tests.twins.message import Message, Row

HEADER = 12


def rows(message: Message) -> list[Row]:
    """The rows of one payload: one of UDP; of TCP one for each message, none if they do not fill the segment."""
    if message.hint != IpProtocol.TCP:
        kind = "llmnr" if 5355 in message.ports else "mdns" if 5353 in message.ports else "udp"
        own = not {53, 5353, 5355}.isdisjoint(message.ports) or -1 in message.ports
        return [decode(message.data, kind, message.missing) | {"heuristic": not own}]
    result: list[Row] = []
    at = 0
    while at < message.length:
        size = message.number(at, 2)
        if size is None or size < HEADER or at + 2 + size > message.length:
            return []
        captured = message.data[at + 2 : at + 2 + size]
        result.append(decode(captured, "tcp", size - len(captured)))
        at += 2 + size
    return result


def framed(*messages: bytes) -> bytes:
    """A TCP payload of whole messages, each after its length."""
    return b"".join(len(message).to_bytes(2) + message for message in messages)


SOME = SEEDS[:3] + SEEDS[-2:]
MESSAGES = [
    *(Message(data, 0, PORTS[kind], 17) for data in SOME for kind in ("udp", "mdns", "llmnr")),
    *(Message(framed(data), 0, PORTS["tcp"], IpProtocol.TCP) for data in SOME),
    Message(framed(*SOME[-2:]), 0, PORTS["tcp"], IpProtocol.TCP),
    Message(framed(*SOME[-2:], bytes(11)), 0, PORTS["tcp"], IpProtocol.TCP),
]
