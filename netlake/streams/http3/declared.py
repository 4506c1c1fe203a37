"""The tables of HTTP/3. A row of `http3_stream` has the columns of `http2_stream` that HTTP/3 has too."""

from __future__ import annotations

from dataclasses import replace

from netlake.schema import Column, List, Message, Struct, Table
from netlake.streams.http2.declared import HTTP2_STREAM

# the words of the column `anomalies`, of streams and of connections
ANOMALIES = (
    "after_gap", "bad_frame_size", "bad_stream_id", "connection_header", "control_character", "different_lengths",
    "large_header_block", "large_header_list", "large_table", "late_pseudo_header", "missing_pseudo_header",
    "no_headers", "qpack_error", "repeated_pseudo_header", "unexpected_frame", "unexpected_pseudo_header",
    "upper_case_name",
)  # fmt: skip
_WHY = "tshark 4.0 does not decode header blocks of HTTP/3"
_OURS = "our own"
_OTHERS = {
    "stream_id": Column("stream_id", "i64", "Number of the stream of QUIC, a multiple of 4.",
                        why="one field for all streams of a packet"),
    "reset_code": Column("reset_code", "word", "Error code of the first RESET_STREAM or STOP_SENDING in lower case, "
                         "such as request_cancelled; the number of others.", why=_OURS),
    "reset_by": Column("reset_by", "word", "Who sent that frame: client or server.", why=_OURS),
    "anomalies": Column("anomalies", List("word"), f"What is unusual or forbidden: {', '.join(ANOMALIES)}.", why=_OURS),
}  # fmt: skip


def _of_http3(column: Column) -> Column:
    """A column of `http2_stream` in `http3_stream`."""
    return _OTHERS.get(column.name) or replace(column, wireshark=None, why=_OURS if column.why == _OURS else _WHY)


HTTP3_STREAM = Table(
    "http3_stream",
    "One row for each HTTP/3 request and its response.",
    spec="RFC 9114, RFC 9204",
    context="stream",
    message=Message(
        "[{method} [{scheme}://][{authority}]{path}|response][ {status}][, {response_body_length} B]"
        "[ gRPC status {grpc_status}][ reset: {reset_code}][ by {user_agent}]",
        "web",
    ),
    columns=tuple(_of_http3(column) for column in HTTP2_STREAM.columns if column.name != "pushed"),
)
_SETTING = Struct(
    (
        Column(
            "name", "word", "Name in lower case, such as max_field_section_size; reserved, or the number of others."
        ),
        Column("value", "i64", "Value."),
    )
)


def _spoken(who: str) -> tuple[Column, ...]:
    """What one side says of the connection."""
    return (
        Column(f"{who}_settings", List(_SETTING), f"SETTINGS of the {who}, in wire order, at most 64."),
        Column(
            f"{who}_goaway_id", "i64", f"Stream, or push, of the last GOAWAY of the {who}: later ones are not read."
        ),
    )


HTTP3_CONNECTION = Table(
    "http3_connection",
    "One row for each HTTP/3 connection, of its client.",
    spec="RFC 9114",
    context="stream",
    why="tshark has frames of connections only",
    columns=(
        *_spoken("client"),
        *_spoken("server"),
        Column("streams", "i32", "Requests of the connection."),
        Column("closed_by", "word", "Who sent the first CONNECTION_CLOSE: client or server."),
        Column("close_code", "word", "Its error code in lower case, such as no_error; the number of others."),
        Column("close_reason", "text", "Its reason phrase."),
        Column("anomalies", List("word"), "Anomalies of the connection, as in http3_stream."),
    ),
)
