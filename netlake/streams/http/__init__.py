"""HTTP/1.0 and 1.1, and requests of 0.9, in TCP streams (RFC 9110, RFC 9112).

Decided here:
- Requests and responses are rows of two tables, each with its own packet and time; nothing waits for an answer. The
  view `http` joins them on (capture, flow, exchange). A row is written when the body of its message is over, or the
  stream is; `packet` is the one with the first byte, `last_packet` the one that completed the message.
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
- A stream is HTTP if its first line is a start line with a version, or `GET /PATH` alone (HTTP/0.9).
"""

from __future__ import annotations

import re

from netlake.layers.streamed import NO, UNSURE, YES, Stream, Verdict
from netlake.streams.http.tables import REQUEST, RESPONSE
from netlake.streams.http.walker import Http

TABLES = (REQUEST, RESPONSE)

# a request line, with its version or cut before it, and a status line
_REQUEST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} [!-~\x80-\xff][^\r\n]* HTTP/[01]\.[0-9][ \t]*\r?\n")
_OPEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} [!-~\x80-\xff][^\r\n]*\r?")
_SIMPLE = re.compile(rb"GET /[^\s]*\r?\n")
_RESPONSE = re.compile(rb"HTTP/[01]\.[0-9] +[0-9]{3}[ \r\n]")
# methods of IANA's registry whose request line may be longer than what a probe sees
_METHODS = (
    b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"TRACE ", b"PATCH ", b"PROPFIND ",
    b"PROPPATCH ", b"MKCOL ", b"COPY ", b"MOVE ", b"LOCK ", b"UNLOCK ", b"SEARCH ", b"REPORT ",
)  # fmt: skip
_LONGEST = 64


def probe_stream(data: bytes, _from_originator: bool) -> Verdict:  # noqa: FBT001 - the contract of Stream.probe
    """Whether the first bytes of a stream, at most 64, are those of HTTP/1."""
    begin = data.lstrip(b"\r\n")
    if not begin or b"HTTP/1.".startswith(begin[:7]) or b"HTTP/0.".startswith(begin[:7]):
        if _RESPONSE.match(begin):
            return YES
        return UNSURE if len(begin) < 13 and b"\n" not in begin else NO
    if _REQUEST.match(begin) or _SIMPLE.match(begin):
        return YES
    if b"\n" in begin:
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
        ports=(80, 8080, 8000, 8008, 8888, 3128, 5985, 591),
        walker=Http,
    ),
)
