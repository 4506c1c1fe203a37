"""Decryption of TLS: what OpenSSL encrypted is compared with the rows that are read from it."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import re
import shutil
import ssl
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

import netlake
from netlake import tables
from netlake.pipeline import decrypted, run
from tests.streams.tls_made import CLIENT, SERVER, Talk, frames, pcap, segments

CASES = tomllib.loads((Path(__file__).parent / "decryption.toml").read_text(encoding="utf-8"))["case"]
BODY = random.Random(1).randbytes(102_400)  # noqa: S311 - test data
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(BODY)
REQUEST = b"POST /form HTTP/1.1\r\nHost: host.example\r\nContent-Length: 5\r\n\r\nhello"
# what decryption may change in rows that are not decrypted
CHANGED = ("service", "decryption", "orig_undecoded_bytes", "resp_undecoded_bytes")
pytestmark = pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning")


def in_other_process(case: dict[str, Any], folder: Path) -> Any:
    """As `made`, with the cipher suite of TLS 1.3 that a case has: OpenSSL reads it from its configuration only."""
    conf, other = folder / "openssl.cnf", {name: value for name, value in case.items() if name != "suite"}
    conf.write_text(f"openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\nCiphersuites={case['suite']}\n")
    program = (
        "import pickle, pathlib, sys; from tests.streams.test_tls_decryption import made;"
        f"folder = pathlib.Path({str(folder)!r}); talk = made({other!r}, folder);"
        "(folder / 'sent').write_bytes(pickle.dumps((talk.ends[0].cipher()[0], talk.sent)))"
    )
    environment = os.environ | {"OPENSSL_CONF": str(conf), "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
    cipher, sent = pickle.loads((folder / "sent").read_bytes())  # noqa: S301 - written by this test
    assert cipher == case["suite"]
    return SimpleNamespace(sent=sent, log=folder / "keys.log")


def made(case: dict[str, Any], folder: Path) -> Any:
    """The connection of a case, in which a request and its response were sent."""
    if "suite" in case:
        return in_other_process(case, folder)
    version = getattr(ssl.TLSVersion, case["version"])
    settings = {name: case[name] for name in ("ciphers", "kind", "group") if name in case}
    try:
        talk = Talk(folder, version, **settings)
    except ssl.SSLError as error:
        pytest.skip(f"OpenSSL refuses {case['name']}: {error}")
    if case.get("again"):
        talk.say(SERVER, b"x")
        talk.close()
        talk = Talk(folder, version, contexts=talk.contexts, session=talk.ends[0].session)
        assert talk.ends[0].session_reused
    talk.say(CLIENT, REQUEST)
    talk.say(SERVER, HEAD + BODY)
    talk.close()
    return talk


def log_of(case: dict[str, Any], talk: Talk, folder: Path) -> Path:
    """The key log of a case."""
    lines, kept = talk.log.read_text(encoding="ascii"), case.get("log", "all")
    if kept == "wrong":
        lines = re.sub("[0-9a-f]+$", lambda found: found[0][::-1], lines, flags=re.MULTILINE)
    elif kept != "all":
        lines = "\n".join(line for line in lines.splitlines() if kept != "none" and kept not in line)
    path = folder / "case.log"
    path.write_text(lines, encoding="ascii")
    return path


def written(talk: Talk, folder: Path, case: dict[str, Any], size: int = 1460) -> Path:
    """The capture of a connection, without the segments that a case says are lost."""
    before = len(segments(talk.sent[: response_in(talk)], size))
    lost = range(*(before + number for number in case.get("lost", (0, 0))))
    return pcap(folder / "case.pcap", frames(segments(talk.sent, size), lost=lost))


def response_in(talk: Talk) -> int:
    """The index of the response in what was sent."""
    return max(range(len(talk.sent)), key=lambda index: len(talk.sent[index][1]))


def missing_of(talk: Talk, lost: tuple[int, int]) -> int:
    """Bytes of the body in records of which segments are lost."""
    data, at, content, missing = talk.sent[response_in(talk)][1], 0, -len(HEAD), 0
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        # OpenSSL sends an empty record before each one in CBC up to TLS 1.0
        size = 0 if end - at < 100 else min(16384, len(BODY) - content)
        if at < lost[1] * 1460 and end > lost[0] * 1460:
            missing += content + size - max(0, content)
        at, content = end, content + size
    return missing


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_decrypted_rows_are_what_was_sent(case, tmp_path):
    talk = made(case, tmp_path)
    capture, log = written(talk, tmp_path, case), log_of(case, talk, tmp_path)
    found = {name: table.to_pylist() for name, table in netlake.decode(capture, keylog=[log]).items()}
    (connection,) = found["connection"]
    outcome = case.get("outcome", "complete")
    assert connection["decryption"] == (outcome or None)
    assert connection["service"] == (["tls", "http"] if case.get("requests", 1) else ["tls"])
    requests, responses = found.get("http_request", []), found.get("http_response", [])
    assert len(requests) == case.get("requests", 1)
    assert len(responses) == case.get("responses", 1)
    assert all(row["decrypted"] for row in requests + responses)
    if requests:
        assert (requests[0]["method"], requests[0]["uri"], requests[0]["complete"]) == ("POST", "/form", True)
        assert requests[0]["body_sha256"] == hashlib.sha256(b"hello").hexdigest()
    for row in responses:
        assert row["body_length"] + row["body_missing"] == len(BODY)
        missing = missing_of(talk, case.get("lost", (0, 0)))
        assert row["complete"] == ("lost" not in case)
        assert bool(missing) == ("lost" in case)
        assert 0 <= row["body_missing"] - missing <= case.get("more", 0)
        if row["complete"]:
            assert row["body_sha256"] == hashlib.sha256(BODY).hexdigest()
    if "certificates" in case:
        decrypted = [row for row in found.get("x509", []) if row["decrypted"]]
        assert [row["subject"] for row in decrypted] == ["CN=host.example"] * case["certificates"]
    if outcome == "complete":
        assert (connection["orig_undecoded_bytes"], connection["resp_undecoded_bytes"]) == (0, 0)
        alerts = [row for row in found["tls_alert"] if row["decrypted"]]
        assert {row["description_name"] for row in alerts} == {"close_notify"}


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table without its capture, in the order of their packets."""
    found = table.drop_columns([name for name in ("capture",) if name in table.schema.names]).to_pylist()
    return sorted(found, key=lambda row: (row.get("packet", 0), row.get("place", 0)))


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_without_decrypted_rows_nothing_is_different(version, tmp_path):
    talk = made({"version": version, "name": ""}, tmp_path)
    capture = written(talk, tmp_path, {})
    plain, found = netlake.decode(capture), netlake.decode(capture, keylog=[talk.log])
    for name, table in found.items():
        now = [row for row in rows(table) if not row.get("decrypted")]
        before = rows(plain[name]) if name in plain else []
        if name == "connection":
            now, before = ([{k: v for k, v in row.items() if k not in CHANGED} for row in x] for x in (now, before))
        assert now == before
    assert not any(row.get("decrypted") for table in plain.values() for row in rows(table))


@pytest.mark.parametrize("case", [{"version": "TLSv1_3"}, {"version": "TLSv1_2", "lost": [10, 13]}], ids=str)
def test_rows_depend_neither_on_segments_nor_on_batches(case, tmp_path, monkeypatch):
    talk = made(case | {"name": ""}, tmp_path)
    capture = written(talk, tmp_path, case)
    before = netlake.decode(capture, keylog=[talk.log])
    for batch in (1, 2, 7):
        monkeypatch.setattr(run, "BATCH", batch)
        now = netlake.decode(capture, keylog=[talk.log])
        assert {name: rows(table) for name, table in now.items()} == {n: rows(table) for n, table in before.items()}


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_segments_of_one_byte_have_the_same_content(version, tmp_path):
    talk = made({"version": version, "name": ""}, tmp_path)
    found = netlake.decode(written(talk, tmp_path, {}, 1), keylog=[talk.log])
    assert found["connection"]["decryption"].to_pylist() == ["complete"]
    assert found["http_response"]["body_sha256"].to_pylist() == [hashlib.sha256(BODY).hexdigest()]


def test_dns_over_tls_has_rows_of_dns(tmp_path):
    talk = Talk(tmp_path)
    query = bytes.fromhex("00070100000100000000000003777777076578616d706c6503636f6d0000010001")
    talk.say(CLIENT, len(query).to_bytes(2, "big") + query)
    talk.close()
    capture = pcap(tmp_path / "dot.pcap", frames(segments(talk.sent), port=853))
    found = netlake.decode(capture, keylog=[talk.log])
    assert found["dns"]["query_name"].to_pylist() == ["www.example.com"]
    assert found["dns"]["decrypted"].to_pylist() == [True]
    assert found["connection"]["service"].to_pylist() == [["tls", "dns"]]


@pytest.mark.parametrize("seed", range(6))
def test_damaged_records_raise_nothing_and_are_missing(seed, tmp_path):
    chosen = random.Random(seed)  # noqa: S311 - test data
    talk = made({"version": ("TLSv1_2", "TLSv1_3")[seed % 2], "name": ""}, tmp_path)
    parts = [(side, bytearray(data)) for side, data in segments(talk.sent)]
    for _ in range(chosen.choice((1, 4, 40))):
        _, data = chosen.choice(parts)
        data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    capture = pcap(tmp_path / "damaged.pcap", frames([(side, bytes(data)) for side, data in parts]))
    found = netlake.decode(capture, keylog=[talk.log])
    assert found["connection"]["decryption"].to_pylist()[0] in {None, "partial", "failed"}
    for row in rows(found["http_response"]) if "http_response" in found else []:
        assert not row["complete"]


def test_only_the_tables_inside_are_wanted(tmp_path):
    talk = made({"version": "TLSv1_3", "name": ""}, tmp_path)
    found = netlake.decode(written(talk, tmp_path, {}), keylog=[talk.log], include=["http_request", "connection"])
    assert set(found) == {"http_request", "connection"}
    assert found["http_request"]["uri"].to_pylist() == ["/form"]
    assert found["connection"]["service"].to_pylist() == [["tls", "http"]]


def test_flows_beyond_the_bounds_are_left_alone(tmp_path, monkeypatch):
    talk = made({"version": "TLSv1_3", "name": ""}, tmp_path)
    capture = written(talk, tmp_path, {})
    monkeypatch.setattr(decrypted, "MOST_HELD", 1000)
    assert netlake.decode(capture, keylog=[talk.log])["connection"]["decryption"].to_pylist() != ["complete"]
    monkeypatch.setattr(decrypted, "MOST_FLOWS", 0)
    found = netlake.decode(capture, keylog=[talk.log])
    assert found["connection"]["decryption"].to_pylist() == [None]
    assert "http_request" not in found


def test_bytes_that_no_protocol_inside_decoded_are_counted(tmp_path):
    talk = Talk(tmp_path)
    for _ in range(3):
        talk.say(CLIENT, b"\xf1 nothing that is known" * 100)
    talk.close()
    found = netlake.decode(pcap(tmp_path / "x.pcap", frames(segments(talk.sent))), keylog=[talk.log])["connection"]
    assert found["service"].to_pylist() == [["tls"]]
    assert found["orig_undecoded_bytes"].to_pylist() == [3 * 100 * 23]
    assert found["resp_undecoded_bytes"].to_pylist() == [0]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")
@pytest.mark.parametrize(
    ("version", "ciphers"), [("TLSv1_3", ""), ("TLSv1_2", "AES128-GCM-SHA256"), ("TLSv1", "AES128-SHA")]
)
def test_tshark_shows_the_same_messages(version, ciphers, tmp_path):
    talk = Talk(tmp_path, getattr(ssl.TLSVersion, version), ciphers)
    for number in range(3):
        talk.say(CLIENT, b"GET /%d HTTP/1.1\r\nHost: host.example\r\n\r\n" % number)
        talk.say(SERVER, b"HTTP/1.1 20%d OK\r\nContent-Length: 3000\r\n\r\n" % number + bytes(3000))
    talk.close()
    capture = pcap(tmp_path / "x.pcap", frames(segments(talk.sent)))
    found = netlake.decode(capture, keylog=[talk.log])
    requests, responses = rows(found["http_request"]), rows(found["http_response"])
    fields = ("frame.number", "http.request.uri", "http.response.code")
    arguments = [part for field in fields for part in ("-e", field)]
    command = ["tshark", "-r", capture, "-o", f"tls.keylog_file:{talk.log}", "-Y", "http", "-T", "fields", *arguments]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    ours = [(row["last_packet"] or row["packet"], row["uri"], "") for row in requests]
    ours += [(row["last_packet"] or row["packet"], "", str(row["status"])) for row in responses]
    # tshark also shows the URI of the request with its response
    theirs = [line.split("\t") for line in shown]
    assert sorted(ours) == sorted((int(n), "" if code else uri, code) for n, uri, code in theirs)


def test_every_table_of_streams_can_mark_decrypted_rows():
    names = {name for stream in tables.in_streams().values() for name in stream.tables}
    assert [name for name in sorted(names) if tables.table(name).context != "stream"] == []
