"""The pseudo-headers of Linux (usbmon) and Windows (USBPcap) before the data of USB transfers.

Decided here:
- The hint of a message is its LINKTYPE number, which decides between the two.
- Linux writes numbers in the byte order of the host. It follows from the bus number, which is below 256: one of its two
  bytes is zero.
- A setup or data flag of 0 means that a setup packet or data are present; other values, such as '<', say why not.
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
# bytes after which the byte order is known
ORDER_KNOWN = 14
# stage of a control transfer of USBPcap that has the setup packet
FIRST_STAGE = 0


@dataclass(slots=True)
class Setup:
    """The setup packet of a header, None without one, and whether the data go to the host."""

    data: bytes | None = None
    inward: bool = False


def usb_header(message: Cursor, setup: Setup) -> Iterator[tuple[str, Any]]:
    """Columns of the pseudo-header, whose form depends on the link type; fills `setup`."""
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
    fields = message.take(SETUP)
    count = 0
    if transfer == CONTROL and setup_flag == 0:
        setup.data = fields
    elif transfer == ISOCHRONOUS:
        yield "error_count", int.from_bytes(fields[:4], order)  # type: ignore[arg-type]
        count = int.from_bytes(fields[4:], order)  # type: ignore[arg-type]
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
    fields = part(message, size - 2)
    yield "id", f"{fields.little(8):016x}"
    yield "status", int.from_bytes(fields.take(4), "little", signed=True)
    yield "function", fields.little(2)
    yield "answer", bool(fields.number(1) & 1)
    yield "bus", fields.little(2)
    yield "device", fields.little(2)
    yield from _endpoint(fields.number(1), setup)
    transfer = fields.number(1)
    yield "transfer_type", transfer
    yield "data_length", fields.little(4)
    if transfer == CONTROL:
        stage = fields.number(1)
        yield "stage", stage
        if stage == FIRST_STAGE:
            setup.data = message.take(SETUP)
