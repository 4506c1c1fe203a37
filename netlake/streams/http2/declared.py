"""The tables of HTTP/2."""

from __future__ import annotations

from netlake.schema import Column, List, Message, Struct, Table
from netlake.streams.http.tables import COOKIE, HEADER

# the words of the column `anomalies`, of streams and of connections
ANOMALIES = (
    "after_gap", "bad_frame_size", "bad_padding", "bad_stream_id", "connection_header", "continuation_interrupted",
    "control_character", "data_after_end", "different_lengths", "hpack_error", "large_header_block",
    "large_header_list", "late_pseudo_header", "missing_pseudo_header", "no_headers", "repeated_pseudo_header",
    "unexpected_pseudo_header", "unknown_fields", "upper_case_name",
)  # fmt: skip
_FIELDS = "compared in the typed columns"
_OURS = "our own"


def _body(who: str, name: str) -> tuple[Column, ...]:
    """The columns that requests and responses have."""
    return (
        Column(f"{who}_headers", List(HEADER), f"Fields of the {name}, pseudo-header fields first, in wire order.",
               why=_FIELDS),
        Column(f"{who}_trailers", List(HEADER), f"Trailer fields of the {name}.", why=_FIELDS),
        Column(f"{who}_content_length", "i64", f"content-length of the {name}, bytes; null without a number.",
               why="tshark has one field for requests and responses"),
        Column(f"{who}_body_length", "i64", f"Bytes of the body of the {name} that were captured, without padding.",
               why="no tshark field"),
        Column(f"{who}_body_missing", "i64", f"Bytes of the body of the {name} that were not captured, if known.",
               why="no tshark field"),
        Column(f"{who}_body_sha256", "text", f"SHA-256 of the captured bytes of the body of the {name}.",
               why="no tshark field", encoding="plain"),
        Column(f"{who}_complete", "bool", f"Whether the {name} was captured to its end, without gaps.",
               why="no tshark field"),
    )  # fmt: skip


HTTP2_STREAM = Table(
    "http2_stream",
    "One row for each HTTP/2 stream: a request and its response.",
    spec="RFC 9113, RFC 7541",
    context="stream",
    message=Message(
        "[{method} [{scheme}://][{authority}]{path}|response][ {status}][, {response_body_length} B]"
        "[ gRPC status {grpc_status}][ reset: {reset_code}][ by {user_agent}]",
        "web",
    ),
    columns=(
        Column("stream_id", "u32", "Number of the stream; odd if the client opened it.", wireshark="http2.streamid"),
        Column("pushed", "bool", "Whether the server sent the request (PUSH_PROMISE).", why=_OURS),
        Column("method", "word", ":method, such as GET.", wireshark="http2.headers.method"),
        Column("scheme", "word", ":scheme, such as https.", wireshark="http2.headers.scheme"),
        Column("authority", "text", ":authority: host, and port if there is one.", wireshark="http2.headers.authority"),
        Column("path", "text", ":path with query, as sent.", wireshark="http2.headers.path"),
        Column("protocol", "word", ":protocol of an extended CONNECT (RFC 8441), such as websocket.",
               why="tshark 4.0 has no field"),
        Column("user_agent", "text", "user-agent: software of the client.", wireshark="http2.headers.user_agent"),
        Column("referer", "text", "referer: page from which the request came.", wireshark="http2.headers.referer"),
        Column("origin", "text", "origin.", why="tshark 4.0 has no field"),
        Column("cookies", List(COOKIE), "Cookies of all cookie fields.", why="compared in its fields"),
        Column("request_content_type", "text", "content-type of the request.", why="compared in content_type"),
        Column("request_content_encoding", "word", "content-encoding of the request.",
               why="compared in content_encoding"),
        Column("authorization_scheme", "word", "Scheme of authorization, else of proxy-authorization, such as Bearer.",
               why="http2.headers.authorization contains the credentials"),
        Column("authorization_user", "text", "Name of the user in Basic or Digest credentials.",
               why="http2.headers.authorization contains the credentials"),
        Column("x_forwarded_for", "text", "x-forwarded-for: clients of proxies.", why="tshark 4.0 has no field"),
        *_body("request", "request"),
        Column("response_packet", "i64", "Packet with the first byte of the response; null without one.", why=_OURS),
        Column("response_ts", "ts", "Time of that packet, UTC, microseconds.", why=_OURS),
        Column("status", "u16", ":status: 2xx success, 3xx redirection, 4xx and 5xx failure.",
               wireshark="http2.headers.status"),
        Column("interim_statuses", List("u16"), "Statuses of interim responses (1xx), at most 16.", why=_OURS),
        Column("server", "text", "server: software of the server.", wireshark="http2.headers.server"),
        Column("location", "text", "location: target of a redirection.", wireshark="http2.headers.location"),
        Column("content_type", "text", "content-type of the response.", wireshark="http2.headers.content_type"),
        Column("content_encoding", "word", "content-encoding of the response, such as gzip.",
               wireshark="http2.headers.content_encoding"),
        Column("content_disposition", "text", "content-disposition of the response.",
               wireshark="http2.headers.content_disposition"),
        Column("set_cookie", List("text"), "set-cookie fields.", wireshark="http2.headers.set_cookie"),
        Column("www_authenticate", "text", "www-authenticate: challenge of the server.",
               wireshark="http2.headers.www_authenticate"),
        *_body("response", "response"),
        Column("reset_code", "word", "Error code of RST_STREAM in lower case, such as cancel; the number of others.",
               why="compared with a frame of its own"),
        Column("reset_by", "word", "Who sent RST_STREAM: client or server.", why=_OURS),
        Column("grpc_service", "text", "gRPC: service of the path; null for another content type.", why=_OURS),
        Column("grpc_method", "text", "gRPC: method of the path.", why=_OURS),
        Column("grpc_status", "u32", "gRPC: grpc-status; 0 is success.", why="tshark 4.0 has no field"),
        Column("grpc_message", "text", "gRPC: grpc-message, without percent-encoding.", why="tshark 4.0 has no field"),
        Column("grpc_request_messages", "i32", "gRPC: messages of the client.", why=_OURS),
        Column("grpc_response_messages", "i32", "gRPC: messages of the server.", why=_OURS),
        Column("anomalies", List("word"), f"What is unusual or forbidden: {', '.join(ANOMALIES)}.", why=_OURS),
    ),
)  # fmt: skip

_SETTING = Struct(
    (
        Column("name", "word", "Name in lower case, such as max_frame_size; the number of others."),
        Column("value", "u32", "Value."),
    )
)


def _spoken(who: str) -> tuple[Column, ...]:
    """What one side says of the connection."""
    return (
        Column(f"{who}_settings", List(_SETTING), f"First SETTINGS of the {who}, in wire order, at most 64."),
        Column(f"{who}_window_update", "u32", f"First WINDOW_UPDATE of the connection by the {who}, bytes."),
        Column(f"{who}_pings", "i32", f"PING frames of the {who}, without answers."),
        Column(f"{who}_goaway_code", "word", f"Error code of the last GOAWAY of the {who}, such as no_error."),
        Column(f"{who}_goaway_last_stream", "u32", "Last stream that it read, of the same frame."),
        Column(f"{who}_goaway_debug", "text", "Debug data of the same frame, at most 1,016 bytes."),
    )


HTTP2_CONNECTION = Table(
    "http2_connection",
    "One row for each HTTP/2 connection, of its client.",
    spec="RFC 9113",
    context="stream",
    why="tshark has frames of connections only",
    columns=(
        Column("has_preface", "bool", "Whether the preface of the client was captured."),
        *_spoken("client"),
        *_spoken("server"),
        Column("fingerprint", "text", "SETTINGS, first WINDOW_UPDATE, PRIORITY frames, order of pseudo-header fields "
               "of the client, as `1:65536;4:6291456|15663105|0|m,a,s,p`."),
        Column("streams", "i32", "Streams of the connection."),
        Column("anomalies", List("word"), "Anomalies of frames, as in http2_stream."),
    ),
)  # fmt: skip

GRPC_MESSAGE = Table(
    "grpc_message",
    "One row for each message of gRPC in an HTTP/2 stream.",
    spec="gRPC over HTTP2",
    context="stream",
    message=Message("gRPC message of {service}/{method}, {length} B", "web", default=False),
    columns=(
        Column("stream_id", "u32", "Number of the HTTP/2 stream.", why="in the layer around it"),
        Column("service", "text", "Service, of the path.", why="in the layer around it"),
        Column("method", "text", "Method, of the path.", why="in the layer around it"),
        Column("number", "i32", "Number of the message among those of its side, from 0.", why=_OURS),
        Column("compressed", "bool", "Whether the message is compressed (grpc-encoding).",
               wireshark="grpc.compressed_flag"),
        Column("length", "u32", "Bytes of the message.", wireshark="grpc.message_length"),
        Column("missing", "i64", "Bytes of the message that were not captured.", why=_OURS),
    ),
)  # fmt: skip
