"""What happens to QUIC connections when more are read at once, or more is kept, than is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

import netlake
from netlake.streams.quic import talks
from tests.streams.quic_made import Talk, frames
from tests.streams.test_http3 import made
from tests.streams.tls_made import pcap


def capture(folder: Path, count: int) -> tuple[Path, list[Talk]]:
    """The handshakes of `count` connections in flows of their own, then the rest of each."""
    said = []
    for number in range(count):
        (folder / str(number)).mkdir()
        said.append(made({}, folder / str(number)))
    packets = [frames(talk.sent, source=40_000 + number) for number, talk in enumerate(said)]
    begun = [frame for frames_ in packets for frame in frames_[:12]]
    return pcap(folder / "a.pcap", begun + [frame for frames_ in packets for frame in frames_[12:]]), said


def decryption(path: Path, log: Path) -> list[str | None]:
    """`decryption` of each connection."""
    found: list[str | None] = netlake.decode(path, keylog=[str(log)])["connection"]["decryption"].to_pylist()
    return found


def test_connections_without_secrets_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, said = capture(tmp_path, 4)
    monkeypatch.setattr(talks, "MOST_TALKS", 2)
    assert decryption(path, said[3].log) == [None, None, None, "complete"]
    assert decryption(path, said[0].log) == ["complete", None, None, None]


def test_those_with_secrets_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, said = capture(tmp_path, 3)
    both = tmp_path / "both.log"
    both.write_text("".join(talk.log.read_text() for talk in said))
    monkeypatch.setattr(talks, "MOST_TALKS", 2)
    assert decryption(path, both) == ["complete", "complete", None]


def test_what_keeps_most_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packet behind the handshake the data of a stream waits; other connections are decrypted."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    lossy, whole = made({}, first), made({}, second)
    packets = frames(lossy.sent, source=40_000)
    packets = [frame for at, frame in enumerate(packets) if not 14 <= at < 17] + frames(whole.sent, source=40_001)
    path = pcap(tmp_path / "a.pcap", packets)
    both = tmp_path / "both.log"
    both.write_text(lossy.log.read_text() + whole.log.read_text())
    monkeypatch.setattr(talks, "MOST_HELD", 20_000)
    assert decryption(path, both) == ["partial", "complete"]
