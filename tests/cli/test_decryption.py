"""`netlake capture --keylog`, and secrets in a capture: what is printed, and what is stored."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import netlake
from netlake import pipeline
from netlake.lake.catalog import Catalog
from tests.streams.tls_made import CLIENT, SERVER, Talk, frames, pcap, segments

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    made = Talk(tmp_path_factory.mktemp("talk"))
    made.say(CLIENT, b"GET /one HTTP/1.1\r\nHost: host.example\r\n\r\n")
    made.say(SERVER, b"HTTP/1.1 204 No Content\r\n\r\n")
    made.close()
    pcap(made.folder / "talk.pcap", frames(segments(made.sent)))
    return made


def with_secrets(talk: Talk, path: Path) -> Path:
    """The capture as pcapng, with the key log in it."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    log = talk.log.read_bytes()
    parts = [
        block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", 1, 0, 0)),
        block(10, struct.pack("<II", 0x544C534B, len(log)) + log),
    ]  # fmt: skip
    for number, frame in enumerate(frames(segments(talk.sent))):
        parts.append(block(6, struct.pack("<IIIII", 0, 0, number, len(frame), len(frame)) + frame))
    path.write_bytes(b"".join(parts))
    return path


def test_key_log_decrypts_a_capture(run: Run, talk: Talk, tmp_path: Path) -> None:
    (tmp_path / "bad.log").write_text("not a line of a key log\n", encoding="ascii")
    lake, log = tmp_path / "lake", tmp_path / "bad.log"
    code, out, err = run(
        "capture", talk.folder / "talk.pcap", "--keylog", log, "--keylog", talk.log, "--lake", lake, "--jobs", 1
    )
    assert code == 0, err
    printed = " ".join(out.split())
    assert "1 connection decrypted" in printed
    assert "1 line of key logs that has another form" in printed
    rows = netlake.Lake(lake).sql("SELECT uri, decrypted FROM http_request").pl().rows()
    assert rows == [("/one", True)]
    assert netlake.Lake(lake).sql("SELECT decryption FROM connection").pl().rows() == [("complete",)]


def test_secrets_in_a_capture_decrypt_it(run: Run, talk: Talk, tmp_path: Path) -> None:
    lake, capture = tmp_path / "lake", with_secrets(talk, tmp_path / "talk.pcapng")
    assert run("capture", capture, "--lake", lake, "--jobs", 1)[0] == 0
    assert netlake.Lake(lake).sql("SELECT uri FROM http_request WHERE decrypted").pl().rows() == [("/one",)]


def test_secrets_are_not_stored(run: Run, talk: Talk, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert run("capture", with_secrets(talk, tmp_path / "a.pcapng"), "--lake", lake, "--proto", "--jobs", 1)[0] == 0
    assert run("capture", talk.folder / "talk.pcap", "--keylog", talk.log, "--lake", lake, "--jobs", 1)[0] == 0
    secrets = re.findall(rb" ([0-9a-f]{64,96})$", talk.log.read_bytes(), re.MULTILINE)
    stored = b"".join(path.read_bytes() for path in lake.rglob("*") if path.is_file())
    lake_of = netlake.Lake(lake)
    shown = "".join(str(lake_of.sql(f"FROM {table}").pl().rows()) for table in ("packet", "http_request", "connection"))
    shown += str([one.facts for one in Catalog(lake).captures()])
    assert len(secrets) >= 4
    for secret in secrets:
        assert secret not in stored
        assert bytes.fromhex(secret.decode()) not in stored
        assert secret.decode() not in shown


def test_missing_key_log_is_one_sentence(run: Run, talk: Talk, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    code, out, err = run("capture", talk.folder / "talk.pcap", "--keylog", tmp_path / "absent", "--lake", lake)
    assert (code, out) == (2, "")
    assert f"The key log {tmp_path}/absent cannot be read: No such file or directory; name another file;" in err
    assert not lake.exists()


def test_refresh_needs_the_key_log(run: Run, talk: Talk, tmp_path: Path) -> None:
    lake, log = tmp_path / "lake", tmp_path / "keys.log"
    log.write_bytes(talk.log.read_bytes())
    assert run("capture", talk.folder / "talk.pcap", "--keylog", log, "--lake", lake, "--jobs", 1)[0] == 0
    (stored,) = Catalog(lake).captures()
    assert pipeline._unlike(stored.facts) is None
    log.unlink()
    assert pipeline._unlike(stored.facts) == f"its key log {log} is missing"
