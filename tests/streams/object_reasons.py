"""Why an object is only in the results of tshark, or only in those of netlake: conditions, each checked for the object.

LACKING is for objects of tshark, MORE for files of netlake. The first condition that is true names the reason. What is
said of HTTP messages is checked in the bytes of the stream as tshark follows it, by a strict parser that shares nothing
with netlake's (tests.streams.rfc9112).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from tests.streams.exported import BEGIN, MESSAGES, Capture
from tests.streams.follow import tshark
from tests.streams.rfc9112 import LOST, codings, heads, violation

# a reason that begins with these words says which violation
VIOLATED = "the stream violates RFC 9112"
PATIENCE = "tcp.reassemble_out_of_order:FALSE"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

Lacks = Callable[[Capture, str, bytes], "str | None"]
More = Callable[[Capture, str, dict[str, Any]], "str | None"]


def lacking(found: Capture, kind: str, data: bytes) -> str | None:
    """Why netlake does not have an object of tshark; None without a reason."""
    return next((why for test in LACKING[kind] if (why := test(found, kind, data))), None)


def more(found: Capture, kind: str, row: dict[str, Any]) -> str | None:
    """Why tshark does not have a file of netlake; None without a reason."""
    return next((why for test in MORE[kind] if (why := test(found, kind, row))), None)


def _undecoded(found: Capture, _: str, data: bytes) -> str | None:
    row = found.bodies.get(sha256(data).hexdigest())
    return "tshark does not remove the content coding" if row and codings_of(found, row) else None


def _partial(found: Capture, kind: str, data: bytes) -> str | None:
    same = (one for one in found.incomplete(kind) if len(one) >= min(BEGIN, len(data)))
    if any(data.startswith(one[:BEGIN]) or one.startswith(data[:BEGIN]) for one in same):
        return "netlake has it, and says that bytes are missing"
    return None


def _headless(found: Capture, _: str, data: bytes) -> str | None:
    """Every stream of the object has its first bytes, and no start line of HTTP before them."""
    ends = found.ends_with(data)
    places = [(end, end.find(data[:BEGIN])) for end in ends]
    known = [(end, at) for end, at in places if at >= 0]
    if known and not any(re.search(rb"HTTP/[0-9]", end[:at]) for end, at in known):
        return "bytes of a stream before which no head of HTTP was captured"
    return None


def _bodiless(found: Capture, _: str, data: bytes) -> str | None:
    """The bytes follow the head of a response that has no body, and netlake counts them as undecoded."""
    for end in found.ends_with(data):
        at = end.find(data)
        first = re.match(rb"HTTP/1\.[01] (1[0-9][0-9]|204|304) ", end)
        if first and at > 0 and end.find(b"\r\n\r\n") + 4 == at and undecoded(found, len(data)):
            return "bytes behind a response whose status excludes a body (RFC 9112 section 6.3)"
    return None


def _violated(found: Capture, _: str, data: bytes) -> str | None:
    words = [word for end in found.ends_with(data) if (word := violation(end))]
    marked = any(row["anomalies"] or row["fault"] for row in found.rows(*MESSAGES)) or undecoded(found, 1)
    return f"{VIOLATED}: {words[0]}; netlake says so" if words and marked else None


def _several_codings(found: Capture, _: str, data: bytes) -> str | None:
    ends = found.ends_with(data)
    several = any(len(codings(head)) > 1 for end in ends for head in heads(end))
    left = any(row["decoded"] is False for row in found.ours["http"].values())
    return "several content codings: tshark removes one, netlake none, and says so" if several and left else None


def _preface(found: Capture, _: str, data: bytes) -> str | None:
    h2 = any("http2" in row["service"] for row in found.rows("connection"))
    return "the preface of HTTP/2, which netlake reads as such" if h2 and data == PREFACE else None


def _repeats(_: Capture, __: str, data: bytes) -> str | None:
    return "tshark repeats the beginning of the mail within it" if repeats(data) else None


def _command(_: Capture, __: str, data: bytes) -> str | None:
    return "tshark takes commands behind a refused DATA for a mail" if is_command(data) else None


def _inner(found: Capture, _: str, data: bytes) -> str | None:
    has_messages = any(part["content_type"] == "message/rfc822" for row in found.rows("mail") for part in row["parts"])
    if has_messages and data.rstrip() in found.raw:
        return "a message within a mail, which tshark exports again"
    return None


def _in_http(found: Capture, _: str, data: bytes) -> str | None:
    files = [found.content(digest) for digest in found.ours["http"]]
    if any(data == one or (len(data) >= BEGIN and data in one) for one in files):
        return "a mail in a body of HTTP, which netlake has as a file"
    return None


LACKING: dict[str, tuple[Lacks, ...]] = {
    "http": (_undecoded, _partial, _bodiless, _headless, _violated, _several_codings, _preface),
    "imf": (_partial, _in_http, _repeats, _command, _inner),
    "ftp-data": (_partial,),
    "tftp": (_partial,),
}


def _incomplete(_: Capture, __: str, row: dict[str, Any]) -> str | None:
    return "not complete" if not row["complete"] else None


def _coded(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    whole = [
        body
        for body, message in found.bodies.items()
        if (message["flow"], message["exchange"]) == (row["flow"], row["exchange"]) and body in found.theirs["http"]
    ]
    return "tshark does not remove the content coding" if row["coding"] and whole else None


def _violated_row(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    words = [word for end in found.ends_of(row) if (word := violation(end))]
    same = (one for one in found.rows(row["source"]) if one["flow"] == row["flow"])
    marked = any(one["anomalies"] or one["fault"] for one in same)
    if not words:
        return None
    return f"{VIOLATED}: {words[0]}; netlake says so" if marked else f"{VIOLATED}: {words[0]}"


def _several_codings_row(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    several = any(len(codings(head)) > 1 for end in found.ends_of(row) for head in heads(end))
    if several and row["decoded"] is False:
        return "several content codings: tshark removes one, netlake none, and says so"
    return None


def _as_sent(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    """The content is the body as transferred, `decoded` is false, and tshark exports nothing of the stream."""
    streams = found.numbers.get(row["packet"], ())
    exports = any(number in of for of in found.by_stream.values() for number in streams)
    if row["decoded"] is False and row["sha256"] in found.bodies and not exports:
        return "a coding that is unknown or not that of the body: netlake has it as sent, tshark exports nothing"
    return None


def _decoded(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    """Python's gzip decodes the body to the content, and tshark exports nothing of the capture with that hash."""
    bodies = (end[end.find(b"\r\n\r\n") + 4 :] for end in found.ends_of(row))
    zipped = [body for body in bodies if body.startswith(b"\x1f\x8b")]
    if row["decoded"] and any(gzip.decompress(body) == found.content(row["sha256"]) for body in zipped):
        return "a list of codings with empty elements (RFC 9110 section 5.6.1), which tshark does not know"
    return None


def _behind_gap(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    """Netlake says that it begins behind a gap; tshark's stream has one, and then the content."""
    message = next((one for one in found.rows("http_response") if is_same_exchange(one, row)), None)
    content = found.content(row["sha256"])
    behind = any(content in end[end.find(LOST) :] for end in found.ends_of(row) if LOST in end)
    if message is not None and "after_gap" in message["anomalies"] and behind:
        return "behind missing bytes, where netlake begins anew"
    return None


def _impatient(found: Capture, kind: str, row: dict[str, Any]) -> str | None:
    if row["sha256"] in found.again("-o", PATIENCE)[kind]:
        return "tshark has it if it does not wait for bytes that are missing before it"
    return None


def _other_port(found: Capture, kind: str, row: dict[str, Any]) -> str | None:
    port = row["src_port"] if row["source"] == "http_response" else row["dst_port"]
    if row["sha256"] in found.again("-d", f"tcp.port=={port},http")[kind]:
        return "tshark has it if it dissects the port as HTTP"
    return None


def _no_end(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    """The body ends with the connection, whose sender sent no FIN."""
    message = next((one for one in found.rows("http_response") if is_same_exchange(one, row)), None)
    flow = found.connections.get(row["flow"])
    if message is None or flow is None or message["content_length"] is not None or message["chunked"]:
        return None
    if "f" not in flow["history"] and found.content(row["sha256"]) in b"".join(found.ends_of(row)):
        return "a body until the end of a connection without FIN of its sender, which tshark does not export"
    return None


def _not_a_form(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    message = next((one for one in found.rows("http_request") if is_same_exchange(one, row)), None)
    if row["source"] == "http_request" and message is not None and row["packet"] not in shown(found):
        return "a request that tshark does not show as HTTP"
    return None


def _listing(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    command = found.commands.get((row["source_flow"], row["exchange"]))
    return "tshark exports files of RETR and STOR only" if command not in ("RETR", "STOR", None) else None


def _behind_other(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    if behind_passive(found, row) not in ("RETR", "STOR", None):
        return "tshark takes the command behind PASV or EPSV for that of the file, here another one"
    return None


def _mails_with_commands(found: Capture, _: str, __: dict[str, Any]) -> str | None:
    wrong = any(map(is_command, found.theirs["imf"].values()))
    return "tshark takes commands behind a refused DATA for a mail" if wrong else None


def _with_bdat(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    return "tshark exports no mail of a connection with BDAT" if row["flow"] in found.chunked else None


def _tunnelled(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    several = len(found.connections.get(row["flow"], {}).get("service", ())) > 1
    return "tshark exports no mail behind CONNECT" if several else None


def _repeated(found: Capture, _: str, row: dict[str, Any]) -> str | None:
    if row["complete"] and any(map(repeats, found.theirs["imf"].values())):
        return "tshark repeats the beginning of the mail within it"
    return None


MORE: dict[str, tuple[More, ...]] = {
    "http": (
        _incomplete,
        _coded,
        _violated_row,
        _several_codings_row,
        _as_sent,
        _decoded,
        _no_end,
        _behind_gap,
        _impatient,
        _other_port,
        _not_a_form,
    ),
    "imf": (_incomplete, _mails_with_commands, _with_bdat, _tunnelled, _repeated),
    "ftp-data": (_incomplete, _listing, _behind_other),
    "tftp": (_incomplete,),
}


def codings_of(found: Capture, message: dict[str, Any]) -> bool:
    """Whether the head of a message names a content coding."""
    del found
    return message["content_encoding"] is not None


def undecoded(found: Capture, size: int) -> bool:
    """Whether netlake counts so many bytes of a direction as undecoded."""
    counts = (row[f"{who}_undecoded_bytes"] or 0 for row in found.rows("connection") for who in ("orig", "resp"))
    return any(count >= size for count in counts)


def is_same_exchange(message: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a message of HTTP is that of a file."""
    return (message["flow"], message["exchange"]) == (row["flow"], row["exchange"])


def shown(found: Capture) -> set[int]:
    """The packets that tshark shows as HTTP."""
    text = tshark(found.path, "-Y", "http", "-T", "fields", "-e", "frame.number")
    return {int(one) for one in text.split()}


def behind_passive(found: Capture, row: dict[str, Any]) -> str | None:
    """The command behind the last PASV or EPSV before that of a file; None without one."""
    flow, exchange = row["source_flow"], row["exchange"] or 0
    for number in range(exchange - 1, -1, -1):
        if found.commands.get((flow, number)) in ("PASV", "EPSV"):
            return found.commands.get((flow, number + 1))
    return None


def is_command(data: bytes) -> bool:
    """Whether bytes begin with a command of SMTP."""
    return data.startswith((b"RSET\r\n", b"MAIL FROM:", b"QUIT\r\n"))


def repeats(data: bytes) -> bool:
    """Whether the first header line of a mail is in it several times, with the whole of the next one."""
    begin = b"\n".join(data.split(b"\n")[:2])
    return len(begin) > 20 and data.count(begin) > 1
