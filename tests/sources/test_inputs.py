"""Files, folders, patterns, pipes: their names, ids and hashes, and the errors of unreadable ones."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.errors import InputError
from netlake.sources import expand, open_capture
from netlake.spelling import spelled, unspelled


@pytest.fixture
def capture(writer):
    return writer.pcap([writer.Packet(b"x" * 60, i) for i in range(5)])


def test_folders_patterns_and_files_become_a_sorted_list(tmp_path, monkeypatch, capture):
    monkeypatch.chdir(tmp_path)
    for name in ("b.pcap", "a.pcapng", "sub/z.cap", "sub/deep/rotated.pcap0", "sub/unnamed", "one[1].pcap"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(capture)
    (tmp_path / "sub" / "packed").write_bytes(gzip.compress(capture))
    (tmp_path / "sub" / "log.gz").write_bytes(gzip.compress(b"a log"))
    (tmp_path / "readme.txt").write_text("no capture")
    (tmp_path / "wrong.pcap").write_text("no capture, but called one")
    inside = ["sub/deep/rotated.pcap0", "sub/packed", "sub/unnamed", "sub/z.cap"]
    assert expand(["sub"]) == inside
    assert expand(["."]) == sorted(f"./{name}" for name in [*inside, "a.pcapng", "b.pcap", "one[1].pcap", "wrong.pcap"])
    assert expand(["*.pcap", "b.pcap", "sub/*", "-"]) == [
        "b.pcap", "one[1].pcap", "wrong.pcap", "sub/deep/rotated.pcap0", "sub/log.gz", "sub/packed", "sub/unnamed",
        "sub/z.cap", "-",
    ]  # fmt: skip
    assert expand(["one[1].pcap"]) == ["one[1].pcap"]
    assert expand(["**/z.cap"]) == ["sub/z.cap"]


def test_unreadable_file_of_a_folder_is_an_input(tmp_path, monkeypatch, capture):
    for name in ("rotated.pcap1", "letter"):
        (tmp_path / name).write_bytes(capture)
    opened = os.open

    def forbid(path, *more):
        if str(path).endswith("rotated.pcap1"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *more)

    monkeypatch.setattr(os, "open", forbid)
    assert expand([tmp_path]) == [str(tmp_path / "letter"), str(tmp_path / "rotated.pcap1")]


def test_unreadable_folder_does_not_hide_others(tmp_path, monkeypatch, capture):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "z.pcap").write_bytes(capture)
    listed = os.scandir

    def forbid(path):
        if str(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", forbid)
    assert expand([tmp_path]) == [str(tmp_path / "lost+found"), str(tmp_path / "z.pcap")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [("nowhere.pcap", "there is no such file or folder"), ("*.none", "matches no file"), (".", "contains no capture")],
)
def test_inputs_without_a_capture_are_refused(tmp_path, monkeypatch, given, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence):
        expand([given])


def test_file_that_cannot_be_opened_is_an_input_error(tmp_path, capture):
    with pytest.raises(InputError, match="the file does not exist"):
        open_capture(tmp_path / "gone.pcap")
    with pytest.raises(InputError, match="it is a folder"):
        open_capture(tmp_path)
    if os.geteuid() != 0:
        path = tmp_path / "closed.pcap"
        path.write_bytes(capture)
        path.chmod(0)
        with pytest.raises(InputError, match="is not readable by this user"):
            open_capture(path)


@pytest.mark.parametrize("size", [0, 100, 1 << 20, 5 << 19, 3 << 20, 9 << 20])
def test_id_is_computed_from_size_both_ends_and_samples(tmp_path, writer, size):
    content = writer.pcap([]) + bytes(i % 251 for i in range(251)) * (size // 251 + 1)
    path = tmp_path / "a.pcap"
    path.write_bytes(content)
    mib = 1 << 20
    ends = len(content).to_bytes(8, "big") + content[:mib] + content[-mib:]
    between = content[mib:-mib]
    if len(between) > mib:
        last = len(between) - 4096
        between = b"".join(between[last * n // 255 :][:4096] for n in range(256))
    with open_capture(path) as source:
        assert source.capture_id == hashlib.blake2b(ends + between, digest_size=8).hexdigest()
        assert source.former_id == hashlib.blake2b(ends, digest_size=8).hexdigest()
        assert source.sha256 == hashlib.sha256(content).hexdigest()
    assert source.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"a.pcap", "a.pcap"),
        (b"caf\xe9", "caf\\xe9"),
        ("caf\xe9".encode(), "caf\xe9"),
        (b"a\nb\tc\rd\x1b\x7f", "a\\nb\\tc\\rd\\x1b\\x7f"),
        (b"a\\xe9", "a\\\\xe9"),
        ("\x85".encode(), "\\u0085"),
        (b"\x85", "\\x85"),
        ("\u202e".encode(), "\u202e"),
    ],
)
def test_names_are_spelled_as_text(name, text):
    assert spelled(os.fsdecode(name)) == text
    assert unspelled(text) == os.fsdecode(name)


@given(st.binary(max_size=40))
def test_spelling_is_reversible(name):
    text = spelled(os.fsdecode(name))
    text.encode()  # valid UTF-8
    assert not {"\n", "\r", "\t", "\x1b"} & set(text)
    assert os.fsencode(unspelled(text)) == name


def test_id_and_hash_are_those_of_the_compressed_file(tmp_path, capture):
    path = tmp_path / "a.pcap.gz"
    path.write_bytes(gzip.compress(capture))
    with open_capture(path) as source:
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with open_capture(path, sha256=False) as source:
        assert source.sha256 is None


def test_pipe_has_a_random_id_and_a_hash_after_its_end(tmp_path, capture, collected):
    ids = set()
    for _ in range(2):
        path = tmp_path / f"pipe{len(ids)}"
        os.mkfifo(path)
        thread = threading.Thread(target=path.write_bytes, args=(capture,))
        thread.start()
        with open_capture(path) as source:
            assert source.sha256 is None
            assert len(collected(source)) == 5
            assert source.sha256 == hashlib.sha256(capture).hexdigest()
        thread.join()
        ids.add(source.capture_id)
    assert len(ids) == 2


def test_source_can_be_closed_early(tmp_path, capture):
    path = tmp_path / "a.pcap"
    path.write_bytes(capture)
    before = threading.active_count()
    for _ in range(3):
        source = open_capture(path)
        next(source.batches(2))
        source.close()
        source.close()
    assert threading.active_count() == before


def test_standard_input_is_read(capture):
    program = (
        "from netlake.sources import open_capture\n"
        "with open_capture('-') as s:\n print(sum(b.count for b in s.batches()), s.name, s.size, s.problems)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=capture, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "5 standard input None []"


def test_growing_file_is_read_to_the_size_at_opening(tmp_path, capture, collected):
    path = tmp_path / "a.pcap"
    path.write_bytes(capture)
    source = open_capture(path)
    with path.open("ab") as file:
        file.write(capture[24:])
    assert len(collected(source)) == 5
    assert source.sha256 == hashlib.sha256(capture).hexdigest()
    source.close()


def test_shrinking_file_is_a_problem(tmp_path, writer, collected):
    path = tmp_path / "a.pcap"
    path.write_bytes(writer.pcap([writer.Packet(b"x" * 60_000)] * 40))
    source = open_capture(path, sha256=False)
    os.truncate(path, 24 + 60_016 * 20)
    assert len(collected(source)) == 20
    assert [p.partial for p in source.problems] == [True]
    assert "when it was opened" in source.problems[0].reason
    source.close()
