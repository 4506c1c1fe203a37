"""Flows that another flow announces (FTP data), and protocols behind a dialog (STARTTLS, SOCKS), in any batches."""

from __future__ import annotations

from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netlake.kernels.flow_state import FLOW
from netlake.layers.dialog import Expect, Where
from netlake.pipeline import expected
from netlake.pipeline.expected import Expected, in_order
from tests.layers import build as b
from tests.pipeline.test_streams import ACK, FIN, SYN, Turn, decoded, frames, opened

BATCHES = pytest.mark.parametrize("batch", [1, 2, 3, 8192])
CLIENT, SERVER = True, False
# begins as HTTP does: the announcement is stronger than what the bytes look like
FILE = b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)) * 4
CLOSED: list[Turn] = [(CLIENT, FIN | ACK, b""), (SERVER, FIN | ACK, b"")]


def comma(address: bytes, port: int) -> bytes:
    """An address as in PORT and PASV (RFC 959)."""
    return ",".join(map(str, (*address, port >> 8, port & 255))).encode()


def passive(reply: bytes, command: bytes) -> tuple[list[bytes], list[bytes]]:
    """The frames of a control connection: up to the reply, and behind it."""
    turns = opened(
        (SERVER, ACK, b"220 FTP\r\n"), (CLIENT, ACK, command + b"\r\n"), (SERVER, ACK, reply + b"\r\n"),
        (CLIENT, ACK, b"RETR d/f.bin\r\n"), (SERVER, ACK, b"150 go\r\n"), (SERVER, ACK, b"226 done\r\n"), *CLOSED,
    )  # fmt: skip
    made = frames(turns, 21)
    return made[:6], made[6:]


def of_files(rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What the rows of `file` say of their source."""
    names = ("source", "exchange", "source_flow", "name", "size", "complete", "sha256")
    return [tuple(row[name] for name in names) for row in rows.get("file", [])]


EXPECTED = [("ftp_command", 1, 1, "f.bin", len(FILE), True, sha256(FILE).hexdigest())]


@BATCHES
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(
    ("reply", "command"),
    [(b"227 ok (" + comma(b.B4, 5001) + b")", b"PASV"), (b"229 ok (|||5001|)", b"EPSV"),
     # the address behind a translation of addresses
     (b"227 ok (" + comma(bytes([10, 9, 9, 9]), 5001) + b")", b"PASV")],
)  # fmt: skip
def test_passive_file(reply: bytes, command: bytes, batch: int, tmp_path: Path, *, is_late: bool) -> None:
    """Also where the data connection begins before the reply: only its first payload has to come behind it."""
    before, after = passive(reply, command)
    parts: list[Turn] = [(SERVER, ACK, FILE[at : at + 100]) for at in range(0, len(FILE), 100)]
    data = frames(opened(*parts, (SERVER, FIN | ACK, b""), (CLIENT, FIN | ACK, b"")), 5001, 40001)
    made = [*before[:5], *data[:3], before[5], after[0], *data[3:], *after[1:]]
    if not is_late:
        made = [*before, *data[:3], after[0], *data[3:], *after[1:]]
    rows, decoder = decoded(tmp_path, made, batch)
    assert of_files(rows) == EXPECTED
    assert [row["flow"] for row in rows["file"]] == [2]
    assert {row["flow"]: row["service"] for row in rows["connection"]} == {1: ["ftp"], 2: ["ftp_data"]}
    assert "http_request" not in rows
    assert decoder.failures.by_table == {}
    walkers = decoder.streams.walkers
    assert not any(getattr(one, "announced", None) or getattr(one, "dialogs", None) for one in walkers.values())


@BATCHES
def test_active_file_to_the_server(batch: int, tmp_path: Path) -> None:
    """The server connects to the client, which sends; the other direction says nothing."""
    control = frames(opened(
        (SERVER, ACK, b"220 FTP\r\n"), (CLIENT, ACK, b"PORT " + comma(b.A4, 40001) + b"\r\n"),
        (SERVER, ACK, b"200 ok\r\n"),
        (CLIENT, ACK, b"STOR f.bin\r\n"), (SERVER, ACK, b"150 go\r\n"), (SERVER, ACK, b"226 done\r\n"), *CLOSED,
    ), 21)  # fmt: skip
    turns: list[Turn] = [(SERVER, SYN, b""), (CLIENT, SYN | ACK, b""), (SERVER, ACK, b""), (CLIENT, ACK, FILE),
                         (CLIENT, FIN | ACK, b""), (SERVER, FIN | ACK, b"")]  # fmt: skip
    data = frames(turns, 20, 40001)
    rows, _ = decoded(tmp_path, [*control[:8], *data, *control[8:]], batch)
    assert of_files(rows) == EXPECTED
    assert [(row["src_port"], row["dst_port"]) for row in rows["file"]] == [(40001, 20)]


@BATCHES
def test_payload_before_the_announcement_is_of_no_command(batch: int, tmp_path: Path) -> None:
    before, after = passive(b"229 ok (|||5001|)", b"EPSV")
    data = frames(opened((SERVER, ACK, b"\x01\x02 early"), *CLOSED), 5001, 40001)
    rows, _ = decoded(tmp_path, [*before[:5], *data, before[5], *after], batch)
    assert "file" not in rows
    assert {row["flow"]: row["service"] for row in rows["connection"]} == {1: ["ftp"], 2: []}


@BATCHES
def test_one_port_for_several_files(batch: int, tmp_path: Path) -> None:
    """Each connection belongs to the last announcement before it, and only one connection to an announcement."""
    made = []
    for number in range(3):
        before, after = passive(b"229 ok (|||5001|)", b"EPSV")
        data = frames(opened((SERVER, ACK, bytes([number])), *CLOSED), 5001, 40001 + number)
        other = frames(opened((SERVER, ACK, b"\x05 other"), *CLOSED), 5001, 41001 + number)
        made += [*before, *after[:1], *data, *other, *after[1:]] if number else [*before, *after, *data, *other]
    rows, _ = decoded(tmp_path, made, batch)
    assert [row["size"] for row in rows["file"]] == [1, 1, 1]
    assert [row["sha256"] for row in rows["file"]] == [sha256(bytes([number])).hexdigest() for number in range(3)]


def flow_of(number: int) -> np.void:
    """A flow between two IPv4 addresses."""
    flow = np.zeros(1, FLOW)[0]
    flow["number"], flow["version"], flow["originator"] = number, 4, 0
    for side, address, port in (("a", "192.0.2.1", 40000), ("b", "192.0.2.2", 5001)):
        flow[f"{side}_low"], flow[f"{side}_port"] = int(ip_address(address)), port
    return flow


def test_announcements_are_bounded_and_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "MOST", 2)
    second, waiting, flow = 1_000_000_000, Expected(), flow_of(1)
    for packet in (1, 2, 3):
        waiting.add(Expect("x", 5000 + packet, 1, Where(0, packet, packet * second, packet), about=packet), flow)
    assert len(waiting) == 2
    flow["b_port"] = 5001
    assert waiting.take(flow, 10, 10 * second) is None
    flow["b_port"] = 5002
    assert waiting.take(flow, 2, 2 * second) is None
    assert waiting.take(flow, 10, 500 * second) is None
    flow["b_port"] = 5003
    found = waiting.take(flow, 10, 10 * second)
    assert found is not None
    assert (found[0], found[1].about, found[1].flow) == ("x", 3, 1)
    assert len(waiting) == 0


@pytest.mark.parametrize("most", [2, 8])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_the_order_within_a_batch_does_not_matter(
    order: tuple[int, ...], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flows of one batch announce the same port, in packets 1 to 3; the flow is of packet 4, or of packet 3."""
    monkeypatch.setattr(expected, "MOST", most)
    for packet, last in ((4, 3), (3, 2)):
        waiting, added = Expected(), Expected()
        one = [(number, Expect("x", 5001, 1, Where(0, number + 1, 0, number + 1))) for number in order]
        for number, expect in in_order(one):
            waiting.add(expect, flow_of(number + 1))
        found = waiting.take(flow_of(9), packet, 0)
        assert found is not None
        assert found[1].flow == last
        if most > len(order):
            for number, expect in one:
                added.add(expect, flow_of(number + 1))
            assert added.take(flow_of(9), packet, 0) == found


HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(32) + bytes.fromhex("000002c02f01000000")


@BATCHES
@pytest.mark.parametrize("is_early", [False, True])
def test_tls_behind_starttls(batch: int, tmp_path: Path, *, is_early: bool) -> None:
    """Also where the client's hello comes before the server's agreement."""
    hello: Turn = (CLIENT, ACK, HELLO)
    agreed: Turn = (SERVER, ACK, b"220 go\r\n")
    turns = opened(
        (SERVER, ACK, b"220 mx.example ESMTP\r\n"), (CLIENT, ACK, b"EHLO me\r\n"), (SERVER, ACK, b"250 ok\r\n"),
        (CLIENT, ACK, b"STARTTLS\r\n"), *((hello, agreed) if is_early else (agreed, hello)), *CLOSED,
    )  # fmt: skip
    rows, decoder = decoded(tmp_path, frames(turns, 25), batch)
    assert [(row["starttls"], row["packet"]) for row in rows["smtp_transaction"]] == [(True, 7)]
    assert [(row["packet"], row["src_port"]) for row in rows["tls_client_hello"]] == [(8 if is_early else 9, 40000)]
    (connection,) = rows["connection"]
    assert connection["service"] == ["smtp", "tls"]
    assert (connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (0, 0)
    assert decoder.failures.by_table == {}


@BATCHES
@pytest.mark.parametrize("port", [1080, 9150])
def test_http_behind_socks(batch: int, port: int, tmp_path: Path) -> None:
    turns = opened(
        (CLIENT, ACK, bytes.fromhex("050100")), (SERVER, ACK, bytes.fromhex("0500")),
        (CLIENT, ACK, bytes.fromhex("05010001c00002010050")),
        (SERVER, ACK, bytes.fromhex("0500000100000000") + bytes(2)),
        (CLIENT, ACK, b"GET /inner HTTP/1.1\r\n\r\n"), (SERVER, ACK, b"HTTP/1.1 204 No Content\r\n\r\n"), *CLOSED,
    )  # fmt: skip
    rows, _ = decoded(tmp_path, frames(turns, port), batch)
    assert [(row["command"], row["target_ip"], row["target_port"], row["reply"], row["last_packet"])
            for row in rows["socks"]] == [(1, "192.0.2.1", 80, 0, 7)]  # fmt: skip
    assert [row["uri"] for row in rows["http_request"]] == ["/inner"]
    assert [row["status"] for row in rows["http_response"]] == [204]
    (connection,) = rows["connection"]
    assert connection["service"] == ["socks", "http"]
    assert (connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (0, 0)
