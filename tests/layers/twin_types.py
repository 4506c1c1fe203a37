"""What the twin of the walk finds, and how it reads numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


class Malformed(Exception):  # noqa: N818 - it never leaves this module
    """A header cannot be read."""

    def __init__(self, fault: str, limit: int | None = None) -> None:
        super().__init__(fault)
        self.fault, self.limit = fault, limit


@dataclass
class To:
    """What follows a header: a key, and where; `tunnel` is the identifier of a tunnel."""

    space: str
    value: int
    at: int
    limit: int | None = None
    tunnel: int | None = None
    hint: int = 0
    fault: str | None = None


@dataclass
class End:
    """Nothing follows a header, for `reason` if there is one."""

    reason: str | None = None
    at: int = 0
    value: int = -1
    limit: int | None = None
    fault: str | None = None


@dataclass
class Message:
    """A message; `header` is the number of its IP header in the packet, -1 without one."""

    group: str
    start: int
    end: int
    missing: int
    fault: str | None
    header: int
    ports: tuple[int, int]
    hint: int


@dataclass
class Header:
    """An IP header, as netlake.packets.HEADER; `tunnels` are the numbers that its key is made of."""

    network: int
    end: int
    version: int
    kind: str
    ip_length: int
    outer: int
    mac: int
    tunnels: tuple[tuple[str, int], ...]
    protocol: int = -1
    transport: int = -1
    ports: tuple[int, int] = (-1, -1)
    payload: int = 0


@dataclass
class Result:
    """What the walk of one packet found; `stop` is (reason, offset, value)."""

    messages: list[Message] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    stop: tuple[str, int, int] | None = None
    header: int = -1


def number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size])


def little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def ip_version(data: bytes, at: int, end: int) -> int:
    return data[at] >> 4 if at < end else 0


def ports_of(data: bytes, header: Header, at: int, end: int) -> tuple[int, int]:
    """The ports of the transport header at `at`, or ICMP's pair."""
    if header.protocol in (6, 17, 132) and end - at >= 4:
        return number(data, at, 2), number(data, at + 2, 2)
    if header.protocol in (1, 58) and end - at >= 2:
        return icmp_pair(header.version, data[at], data[at + 1])
    return header.ports


# requests and answers of ICMP
PAIRS = {
    4: ((8, 0), (13, 14), (15, 16), (17, 18), (10, 9)),
    6: ((128, 129), (133, 134), (135, 136), (130, 131), (144, 145), (139, 140)),
}


def icmp_pair(version: int, kind: int, code: int) -> tuple[int, int]:
    """A type and its answer's, or type and code where it has no answer."""
    for request, answer in PAIRS[version]:
        if kind in (request, answer):
            return (request, answer) if kind == request else (answer, request)
    return kind, code
