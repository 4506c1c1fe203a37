"""Captures are added to a lake once each, and completely or not at all, also if a process or a commit fails."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import netlake
import netlake.pipeline
from netlake.errors import InputError, LakeError
from netlake.lake.catalog import Catalog
from netlake.lake.facts import schema_version
from netlake.pipeline import workers
from netlake.pipeline.report import CaptureReport

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = ROOT / "tests" / "captures"
SMALL = ("classic.pcap", "any_interface.pcap", "tunnel.pcap", "cooked.pcap")


def rows(lake: Path, table: str = "packet") -> int:
    return sum(file.rows for file in Catalog(lake).files(table))


def test_capture_is_added_once_and_replaced_on_request(tmp_path: Path) -> None:
    first = netlake.capture(CAPTURES / "classic.pcap", tmp_path / "lake")
    assert (first.exit_code, first.captures[0].state, first.captures[0].packets) == (0, "added", 300)
    assert rows(tmp_path / "lake") == 300
    again = netlake.capture(CAPTURES / "classic.pcap", tmp_path / "lake")
    assert (again.exit_code, again.captures[0].state) == (0, "unchanged")
    assert rows(tmp_path / "lake") == 300
    replaced = netlake.capture(CAPTURES / "classic.pcap", tmp_path / "lake", replace=True)
    assert replaced.captures[0].state == "replaced"
    assert rows(tmp_path / "lake") == 300


def test_report_has_rows_and_bytes_written(tmp_path: Path) -> None:
    report = netlake.capture(CAPTURES / "snaplen.pcap", tmp_path / "lake", proto=True).captures[0]
    assert report.tables["packet"].rows == report.packets
    assert report.quality["cut"] > 0
    files = Catalog(tmp_path / "lake").files("packet")
    assert report.tables["packet"].bytes == sum(file.size for file in files)
    assert (tmp_path / "lake" / "proto" / "packet").is_dir()


def test_truncated_file_has_exit_code_3_and_complete_packets(tmp_path: Path) -> None:
    report = netlake.capture(CAPTURES / "truncated.pcap", tmp_path / "lake")
    assert report.exit_code == 3
    assert rows(tmp_path / "lake") == 122
    assert report.captures[0].problems[0].offset > 0


def test_file_that_is_no_capture_fails_and_others_are_added(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("This text is not a capture.")
    report = netlake.capture([letter, CAPTURES / "tunnel.pcap"], tmp_path / "lake", jobs=1)
    assert report.exit_code == 1
    assert [capture.state for capture in report.captures] == ["failed", "added"]
    assert "letter.txt" in report.captures[0].message
    with pytest.raises(InputError, match="absent"):
        netlake.capture(tmp_path / "absent.pcap", tmp_path / "lake")


def test_captures_are_decoded_by_several_processes(tmp_path: Path) -> None:
    report = netlake.capture([CAPTURES / name for name in SMALL], tmp_path / "lake", jobs=2)
    assert [capture.state for capture in report.captures] == ["added"] * len(SMALL)
    assert [Path(capture.name).name for capture in report.captures] == list(SMALL)
    assert rows(tmp_path / "lake") == sum(capture.packets for capture in report.captures)


def test_several_files_are_added_as_one_capture(tmp_path: Path) -> None:
    report = netlake.capture([CAPTURES / "classic.pcap", CAPTURES / "cooked.pcap"], tmp_path / "lake", as_one=True)
    assert len(report.captures) == 1
    assert rows(tmp_path / "lake") == report.captures[0].packets == 360


def test_failed_write_leaves_no_files(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    netlake.capture(CAPTURES / "tunnel.pcap", lake)
    (lake / "data" / "arp").mkdir(exist_ok=True)
    before = sorted(path for path in lake.rglob("*") if path.is_file())
    shutil.rmtree(lake / "data" / "igmp", ignore_errors=True)
    (lake / "data" / "igmp").write_text("a file where a folder must be")
    report = netlake.capture(CAPTURES / "classic.pcap", lake)
    assert report.exit_code == 1
    (lake / "data" / "igmp").unlink()
    assert sorted(path for path in lake.rglob("*") if path.is_file()) == before


def kill_first(pids: list[int], times: int) -> None:
    """Kill the first `times` worker processes when they have started."""
    killed: set[int] = set()
    until = time.monotonic() + 60
    while len(killed) < times and time.monotonic() < until:
        for pid in pids[:]:
            if pid not in killed and len(killed) < times:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


@pytest.mark.parametrize(("deaths", "state"), [(1, "added"), (2, "failed")])
def test_capture_of_a_killed_worker_is_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, state: str
) -> None:
    lake = tmp_path / "lake"
    Catalog(lake, create=True)
    pids: list[int] = []
    start = workers.Supervisor._start

    def noted(self: workers.Supervisor) -> workers.Worker:
        worker = start(self)
        pids.append(worker.process.pid)
        return worker

    monkeypatch.setattr(workers.Supervisor, "_start", noted)
    killer = threading.Thread(target=kill_first, args=(pids, deaths))
    killer.start()
    supervisor = workers.Supervisor(str(lake), workers.Settings(), 1, lambda *_: None)
    reports: list[CaptureReport] = supervisor.run([[str(CAPTURES / name)] for name in SMALL[:2]])
    killer.join()
    assert [report.state for report in reports] == [state, "added"]
    assert rows(lake) == sum(report.packets for report in reports)
    if state == "failed":
        assert "died 2 times (signal 9)" in reports[0].message


def test_refresh_decodes_captures_of_another_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, gone = tmp_path / "lake", tmp_path / "gone.pcap"
    shutil.copy(CAPTURES / "cooked.pcap", gone)
    monkeypatch.setattr("netlake.lake.facts.contract.version", lambda: 1)
    netlake.capture([CAPTURES / "classic.pcap", gone], lake, jobs=1)
    assert not netlake.pipeline.refresh(lake).captures
    gone.unlink()
    monkeypatch.setattr("netlake.lake.facts.contract.version", lambda: 2)
    report = netlake.pipeline.refresh(lake, jobs=1)
    assert [capture.state for capture in report.captures] == ["replaced"]
    assert "gone.pcap is missing" in report.notices[0]
    assert sorted(stored.facts.contract for stored in Catalog(lake).captures()) == [1, 2]
    assert rows(lake) == 360


def test_refresh_uses_the_options_of_each_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, broken = tmp_path / "lake", tmp_path / "broken.pcap"
    content = bytearray((CAPTURES / "classic.pcap").read_bytes())
    content[24 + 8 : 24 + 12] = b"\xff" * 4  # the length of the first packet
    broken.write_bytes(content)
    monkeypatch.setattr("netlake.lake.facts.contract.version", lambda: 1)
    netlake.capture(broken, lake, salvage=True)
    netlake.capture(CAPTURES / "tunnel.pcap", lake, include=["packet", "udp", "ipv4"], exclude=["ipv4"])
    netlake.capture([CAPTURES / "snaplen.pcap", CAPTURES / "cooked.pcap"], lake, entropy=True, jobs=1)
    before = {stored.facts.capture: stored.facts for stored in Catalog(lake).captures()}
    monkeypatch.undo()  # worker processes have the real version
    seen: list[int] = []
    report = netlake.pipeline.refresh(lake, jobs=2, progress=lambda index, *_: seen.append(index), begun=seen.append)
    assert [capture.state for capture in report.captures] == ["replaced"] * 4
    assert seen[0] == 4
    assert set(seen[1:]) <= set(range(4))
    for stored in Catalog(lake).captures():
        facts = before[stored.facts.capture]
        assert (stored.facts.rows, stored.facts.report) == (facts.rows, facts.report)
        assert stored.facts.contract == schema_version() > 1


def test_refresh_skips_original_with_other_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, path = tmp_path / "lake", tmp_path / "a.pcap"
    shutil.copy(CAPTURES / "cooked.pcap", path)
    monkeypatch.setattr("netlake.lake.facts.contract.version", lambda: 1)
    netlake.capture(path, lake)
    monkeypatch.setattr("netlake.lake.facts.contract.version", lambda: 2)
    for content, sentence in (
        ((CAPTURES / "tunnel.pcap").read_bytes(), "a.pcap is another capture now."),
        (b"no capture", "is not a capture: it starts"),
    ):
        path.write_bytes(content)
        report = netlake.pipeline.refresh(lake)
        assert (report.captures, rows(lake)) == ([], 60)
        assert sentence in report.notices[0]


def test_truncated_file_has_state_partial(tmp_path: Path) -> None:
    netlake.capture([CAPTURES / "truncated.pcap", CAPTURES / "classic.pcap"], tmp_path / "lake", jobs=1)
    assert [stored.facts.state for stored in Catalog(tmp_path / "lake").captures()] == ["partial", "complete"]


def test_messages_about_several_files_have_one_line(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    (report,) = netlake.capture([CAPTURES / "classic.pcap", CAPTURES / "cooked.pcap"], lake, as_one=True).captures
    removed = Catalog(lake).remove(str(report.id))
    for sentence in (report.message, removed.sentence, *(entry.message or "" for entry in Catalog(lake).snapshots())):
        assert "\n" not in sentence
    assert " and 1 more was added as capture" in report.message


def messages(lake: Path) -> set[str]:
    return {path.relative_to(lake / "proto").as_posix() for path in lake.glob("proto/*/*")}


def test_replaced_capture_has_protobuf_files_of_last_decoding(tmp_path: Path) -> None:
    lake, name = tmp_path / "lake", CAPTURES / "cooked.pcap"
    (first,) = netlake.capture(name, lake, proto=True).captures
    assert messages(lake) == {f"{table}/{first.id}.pb.zst" for table in first.tables}
    old = {path: path.stat().st_ino for path in lake.glob("proto/*/*")}
    (second,) = netlake.capture(name, lake, replace=True, include=["packet", "tcp"]).captures
    assert messages(lake) == {f"{table}/{first.id}.pb.zst" for table in second.tables}
    assert all(path.stat().st_ino != old[path] for path in lake.glob("proto/*/*"))


def test_failed_commit_keeps_protobuf_files_of_stored_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, name = tmp_path / "lake", CAPTURES / "cooked.pcap"
    (first,) = netlake.capture(name, lake, proto=True).captures

    def fail(*_: object, **__: object) -> None:
        raise LakeError("The disk is full.")

    monkeypatch.setattr(Catalog, "commit", fail)
    (failed,) = netlake.capture(name, lake, proto=True, replace=True).captures
    assert failed.state == "failed"
    assert messages(lake) == {f"{table}/{first.id}.pb.zst" for table in first.tables}
    (other,) = netlake.capture(CAPTURES / "tunnel.pcap", lake, proto=True).captures
    assert other.state == "failed"
    assert messages(lake) == {f"{table}/{first.id}.pb.zst" for table in first.tables}


def test_protobuf_files_of_a_killed_run_are_collected(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    netlake.capture(CAPTURES / "cooked.pcap", lake, proto=True)
    kept = messages(lake)
    for left in (f".{'a' * 16}-{'b' * 32}.part", f"{'a' * 16}.pb.zst", "mine.txt"):
        (lake / "proto" / "packet" / left).touch()
    assert Catalog(lake).collect_orphans(60) == []
    assert len(Catalog(lake).collect_orphans(0)) == 2
    assert messages(lake) == {*kept, "packet/mine.txt"}


def test_removed_capture_loses_its_protobuf_files(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    first, second = netlake.capture(
        [CAPTURES / "tunnel.pcap", CAPTURES / "cooked.pcap"], lake, proto=True, jobs=1
    ).captures
    Catalog(lake).remove(str(first.id))
    left = {path.name.partition(".")[0] for path in lake.glob("proto/*/*")}
    assert left == {second.id}
    assert rows(lake) == second.packets
