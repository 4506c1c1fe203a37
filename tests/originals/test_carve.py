"""`netlake carve` writes the packets that tshark selects of the original: equal bytes, times, lengths and comments."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake.cli import main
from netlake.derived.labels import LABEL
from netlake.label import owned
from netlake.lake.catalog import Catalog
from netlake.originals import selected
from netlake.sources.raw import capture_ids
from tests.label.test_labelled_capture import edges, expected, flows
from tests.originals import build

CASES = tomllib.loads(Path(__file__).with_name("carve.toml").read_text(encoding="utf-8"))["case"]
FIELDS = ("frame.time_epoch", "frame.len", "frame.cap_len", "frame.md5_hash", "frame.encap_type", "frame.comment",
          "frame.interface_name", "frame.packet_flags", "frame.packet_id")  # fmt: skip
Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command


def tshark(path: Path, text: str, *fields: str) -> list[str]:
    """A line for each packet of a capture that a display filter selects."""
    options = ["-o", "frame.generate_md5_hash:TRUE", "-T", "fields", "-E", "aggregator=|"]
    chosen = [word for field in fields or FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), *options, *chosen, *(("-Y", text) if text else ())]
    # a classic pcap has interfaces without names, which tshark calls unknown in pcapng
    return (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.replace("unknown", "").splitlines()
    )


def decoded(path: Path, folder: Path) -> Path:
    lake = folder / "lake"
    netlake.capture([path], lake, jobs=1)
    return lake


@pytest.fixture(scope="module")
def made(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[Path, Path]]:
    """(lake, capture without compression) of a case's file; each is decoded once."""

    @cache
    def make(name: str, pack: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("carve")
        path, plain = build.make(name, pack, captures, folder)
        return decoded(path, folder), plain

    return make


def connection(lake: Path, flow: int, capture: Path) -> dict[str, Any]:
    """What identifies a flow in a display filter."""
    with netlake.Lake(lake) as opened:
        row = opened.sql(f"SELECT orig_ip, resp_ip, orig_port, resp_port FROM connection WHERE flow = {flow}").rows()[0]
        first = opened.sql(f"SELECT min(packet) FROM packet WHERE flow = {flow}").rows()[0][0]
    names = ("orig_ip", "resp_ip", "orig_port", "resp_port")
    return {
        **dict(zip(names, row, strict=True)),
        "stream": "".join(tshark(capture, f"frame.number == {first}", "tcp.stream")[:1]),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_packets_are_those_of_tshark(
    case: dict[str, Any], made: Callable[[str, str], tuple[Path, Path]], tmp_path: Path, run: Run
) -> None:
    lake, plain = made(case["file"], case.get("pack", ""))
    out = tmp_path / "out.pcapng"
    options, text = case.get("options", []), case["tshark"]
    if "flow" in case:
        flow = netlake.Lake(lake).sql(case["flow"]).rows()[0][0]
        options = ["--flow", flow]
        text = text.format(**connection(lake, flow, plain))
    code, printed, err = run("carve", "--lake", lake, *options, "-w", out)
    assert (code, err) == (0, "")
    wanted = tshark(plain, text)
    assert len(wanted) > 0
    assert printed.startswith(f"{out}: {len(wanted):,} packets, ")
    assert tshark(out, "") == wanted


def test_records_are_read_at_their_offsets(
    made: Callable[[str, str], tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an uncompressed capture nothing but the start and the records is read."""
    lake = netlake.Lake(made("demo.pcapng", "")[0])

    def passed(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(selected, "passed", passed)
    assert lake.carve(tmp_path / "out.pcapng", where="packet % 7 = 3").packets > 100


def test_packets_without_a_time(made: Callable[[str, str], tuple[Path, Path]], tmp_path: Path, run: Run) -> None:
    lake, plain = made("old-blocks", "")
    code, _, err = run("carve", "--lake", lake, "--where", "true", "-w", tmp_path / "out.pcapng")
    assert (code, err) == (0, "netlake: 2 packets have no time that the format can express; theirs is 1970-01-01.\n")
    assert tshark(tmp_path / "out.pcapng", "", *FIELDS[1:4]) == tshark(plain, "", *FIELDS[1:4])


def test_classic_pcap(captures: Path, tmp_path: Path, run: Run) -> None:
    lake, out = decoded(captures / "classic.pcap", tmp_path), tmp_path / "out.pcap"
    assert run("carve", "--lake", lake, "--where", "packet > 3", "-w", out)[0] == 0
    assert out.read_bytes()[:4].hex() == "4d3cb2a1"
    fields = FIELDS[:5]
    assert tshark(out, "", *fields) == tshark(captures / "classic.pcap", "frame.number > 3", *fields)


def test_python_writes_the_same_file(made: Callable[[str, str], tuple[Path, Path]], tmp_path: Path, run: Run) -> None:
    lake = made("demo.pcapng", "")[0]
    assert run("carve", "--lake", lake, "--filter", "tcp", "--limit", 9, "-w", tmp_path / "one.pcapng")[0] == 0
    done = netlake.Lake(lake).carve(tmp_path / "two.pcapng", filter="tcp", limit=9)
    assert done.packets == 9
    assert (tmp_path / "one.pcapng").read_bytes() == (tmp_path / "two.pcapng").read_bytes()


def test_captures_have_interfaces_of_their_own(captures: Path, tmp_path: Path, run: Run) -> None:
    lake, out = tmp_path / "lake", tmp_path / "out.pcapng"
    names = ("classic.pcap", "cooked.pcap")
    netlake.capture([captures / name for name in names], lake, jobs=1)
    code, printed, _ = run("carve", "--lake", lake, "--where", "true", "-w", out)
    assert code == 0
    assert " packets of 2 captures, " in printed
    fields = FIELDS[:5]
    both = [line for name in names for line in tshark(captures / name, "", *fields)]
    assert sorted(tshark(out, "", *fields)) == sorted(both)
    assert {line.split("\t")[1] for line in tshark(out, "", "frame.number", "frame.interface_id")} == {"0", "1"}
    code, _, err = run("carve", "--lake", lake, "--flow", 1, "-w", tmp_path / "other.pcapng")
    assert (code, "name one with --capture" in err) == (2, True)
    code, _, err = run("carve", "--lake", lake, "--where", "true", "-w", tmp_path / "other.pcap")
    assert (code, "and a pcap file has one" in err) == (2, True)
    assert run("carve", "--lake", lake, "--flow", 1, "--capture", "classic", "-w", tmp_path / "other.pcap")[0] == 0


def test_files_of_one_capture(captures: Path, tmp_path: Path, run: Run) -> None:
    lake, out = tmp_path / "lake", tmp_path / "out.pcapng"
    names = ("classic.pcap", "snaplen.pcap")
    netlake.capture([captures / name for name in names], lake, as_one=True)
    assert run("carve", "--lake", lake, "--where", "packet % 2 = 0", "-w", out)[0] == 0
    assert (
        len(tshark(out, "")) == netlake.Lake(lake).sql("SELECT count(*) FROM packet WHERE packet % 2 = 0").rows()[0][0]
    )


@pytest.mark.parametrize("kind", ["packet", "connection"])
def test_labels_are_comments(captures: Path, tmp_path: Path, run: Run, kind: str) -> None:
    lake, out = decoded(captures / "demo.pcapng", tmp_path), tmp_path / "out.pcapng"
    catalog = Catalog(lake)
    batch = edges(catalog.captures()[0].facts.capture, flows(lake))
    if kind == "connection":
        rows = [row | {"packet": None, "place": None, "record_table": kind} for row in batch.to_pylist()
                if row["packet"] == 6]  # fmt: skip
        batch = type(batch).from_pylist(rows, schema=batch.schema)
    owned.replace(catalog, LABEL, "default", "1", [batch])
    assert run("carve", "--lake", lake, "--packet", "1-60", "-w", out)[0] == 0
    found = dict(enumerate(tshark(out, "", "frame.comment"), 1))
    flow = flows(lake)
    before = dict(enumerate(tshark(captures / "demo.pcapng", "frame.number <= 60", "frame.comment"), 1))
    for number, text in found.items():
        labels = expected(number) if kind == "packet" else expected(6) if flow[number] == flow[6] else []
        wanted = [f"s={flow[number] or 0},{label}" for label in labels] + ([before[number]] if before[number] else [])
        assert text == "|".join(wanted)
    code, _, err = run("carve", "--lake", lake, "--packet", 1, "--labels", "none", "-w", tmp_path / "b.pcapng")
    assert (code, "no version none" in err) == (2, True)


class TestOriginals:
    """An original that is not as it was is one sentence, and no file is written."""

    @pytest.fixture
    def copy(self, tmp_path: Path) -> tuple[Path, Path]:
        path = tmp_path / "one.pcap"
        path.write_bytes(build.BUILT["classic-nano"]())
        return path, decoded(path, tmp_path)

    def fails(self, run: Run, lake: Path, sentence: str, *options: str) -> None:
        out = lake.parent / "out.pcapng"
        code, printed, err = run("carve", "--lake", lake, "--where", "packet > 2", "-w", out, *options)
        assert (code, printed, err.count("\n")) == (1, "", 1)
        assert sentence in err
        assert not list(lake.parent.glob("*out.pcapng*"))

    def test_gone(self, copy: tuple[Path, Path], run: Run) -> None:
        copy[0].unlink()
        self.fails(run, copy[1], "one.pcap is gone")

    def test_moved(self, copy: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
        path, lake = copy
        (tmp_path / "other").mkdir()
        path.rename(tmp_path / "other" / path.name)
        self.fails(run, lake, "one.pcap is gone")
        out = tmp_path / "out.pcapng"
        options = ("--lake", lake, "--where", "packet > 2", "-w", out, "--originals", tmp_path / "other")
        assert run("carve", *options)[0] == 0
        assert len(tshark(out, "")) == 6

    def test_grown(self, copy: tuple[Path, Path], run: Run) -> None:
        copy[0].write_bytes(copy[0].read_bytes() + b"x")
        self.fails(run, copy[1], "was changed since it was decoded")

    def test_another_capture_of_the_same_size(self, copy: tuple[Path, Path], run: Run) -> None:
        copy[0].write_bytes(copy[0].read_bytes().replace(b"\7\7", b"\7\6"))
        self.fails(run, copy[1], "was changed since it was decoded")

    def test_changed_between_the_samples(self, tmp_path: Path, run: Run) -> None:
        """Samples do not show it; the time of a packet does, and the SHA-256 shows everything."""
        path, frame = tmp_path / "long.pcap", b"\xff" * 60_000
        packets = [build.Packet(frame, (build.START + number) * 1_000_000) for number in range(640)]
        content = build.writer.pcap(packets)
        path.write_bytes(content)
        lake = decoded(path, tmp_path)
        ids = netlake.Lake(lake).captures[0].capture

        def changed(at: int) -> bool:
            path.write_bytes(content[:at] + b"\1" + content[at + 1 :])
            with path.open("rb") as file:
                return capture_ids(file.fileno(), len(content))[0] == ids

        begins = (24 + number * (16 + len(frame)) for number in range(30, 60))
        at = next(begin for begin in begins if changed(begin) and changed(begin + 16))
        number = (at - 24) // (16 + len(frame)) + 1
        assert run("carve", "--lake", lake, "--packet", number, "-w", tmp_path / "a.pcapng")[0] == 0
        self.fails(run, lake, "was changed since it was decoded", "--verify")
        assert changed(at)
        self.fails(run, lake, "was changed since it was decoded")

    def test_shorter_archive(self, tmp_path: Path, run: Run) -> None:
        """The file has the stamp of the one that was decoded, and fewer packets."""
        path = tmp_path / "one.pcap.gz"
        content = build.BUILT["classic-nano"]()
        path.write_bytes(gzip.compress(content))
        lake = decoded(path, tmp_path)
        from netlake.originals import opened

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opened, "stamp_of", lambda _: netlake.Lake(lake).captures[0].report["stamps"][0])
            path.write_bytes(gzip.compress(content[:-10]))
            self.fails(run, lake, "was changed since it was decoded")

    def test_stream(self, tmp_path: Path, run: Run) -> None:
        lake = tmp_path / "lake"
        command = [sys.executable, "-m", "netlake", "capture", "-", "--lake", str(lake)]
        subprocess.run(command, input=build.BUILT["classic-nano"](), capture_output=True, check=True)
        self.fails(run, lake, "was a stream")


def test_file_is_complete_or_absent(captures: Path, tmp_path: Path, run: Run) -> None:
    lake, out = decoded(captures / "classic.pcap", tmp_path), tmp_path / "out.pcapng"
    code, printed, err = run("carve", "--lake", lake, "--where", "packet < 0", "-w", out)
    assert (code, printed, err) == (1, "", "netlake: No packet matches, so no capture was written.\n")
    assert run("carve", "--lake", lake, "--where", "1 / (packet - packet) = error('x')", "-w", out)[0] == 2
    assert not list(tmp_path.glob("*out.pcapng*"))
    out.write_text("mine")
    code, _, err = run("carve", "--lake", lake, "--packet", 1, "-w", out)
    assert (code, "add --replace" in err, out.read_text()) == (2, True, "mine")
    assert run("carve", "--lake", lake, "--packet", 1, "-w", out, "--replace")[0] == 0
    assert len(tshark(out, "")) == 1


def test_standard_output(captures: Path, tmp_path: Path) -> None:
    lake = decoded(captures / "classic.pcap", tmp_path)
    command = [sys.executable, "-m", "netlake", "carve", "--lake", str(lake), "--packet", "2", "-w", "-"]
    ran = subprocess.run(command, capture_output=True, check=True)
    (tmp_path / "out.pcapng").write_bytes(ran.stdout)
    assert tshark(tmp_path / "out.pcapng", "") == tshark(captures / "classic.pcap", "frame.number == 2")
    assert ran.stderr.decode().startswith("netlake: 1 packets, ")
