"""HTTP/3 (RFC 9114) in QUIC connections that are decrypted (netlake.streams.quic).

Decided here:
- A row of `http3_stream` is a request and its response, with the packet of its first byte. It is written when both
  directions of its stream are over. A row of `http3_connection` has settings, GOAWAY and the close of a connection.
- A connection is of HTTP/3 if the server selected it by ALPN, or, if that is not known, the client offered it.
- Header blocks are read as those of HTTP/2 are (netlake.streams.http2); they wait for the instructions of QPACK
  that they need (netlake.streams.http3.fields).
- Bodies get hashes and rows of `file`, whose `exchange` is the number of the stream. Messages of gRPC have rows.
- Violations are kept: `anomalies`, and a fault where a part of the row is not known. Frames are read as long as their
  lengths say where they are.
- Server push is not read, nor are streams and datagrams of WebTransport and of other protocols over HTTP/3.
"""

from __future__ import annotations

from netlake.layers.datagrams import Datagrams
from netlake.layers.key_log import Secrets
from netlake.streams.http3.declared import HTTP3_CONNECTION, HTTP3_STREAM
from netlake.streams.http3.machine import Http3Machine
from netlake.streams.quic.talks import Talks

TABLES = (HTTP3_STREAM, HTTP3_CONNECTION)
# names of HTTP/3 in ALPN, and those of its drafts
ALPN, DRAFTS = "h3", "h3-"


def _chosen(protocols: tuple[str, ...], client: int) -> Http3Machine | None:
    """What reads the streams of a connection that has one of `protocols`."""
    return Http3Machine(client) if any(one == ALPN or one.startswith(DRAFTS) for one in protocols) else None


def _talks(secrets: Secrets) -> Talks:
    return Talks(secrets, _chosen)


IN_DATAGRAMS = (
    Datagrams("quic", ("http3_stream", "http3_connection", "grpc_message", "file", "x509"), decrypts=_talks),
)
