"""Frame Relay: virtual circuits and congestion flags.

Decided here:
- The address has two to four bytes. After it is a control byte and an NLPID (RFC 2427), or an EtherType in the
  encapsulation of Cisco: other values than 3 in the first byte start an EtherType.
- Circuit 0 is for signalling; its frames are numbered, with two control bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Table

LAST = 1
SHORTEST, MOST = 2, 4
UNNUMBERED = 0x03
# frames of circuit 0 are numbered unless this bit is set
NOT_NUMBERED = 0x01
FIRST_ETHERTYPE = 0x0600

TABLES = (
    Table(
        "frame_relay",
        "One row for each frame relay frame.",
        spec="ITU-T Q.922, RFC 2427",
        on=("link.type=107",),
        context="record",
        columns=(
            Column("dlci", "u32", "Data link connection identifier (DLCI), 10, 16 or 23 bits.", wireshark="fr.dlci"),
            Column("command", "bool", "C/R bit: true command, false response.", wireshark="fr.cr"),
            Column("fecn", "bool", "Forward explicit congestion notification (FECN).", wireshark="fr.fecn"),
            Column("becn", "bool", "Backward explicit congestion notification (BECN).", wireshark="fr.becn"),
            Column("discard_eligible", "bool", "Discard eligibility (DE): the frame may be dropped first.",
                   wireshark="fr.de"),
            Column("control", "u8", "Control field; null in frames with an EtherType.", wireshark="fr.control"),
            Column("nlpid", "u8", "NLPID: 204 IPv4, 142 IPv6, 128 SNAP, 8 Q.933.", wireshark="fr.nlpid"),
            Column("ethertype", "u16", "Cisco encapsulation: EtherType of the payload.", wireshark="fr.chdlctype",
                   encoding="dictionary"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the address, and of the fields that name the payload."""
    own = False
    for name, value in _address(message):
        own = name == "dlci" and value == 0 and message.at == SHORTEST
        yield name, value
    control = message.number(1)
    if control != UNNUMBERED and not own:
        kind = control << 8 | message.number(1)
        if kind >= FIRST_ETHERTYPE:
            yield "ethertype", kind
        return
    yield "control", control
    number = 0
    if control == UNNUMBERED:
        # a zero byte is padding: it aligns the payload
        number = message.number(1) or message.number(1)
    elif not control & NOT_NUMBERED:
        message.skip(1)
        number = message.number(1)
    else:
        return
    yield "nlpid", number


def _address(message: Cursor) -> Iterator[tuple[str, Any]]:
    first = message.number(1)
    if first & LAST:
        raise Malformed("bad_value")
    yield "command", bool(first & 2)
    last = message.number(1)
    yield "fecn", bool(last & 8)
    yield "becn", bool(last & 4)
    yield "discard_eligible", bool(last & 2)
    circuit, size = (first >> 2) << 4 | last >> 4, SHORTEST
    while not last & LAST:
        if size == MOST:
            raise Malformed("bad_value")
        last, size = message.number(1), size + 1
        if not last & LAST:
            circuit = circuit << 7 | last >> 1
        elif not last & 2:  # with this bit set, the byte has control bits instead
            circuit = circuit << 6 | last >> 2
    yield "dlci", circuit
