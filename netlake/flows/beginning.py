"""Who began a flow: the tables by which the first packet decides.

Only the first packet of a flow decides, because the direction of a packet must not depend on later ones. Its sender is
the originator, except in two cases:

1. It is an answer and its form shows it: SYN+ACK of TCP, and the signs of netlake.flows.answers (a reply of ICMP, an
   ACK chunk of SCTP, a response of a protocol over UDP, from the port of that protocol or with a mark that no other
   protocol has). Then the receiver asked, and is the originator.
2. It is a TCP segment without SYN, so the capture begins within the connection. If exactly one of both ports is below
   1024, or neither is and exactly one is in SERVERS, that is the responder's: Zeek's rule (likely_server_ports).

A packet to a group (multicast, 255.255.255.255) has no single receiver, so its sender is the originator. A SYN that
arrives later changes nothing.

The cost is that of a flow's first packet: the signs of its source port, and those from any port.

A flow whose first packet was sent by the responder has `^` at the beginning of its history, as in Zeek (TCP, UDP).
"""

from __future__ import annotations

import numpy as np

from netlake.flows.answers import ANSWERS, Sign, Word
from netlake.kernels.flow_state import ANSWER, ANY_PORT, PORT, Records

# ports of servers above 1023, beside those below
SERVERS = (
    1080, 1099, 1194, 1433, 1434, 1494, 1521, 1720, 1723, 1883, 1935, 2049, 2181, 2222, 2375, 2376, 2379, 2404, 2598,
    2775, 3000, 3128, 3205, 3260, 3268, 3269, 3306, 3389, 3690, 3868, 4317, 4444, 4840, 5000, 5044, 5060, 5061, 5190,
    5222, 5269, 5432, 5555, 5601, 5666, 5671, 5672, 5900, 5901, 5938, 5984, 5985, 5986, 6000, 6379, 6443, 6514, 6633,
    6653, 6666, 6667, 6697, 6881, 7001, 7687, 8000, 8008, 8009, 8080, 8081, 8086, 8088, 8118, 8333, 8443, 8883, 8888,
    9000, 9001, 9042, 9050, 9090, 9092, 9100, 9200, 9300, 9418, 9443, 10000, 10050, 10051, 11211, 20000, 25565, 27017,
    44818, 47808, 50000,
)  # fmt: skip
WELL_KNOWN = 1024


def signs() -> tuple[Records, Records]:
    """ANSWERS as the kernel reads them, and what is known of each port: the records ANSWER and PORT.

    A sign with several ports is there once for each. The rank of a port is 2 below WELL_KNOWN, 1 in SERVERS, else 0.
    """
    by_port: dict[int, list[Sign]] = {}
    for sign in ANSWERS:
        for port in sign.ports or (ANY_PORT + sign.protocol,):
            by_port.setdefault(port, []).append(sign)
    ports: Records = np.zeros(ANY_PORT + 256, PORT)
    ports["rank"][list(SERVERS)] = 1
    ports["rank"][1:WELL_KNOWN] = 2
    parts: list[Records] = []
    for port, among in by_port.items():
        made = [rows_of(sign) for sign in among]
        ports["first"][port] = sum(len(part) for part in parts)
        ports["answers"][port] = sum(len(part) for part in made)
        parts += made
    return np.concatenate(parts), ports


def rows_of(sign: Sign) -> Records:
    """The records of a sign: its own and those of its other words; what is quickly looked at is first."""
    words = [(Word(sign.at, sign.mask, sign.values, sign.form), sign.elements, sign.inner)]
    words = sorted([*words, *((word, 0, -1) for word in sign.also)], key=lambda one: one[0].form)
    rows: Records = np.zeros(len(words), ANSWER)
    rows["protocol"], rows["more"][0] = sign.protocol, len(sign.also)
    for row, (one, elements, inner) in zip(rows, words, strict=True):
        row["at"], row["mask"], row["form"] = one.at, one.mask, one.form
        row["least"], row["most"] = one.values if isinstance(one.values, tuple) else (one.values, one.values)
        row["elements"], row["inner"] = elements, inner
    return rows
