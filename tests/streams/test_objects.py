"""Files compared with those that tshark exports: captures, what explains a difference, and what does not."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.streams.exported import Capture
from tests.streams.object_reasons import lacking, more
from tests.streams.objects import as_sent, compared, page
from tests.streams.rfc9112 import codings, heads, violation

NAMES = (
    "zeek/ftp__ipv6.pcap", "zeek/smtp.pcap", "tcpdump/tftp.pcap", "ndpi/default__pcap__tftp.pcap",
    "suricata-verify/http-evader__http-evader-009__input.pcap", "suricata-verify/http-gap-double__input.pcap",
)  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\n"
MESSAGE = {
    "flow": 1, "exchange": 0, "packet": 5, "anomalies": [], "fault": None, "content_encoding": None,
    "content_length": 4, "chunked": False, "body_sha256": sha256(b"body").hexdigest(),
}  # fmt: skip
FILE = {
    "flow": 1, "exchange": 0, "packet": 5, "source": "http_response", "complete": True, "coding": None,
    "decoded": None, "src_port": 80, "dst_port": 4000, "name": "a",
}  # fmt: skip
FLOW = {"flow": 1, "history": "ShADadFf", "service": ["http"], "orig_undecoded_bytes": 0, "resp_undecoded_bytes": 0}


def capture(end: bytes, content: bytes = b"body", *, undecoded: int = 0, **message: Any) -> Capture:
    """A capture with one stream: a response whose file has `content`, or none; without objects of tshark."""
    found = Capture()
    digest = sha256(content).hexdigest()
    found.tables = {
        "http_response": [MESSAGE | message],
        "connection": [FLOW | {"resp_undecoded_bytes": undecoded}],
    }
    found.contents = {digest: content}
    found.ours["http"] = {digest: FILE | {"sha256": digest}}
    # the cached properties that would run tshark
    found.__dict__ |= {"streams": {0: [b"", end]}, "numbers": {5: [0]}, "by_stream": {}, "payloads": []}
    for settings in (("-o", "tcp.reassemble_out_of_order:FALSE"), ("-d", "tcp.port==80,http")):
        found.other_settings[settings] = {"http": {}}
    return found


def why_lacking(found: Capture, data: bytes) -> str | None:
    found.__dict__["by_stream"] = {sha256(data).hexdigest(): {0}}
    return lacking(found, "http", data)


def why_more(found: Capture, **changed: Any) -> str | None:
    ((digest, row),) = found.ours["http"].items()
    return more(found, "http", row | changed | {"sha256": digest})


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_files_are_those_of_tshark(name: str, shared_captures: Path) -> None:
    outcomes, lines = compared(shared_captures / name)
    assert lines == []
    assert sum(outcomes.values()) > 1


PLAIN = HEAD + b"Content-Length: 4\r\n\r\nbody"


def test_differences_without_a_reason_are_listed() -> None:
    """An object behind a valid head, in a segment of its own or not, and a whole file that tshark lacks."""
    assert why_lacking(capture(PLAIN), b"body") is None
    assert why_lacking(capture(HEAD + b"\r\nbody", anomalies=["bare_lf"]), b"body") is None
    assert why_more(capture(PLAIN)) is None
    assert why_more(capture(PLAIN, content_encoding="gzip"), coding="gzip", decoded=True) is None


def test_the_page_has_every_outcome() -> None:
    total = Counter({"captures compared": 2, "http: equal": 3, "imf: equal": 0, "imf: tshark only, a reason": 1})
    total["http: netlake only, different lengths"] = 4
    lines = list(page(total, "4.0"))
    assert lines[-3:] == [
        "| http |  | equal | 3 |", "| http | netlake | different lengths | 4 |", "| imf | tshark | a reason | 1 |"
    ]  # fmt: skip
    assert "3 objects are equal." in lines
    assert "0 differences have no reason." in lines
    assert "1 differences have no reason." in list(page(Counter({"tftp: tshark only, different": 1}), "4.0"))


def test_mails_of_tshark_have_the_dots_of_transport() -> None:
    assert sha256(b"a\r\n.b\r\n").hexdigest() in as_sent(b"a\r\n..b")


FOLDED = HEAD + b"X: y\r\n z\r\nContent-Length: 4\r\n\r\nbody"


def test_a_violation_is_a_reason_if_netlake_says_so() -> None:
    why = "the stream violates RFC 9112: a folded line; netlake says so"
    assert why_lacking(capture(FOLDED, anomalies=["folded_line"]), b" z\r\nContent") == why
    assert why_lacking(capture(FOLDED), b" z\r\nContent") is None
    assert why_lacking(capture(FOLDED, undecoded=5), b" z\r\nContent") == why
    assert why_more(capture(FOLDED, anomalies=["folded_line"])) == why


def test_bytes_without_a_head() -> None:
    found = capture(b"rest of a body" + PLAIN)
    assert why_lacking(found, b"rest of a body") == "bytes of a stream before which no head of HTTP was captured"
    assert why_lacking(capture(PLAIN + b"more"), b"more") is None


def test_bytes_behind_a_response_without_a_body() -> None:
    end = b"HTTP/1.1 304 OK\r\nContent-Length: 4\r\n\r\nbody"
    assert "excludes a body" in str(why_lacking(capture(end, undecoded=4), b"body"))
    assert why_lacking(capture(end), b"body") is None
    assert why_lacking(capture(PLAIN, undecoded=4), b"body") is None


def test_content_codings() -> None:
    coded = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody"
    found = capture(coded, content_encoding="gzip")
    assert why_lacking(found, b"body") == "tshark does not remove the content coding"
    found.theirs["http"] = {sha256(b"body").hexdigest(): b"body"}
    assert why_more(found, coding="gzip", decoded=True) == "tshark does not remove the content coding"
    # as sent
    assert "as sent" in str(why_more(capture(coded), coding="gzip", decoded=False))
    assert why_more(capture(coded, b"other"), coding="gzip", decoded=True) is None
    several = HEAD + b"Content-Encoding: deflate\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody"
    assert "several content codings" in str(why_more(capture(several), coding="deflate", decoded=False))
    assert why_more(capture(several), coding="deflate", decoded=True) is None
    empty = HEAD + b"Content-Encoding: ,gzip\r\n\r\n" + gzip.compress(b"body")
    assert "empty elements" in str(why_more(capture(empty), coding=",gzip", decoded=True))
    assert why_more(capture(empty, b"other"), coding=",gzip", decoded=True) is None


def test_what_tshark_exports_with_other_settings() -> None:
    found = capture(PLAIN)
    ((digest, _),) = found.ours["http"].items()
    found.other_settings["-o", "tcp.reassemble_out_of_order:FALSE"] = {"http": {digest: b"body"}}
    assert why_more(found) == "tshark has it if it does not wait for bytes that are missing before it"
    found = capture(PLAIN)
    found.other_settings["-d", "tcp.port==80,http"] = {"http": {digest: b"body"}}
    assert why_more(found) == "tshark has it if it dissects the port as HTTP"


VIOLATIONS = {
    PLAIN: None,
    PLAIN + PLAIN: None,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nX: y\r\n\r\n" + PLAIN: None,
    b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.0\r\n\r\n": None,
    b"HTTP/1.1 304 OK\r\nContent-Length: 4\r\n\r\n" + PLAIN: None,
    HEAD + b"\r\nuntil the end HTTP/9": None,
    PLAIN[:-2]: None,
    b"SSH-2.0-x\r\n": None,
    b"HTTP/2.0 200 OK\r\n\r\n": "no start line",
    b"HTTP/1.1 2xx OK\r\n\r\n": "no start line",
    b"HTTP/1.1\t200 OK\r\n\r\n": "no start line",
    PLAIN + b"HTTP/1.10 200 OK\r\n\r\n": "no start line",
    b"HTTP/1.1 200 OK\nX: y\r\n\r\n": "a line that ends with LF alone",
    HEAD + b"X: y\n\n": "a line that ends with LF alone",
    HEAD + b"X: a\rb\r\n\r\n": "CR within a line",
    FOLDED: "a folded line",
    HEAD + b"X: \0\r\n\r\n": "a control character",
    HEAD + b"X\r\n\r\n": "a line without a colon",
    HEAD + b"X : y\r\n\r\n": "no token before a colon",
    HEAD + b"Content-Length: x\r\n\r\n": "a length that is no number",
    HEAD + b"Content-Length: 4, 5\r\n\r\nbody": "different lengths",
    HEAD + b"Transfer-Encoding: x\r\n\r\n": "a transfer coding other than chunked",
    HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n": "a length and a transfer coding",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n": "no chunk where one should be",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\nbody\r\n0\r\n\r\n": "no chunk where one should be",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nbody\r\n0\r\n\r\n": "no chunk where one should be",
    # it cannot be known
    b"HTTP/2.0 200 OK\r\n\r\n[5 bytes missing in capture file]": None,
}


@pytest.mark.parametrize(("end", "expected"), VIOLATIONS.items())
def test_first_violation(end: bytes, expected: str | None) -> None:
    assert violation(end) == expected


def test_heads_and_their_codings() -> None:
    end = HEAD + b"content-encoding: a ,, b\r\nContent-Encoding:c\r\nContent-Length: 4\r\n\r\nbody" + PLAIN
    first, second = heads(end)
    assert (codings(first), codings(second)) == ([b"a", b"b", b"c"], [])
