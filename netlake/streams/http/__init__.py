"""HTTP/1.0 and 1.1, and requests of 0.9, in TCP streams (RFC 9110, RFC 9112).

Decided here:
- Requests and responses are rows of two tables, each with its own packet and time; nothing waits for an answer. The
  view `http` joins them on (capture, flow, exchange), and has the streams of HTTP/2 and HTTP/3 too. A row is written
  when the body of its message is over, or the stream is; `packet` is the one with the first byte, `last_packet` the one
  that completed the message.
- Of a header with a column the first one counts; `headers` has all, in order, as sent but for folded lines, which are
  one line. A text that is not UTF-8 is escaped (netlake.layers.spans).
- Credentials are not stored: `headers` has the value of Authorization and Proxy-Authorization up to the scheme;
  `authorization_user` is the name of the user in Basic and Digest, as Zeek logs it. Cookies are stored.
- Malformed messages are read as far as they can be; `anomalies` says what is wrong. Those that can make two readers see
  other messages (request smuggling) are `length_and_chunked`, `repeated_length`, `different_lengths`, `bad_length`,
  `bad_coding`, `folded_line`, `bare_lf`, `bare_cr`, `space_before_colon`, `nul_byte` and `bad_chunk`. Chunked coding
  is stronger than a length (RFC 9112 section 6.3), and of several lengths the first counts.
- `body_sha256` is of the body as transferred, without chunked coding; of a body that is not complete, of the bytes that
  were captured. `file` has the hash of the content.
- A stream is HTTP if it begins with a status line, or with a request line of a known method with a version, or with
  `GET /PATH` alone (HTTP/0.9). Later requests can have any method.
"""

from __future__ import annotations

import re

from netlake.layers.streamed import NO, UNSURE, YES, Stream, Verdict
from netlake.schema.views import View
from netlake.streams.http.tables import REQUEST, RESPONSE
from netlake.streams.http.walker import Http

TABLES = (REQUEST, RESPONSE)

# a request line, with its version or cut before it, and a status line
_REQUEST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} [!-~\x80-\xff][^\r\n]* HTTP/[01]\.[0-9][ \t]*\r?\n")
_OPEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} [!-~\x80-\xff][^\r\n]*\r?")
_SIMPLE = re.compile(rb"GET /[^\s]*\r?\n")
_RESPONSE = re.compile(rb"HTTP/[01]\.[0-9] +[0-9]{3}[ \r\n]")
# request lines of RTSP and SIP, which have the same form
_OTHERS = re.compile(rb"[A-Z_]+ (?:rtspu?|sips?|tel):", re.IGNORECASE)
# methods: those of IANA's registry that are used, and of WebDAV, UPnP and RPC over HTTP
METHODS = (
    b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"PROPFIND", b"PROPPATCH",
    b"MKCOL", b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"SEARCH", b"REPORT", b"MERGE", b"CHECKOUT", b"MKACTIVITY",
    b"BITS_POST", b"RPC_IN_DATA", b"RPC_OUT_DATA", b"CCM_POST", b"SUBSCRIBE", b"UNSUBSCRIBE", b"NOTIFY", b"M-SEARCH",
    b"TRACK", b"DEBUG", b"SOURCE",
)  # fmt: skip
_METHODS = tuple(method + b" " for method in METHODS)
STARTS = (b"HTTP/", b"\r\n", *_METHODS)
_LONGEST = 64


def probe_stream(data: bytes, _side: int) -> Verdict:
    """Whether the first bytes of a stream, at most 64, are those of HTTP/1."""
    begin = data.lstrip(b"\r\n")
    if not begin or b"HTTP/1.".startswith(begin[:7]) or b"HTTP/0.".startswith(begin[:7]):
        if _RESPONSE.match(begin):
            return YES
        return UNSURE if len(begin) < 13 and b"\n" not in begin else NO
    if _REQUEST.match(begin) or _SIMPLE.match(begin):
        return YES
    if b"\n" in begin or _OTHERS.match(begin):
        return NO
    if begin.startswith(_METHODS) and _OPEN.fullmatch(begin) and len(data) >= _LONGEST:
        return YES
    is_open = _OPEN.fullmatch(begin) or re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} ?", begin)
    return UNSURE if is_open and len(data) < _LONGEST else NO


STREAMS = (
    Stream(
        "http",
        probe_stream,
        tables=("http_request", "http_response", "file"),
        starts=STARTS,
        anywhere=True,
        tokens=("http/1.1", "http/1.0"),
        ports=(80, 8080, 8000, 8008, 8888, 3128, 5985, 591),
        walker=Http,
    ),
)

VIEWS = (
    View(
        "http",
        "One row for each exchange of HTTP/1, HTTP/2 or HTTP/3: a request, its final response, or both.",
        tables=("http_request", "http_response", "http2_stream", "http3_stream"),
        columns={
            "request_packet": "Packet in which the request begins; null without a request.",
            "response_packet": "Packet in which the final response begins; null without a response.",
            "response_ts": "Time of the packet in which the final response begins, UTC.",
            "response_delay": "Seconds from the begin of the request to that of the final response.",
            "client_ip": "Address of the client.",
            "client_port": "Port of the client.",
            "server_ip": "Address of the server.",
            "server_port": "Port of the server.",
            "response_version": "Version in the status line; null for HTTP/2 and HTTP/3.",
            "content_type": "Content type of the response.",
            "content_encoding": "Content coding of the response.",
            "decrypted": "Whether it was encrypted, and decrypted with a secret of a key log.",
            "request_anomalies": "What is unusual or forbidden in the request.",
            "response_anomalies": "What is unusual or forbidden in the response.",
        },
        query="""
SELECT coalesce(q.day, a.day) AS day, coalesce(q.ts, a.ts) AS ts, coalesce(q.capture, a.capture) AS capture,
  coalesce(q.flow, a.flow) AS flow, coalesce(q.exchange, a.exchange) AS exchange,
  q.packet AS request_packet, a.packet AS response_packet, a.ts AS response_ts,
  epoch(a.ts - q.ts) AS response_delay,
  coalesce(q.src_ip, a.dst_ip) AS client_ip, coalesce(q.src_port, a.dst_port) AS client_port,
  coalesce(q.dst_ip, a.src_ip) AS server_ip, coalesce(q.dst_port, a.src_port) AS server_port,
  q.method, q.host, q.uri, q.version, q.user_agent, q.referer, q.authorization_scheme, q.authorization_user,
  a.version AS response_version, a.status, a.reason, a.server, a.location, a.content_type, a.content_encoding,
  q.content_type AS request_content_type,
  q.body_length AS request_body_length, a.body_length AS response_body_length,
  q.body_sha256 AS request_body_sha256, a.body_sha256 AS response_body_sha256,
  q.complete AS request_complete, a.complete AS response_complete,
  q.headers AS request_headers, a.headers AS response_headers,
  q.anomalies AS request_anomalies, a.anomalies AS response_anomalies, coalesce(q.decrypted, a.decrypted) AS decrypted
FROM http_request q
FULL JOIN (SELECT * FROM http_response WHERE status >= 200 OR status = 101) a
  ON q.capture = a.capture AND q.flow = a.flow AND q.exchange = a.exchange
UNION ALL BY NAME
SELECT day, ts, capture, flow, TRY_CAST(stream_id AS INTEGER) AS exchange,
  CASE WHEN request_headers <> [] OR method IS NOT NULL THEN packet END AS request_packet, response_packet, response_ts,
  epoch(response_ts - ts) AS response_delay,
  CASE WHEN of_server THEN dst_ip ELSE src_ip END AS client_ip,
  CASE WHEN of_server THEN dst_port ELSE src_port END AS client_port,
  CASE WHEN of_server THEN src_ip ELSE dst_ip END AS server_ip,
  CASE WHEN of_server THEN src_port ELSE dst_port END AS server_port,
  method, authority AS host, path AS uri, version, user_agent, referer, authorization_scheme,
  authorization_user, status, server, location, content_type, content_encoding, request_content_type,
  request_body_length, response_body_length, request_body_sha256, response_body_sha256,
  request_complete, response_complete, request_headers, response_headers, anomalies AS request_anomalies, decrypted
FROM (
  SELECT *, 'HTTP/2' AS version, pushed OR (request_body_length IS NULL AND response_packet = packet) AS of_server
  FROM http2_stream
  UNION ALL BY NAME
  SELECT *, 'HTTP/3' AS version, (request_body_length IS NULL AND response_packet = packet) AS of_server
  FROM http3_stream
)
""",
    ),
)
