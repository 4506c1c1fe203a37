"""HTTP/3 in QUIC: what aioquic protects is compared with the rows read from it, and its streams with tshark."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

import netlake
from netlake.layers.datagrams import Datagram, Inner, Peer
from netlake.layers.dialog import Said, Where
from netlake.layers.key_log import Secrets
from netlake.pipeline import run
from netlake.streams.quic.frames import Close
from netlake.streams.quic.streams import DATA, Event
from netlake.streams.quic.talks import Talks
from tests.streams.quic_made import Exchange, Headers, Talk, body_of, frames
from tests.streams.tls_made import CLIENT, SERVER, pcap

CASES = tomllib.loads((Path(__file__).parent / "http3.toml").read_text(encoding="utf-8"))["case"]
NAMES = [case["name"] for case in CASES]
HEAD: Headers = [
    (b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"host.example"), (b":path", b"/a/b.bin?c=d"),
    (b"user-agent", b"aioquic"), (b"cookie", b"a=b"), (b"cookie", b"c=d"), (b"x-long", b"z" * 100),
]  # fmt: skip
TRAILERS: Headers = [(b"x-checksum", b"1234")]
# what decryption may change in rows that are not decrypted
CHANGED = ("service", "decryption")


def made(case: dict[str, Any], folder: Path) -> Talk:
    """The connection of a case, in which six requests are answered."""
    names = ("suite", "versions", "connection_id_length", "retry")
    settings: dict[str, Any] = {name: case[name] for name in names if name in case}
    if "loses" in case:
        chance = Random(case["loses"])  # noqa: S311 - test data
        settings["loses"] = lambda _: chance.random() < 1 / case["loses"]
    if case.get("early"):
        first = Talk(folder, **settings)
        first.run()
        first.close()
        settings |= {"session_ticket": first.tickets[0], "stored": first.stored}
        talk = Talk(folder, **settings)
        talk.begin()
        talk.request(HEAD, b"early", answer=3000)
    else:
        talk = Talk(folder, **settings)
    talk.run()
    for number in range(6):
        trailers = TRAILERS if number == 3 else []
        talk.request([*HEAD, (b"x-number", b"%d" % number)], b"q" * number * 700, (0, 1, 40_000)[number % 3], trailers)
        if number % 2:
            talk.request(HEAD, b"second", 9000)
        talk.run()
        if case.get("updates"):
            (talk.client if number % 2 else talk.server).request_key_update()  # type: ignore[union-attr]
        if case.get("ids"):
            (talk.client if number % 2 else talk.server).change_connection_id()  # type: ignore[union-attr]
    talk.close()
    assert all(all(one.ended) for one in talk.exchanges.values())
    return talk


def captured(case: dict[str, Any], talk: Talk, folder: Path) -> Path:
    """The capture of a case."""
    packets = frames(talk.sent, port=case.get("port", 443))
    if "moves" in case:
        # not those of the handshake: without them nothing is decrypted
        for at in range(12, len(packets) - 4, case["moves"]):
            packets.insert(at + 3, packets.pop(at))
    if "gaps" in case:
        packets = [one for at, one in enumerate(packets) if at < 20 or at % case["gaps"]]
    return pcap(folder / "case.pcap", packets)


def log_of(case: dict[str, Any], talk: Talk, folder: Path) -> Path:
    """The key log of a case."""
    lines, kept = talk.log.read_text(encoding="ascii"), case.get("log", "all")
    if kept == "wrong":
        lines = re.sub("[0-9a-f]+$", lambda found: found[0][::-1], lines, flags=re.MULTILINE)
    elif kept == "none":
        lines = f"CLIENT_TRAFFIC_SECRET_0 {'00' * 32} {'11' * 32}\n"
    elif kept != "all":
        lines = "\n".join(line for line in lines.splitlines() if kept not in line)
    path = folder / "case.log"
    path.write_text(lines, encoding="ascii")
    return path


def decoded(path: Path, *logs: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows by table."""
    return {name: rows.to_pylist() for name, rows in netlake.decode(path, keylog=[str(log) for log in logs]).items()}


def pairs(headers: list[dict[str, str]]) -> Headers:
    """Fields of a row as aioquic has them."""
    return [(one["name"].encode(), one["value"].encode()) for one in headers]


def check(row: dict[str, Any], said: Exchange) -> None:
    """A row has what was said."""
    for side, name in ((CLIENT, "request"), (SERVER, "response")):
        assert pairs(row[f"{name}_headers"]) == said.headers[side]
        assert pairs(row[f"{name}_trailers"]) == said.trailers[side]
        assert (row[f"{name}_body_length"], row[f"{name}_body_sha256"]) == (len(said.bodies[side]), said.sha256(side))
        assert (row[f"{name}_complete"], row[f"{name}_body_missing"]) == (True, 0)
    assert (row["method"], row["path"], row["status"]) == ("POST", "/a/b.bin?c=d", 200)
    assert (row["anomalies"], row["fault"], row["decrypted"]) == ([], None, True)
    assert min(row["packet"], row["response_packet"]) == row["packet"] < row["last_packet"]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_rows_are_what_was_said(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever batches are; and rows that are not decrypted are those without secrets."""
    talk = made(case, tmp_path)
    path, log = captured(case, talk, tmp_path), log_of(case, talk, tmp_path)
    found = decoded(path, log)
    outcome = case.get("decryption", None if case.get("log") == "none" else "complete")
    assert [row["decryption"] for row in found["connection"]] == [outcome]
    if outcome == "complete":
        assert found["connection"][0]["service"] == ["quic", "http3"]
        rows = {row["stream_id"]: row for row in found["http3_stream"]}
        assert rows.keys() == talk.exchanges.keys()
        for stream, said in talk.exchanges.items():
            check(rows[stream], said)
        hashes = {one.sha256(side) for one in talk.exchanges.values() for side in (CLIENT, SERVER)} - {None}
        assert {row["sha256"] for row in found["file"]} == hashes
        assert [row["decrypted"] for row in found.get("x509", [])] == [True] * (not case.get("early"))
        (connection,) = found["http3_connection"]
        assert (connection["streams"], connection["closed_by"], connection["close_code"]) == (
            len(rows), "client", "no_error")  # fmt: skip
        assert [one["name"] for one in connection["server_settings"]][:1] == ["qpack_max_table_capacity"]
    elif "gaps" not in case:
        assert not found.get("http3_stream")
    without = decoded(path)
    for table, rows in found.items():
        others = [row for row in rows if not row.get("decrypted") or table == "quic"]
        assert [hidden(row) for row in others] == [hidden(row) for row in without.get(table, [])]
    for batch in (1, 7):
        monkeypatch.setattr(run, "BATCH", batch)
        assert decoded(path, log) == found


def hidden(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what decryption changes."""
    return {name: value for name, value in row.items() if name not in CHANGED}


def test_missing_packets_are_counted(tmp_path: Path) -> None:
    """A body lacks what packets had that the capture does not have; others are whole."""
    talk = made({}, tmp_path)
    packets = frames(talk.sent)
    # in the midst of a long response
    full = [at for at, (side, data) in enumerate(talk.sent) if side == SERVER and len(data) > 1000]
    lost = next(at for at in full if at > 20 and {*range(at - 3, at + 4)} <= {*full, at})
    found = decoded(pcap(tmp_path / "a.pcap", [one for at, one in enumerate(packets) if at != lost]), talk.log)
    assert found["connection"][0]["decryption"] == "partial"
    broken = [row for row in found["http3_stream"] if row["fault"] is not None]
    (row,) = broken
    said = talk.exchanges[row["stream_id"]]
    assert row["response_body_missing"] > 1000
    assert (row["response_complete"], row["request_complete"], row["fault"]) == (False, True, "cut")
    assert row["response_body_length"] + row["response_body_missing"] == len(said.bodies[SERVER])
    file = next(one for one in found["file"] if one["exchange"] == row["stream_id"] and not one["complete"])
    assert (file["missing_bytes"], file["total_bytes"]) == (row["response_body_missing"], len(said.bodies[SERVER]))
    for other in found["http3_stream"]:
        if other is not row:
            check(other, talk.exchanges[other["stream_id"]])


def test_connections_of_one_flow(tmp_path: Path) -> None:
    """Two connections with the same addresses and ports, one after another; both have rows."""
    talks = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        talks.append(made({"suite": 0x1301 + number}, folder))
    path = pcap(tmp_path / "a.pcap", frames([*talks[0].sent, *talks[1].sent]))
    found = decoded(path, *(talk.log for talk in talks))
    assert [row["decryption"] for row in found["connection"]] == ["complete"]
    rows = found["http3_stream"]
    assert len(rows) == sum(len(talk.exchanges) for talk in talks)
    assert len(found["http3_connection"]) == 2
    one = decoded(path, talks[1].log)
    assert len(one["http3_stream"]) == len(talks[1].exchanges)


def test_the_view_has_the_exchanges(tmp_path: Path) -> None:
    talk = made({}, tmp_path)
    path = captured({}, talk, tmp_path)
    netlake.capture(str(path), lake=tmp_path / "lake", keylog=[str(talk.log)])
    query = "SELECT exchange, method, uri, version, status, client_port, server_port, response_body_length FROM http"
    rows = netlake.Lake(tmp_path / "lake").sql(query).arrow().to_pylist()
    assert {row["exchange"] for row in rows} == talk.exchanges.keys()
    for row in rows:
        size = len(talk.exchanges[row.pop("exchange")].bodies[SERVER])
        assert row == {
            "method": "POST", "uri": "/a/b.bin?c=d", "version": "HTTP/3", "status": 200, "client_port": 40000,
            "server_port": 443, "response_body_length": size,
        }  # fmt: skip


class Recorder:
    """Keeps the bytes of all streams."""

    name = "recorded"
    held = 0

    def __init__(self, found: dict[tuple[int, int], bytearray]) -> None:
        self.found = found

    def read(self, event: Event) -> Iterator[Said]:
        """Keep the bytes of an event."""
        if event.what is DATA:
            self.found[event.stream, event.side] += event.data
        return iter(())

    def end(self, closed: tuple[int, Close] | None, place: Where | None) -> Iterator[Said]:
        """Nothing."""
        return iter(())


def streams_of(talk: Talk) -> dict[tuple[int, int], bytes]:
    """The bytes of all streams of a connection: by stream and side."""
    secrets, found = Secrets(), defaultdict[tuple[int, int], bytearray](bytearray)
    secrets.add(talk.log.read_bytes())
    talks = Talks(secrets, lambda _protocols, _client: Recorder(found))
    ends = Peer(0, b"\1\2\3\4", 40000), Peer(0, b"\1\2\3\5", 443)
    for number, (side, data) in enumerate(talk.sent, 1):
        said = talks.feed(Datagram(data, 0, ends[side], ends[1 - side], Where(side, number, 0, number), 1))
        assert all(isinstance(one, Inner) for one in said)  # certificates
    assert not list(talks.leave(1))
    return {key: bytes(value) for key, value in found.items()}


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
@pytest.mark.parametrize("name", ["AES-128 in GCM", "ChaCha20-Poly1305", "version 2", "keys are changed", "early data"])
def test_streams_are_those_of_tshark(name: str, tmp_path: Path) -> None:
    """Every stream has the bytes that tshark follows."""
    case = next(one for one in CASES if one["name"] == name)
    talk = made(case, tmp_path)
    path, mine = captured(case, talk, tmp_path), streams_of(talk)
    for stream in {key[0] for key in mine}:
        follow = ["-q", "-z", f"follow,quic,raw,0,{stream}"]
        command = ["tshark", "-r", str(path), "-o", f"tls.keylog_file:{talk.log}", *follow]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        theirs = [b"", b""]
        for line in shown.splitlines():
            if re.fullmatch(r"\t?[0-9a-f]+", line):
                theirs[line.startswith("\t")] += bytes.fromhex(line.strip())
        own = [mine.get((stream, side), b"") for side in (CLIENT, SERVER)]
        assert own in (theirs, theirs[::-1])


@pytest.mark.parametrize("seed", range(20))
def test_damaged_datagrams_raise_nothing(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Datagrams that are cut, changed, repeated and reordered."""
    chance = Random(seed)  # noqa: S311 - test data
    talk = shared(tmp_path_factory)
    sent = list(talk.sent)
    for _ in range(chance.randrange(1, 20)):
        at = chance.randrange(len(sent))
        side, data = sent[at]
        what = chance.randrange(4)
        if what == 0:
            sent[at] = side, data[: chance.randrange(len(data) + 1)]
        elif what == 1:
            changed = bytearray(data)
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            sent[at] = side, bytes(changed)
        elif what == 2:
            sent.insert(chance.randrange(len(sent)), sent[at])
        else:
            sent.insert(chance.randrange(len(sent)), sent.pop(at))
    folder = tmp_path_factory.mktemp("damaged")
    path = pcap(folder / "a.pcap", frames(sent))
    netlake.capture(str(path), lake=folder / "lake", keylog=[str(talk.log)])
    found = decoded(path, talk.log)
    assert not [row for rows in found.values() for row in rows if row.get("fault") == "reader_failed"]


KEPT: dict[str, Talk] = {}


def shared(factory: pytest.TempPathFactory) -> Talk:
    """A connection that several tests damage."""
    if "one" not in KEPT:
        KEPT["one"] = made({}, factory.mktemp("shared"))
    return KEPT["one"]


def test_bodies_are_made_as_they_are_checked() -> None:
    assert partial(body_of, 4)(100) == body_of(4, 100) != body_of(8, 100)
