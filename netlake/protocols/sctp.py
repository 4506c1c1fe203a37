"""Stream Control Transmission Protocol: one row a packet, its chunks in a list."""

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
        Column("start", "u16", "First TSN of the block, less the cumulative one.",
               wireshark="sctp.sack_gap_block_start"),
        Column("end", "u16", "Last TSN of the block, less the cumulative one.", wireshark="sctp.sack_gap_block_end"),
    )
)  # fmt: skip
CHUNK = Struct(
    (
        Column("type", "u8", "IANA number of the chunk: 0 data, 1 init, 3 selective acknowledgment.",
               wireshark="sctp.chunk_type"),
        Column("flags", "u8", "Flags of the chunk, meant by type.", wireshark="sctp.chunk_flags"),
        Column("length", "u16", "Bytes of the chunk with its header, without padding.", wireshark="sctp.chunk_length"),
        Column("tsn", "u32", "Transmission sequence number of data, the first of init, else the cumulative one.",
               why="several fields, by type"),
        Column("stream", "u16", "Data: the stream.", wireshark="sctp.data_sid"),
        Column("stream_sequence", "u16", "Data: its number within the stream.", wireshark="sctp.data_ssn"),
        Column("payload_protocol", "u32", "Data: IANA number of the protocol carried.",
               wireshark="sctp.data_payload_proto_id"),
        Column("initiate_tag", "u32", "Init: the verification tag to be used towards its sender.",
               wireshark="sctp.initiate_tag"),
        Column("window", "u32", "Init and acknowledgment: bytes that the sender will take.",
               why="several fields, by type"),
        Column("outbound_streams", "u16", "Init: streams that the sender wants to send on.",
               why="several fields, by type"),
        Column("inbound_streams", "u16", "Init: streams that the sender takes at most.", why="several fields, by type"),
        Column("gap_blocks", List(BLOCK), "Acknowledgment: what was received beyond `tsn`."),
        Column("duplicates", List("u32"), "Acknowledgment: TSNs received more than once.",
               wireshark="sctp.sack_duplicate_tsn"),
        Column("causes", List("u16"), "Abort and error: codes of the causes.", wireshark="sctp.cause_code"),
        Column("value", "bytes", "What else the chunk holds behind the fields above; null for data.",
               why="parameters, by type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "sctp",
        "One row for each SCTP packet; its ports are those of the conversation.",
        spec="RFC 9260",
        on=("ip.protocol=132",),
        columns=(
            Column("verification_tag", "u32", "What tells the association's packets from forged ones.",
                   wireshark="sctp.verification_tag"),
            Column("checksum", "u32", "CRC32c of the packet.", wireshark="sctp.checksum"),
            Column("chunks", List(CHUNK), "Chunks in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One packet; a chunk that runs short is kept as far as it goes."""
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
    """Fill in what the type of `chunk` has; what was read before it ran short stays."""
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
    chunk["value"] = body.rest()


def _acknowledgment(chunk: dict[str, Any], body: Cursor) -> None:
    chunk["tsn"], chunk["window"] = body.number(4), body.number(4)
    blocks, duplicates = body.number(2), body.number(2)
    for _ in range(blocks):
        chunk["gap_blocks"].append({"start": body.number(2), "end": body.number(2)})
    for _ in range(duplicates):
        chunk["duplicates"].append(body.number(4))


def _causes(causes: list[int], body: Cursor) -> None:
    """Codes of the causes; each says its length, padded to 4 bytes."""
    while body.left >= CAUSE_HEADER:
        causes.append(body.number(2))
        size = body.number(2) - CAUSE_HEADER
        body.skip(min(max(size + -size % 4, 0), body.left))
