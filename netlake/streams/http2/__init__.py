"""HTTP/2 (RFC 9113) in streams, in cleartext or decrypted, and gRPC in it.

Decided here:
- A row of `http2_stream` is a stream of HTTP/2: a request and its response, with the packet of its first byte. It is
  written when both are over, or one side resets the stream; what a side still sends then is not read.
- A row of `http2_connection` has what both sides say of the connection: settings, pings, GOAWAY.
- The first bytes say who is the client: it sends the preface (section 3.4). After an upgrade from HTTP/1 (101), stream
  1 has no request; that is in `http_request`.
- Header blocks depend on all earlier ones of their side (netlake.streams.http2.fields). Behind a gap fields that refer
  to missing ones are left out: `unknown_fields`, fault `cut`.
- Violations are kept: `anomalies`, of streams and of connections, and a fault where a part of the row is not known. An
  endpoint would end the connection; frames are read as long as their lengths say where they are.
- Of header blocks 64 KiB are read, of a list of fields 64 KiB as the RFC counts; 1,024 streams are open at once, with
  64 KiB of fields. The oldest one beyond that is written early, with the fault `too_large`.
- Bodies get hashes and rows of `file`, whose `exchange` is the number of the stream.
- Credentials are stored as those of HTTP/1 are (netlake.streams.http).
- Flow control and priorities of streams are not checked.
"""

from __future__ import annotations

from netlake.layers.streamed import Stream
from netlake.streams.http2.declared import GRPC_MESSAGE, HTTP2_CONNECTION, HTTP2_STREAM
from netlake.streams.http2.machine import Http2Machine
from netlake.streams.http2.sides import first_look

TABLES = (HTTP2_STREAM, HTTP2_CONNECTION, GRPC_MESSAGE)
STREAMS = (
    Stream(
        name="http2",
        probe=first_look,
        tables=("http2_stream", "http2_connection", "grpc_message", "file"),
        starts=(b"PRI ", b"\0\0?\x04"),
        tokens=("h2c", "h2"),
        machine=Http2Machine,
    ),
)
