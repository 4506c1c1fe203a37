"""sFlow datagrams: the header, and the samples in it.

Decided here:
- Samples of version 5 are read. Those of versions 2 and 4, which were replaced in 2004, are kept as sent.
- A sample of an unknown type is kept in `samples`; its length bounds every sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from netlake.layers.items import complete, part
from netlake.layers.probes import number_at
from netlake.packets import Cursor, Malformed, Mask, Messages, Short
from netlake.schema import Column, List, Struct, Table

ON = ("udp.port=6343",)
VERSIONS = (2, 4, 5)
CURRENT = 5
# bytes of an address by its type
ADDRESS = {1: 4, 2: 16}
# samples and records have a number: the enterprise, and a format of it in 12 bits
FORMAT_BITS = 12
FLOW, COUNTER, EXPANDED_FLOW, EXPANDED_COUNTER = 1, 2, 3, 4

SAMPLE = Struct(
    (
        Column("enterprise", "u32", "Enterprise number of who defined the format; 0 is sFlow.org.",
               why="sflow.enterprise also has those of records"),
        Column("format", "u16", "Format: 1 and 3 flow sample, 2 and 4 counter sample; 3 and 4 have longer numbers.",
               wireshark="sflow_245.sampletype"),
        Column("length", "u32", "Bytes of the sample.", wireshark="sflow_5.sample_length"),
        Column("data", "bytes", "Sample of another format, as sent; else null.", why="not dissected by tshark"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "sflow",
        "One row for each sFlow datagram.",
        spec="sFlow version 5 (sFlow.org, 2004), RFC 3176",
        on=ON,
        columns=(
            Column("version", "u32", "Version: 5; also 2 and 4.", wireshark="sflow_245.version"),
            Column("agent_ip", "ip", "Address of the agent, which identifies it.", wireshark="sflow_245.agent"),
            Column("sub_agent_id", "u32", "Number of the part of the agent that sent it, with a sequence of its own.",
                   wireshark="sflow_245.sub_agent_id"),
            Column("sequence", "u32", "Sequence number; shows losses.", wireshark="sflow_245.sequence_number"),
            Column("uptime", "u32", "Time since the agent started, milliseconds.", wireshark="sflow_245.sysuptime"),
            Column("sample_count", "u32", "Number of samples.", wireshark="sflow_245.numsamples"),
            Column("samples", List(SAMPLE), "Version 5: samples in wire order."),
            Column("data", "bytes", "Versions 2 and 4: samples, as sent.", why="tshark dissects it"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """Datagrams that start with a known version."""
    return np.isin(number_at(messages, 0, 4), VERSIONS)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The row of a datagram."""
    version = message.number(4)
    yield "version", version
    if version not in VERSIONS:
        raise Malformed("bad_version")
    yield "agent_ip", address(message)
    if version == CURRENT:
        yield "sub_agent_id", message.number(4)
    for name in ("sequence", "uptime"):
        yield name, message.number(4)
    count = message.number(4)
    yield "sample_count", count
    if version != CURRENT:
        yield "data", message.kept()
        complete(message)
        return
    samples: list[dict[str, Any]] = []
    yield "samples", samples
    for enterprise, kind, body in _walk(message, count):
        sample: dict[str, Any] = {"enterprise": enterprise, "format": kind, "length": body.promised}
        samples.append(sample)
        if enterprise or not FLOW <= kind <= EXPANDED_COUNTER:
            sample["data"] = body.kept()
        complete(body)


def address(message: Cursor) -> bytes:
    """An address after its type; Malformed for an unknown type."""
    size = ADDRESS.get(message.number(4))
    if size is None:
        raise Malformed("bad_value")
    return message.take(size)


Columns = Iterator[tuple[str, Any]]


def numbered(message: Cursor) -> tuple[int, int, Cursor]:
    """Enterprise, format and content of a sample or record."""
    number = message.number(4)
    return number >> FORMAT_BITS, number & ((1 << FORMAT_BITS) - 1), part(message, message.number(4))


def records(
    sample: Cursor, readers: Mapping[int, Callable[[Cursor], Iterator[tuple[str, Any]]]]
) -> Iterator[tuple[str, Any]]:
    """Columns of the records of a sample, by the reader of each format; those without one are in `records`."""
    others: list[dict[str, Any]] = []
    yield "records", others
    for _ in range(sample.number(4)):
        enterprise, kind, record = numbered(sample)
        read = None if enterprise else readers.get(kind)
        if read is None:
            others.append({"enterprise": enterprise, "format": kind, "data": record.kept()})
            complete(record)
        else:
            yield from read(record)


def _walk(message: Cursor, count: int) -> Iterator[tuple[int, int, Cursor]]:
    for _ in range(count):
        yield numbered(message)


def samples_of(message: Cursor, formats: tuple[int, int]) -> Iterator[tuple[bool, Cursor]]:
    """The samples of version 5 with one of two formats, whether it is the second, and the content; until an error."""
    try:
        if message.number(4) != CURRENT:
            return
        address(message)
        message.skip(12)
        for enterprise, kind, body in _walk(message, message.number(4)):
            if not enterprise and kind in formats:
                yield kind == formats[1], body
    except (Short, Malformed):
        # the row in `sflow` has the fault
        return


def source(sample: Cursor, *, expanded: bool) -> Iterator[tuple[str, Any]]:
    """The columns with which both kinds of samples begin."""
    yield "sequence", sample.number(4)
    if expanded:
        yield "source_class", sample.number(4)
        yield "source_index", sample.number(4)
    else:
        yield "source_class", sample.number(1)
        yield "source_index", sample.number(3)
