"""Radio headers before IEEE 802.11 frames: radiotap is read; Prism and AVS headers are skipped.

Of radiotap only the first presence word is read: the words after it repeat fields for each antenna.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed
from netlake.schema import Column

PRISM, RADIOTAP, AVS = 119, 127, 163
AVS_MAGIC = 0x80211
# size and alignment of each radiotap field, by the number of its bit
FIELDS = (
    (8, 8), (1, 1), (1, 1), (4, 2), (2, 1), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2), (1, 1), (1, 1), (1, 1), (1, 1),
    (2, 2), (2, 2), (1, 1), (1, 1), (8, 4), (3, 1),
)  # fmt: skip
# radiotap flag: the frame includes the FCS
CHECKED = 0x10
MCS_KNOWN = 0x02

COLUMNS = (
    Column("radio_time", "u64", "Radiotap: TSF timer when the frame started, microseconds.",
           wireshark="radiotap.mactime"),
    Column("radio_flags", "u8",
           "Radiotap flags: 16 the frame includes the FCS, 32 its header is padded, 64 the FCS is invalid.",
           wireshark="radiotap.flags"),
    Column("rate", "f64", "Radiotap: data rate, Mbit/s.", wireshark="radiotap.datarate"),
    Column("frequency", "u16", "Radiotap: channel frequency, MHz.", wireshark="radiotap.channel.freq"),
    Column("channel_flags", "u16", "Radiotap: channel flags.", wireshark="radiotap.channel.flags"),
    Column("signal", "i8", "Radiotap: antenna signal, dBm.", wireshark="radiotap.dbm_antsignal"),
    Column("noise", "i8", "Radiotap: antenna noise, dBm.", wireshark="radiotap.dbm_antnoise"),
    Column("antenna", "u8", "Radiotap: antenna number.", wireshark="radiotap.antenna"),
    Column("mcs", "u8", "Radiotap: MCS index of 802.11n, 0 to 76.", wireshark="radiotap.mcs.index"),
)  # fmt: skip


def radio(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the radio header of `message`, by its hint (a link type); moves the cursor to the frame."""
    if message.hint == RADIOTAP:
        message.skip(2)
        size = message.little(2)
        if size < 8:
            raise Malformed("bad_length")
        yield from _radiotap(part(message, size - 4))
    elif message.hint in (PRISM, AVS):
        kind = message.take(4)
        native = int.from_bytes(kind, "big") >> 12 != AVS_MAGIC and int.from_bytes(kind, "little") < 1 << 16
        size = message.little(4) if native and message.hint == PRISM else message.number(4)
        if size < 8:
            raise Malformed("bad_length")
        part(message, size - 8)


def _radiotap(header: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of radiotap; its fields are aligned from four bytes before the cursor's start."""
    word = present = header.little(4)
    while word >> 31:
        word = header.little(4)
    for bit, (size, unit) in enumerate(FIELDS):
        if present >> bit & 1:
            header.skip(-(header.at + 4) % unit)
            yield from _field(bit, header.take(size))


def _field(bit: int, data: bytes) -> Iterator[tuple[str, Any]]:
    first, signed = data[0], int.from_bytes(data[:1], "big", signed=True)
    if bit == 0:
        yield "radio_time", int.from_bytes(data, "little")
    elif bit == 1:
        yield "radio_flags", first
    elif bit == 2:
        yield "rate", first / 2
    elif bit == 3:
        yield "frequency", int.from_bytes(data[:2], "little")
        yield "channel_flags", int.from_bytes(data[2:], "little")
    elif bit == 5:
        yield "signal", signed
    elif bit == 6:
        yield "noise", signed
    elif bit == 11:
        yield "antenna", first
    elif bit == 19 and first & MCS_KNOWN:
        yield "mcs", data[2]
