"""The tables of HTTP/1."""

from __future__ import annotations

from netlake.schema import Column, List, Message, Struct, Table
from netlake.streams.http.anomalies import ANOMALIES

HEADER = Struct(
    (
        Column("name", "word", "Header name, as sent.", why="http.request.line is one text"),
        Column("value", "text", "Header value, on one line; of Authorization the scheme.",
               why="http.request.line is one text"),
    )
)  # fmt: skip
COOKIE = Struct(
    (
        Column("name", "word", "Name of the cookie.", why="http.cookie_pair is one text"),
        Column("value", "text", "Value of the cookie, as sent; null without an equals sign.",
               why="http.cookie_pair is one text"),
    )
)  # fmt: skip
PARAMETER = Struct(
    (
        Column("name", "word", "Name, without percent-encoding.", why="the tshark field is one text, as sent"),
        Column("value", "text", "Value, without percent-encoding; null without an equals sign.",
               why="the tshark field is one text, as sent"),
    )
)  # fmt: skip

_CONTENT_TYPE = Column("content_type", "text", "Content-Type: media type of the body.", wireshark="http.content_type")
_CONTENT_ENCODING = Column(
    "content_encoding", "word", "Content-Encoding: coding of the body, such as gzip.", wireshark="http.content_encoding"
)
_BODY = (
    Column("headers", List(HEADER), "Headers in wire order.", why="compared in the typed columns"),
    Column("content_length", "i64", "Content-Length, bytes; null without one that is a number.",
           wireshark="http.content_length_header"),
    Column("transfer_encoding", "word", "Transfer-Encoding header, as sent.", wireshark="http.transfer_encoding"),
    Column("chunked", "bool", "Whether the body is in chunked coding.", why="compared in transfer_encoding"),
    Column("body_length", "i64", "Bytes of the body that were captured, without chunked coding; 0 without a body.",
           why="tshark has the length of decoded data"),
    Column("body_missing", "i64", "Bytes of the body that were not captured, as far as its length is known.",
           why="no tshark field"),
    Column("body_sha256", "text", "SHA-256 of the captured bytes of the body, 64 hexadecimal digits; null without any.",
           why="no tshark field", encoding="plain"),
    Column("complete", "bool", "Whether the message was captured to its end, without gaps.", why="no tshark field"),
    Column("anomalies", List("word"), f"What is unusual or forbidden: {', '.join(ANOMALIES)}.", why="our own"),
)  # fmt: skip
_EXCHANGE = Column(
    "exchange", "i32", "Number of request and response in the flow, from 0; 1xx responses have that of the next one.",
    why="our own",
)  # fmt: skip

REQUEST = Table(
    "http_request",
    "One row for each HTTP/1 request.",
    spec="RFC 9112",
    context="stream",
    message=Message("{method} [{host}]{uri}[ from {referer}][ by {user_agent}][ as {authorization_user}]", "web"),
    columns=(
        _EXCHANGE,
        Column("method", "word", "Method, such as GET.", wireshark="http.request.method"),
        Column("uri", "text", "Request target, as sent.", wireshark="http.request.uri"),
        Column("version", "word", "HTTP version, such as HTTP/1.1; null for HTTP/0.9.",
               wireshark="http.request.version"),
        Column("host", "text", "Host header.", wireshark="http.host"),
        Column("user_agent", "text", "User-Agent header: software of the client.", wireshark="http.user_agent"),
        Column("referer", "text", "Referer header: page from which the request came.", wireshark="http.referer"),
        Column("origin", "text", "Origin header.", why="tshark has it in http.request.line only"),
        Column("cookies", List(COOKIE), "Cookies of all Cookie headers.", why="compared in its fields"),
        _CONTENT_TYPE,
        _CONTENT_ENCODING,
        Column("authorization_scheme", "word", "Scheme of Authorization, else of Proxy-Authorization, such as Basic.",
               why="http.authorization contains the credentials"),
        Column("authorization_user", "text", "Name of the user in Basic or Digest credentials.",
               why="http.authbasic contains the password"),
        Column("x_forwarded_for", "text", "X-Forwarded-For header: clients of proxies.",
               wireshark="http.x_forwarded_for"),
        Column("upgrade", "word", "Upgrade header: protocols that the client offers.", wireshark="http.upgrade"),
        Column("parameters", List(PARAMETER), "Parameters in the query of the URI.", why="compared in uri"),
        Column("form_parameters", List(PARAMETER),
               "Parameters in the first 65,536 bytes of a form (application/x-www-form-urlencoded), as decoded.",
               why="tshark has them in another protocol"),
        *_BODY,
    ),
)  # fmt: skip

RESPONSE = Table(
    "http_response",
    "One row for each HTTP/1 response.",
    spec="RFC 9112",
    context="stream",
    message=Message("{status}[ {reason}][ {content_type}][, {body_length} B][ -> {location}][ by {server}]", "web"),
    columns=(
        _EXCHANGE,
        Column("version", "word", "HTTP version, such as HTTP/1.1.", wireshark="http.response.version"),
        Column("status", "u16", "Status code: 1xx interim, 2xx success, 3xx redirection, 4xx and 5xx failure.",
               wireshark="http.response.code"),
        Column("reason", "text", "Reason phrase.", wireshark="http.response.phrase"),
        Column("server", "text", "Server header: software of the server.", wireshark="http.server"),
        Column("location", "text", "Location header: target of a redirection.", wireshark="http.location"),
        _CONTENT_TYPE,
        _CONTENT_ENCODING,
        Column("content_disposition", "text", "Content-Disposition header: how to show the body, and its file name.",
               why="tshark has it in http.response.line only"),
        Column("set_cookie", List("text"), "Set-Cookie headers.", wireshark="http.set_cookie"),
        Column("www_authenticate", "text", "WWW-Authenticate header: challenge of the server.",
               wireshark="http.www_authenticate"),
        Column("upgrade", "word", "Upgrade header: protocol to which the stream changes.", wireshark="http.upgrade"),
        *_BODY,
    ),
)  # fmt: skip
