"""Captures as evidence: none is lost or in the lake twice unnoticed, whatever its id, name, path and packing."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netlake.lake.catalog import Catalog
from netlake.sources.raw import END, SAMPLE, SAMPLES, capture_ids

Run = Callable[..., tuple[int, str, str]]
Program = Callable[..., "subprocess.Popen[bytes]"]
PACKET = 2000


def _pcap(packets: int, change: int | None = None) -> bytes:
    """A pcap file of UDP packets of 2,000 bytes; `change` is the number of one with another payload byte."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    ethernet = bytes(12) + b"\x08\x00"
    for number in range(packets):
        payload = bytearray(number % 251 for _ in range(PACKET - 42))
        if number == change:
            payload[1000] ^= 0xFF
        udp = struct.pack(">HHHH", 1000 + number % 50, 9999, 8 + len(payload), 0) + payload
        ip = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"
        )
        frame = ethernet + ip + udp
        parts += [struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)), frame]
    return b"".join(parts)


def _ids(path: Path) -> tuple[str, str]:
    with path.open("rb") as file:
        return capture_ids(file.fileno(), path.stat().st_size)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """Two captures with the same id: they differ in one byte that is not sampled."""
    packets = 4000
    one = _pcap(packets)
    for change in range(1000, 1400):
        other = _pcap(packets, change)
        folder = tmp_path_factory.mktemp("twin")
        (folder / "a").write_bytes(one)
        (folder / "b").write_bytes(other)
        if _ids(folder / "a") == _ids(folder / "b"):
            return one, other
    raise AssertionError("no byte is outside of the samples")


def _captures(lake: Path) -> list[Any]:
    return [entry.facts for entry in Catalog(lake).captures()]


def _report(run: Run, lake: Path, *arguments: object) -> dict[str, Any]:
    code, out, err = run("capture", *arguments, "--lake", lake, "--jobs", 1, "--json")
    assert code == 0, err
    report: dict[str, Any] = json.loads(out)
    return report


def test_id_depends_on_bytes_between_the_ends(tmp_path: Path) -> None:
    """The ends alone are what two captures of one machine often share; the samples reach each 4 KiB of a MiB."""
    size = 2 * END + SAMPLE * SAMPLES
    data = bytearray(size)
    (tmp_path / "a").write_bytes(data)
    for place in (END, END + 5000, size // 2, size - END - 1):
        changed = bytearray(data)
        changed[place] = 1
        (tmp_path / "b").write_bytes(changed)
        (new, former), (other, same) = _ids(tmp_path / "a"), _ids(tmp_path / "b")
        assert new != other
        assert former == same


@pytest.mark.parametrize("first", [(), ("--no-sha256",)], ids=["sha256", "no-sha256"])
@pytest.mark.parametrize("second", [(), ("--no-sha256",)], ids=["sha256", "no-sha256"])
@pytest.mark.parametrize("original", ["there", "gone", "overwritten"])
def test_two_captures_with_one_id_are_both_in_the_lake(
    run: Run, tmp_path: Path, twins: tuple[bytes, bytes], first: tuple[str, ...], second: tuple[str, ...], original: str
) -> None:
    lake, one, other = tmp_path / "lake", tmp_path / "one.pcap", tmp_path / "other.pcap"
    one.write_bytes(twins[0])
    _report(run, lake, one, *first)
    if original != "there":
        one.unlink()
    if original == "overwritten":
        other = one
    other.write_bytes(twins[1])
    (report,) = _report(run, lake, other, *second)["captures"]
    assert (report["state"], report["packets"]) == ("added", 4000)
    (notice,) = report["notices"]
    assert "has the size and samples of" in notice
    known = not first or original == "there"
    assert ("but another SHA-256: it is" in notice, "cannot be compared: it is" in notice) == (known, not known)
    stored = _captures(lake)
    assert [facts.packets for facts in stored] == [4000, 4000]
    assert len({facts.capture for facts in stored}) == 2
    # and each of them once: the second is found again under its own id
    assert _report(run, lake, other, *second)["captures"][0]["state"] == "unchanged"
    assert len(_captures(lake)) == 2
    # also when the first is removed, whose id the second would have got
    assert run("captures", "rm", stored[0].capture, "--lake", lake)[0] == 0
    assert _report(run, lake, other, *second)["captures"][0]["state"] == "unchanged"
    if original == "there":
        assert _report(run, lake, one, *first)["captures"][0]["state"] == "added"
        assert len(_captures(lake)) == 2


@pytest.mark.parametrize("options", [(), ("--no-sha256",)])
def test_replace_replaces_the_capture_of_the_same_content(
    run: Run, tmp_path: Path, twins: tuple[bytes, bytes], options: tuple[str, ...]
) -> None:
    lake = tmp_path / "lake"
    for name, data in zip(("one.pcap", "other.pcap"), twins, strict=True):
        (tmp_path / name).write_bytes(data)
        _report(run, lake, tmp_path / name, *options)
    before = {facts.path: facts.capture for facts in _captures(lake)}
    for name in ("other.pcap", "one.pcap"):
        assert _report(run, lake, tmp_path / name, *options, "--replace")["captures"][0]["state"] == "replaced"
    assert {facts.path: facts.capture for facts in _captures(lake)} == before


def test_captures_with_one_id_that_arrive_together_are_both_added(
    program: Program, tmp_path: Path, twins: tuple[bytes, bytes]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in zip(("one.pcap", "other.pcap"), twins, strict=True):
        (folder / name).write_bytes(data)
    process = program("capture", folder, "--lake", tmp_path / "lake", "--jobs", 2, "--no-sha256")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(_captures(tmp_path / "lake")) == 2


def test_copy_of_a_capture_is_the_same_capture(run: Run, captures: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for options in ((), ("--no-sha256",)):
        _report(run, lake, captures / "classic.pcap", *options)
        shutil.copy(captures / "classic.pcap", tmp_path / "copy.pcap")
        (report,) = _report(run, lake, tmp_path / "copy.pcap", *options)["captures"]
        assert report["state"] == "unchanged"
        assert str(captures / "classic.pcap") in report["message"]
        assert run("captures", "rm", _captures(lake)[0].capture, "--lake", lake)[0] == 0


def test_same_packets_in_another_packing_or_format_are_noticed(run: Run, captures: Path, tmp_path: Path) -> None:
    lake, data = tmp_path / "lake", (captures / "classic.pcap").read_bytes()
    _report(run, lake, captures / "classic.pcap")
    (stored,) = _captures(lake)
    with gzip.open(tmp_path / "packed.pcap.gz", "wb") as file:
        file.write(data)
    subprocess.run(["editcap", "-F", "pcapng", captures / "classic.pcap", tmp_path / "other.pcapng"], check=True)
    for name in ("packed.pcap.gz", "other.pcapng"):
        (report,) = _report(run, lake, tmp_path / name)["captures"]
        assert report["state"] == "added"
        sentence = f"{tmp_path / name} has the same 300 packets as capture {stored.capture} ({stored.path})"
        assert report["notices"][0].startswith(sentence)
        assert f"netlake captures rm {stored.capture}" in report["notices"][0]
    code, _, err = run("capture", tmp_path / "other.pcapng", "--replace", "--lake", lake)
    assert (code, err.count("has the same 300 packets as")) == (0, 2)


def test_file_that_grew_is_noticed(run: Run, captures: Path, tmp_path: Path) -> None:
    lake, path = tmp_path / "lake", tmp_path / "growing.pcap"
    data = (captures / "classic.pcap").read_bytes()
    ends, at = [], 24
    while at < len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        ends.append(at)
    path.write_bytes(data[: ends[99]])
    assert _report(run, lake, path)["captures"][0]["notices"] == []
    path.write_bytes(data)
    (report,) = _report(run, lake, path)["captures"]
    assert [report["state"], report["packets"]] == ["added", 300]
    assert "begins with the same 64 packets as capture" in report["notices"][0]
    # the other way round: the shorter file comes later
    path.write_bytes(data[: ends[199]])
    notices = _report(run, lake, path)["captures"][0]["notices"]
    assert ["64 packets" in notices[0], "128 packets" in notices[1]] == [True, True]


def test_other_packets_are_not_noticed(run: Run, captures: Path, tmp_path: Path) -> None:
    for name in ("classic.pcap", "tunnel.pcap", "cooked.pcap"):
        assert _report(run, tmp_path / "lake", captures / name)["captures"][0]["notices"] == []


def _write(path: Path, *, link_type: int = 1, **changes: object) -> None:
    """A capture of 5 packets: `changes` are what the packet number 3 has instead."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)]
    for number in range(5):
        packet = {"time": number, "length": 100, "data": bytes(range(100)), **(changes if number == 3 else {})}
        parts.append(struct.pack("<IIII", 1_700_000_000, packet["time"], len(packet["data"]), packet["length"]))
        parts.append(packet["data"])
    path.write_bytes(b"".join(parts))


CHANGED = {
    "first byte": {"data": b"\x01" + bytes(range(1, 100))},
    "byte in the middle": {"data": bytes(50) + bytes(range(50, 100))},
    "last byte": {"data": bytes(range(99)) + b"\0"},
    "captured length": {"data": bytes(range(99))},
    "length": {"length": 101},
    "time": {"time": 4},
    "link type": {"link_type": 101},
}


@pytest.mark.parametrize("changes", CHANGED.values(), ids=CHANGED)
def test_captures_that_differ_in_one_place_are_not_the_same_packets(
    run: Run, tmp_path: Path, changes: dict[str, Any]
) -> None:
    _write(tmp_path / "one.pcap")
    _write(tmp_path / "other.pcap", **changes)
    assert _report(run, tmp_path / "lake", tmp_path / "one.pcap")["captures"][0]["notices"] == []
    assert _report(run, tmp_path / "lake", tmp_path / "other.pcap")["captures"][0]["notices"] == []


def test_same_capture_with_other_tables_says_which_the_lake_has(run: Run, captures: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    _report(run, lake, captures / "classic.pcap", "--include", "tcp")
    (report,) = _report(run, lake, captures / "classic.pcap", "--include", "dns")["captures"]
    assert report["state"] == "unchanged"
    assert report["message"].endswith(
        "nothing was written. It was decoded with --include tcp, and the lake has its tables tcp;"
        " --replace decodes it again, with the options given then."
    )
    assert _report(run, lake, captures / "classic.pcap", "--replace")["captures"][0]["state"] == "replaced"
    (report,) = _report(run, lake, captures / "classic.pcap", "--exclude", "dns")["captures"]
    assert "without these options" in report["message"]


NAMES = [
    b"caf\xe9.pcap", b"line\nfeed.pcap", b"tab\t.pcap", b"back\\slash.pcap", b"back\\x41.pcap", b"esc\x1b[2J.pcap",
    "c1\x85.pcap".encode(),
    "bidi\u202e.pcap".encode(), "caf\u00e9.pcap".encode(), b" space .pcap", b"\xff\xfe", b"-.pcap",
]  # fmt: skip


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_with_any_name_are_captured(program: Program, captures: Path, tmp_path: Path, jobs: int) -> None:
    lake = tmp_path / "lake"
    data = (captures / "classic.pcap").read_bytes()
    for number, name in enumerate(NAMES):
        folder = tmp_path / "folder" / os.fsdecode(b"in\xe9\n%d" % number)
        folder.mkdir(parents=True)
        changed = bytearray(data)
        changed[24] ^= number + 1  # another time
        (folder / os.fsdecode(name)).write_bytes(changed)
    process = program("capture", tmp_path / "folder", "--lake", lake, "--jobs", jobs, "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(json.loads(out)["captures"]) == len(NAMES)
    stored = _captures(lake)
    assert len({facts.path for facts in stored}) == len(NAMES)
    for facts in stored:
        facts.path.encode()  # valid text
        assert "\n" not in facts.path
        assert facts.called == facts.path
    assert any(facts.path.endswith("/in\\xe9\\n0/caf\\xe9.pcap") for facts in stored)
    assert any(facts.path.endswith("/line\\nfeed.pcap") for facts in stored)
    out, err = program("captures", "--lake", lake).communicate(timeout=60)
    assert err == b""
    assert len(out.decode().splitlines()) == len(NAMES) + 1
    # the originals are found again by their names
    process = program("capture", tmp_path / "folder", "--lake", lake, "--jobs", jobs)
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out.count(b"already in the lake")) == (0, len(NAMES))


def test_refresh_finds_originals_with_any_name(run: Run, program: Program, captures: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9\n\\.pcap")
    shutil.copy(captures / "classic.pcap", path)
    _report(run, tmp_path / "lake", path)
    _report(run, tmp_path / "lake", captures / "cooked.pcap")
    import sqlite3

    with sqlite3.connect(tmp_path / "lake" / "catalog.sqlite") as database:
        database.execute("UPDATE netlake_capture SET contract = contract - 1")
    database.close()
    out, err = program("capture", "--refresh", "--lake", tmp_path / "lake").communicate(timeout=120)
    assert (out.count(b"replaced"), err) == (2, b"")


@pytest.mark.parametrize("name", NAMES[:6])
def test_errors_about_files_with_any_name_are_one_line(program: Program, tmp_path: Path, name: bytes) -> None:
    lake = ["--lake", str(tmp_path / "lake")]
    text = str(tmp_path / os.fsdecode(name))
    for given in ([text], [text + "/"], [text, text, "--as-one"]):
        for content in (None, b"", b"no capture at all"):
            if content is not None:
                Path(text).write_bytes(content)
            process = program("capture", *given, *lake)
            _, err = process.communicate(timeout=60)
            assert process.returncode == 1
            assert b"Traceback" not in err
            assert err.count(b"\n") == 1, err
            err.decode()
        Path(text).unlink()
    assert not (tmp_path / "lake").exists()


def test_lake_with_a_name_that_is_not_utf8_is_refused(program: Program, captures: Path, tmp_path: Path) -> None:
    lake = tmp_path / os.fsdecode(b"l\xe9ke")
    for arguments in (["capture", captures / "classic.pcap"], ["captures"], ["sql", "SELECT 1"], ["tables"]):
        process = program(*arguments, "--lake", lake)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err.endswith(b"l\\xe9ke of the lake is not UTF-8; give the lake another path.\n")
    assert not lake.exists()


def test_lake_reached_by_another_spelling_was_not_moved(
    run: Run, captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work" / "deep")
    path = tmp_path / "link" / "a.pcap"
    shutil.copy(captures / "classic.pcap", path)
    assert run("capture", "../a.pcap", "--lake", "../../link/lake", "--jobs", 1)[0] == 0
    (stored,) = _captures(tmp_path / "work" / "lake")
    assert stored.path == str(tmp_path / "work" / "a.pcap")
    for lake in (
        "../lake",
        "../deep/../lake/",
        tmp_path / "link" / "lake",
        tmp_path / "work" / "lake",
        "../lake/catalog.sqlite",
    ):
        if not str(lake).endswith("sqlite"):
            code, _, err = run("captures", "--lake", lake)
            assert (code, err) == (0, "")
        assert Catalog(lake).notice is None
    with_link = run("capture", path, "--lake", tmp_path / "link" / "lake", "--jobs", 1)
    assert with_link[0] == 0
    assert "already in the lake" in with_link[1]
    shutil.move(tmp_path / "work" / "lake", tmp_path / "moved")
    code, _, err = run("captures", "--lake", "../../moved")
    assert code == 0
    assert f"moved here from {tmp_path / 'work' / 'lake'}/data/" in err


def test_spellings_of_one_file_are_one_input(run: Run, captures: Path, tmp_path: Path) -> None:
    shutil.copy(captures / "classic.pcap", tmp_path / "a.pcap")
    (tmp_path / "b.pcap").symlink_to("a.pcap")
    report = _report(run, tmp_path / "lake", tmp_path / "a.pcap", tmp_path / "b.pcap", f"{tmp_path}/./a.pcap")
    assert len(report["captures"]) == 1
