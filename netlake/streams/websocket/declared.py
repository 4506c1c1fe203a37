"""The table of WebSocket."""

from __future__ import annotations

from netlake.schema import Column, Message, Table

OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

WEBSOCKET = Table(
    "websocket",
    "One row for each WebSocket frame.",
    spec="RFC 6455, RFC 7692",
    context="stream",
    message=Message("WebSocket {opcode_name}[ {close_code}][ {close_reason}][, {payload_length} B][: {text}]", "web"),
    columns=(
        Column("opcode", "u8", "Opcode.", wireshark="websocket.opcode"),
        Column("opcode_name", "word", f"Its name: {', '.join(OPCODES.values())}; null for others.",
               why="compared in opcode"),
        Column("fin", "bool", "Whether the frame is the last one of its message.", wireshark="websocket.fin"),
        Column("rsv", "u8", "Reserved bits; 4 is RSV1.", wireshark="websocket.rsv"),
        Column("compressed", "bool", "Whether the message is compressed (RSV1 of its first frame).",
               why="tshark has it for first frames only"),
        Column("masked", "bool", "Whether the payload is masked; that of clients must be.", wireshark="websocket.mask"),
        Column("payload_length", "i64", "Bytes of the payload.", why="tshark has it in one of three fields"),
        Column("payload_missing", "i64", "Bytes of the payload that were not captured.", why="no tshark field"),
        Column("message", "i32", "Number of the message among those of its side, from 0; null for control frames.",
               why="our own"),
        Column("text", "text", "First 1,024 bytes of the payload of a text frame, unmasked and decompressed.",
               wireshark="websocket.payload.text"),
        Column("close_code", "u16", "Close frame: status code, such as 1000; null without one.",
               wireshark="websocket.payload.close.status_code"),
        Column("close_reason", "text", "Close frame: reason.", wireshark="websocket.payload.close.reason"),
        Column("ping", "bytes", "Payload of a ping.", wireshark="websocket.payload.ping"),
        Column("pong", "bytes", "Payload of a pong.", wireshark="websocket.payload.pong"),
    ),
)  # fmt: skip
