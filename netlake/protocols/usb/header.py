"""The headers that Linux (usbmon) and Windows (USBPcap) put before what goes over USB.

Linux writes numbers in the byte order of its host, which the number of the bus tells: there are fewer than 256. It
marks with '<' (to the device: no setup packet) and the like what is not there, by a flag that is 0 where it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed, Short

ON = ("link.type=189", "link.type=220", "link.type=249")
MMAPPED, USBPCAP = 220, 249
CONTROL, ISOCHRONOUS = 2, 0
INWARD = 0x80
SETUP = 8
# bytes after which Linux's byte order is known
ORDER_KNOWN = 14
# of a control transfer of USBPcap: the stage with the setup packet
FIRST_STAGE = 0


@dataclass(slots=True)
class Setup:
    """The setup packet that a header holds, if it does, and whether what follows goes to the host."""

    data: bytes | None = None
    inward: bool = False


def header(message: Cursor, setup: Setup) -> Iterator[tuple[str, Any]]:
    """Columns of the header that `message` begins with by its hint, a link type; `setup` is filled."""
    if message.hint == USBPCAP:
        yield from _usbpcap(message, setup)
        return
    at = message.at + 12
    if message.left < ORDER_KNOWN:
        raise Short
    big = message.data[at] == 0 and message.data[at + 1] != 0
    order = "big" if big else "little"

    def number(size: int, *, signed: bool = False) -> int:
        return int.from_bytes(message.take(size), order, signed=signed)  # type: ignore[arg-type]

    yield "id", f"{number(8):016x}"
    yield "event", message.take(1).decode("latin-1")
    transfer = message.number(1)
    yield "transfer_type", transfer
    yield from _endpoint(message.number(1), setup)
    yield "device", message.number(1)
    yield "bus", number(2)
    setup_flag, data_flag = message.number(1), message.number(1)
    yield "setup_flag", setup_flag
    yield "data_flag", data_flag
    seconds = number(8, signed=True)
    yield "timestamp", seconds + number(4, signed=True) / 1e6
    yield "status", number(4, signed=True)
    yield "urb_length", number(4)
    yield "data_length", number(4)
    about = message.take(SETUP)
    count = 0
    if transfer == CONTROL and setup_flag == 0:
        setup.data = about
    elif transfer == ISOCHRONOUS:
        yield "error_count", int.from_bytes(about[:4], order)  # type: ignore[arg-type]
        count = int.from_bytes(about[4:], order)  # type: ignore[arg-type]
    if message.hint == MMAPPED:
        yield "interval", number(4, signed=True)
        yield "start_frame", number(4, signed=True)
        yield "transfer_flags", number(4)
        count = number(4)
    if transfer == ISOCHRONOUS or count:
        yield "iso_descriptor_count", count
    descriptors: list[dict[str, int]] = []
    yield "iso_descriptors", descriptors
    if count * 16 > message.promised:
        raise Malformed("bad_length")
    for _ in range(count if message.hint == MMAPPED else 0):
        status, offset, length = number(4, signed=True), number(4), number(4)
        message.skip(4)
        descriptors.append({"status": status, "offset": offset, "length": length})


def _endpoint(address: int, setup: Setup) -> Iterator[tuple[str, Any]]:
    setup.inward = bool(address & INWARD)
    yield "to_host", setup.inward
    yield "endpoint", address & 0x0F


def _usbpcap(message: Cursor, setup: Setup) -> Iterator[tuple[str, Any]]:
    size = message.little(2)
    if size < 27:
        raise Malformed("bad_length")
    about = part(message, size - 2)
    yield "id", f"{about.little(8):016x}"
    yield "status", int.from_bytes(about.take(4), "little", signed=True)
    yield "function", about.little(2)
    yield "answer", bool(about.number(1) & 1)
    yield "bus", about.little(2)
    yield "device", about.little(2)
    yield from _endpoint(about.number(1), setup)
    transfer = about.number(1)
    yield "transfer_type", transfer
    yield "data_length", about.little(4)
    if transfer == CONTROL:
        stage = about.number(1)
        yield "stage", stage
        if stage == FIRST_STAGE:
            setup.data = message.take(SETUP)
