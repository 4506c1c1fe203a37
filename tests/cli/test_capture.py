"""`capture`: inputs, report and exit codes."""

from __future__ import annotations

import array
import fcntl
import gzip
import json
import os
import pty
import shutil
import signal
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from netlake.cli import progress, summary
from netlake.lake.catalog import Catalog
from netlake.pipeline.report import CaptureReport, ProblemReport, Report, TableReport

Run = Callable[..., tuple[int, str, str]]
Program = Callable[..., "subprocess.Popen[bytes]"]


def test_capture_is_added_once(run: Run, captures: Path, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    code, out, err = run("capture", captures / "classic.pcap", "--lake", path, "--jobs", 1)
    assert code == 0, err
    assert "added" in out
    assert "300 packets" in out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert lines["table"] == ["rows", "bytes", "bytes/row"]
    assert lines["packet"][0] == "300"
    assert float(lines["packet"][2]) == pytest.approx(int(lines["packet"][1].replace(",", "")) / 300, abs=0.1)
    # the same capture again changes nothing, and a message reports it
    code, out, _ = run("capture", captures / "classic.pcap", "--lake", path, "--jobs", 1)
    assert code == 0
    assert "already" in out
    assert "bytes/row" not in out
    code, out, _ = run("capture", captures / "classic.pcap", "--lake", path, "--jobs", 1, "--replace")
    assert code == 0
    assert "replaced" in out
    assert run("sql", "SELECT count(*) FROM packet", "--lake", path, "--format", "csv")[1] == "count_star()\n300\n"


def test_json_report_is_one_object(run: Run, captures: Path, tmp_path: Path) -> None:
    lake = ["--lake", tmp_path / "lake", "--jobs", 1]
    code, out, _ = run("capture", captures / "truncated.pcap", *lake, "--json")
    report = json.loads(out)
    assert code == report["exit_code"] == 3
    (capture,) = report["captures"]
    assert capture["state"] == "added"
    assert capture["partial"] is True
    assert capture["packets"] == capture["tables"]["packet"]["rows"] == 122
    assert capture["problems"][0]["offset"] < 20_000
    assert capture["problems"][0]["sentence"]


def test_unreadable_input_is_reported_with_exit_code(run: Run, captures: Path, tmp_path: Path) -> None:
    lake = ["--lake", tmp_path / "lake", "--jobs", 1]
    code, out, err = run("capture", captures / "truncated.pcap", *lake)
    assert code == 3
    assert "added" in out
    assert "truncated.pcap, byte " in err
    text = tmp_path / "no\x1bcapture.txt"
    text.write_text("This text is not a capture.\n" * 9)
    code, out, err = run("capture", text, captures / "classic.pcap", *lake)
    assert code == 1
    assert "\x1b" not in out + err
    assert "no\\x1bcapture.txt" in err
    assert "added" in out
    code, _, err = run("capture", tmp_path / "absent.pcap", *lake)
    assert code == 1
    assert err.count("\n") == 1
    code, out, _ = run("capture", captures / "snaplen.pcap", *lake)
    assert code == 0
    assert "packets truncated by snaplen" in out


def test_include_and_exclude_select_tables(run: Run, captures: Path, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    arguments = ["--lake", path, "--jobs", 1, "--include", "udp,dns", "--include", "packet", "--exclude", "dns"]
    assert run("capture", captures / "classic.pcap", *arguments)[0] == 0
    assert {name for name in Catalog(path).tables() if name != "address"} == {"udp", "packet"}
    code, _, err = run("capture", captures / "classic.pcap", "--lake", path, "--include", "upd")
    assert code == 2
    assert err == "netlake: --include: There is no table upd; nearest are utp and udp; see `netlake capture --help`.\n"


def test_input_may_be_folder_stdin_or_several_files_as_one(
    run: Run, program: Program, captures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(captures / "classic.pcap", folder)
    with gzip.open(folder / "b.pcap.gz", "wb") as file:
        file.write((captures / "tunnel.pcap").read_bytes())
    code, out, _ = run("capture", folder, "--lake", tmp_path / "a", "--jobs", 1)
    assert code == 0
    assert out.count("added") == 2
    code, out, _ = run("capture", folder, "--lake", tmp_path / "b", "--jobs", 1, "--as-one")
    assert code == 0
    assert out.count("added") == 1
    with (captures / "classic.pcap").open("rb") as file:
        process = program("capture", "-", "--lake", tmp_path / "c", stdin=file)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert b"300 packets" in out


def test_proto_writes_message_files(run: Run, captures: Path, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    assert run("capture", captures / "classic.pcap", "--lake", path, "--jobs", 1, "--proto")[0] == 0
    assert list((path / "proto" / "packet").glob("*.pb.zst"))


def test_progress_is_drawn_on_terminals_only(program: Program, captures: Path, tmp_path: Path) -> None:
    process = program("capture", captures / "classic.pcap", "--lake", tmp_path / "a", "--jobs", "1")
    _, err = process.communicate(timeout=120)
    assert b"packets/s" not in err
    assert b"\x1b" not in err
    ours, theirs = pty.openpty()
    process = program("capture", captures / "demo.pcapng", "--lake", tmp_path / "b", "--jobs", "1", stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass
    os.close(ours)
    out, _ = process.communicate(timeout=120)
    assert b"packets/s" in shown
    assert b"\x1b" not in out


def _fed(program: Program, lake: Path, data: bytes, **settings: object) -> subprocess.Popen[bytes]:
    """A capture of stdin that has read `data` and waits for more."""
    process = program("capture", "-", "--lake", lake, "--json", stdin=subprocess.PIPE, **settings)
    process.stdin.write(data)  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    handle = Path(f"/proc/{process.pid}/status")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and (_signals(handle) & CAUGHT != CAUGHT or _unread(process)):
        time.sleep(0.05)
    return process


def _unread(process: subprocess.Popen[bytes]) -> int:
    """How many bytes of its standard input, a pipe, a process has not read."""
    count = array.array("i", [0])
    fcntl.ioctl(process.stdin, termios.FIONREAD, count)  # type: ignore[arg-type]
    return count[0]


CAUGHT = 1 << (signal.SIGINT - 1) | 1 << (signal.SIGTERM - 1)


def _signals(status: Path) -> int:
    """The set of signals that a process handles, as bits."""
    lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
    return int(lines["SigCgt"], 16)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_ends_stdin_and_keeps_what_was_read(
    program: Program, captures: Path, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "lake"
    process = _fed(program, path, (captures / "classic.pcap").read_bytes())
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    (capture,) = json.loads(out)["captures"]
    assert (capture["state"], capture["packets"], capture["partial"]) == ("added", 300, False)
    (stored,) = Catalog(path).captures()
    assert (stored.facts.packets, stored.facts.state) == (300, "complete")
    assert len(stored.facts.sha256 or "") == 64


def test_signal_within_a_packet_keeps_the_packets_before(program: Program, captures: Path, tmp_path: Path) -> None:
    process = _fed(program, tmp_path / "lake", (captures / "classic.pcap").read_bytes()[:-10])
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 3
    (stored,) = Catalog(tmp_path / "lake").captures()
    assert (stored.facts.packets, stored.facts.state) == (299, "partial")


def test_bytes_that_are_on_their_way_at_the_first_signal_are_read(
    program: Program, captures: Path, tmp_path: Path
) -> None:
    """A program that writes to the pipe is interrupted by the same key, and flushes its buffer then."""
    data = (captures / "classic.pcap").read_bytes()
    process = _fed(program, tmp_path / "lake", data[:5000])
    os.kill(process.pid, signal.SIGINT)
    process.stdin.write(data[5000:])  # type: ignore[union-attr]
    assert process.communicate(timeout=60)[1] == b""
    (stored,) = Catalog(tmp_path / "lake").captures()
    assert stored.facts.packets == 300


def test_second_signal_exits_130_and_leaves_nothing(program: Program, captures: Path, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    data = (captures / "classic.pcap").read_bytes()
    process = _fed(program, path, data)
    os.kill(process.pid, signal.SIGINT)
    until = time.monotonic() + 0.4  # while bytes arrive, input is read for one more second
    while time.monotonic() < until:
        process.stdin.write(data[24:424])  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == b"netlake: interrupted."
    assert not path.exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_signal_aborts_a_capture_of_files(program: Program, captures: Path, tmp_path: Path, jobs: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    data = (captures / "classic.pcap").read_bytes()
    for name in ("a.pcap", "b.pcap"):
        (folder / name).write_bytes(data[:24] + data[24:] * 3000)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = program("capture", folder, "--lake", tmp_path / "lake", "--jobs", jobs)
        while process.poll() is None and not list(tmp_path.glob("lake/data/*/*/.*.tmp")):
            time.sleep(0.02)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err.strip()) == (130, b"netlake: interrupted.")
        assert not (tmp_path / "lake").exists()


def test_first_captures_of_several_processes_are_all_added(program: Program, captures: Path, tmp_path: Path) -> None:
    """Each finds no lake; one of them creates it."""
    names = ("classic.pcap", "cooked.pcap", "tunnel.pcap", "snaplen.pcap")
    running = [program("capture", captures / name, "--lake", tmp_path / "lake", "--jobs", 1) for name in names]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"")
    catalog = Catalog(tmp_path / "lake")
    assert len(catalog.captures()) == len(names)
    assert catalog.validate(deep=True) == []


def test_named_pipe_is_ended_by_a_signal(program: Program, captures: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = program("capture", pipe, "--lake", tmp_path / "lake")
    with pipe.open("wb", buffering=0) as file:
        file.write((captures / "classic.pcap").read_bytes())
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert [stored.facts.packets for stored in Catalog(tmp_path / "lake").captures()] == [300]


def test_progress_line_has_share_speed_and_eta() -> None:
    watch = progress.Watch()
    watch.begin(4)
    watch.began -= 10
    watch(0, 1000, 1000, 50)
    watch(1, 500, 1000, 30)
    assert watch.share == pytest.approx(0.375)
    assert "2 of 4 captures, 0.0 MB/s, 8 packets/s, ETA 0:00:17" in watch.line()
    watch(2, 500, None, 30)
    assert watch.share == pytest.approx(0.375)


def test_summary_adds_up_quality_of_many_captures(capsys: pytest.CaptureFixture[str]) -> None:
    quality = {
        "cut": 3, "salvaged": 2, "clock_steps_back": 1, "faults": {"dns": {"bad_name": 4}},
        "undecoded": [{"reason": "unknown_port", "value": port, "packets": 20 - port} for port in range(15)],
        "skipped_blocks": {"0x0000000a": 1}, "fragments": {"reassembled": 5}, "rows_beyond_days": {"udp": 9},
    }  # fmt: skip
    captures = [
        CaptureReport(
            f"{index}.pcap", "a" * 16, "added", "", 10, 1000, 0.1, index == 3, {"udp": TableReport(10, 100)}, quality
        )
        for index in range(30)
    ]
    captures[3].problems = [ProblemReport(1234567, "the file ends inside\x1b a packet", "3.pcap")]
    summary.show(Report([*captures, CaptureReport("bad.pcap", message="bad.pcap is not a capture.")], 2.0))
    out, err = capsys.readouterr()
    assert out.startswith("31 captures: 30 added, 1 failed.\n3.pcap: added.")
    assert err == (
        "netlake: 3.pcap, byte 1,234,567: the file ends inside\\x1b a packet\nnetlake: bad.pcap is not a capture.\n"
    )
    assert "udp     300  3,000       10.0" in out
    for line in (
        "90  packets truncated by snaplen",
        "60  packets found after corrupt records",
        "30  packets with an earlier timestamp",
        "30  skipped blocks of type 0x0000000a",
        "120  dns rows: bad_name",
        "150  fragmentation: reassembled",
        "270  udp rows in the partition",
        "600  payload not decoded: port 0",
    ):
        assert line in out
    assert "payload not decoded: other reasons" in out
    assert out.endswith("300 packets in 2.00 s: 150 packets/s, 0.0 MB/s.\n")
