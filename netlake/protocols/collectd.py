"""collectd: hosts send measurements and notifications to a server.

Decided here:
- A message is a sequence of parts. Those of host, plugin, type and time apply to all values after them; each part with
  values, with the text of a notification, with a signature or with encrypted parts is a row. A message without such a
  part has one row.
- A value that is not a number (a gauge that is not known) is null. Encrypted parts are kept as sent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from netlake.layers.items import c_text, complete, part, text
from netlake.layers.parsed import several
from netlake.layers.probes import number_at
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Struct, Table

HEADER = 4
VALUES, MESSAGE, SEVERITY, SIGNATURE, ENCRYPTED = 6, 0x100, 0x101, 0x200, 0x210
FIRST = (0, 1, 2, 3, 4, 5, 7, 8, 9, VALUES, MESSAGE, SEVERITY, SIGNATURE, ENCRYPTED)
COUNTER, GAUGE, DERIVE, ABSOLUTE = range(4)
LARGEST = (1 << 63) - 1
# the first time that has no date, in seconds
YEAR_10000 = 253_402_300_800
# bytes of a digest and of an initialization vector
DIGEST, VECTOR = 32, 16

VALUE = Struct(
    (
        Column("type", "u8", "Kind: 0 counter, 1 gauge, 2 derive, 3 absolute.", wireshark="collectd.val.type"),
        Column("counter", "u64", "Counter.", wireshark="collectd.val.counter"),
        Column("gauge", "f64", "Gauge.", wireshark="collectd.val.gauge"),
        Column("derive", "i64", "Derive: a counter that may decrease.", wireshark="collectd.val.derive"),
        Column("absolute", "u64", "Absolute: a counter that restarts at each reading.",
               wireshark="collectd.val.absolute"),
    )
)  # fmt: skip
STATE = "tshark shows it once for several values"

TABLES = (
    Table(
        "collectd",
        "One row for each measurement, notification, signature or encrypted part in a collectd message.",
        spec="collectd binary protocol (collectd.org)",
        on=("udp.port=25826",),
        columns=(
            Column("part_type", "u16",
                   "Type of the part: 6 values, 256 notification, 512 signature, 528 encrypted; null if there is none.",
                   why="collectd.type also has the other parts"),
            Column("host", "text", "Host that measured.", why=STATE),
            Column("time", "ts", "Time of the measurement, UTC, microseconds, truncated.", why=STATE),
            Column("interval", "duration", "Interval between measurements, seconds.", why=STATE),
            Column("plugin", "text", "Plugin that measured, such as cpu.", why=STATE),
            Column("plugin_instance", "text", "Instance of the plugin, such as a number of a processor.", why=STATE),
            Column("type", "text", "Type of the values, such as if_octets.", why=STATE),
            Column("type_instance", "text", "Instance of the type.", why=STATE),
            Column("values", List(VALUE), "Values, in the order of the type's data sources."),
            Column("severity", "u64", "Notification: 1 failure, 2 warning, 4 okay.", why=STATE),
            Column("message", "text", "Notification: text.", wireshark="collectd.data.message"),
            Column("user_name", "text", "Signature or encryption: user name.", wireshark="collectd.data.username"),
            Column("digest", "bytes", "Signature: HMAC-SHA-256 of the parts after it.",
                   wireshark="collectd.data.sighash"),
            Column("initialization_vector", "bytes", "Encryption: initialization vector.",
                   wireshark="collectd.data.initvec"),
            Column("encrypted", "bytes", "Encryption: parts, encrypted with AES-256.",
                   wireshark="collectd.data.encrypted"),
            Column("data", "bytes", "Part of another type, as sent.", why="tshark has one field for all of them"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """Messages whose first part has a known type and a length that fits."""
    length = number_at(messages, 2, 2)
    fits = (length > HEADER) & (length <= messages.end - messages.start + messages.missing)
    return np.asarray(fits & np.isin(number_at(messages, 0, 2), FIRST))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The rows of a message."""
    return several(_rows(message))


def _rows(message: Cursor) -> Iterator[Iterator[tuple[str, Any]]]:
    state: dict[str, Any] = {}
    empty = True
    try:
        while message.promised or not message.at:
            kind, length = message.number(2), message.number(2)
            # Malformed if the length is below that of the header
            body = part(message, length - HEADER)
            if kind in STATES:
                name, read = STATES[kind]
                state[name] = read(body)
                continue
            empty = False
            yield chain((("part_type", kind),), list(state.items()), PARTS.get(kind, _other)(body))
    except (Short, Malformed) as error:
        # without a row yet, one with what was read so far
        if not empty:
            raise
        yield _ended(state, error)
        return
    if empty:
        yield iter(state.items())


def _ended(state: dict[str, Any], error: Exception) -> Iterator[tuple[str, Any]]:
    yield from state.items()
    raise error


def _text(body: Cursor) -> str:
    return c_text(body.rest())


def _seconds(body: Cursor) -> int | None:
    return _limited(body, body.number(8) * 1_000_000)


def _fine_seconds(body: Cursor) -> int | None:
    """Units of 2^-30 seconds."""
    return _limited(body, body.number(8) * 1_000_000 >> 30)


def _limited(body: Cursor, time: int) -> int | None:
    """A time in microseconds; null with a fault if it has no date."""
    if time < YEAR_10000 * 1_000_000:
        return time
    body.fault("out_of_range")
    return None


def _counter(body: Cursor) -> int | None:
    """A number of 64 bits; null with a fault if it does not fit 63."""
    number = body.number(8)
    if number <= LARGEST:
        return number
    body.fault("out_of_range")
    return None


def _gauge(body: Cursor) -> float | None:
    """A number in little-endian order, unlike all others; null if it is not a number."""
    number: float = struct.unpack("<d", body.take(8))[0]
    return number if number == number else None  # noqa: PLR0124 - only NaN differs from itself


def _derive(body: Cursor) -> int:
    return int.from_bytes(body.take(8), "big", signed=True)


STATES: dict[int, tuple[str, Callable[[Cursor], Any]]] = {
    0: ("host", _text), 1: ("time", _seconds), 2: ("plugin", _text), 3: ("plugin_instance", _text),
    4: ("type", _text), 5: ("type_instance", _text), 7: ("interval", lambda body: float(body.number(8))),
    8: ("time", _fine_seconds), 9: ("interval", lambda body: body.number(8) / (1 << 30)),
    SEVERITY: ("severity", _counter),
}  # fmt: skip
KINDS: dict[int, tuple[str, Callable[[Cursor], Any]]] = {
    COUNTER: ("counter", _counter), GAUGE: ("gauge", _gauge), DERIVE: ("derive", _derive),
    ABSOLUTE: ("absolute", _counter),
}  # fmt: skip


def _values(body: Cursor) -> Iterator[tuple[str, Any]]:
    values: list[dict[str, Any]] = []
    yield "values", values
    for kind in body.take(body.number(2)):
        if kind not in KINDS:
            raise Malformed("bad_value")
        name, read = KINDS[kind]
        values.append({"type": kind, name: read(body)})


def _message(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "message", _text(body)


def _signature(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "digest", body.take(DIGEST)
    yield "user_name", text(body.rest())


def _encrypted(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "user_name", text(part(body, body.number(2)).rest())
    yield "initialization_vector", body.take(VECTOR)
    yield "encrypted", body.kept()
    complete(body)


def _other(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "data", body.kept()
    complete(body)


PARTS: dict[int, Callable[[Cursor], Iterator[tuple[str, Any]]]] = {
    VALUES: _values, MESSAGE: _message, SIGNATURE: _signature, ENCRYPTED: _encrypted,
}  # fmt: skip
