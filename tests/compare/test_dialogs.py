"""Dialogs: which of tshark's messages are joined, and in which frame they are then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compare import differences, layers
from tests.compare.builders import Given, place
from tests.compare.dialogs import Dialogs, address
from tests.compare.tally import Tally
from tests.compare.tshark import Frame, Layer, Reader

Shown = dict[str, list[str]]


def frames(*messages: tuple[str, Shown]) -> list[Frame]:
    """One frame for each message: its layer and fields; the ports are those of a client for odd frames."""
    made = []
    for number, (name, shown) in enumerate(messages, 1):
        ports = ("40000", "21") if number % 2 else ("21", "40000")
        tcp = {"tcp.srcport": [(ports[0], "")], "tcp.dstport": [(ports[1], "")], "tcp.stream": [("0", "")]}
        fields = {key: [(one, one.encode().hex()) for one in of] for key, of in shown.items()}
        made.append(Frame(number, [Layer("tcp", False, tcp), Layer(name, False, fields, at=1)], {"tcp", name}))
    return made


def command(line: str) -> tuple[str, Shown]:
    return "ftp", {"ftp.line": [line + "\r\n"], "ftp.request.command": [line.partition(" ")[0]]}


def reply(*lines: str) -> tuple[str, Shown]:
    return "ftp", {"ftp.line": [line + "\r\n" for line in lines]}


def said(line: str) -> tuple[str, Shown]:
    name, _, parameter = line.partition(" ")
    return "smtp.command_line", {"smtp.req.command": [name], "smtp.req.parameter": [parameter] if parameter else []}


def answered(code: str, *texts: str) -> tuple[str, Shown]:
    return "smtp.response", {"smtp.response.code": [code], "smtp.rsp.parameter": list(texts)}


def joined(*messages: tuple[str, Shown]) -> list[tuple[int, Shown]]:
    """The frames and fields of what is joined, then those of what did not end."""
    dialogs, found = Dialogs(), []
    for frame in frames(*messages):
        before = len(frame.layers)
        dialogs.note(frame)
        found += [(frame.number, layer) for layer in frame.layers[before:]]
    found += [(frame.number, layer) for frame, layer in dialogs.end()]
    return [(number, {key: [show for show, _ in of] for key, of in layer.fields.items()}) for number, layer in found]


def ftp(code: list[str], text: str = "", name: str = "", argument: str = "") -> Shown:
    fields = {"ftp.request.command": [name], "ftp.request.arg": [argument], "ftp.response.code": code,
              "ftp.response.arg": [text]}  # fmt: skip
    return {key: of for key, of in fields.items() if of and of != [""]}


CASES: list[tuple[list[Any], list[Any]]] = [
    ([reply("220 ready")], [(1, ftp(["220"], "ready"))]),
    ([reply("220-a", " 220 b", "220-c", "220 d")], [(1, ftp(["220"], "a  220 b c d"))]),
    ([reply("220-a"), reply("220 b")], [(2, ftp(["220"], "a b"))]),
    ([command("USER me"), reply("331 password")], [(2, ftp(["331"], "password", "USER", "me"))]),
    (
        [command("RETR a"), reply("150 begins"), reply("226 done")],
        [(3, ftp(["226", "150"], "done", "RETR", "a"))],
    ),
    ([command("QUIT")], [(1, ftp([], name="QUIT"))]),
    ([command("AUTH TLS"), reply("234 go"), reply("220 no")], [(2, ftp(["234"], "go", "AUTH", "TLS"))]),
    (
        [said("EHLO c"), answered("250", "s"), said("MAIL FROM:<a@b> SIZE=1"), answered("250"), said("RCPT TO:<c@d>"),
         answered("550"), said("DATA"), answered("354"), answered("250", "ok", "queued")],
        [(9, {"smtp.req.parameter": ["c", "a@b", "c@d"], "smtp.response.code": ["250", "550", "354", "250"],
              "smtp.rsp.parameter": ["ok queued"]})],
    ),
    (
        [said("MAIL FROM:<>"), answered("250"), said("RSET"), answered("250", "flushed")],
        [(4, {"smtp.req.parameter": [""], "smtp.response.code": ["250", "250"], "smtp.rsp.parameter": ["flushed"]})],
    ),
    ([said("MAIL FROM:<a>")], [(1, {"smtp.req.parameter": ["a"]})]),
    (
        [said("AUTH PLAIN"), answered("334"), answered("235"), said("MAIL FROM:<a>"), answered("250"),
         said("MAIL FROM:<b>"), answered("503")],
        [(7, {"smtp.req.parameter": ["a"], "smtp.response.code": ["250", "503"]}),
         (6, {"smtp.req.parameter": ["b"], "smtp.response.code": ["503"]})],
    ),
    (
        [("socks", {"socks.version": ["5"], "socks.auth_method": ["0"]}),
         ("socks", {"socks.version": ["5"], "socks.auth_accepted_method": ["0x00"]}),
         ("socks", {"socks.version": ["5"], "socks.command": ["1"], "socks.dstV6": ["::1"], "socks.port": ["80"]}),
         ("socks", {"socks.version": ["5"], "socks.results": ["0"], "socks.dst": ["1.1.1.1"], "socks.port": ["9"]}),
         ("socks", {"socks.version": ["5"], "socks.command": ["1"]})],
        [(4, {"socks.version": ["5"], "socks.auth_method": ["0"], "socks.auth_accepted_method": ["0x00"],
              "socks.command": ["1"], "socks.dst": ["::1", "1.1.1.1"], "socks.port": ["80", "9"],
              "socks.results": ["0"]})],
    ),
    (
        [("socks", {"socks.version": ["5"], "socks.auth_method": ["2"]}),
         ("socks", {"socks.version": ["5"], "socks.auth_accepted_method": ["0xff"]})],
        [(2, {"socks.version": ["5"], "socks.auth_method": ["2"], "socks.auth_accepted_method": ["0xff"]})],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "expected"), CASES)
def test_messages_are_joined(messages: list[tuple[str, Shown]], expected: list[tuple[int, Shown]]) -> None:
    assert joined(*messages) == expected


ADDRESSES = {"FROM:<a@b>": "a@b", "TO: <a@b> NOTIFY=NEVER": "a@b", "FROM:a@b SIZE=1": "a@b", "FROM:<>": "", "x": ""}


@pytest.mark.parametrize(("parameter", "expected"), ADDRESSES.items())
def test_address_of_a_parameter(parameter: str, expected: str) -> None:
    assert address(parameter) == expected


def test_lines_without_a_name_are_read_in_their_layers_only() -> None:
    reader = Reader(frozenset({"ftp", "http", "frame"}), frozenset({"ftp.line", "frame.number"}))
    (frame,) = reader.feed(
        b'<pdml><packet><proto name="ftp"><field name="" show="a" value="61"/></proto>'
        b'<proto name="http"><field name="" show="b" value="62"/></proto></packet>'
    )
    assert [layer.fields for layer in frame.layers] == [{"ftp.line": [("a", "61")]}, {}]


def mail(first: int, last: int, number: int, port: int = 40000) -> Tally:
    """A mail in the packets first to last, and tshark's in a frame, with the same sender."""
    one = next(one for one in layers.compared() if one.table.name == "mail")
    row = dict.fromkeys(one.columns) | {"packet": first, "fault": None, "src_port": port, "dst_port": 25}
    row |= {"header_from": "a", "received": [], "reference_ids": []}
    ports = {"tcp.srcport": [("40000", "")], "tcp.dstport": [("25", "")]}
    shown = [
        Layer("tcp", False, ports),
        Layer("smtp", False, at=1),
        Layer("imf", False, {"imf.from": [("a", "")]}, at=2),
    ]
    tally, later = Tally(), []
    for frame, own in ((Frame(number, shown, {"tcp"}), []), (Frame(last, [], set()), [row])):
        differences.compare(one, Given(*own), place(frame), tally, later)
    differences.finish(one, tally, later)
    return tally


def test_a_layer_within_the_packets_of_a_row_is_that_of_the_row() -> None:
    assert (mail(3, 9, 5).equal, mail(3, 9, 5).different) == (1, {})
    for outside in (mail(3, 9, 2), mail(3, 9, 10), mail(3, 9, 5, port=40001)):
        assert outside.different == {"row": 2}
    # a mail without an end has no last packet
    assert mail(3, 3, 5).different == {}
