"""DNS (RFC 1035): the plain decoder of tests/dns."""

from __future__ import annotations

from netlake.kernels.numbers import IpProtocol
from tests.dns.decoder import PORTS, decode
from tests.dns.test_reader import SEEDS
from tests.twins.message import Message, Row


def rows(message: Message) -> list[Row]:
    """The row of one message, over TCP without its length."""
    if message.hint == IpProtocol.TCP:
        return [decode(message.data, "tcp", message.missing)]
    kind = "llmnr" if 5355 in message.ports else "mdns" if 5353 in message.ports else "udp"
    own = not {53, 5353, 5355}.isdisjoint(message.ports) or -1 in message.ports
    return [decode(message.data, kind, message.missing) | {"heuristic": not own}]


SOME = SEEDS[:3] + SEEDS[-2:]
MESSAGES = [
    *(Message(data, 0, PORTS[kind], 17) for data in SOME for kind in ("udp", "mdns", "llmnr")),
    *(Message(data, 0, PORTS["tcp"], IpProtocol.TCP) for data in SOME),
]
