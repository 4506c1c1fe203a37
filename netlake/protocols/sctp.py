"""Stream Control Transmission Protocol: one row for each packet, with its chunks in a list.

Decided here:
- A chunk that is incomplete is kept with the fields that were read. A chunk length that does not fit ends the packet.
- The payload of data chunks is not repeated here: the tables of the payload protocols have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Short
from netlake.schema import Column, List, Struct, Table

DATA = 0
INIT = 1
INIT_ACK = 2
SACK = 3
ABORT = 6
SHUTDOWN = 7
ERROR = 9
I_DATA = 64
FORWARD_TSN = 192
CHUNK_HEADER = 4
CAUSE_HEADER = 4

BLOCK = Struct(
    (
        Column("start", "u16", "First TSN of the block, relative to the cumulative TSN.",
               wireshark="sctp.sack_gap_block_start"),
        Column("end", "u16", "Last TSN of the block, relative to the cumulative TSN.",
               wireshark="sctp.sack_gap_block_end"),
    )
)  # fmt: skip
CHUNK = Struct(
    (
        Column("type", "u8", "Chunk type: 0 DATA, 1 INIT, 3 SACK; others by IANA.", wireshark="sctp.chunk_type"),
        Column("flags", "u8", "Chunk flags; their meaning depends on the type.", wireshark="sctp.chunk_flags"),
        Column("length", "u16", "Bytes of the chunk, its header included, padding not.", wireshark="sctp.chunk_length"),
        Column("tsn", "u32", "TSN: DATA transmission sequence number, INIT initial, other types cumulative.",
               why="several tshark fields, by type"),
        Column("stream", "u16", "DATA: stream identifier.", wireshark="sctp.data_sid"),
        Column("stream_sequence", "u16", "DATA: stream sequence number.", wireshark="sctp.data_ssn"),
        Column("payload_protocol", "u32", "DATA: payload protocol identifier, by IANA.",
               wireshark="sctp.data_payload_proto_id"),
        Column("initiate_tag", "u32", "INIT: initiate tag, the verification tag for packets to its sender.",
               wireshark="sctp.initiate_tag"),
        Column("window", "u32", "INIT and SACK: advertised receiver window credit, bytes.",
               why="several tshark fields, by type"),
        Column("outbound_streams", "u16", "INIT: number of outbound streams.", why="several tshark fields, by type"),
        Column("inbound_streams", "u16", "INIT: maximum number of inbound streams.",
               why="several tshark fields, by type"),
        Column("gap_blocks", List(BLOCK), "SACK: gap ack blocks, received after `tsn`."),
        Column("duplicates", List("u32"), "SACK: duplicate TSNs.", wireshark="sctp.sack_duplicate_tsn"),
        Column("causes", List("u16"), "ABORT and ERROR: cause codes.", wireshark="sctp.cause_code"),
        Column("value", "bytes", "Bytes of the chunk after the fields above; null for data.",
               why="one tshark field for each parameter"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "sctp",
        "One row for each SCTP packet; its ports are in `src_port` and `dst_port`.",
        spec="RFC 9260",
        on=("ip.protocol=132",),
        also=(("src_port", "sctp.srcport"), ("dst_port", "sctp.dstport")),
        columns=(
            Column("verification_tag", "u32", "Verification tag of the association at the receiver.",
                   wireshark="sctp.verification_tag"),
            Column("checksum", "u32", "CRC32c of the packet.", wireshark="sctp.checksum"),
            Column("chunks", List(CHUNK), "Chunks in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one packet; an incomplete chunk is kept as far as it was read."""
    message.skip(4)
    yield "verification_tag", message.number(4)
    yield "checksum", message.number(4)
    chunks: list[dict[str, Any]] = []
    yield "chunks", chunks
    while message.left or message.missing:
        if not message.missing and message.left < CHUNK_HEADER and not any(message.data[message.at :]):
            return
        chunk: dict[str, Any] = {"gap_blocks": [], "duplicates": [], "causes": []}
        chunk["type"], chunk["flags"], chunk["length"] = message.number(1), message.number(1), message.number(2)
        chunks.append(chunk)
        size = chunk["length"] - CHUNK_HEADER
        if size < 0 or size > message.promised:
            message.fault("bad_length")
            return
        whole = size <= message.left
        body = message.part(min(size, message.left))
        try:
            _chunk(chunk, body)
        except Short:
            if whole:
                message.fault("bad_length")
        if not whole:
            raise Short
        message.skip(min(-size % 4, message.left))


def _chunk(chunk: dict[str, Any], body: Cursor) -> None:
    """Fill `chunk` with the fields of its type, up to the end of the captured bytes."""
    kind = chunk["type"]
    if kind in (DATA, I_DATA):
        chunk["tsn"], chunk["stream"] = body.number(4), body.number(2)
        if kind == DATA:
            chunk["stream_sequence"], chunk["payload_protocol"] = body.number(2), body.number(4)
        return
    if kind in (INIT, INIT_ACK):
        chunk["initiate_tag"], chunk["window"] = body.number(4), body.number(4)
        chunk["outbound_streams"], chunk["inbound_streams"] = body.number(2), body.number(2)
        chunk["tsn"] = body.number(4)
    elif kind == SACK:
        _acknowledgment(chunk, body)
    elif kind in (SHUTDOWN, FORWARD_TSN):
        chunk["tsn"] = body.number(4)
    elif kind in (ABORT, ERROR):
        _causes(chunk["causes"], Cursor(body.data))
    chunk["value"] = body.kept()


def _acknowledgment(chunk: dict[str, Any], body: Cursor) -> None:
    chunk["tsn"], chunk["window"] = body.number(4), body.number(4)
    blocks, duplicates = body.number(2), body.number(2)
    for _ in range(blocks):
        chunk["gap_blocks"].append({"start": body.number(2), "end": body.number(2)})
    for _ in range(duplicates):
        chunk["duplicates"].append(body.number(4))


def _causes(causes: list[int], body: Cursor) -> None:
    """Append the cause codes; each cause has a length and is padded to 4 bytes."""
    while body.left >= CAUSE_HEADER:
        causes.append(body.number(2))
        size = body.number(2) - CAUSE_HEADER
        body.skip(min(max(size + -size % 4, 0), body.left))
