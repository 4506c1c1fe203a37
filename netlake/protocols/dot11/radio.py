"""What a capture puts before an IEEE 802.11 frame about the radio: radiotap is read, Prism and AVS are passed over.

Of radiotap only the first word of fields is read; the words behind it repeat fields for each antenna.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed
from netlake.schema import Column

PRISM, RADIOTAP, AVS = 119, 127, 163
AVS_MAGIC = 0x80211
# bytes of each field of radiotap in the order of its bit, and what its place must be a multiple of
FIELDS = (
    (8, 8), (1, 1), (1, 1), (4, 2), (2, 1), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2), (1, 1), (1, 1), (1, 1), (1, 1),
    (2, 2), (2, 2), (1, 1), (1, 1), (8, 4), (3, 1),
)  # fmt: skip
# flags of the frame
CHECKED = 0x10
MCS_KNOWN = 0x02

COLUMNS = (
    Column("radio_time", "u64", "Clock of the radio when the frame began, microseconds.", wireshark="radiotap.mactime"),
    Column("radio_flags", "u8", "Radiotap's flags: 16 a check sequence is kept, 32 the header is padded, 64 it is bad.",
           wireshark="radiotap.flags"),
    Column("rate", "f64", "Data rate, megabits a second.", wireshark="radiotap.datarate"),
    Column("frequency", "u16", "Frequency of the channel, megahertz.", wireshark="radiotap.channel.freq"),
    Column("channel_flags", "u16", "Kind of the channel, as bits of radiotap.", wireshark="radiotap.channel.flags"),
    Column("signal", "i8", "Power of the signal, dBm.", wireshark="radiotap.dbm_antsignal"),
    Column("noise", "i8", "Power of the noise, dBm.", wireshark="radiotap.dbm_antnoise"),
    Column("antenna", "u8", "Number of the antenna.", wireshark="radiotap.antenna"),
    Column("mcs", "u8", "Index of modulation and coding of 802.11n, 0 to 76.", wireshark="radiotap.mcs.index"),
)  # fmt: skip


def radio(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the header that `message` begins with by its hint, a link type; it is passed over."""
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
    """Fields of radiotap, whose places count from four bytes before the cursor's."""
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
