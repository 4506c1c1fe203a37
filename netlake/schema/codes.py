"""Pairs of ICMP types: a request and its answer, by IP version. Sources: RFC 792, 950, 1256, 4443, 2710, 4861, 4620."""

from __future__ import annotations

_PAIRS = {
    4: ((8, 0), (10, 9), (13, 14), (15, 16), (17, 18)),
    6: ((128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)),
}
# IP version -> type -> type of the other direction
ICMP_ANSWERS: dict[int, dict[int, int]] = {
    version: dict((*pairs, *((answer, request) for request, answer in pairs))) for version, pairs in _PAIRS.items()
}
