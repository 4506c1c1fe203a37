"""A labelled capture has the packets of the original, and comments that tshark, pcapml and netlake itself read."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import netlake
from netlake.cli import main
from netlake.derived.labels import LABEL
from netlake.label import owned
from netlake.lake.catalog import Catalog
from netlake.originals.notes import of_label
from netlake.schema import arrow
from netlake.sources import open_capture

FILES = ("any_interface.pcap", "classic.pcap", "cooked.pcap", "demo.pcapng", "snaplen.pcap", "tunnel.pcap")
FIELDS = ("frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.md5_hash", "frame.encap_type")


def edges(capture: str, flows: dict[int, int]) -> pa.RecordBatch:
    """Labels: a benign one of each second packet, an attack of each third, an attempt of packet 6."""
    common = {"version": "default", "record_table": "packet", "capture": capture, "source": "day", "ambiguous": False,
              "scope": "direct", "priority": 0, "place": 0}  # fmt: skip
    rows: list[dict[str, Any]] = []
    for number, flow in flows.items():
        common |= {"packet": number, "flow": flow}
        if number % 2 == 0:
            rows.append({**common, "rule": 1, "state": "benign", "label": "web; daily"})
        if number % 3 == 0:
            rows.append({**common, "rule": 2, "state": "attack", "label": "SQL injection, blind"})
        if number == 6:
            rows.append({**common, "rule": 3, "state": "attack", "label": "scan", "attempted": 4})
    return pa.RecordBatch.from_pylist(rows, schema=arrow.schema(LABEL))


def flows(lake: Path) -> dict[int, int]:
    """Packet -> its flow, in the order of packets."""
    return dict(netlake.Lake(lake).sql("SELECT packet, flow FROM packet ORDER BY packet").rows())


def expected(number: int) -> list[str]:
    """The comments of a packet, without the sample."""
    found = []
    if number % 3 == 0:
        found.append("label=SQL injection blind,state=attack,rule=day:2")
    if number == 6:
        found.append("label=scan,state=attack,rule=day:3,attempted=4")
    if number % 2 == 0:
        found.append("label=web daily,state=benign,rule=day:1")
    return found


@pytest.fixture
def labelled(captures: Path, tmp_path: Path) -> Callable[[str], tuple[Path, Path, Path]]:
    """For a capture of the project: (lake, original, labelled capture)."""

    def made(name: str) -> tuple[Path, Path, Path]:
        lake, original, out = tmp_path / "lake", captures / name, tmp_path / "out.pcapng"
        netlake.capture([original], lake)
        catalog = Catalog(lake)
        (stored,) = catalog.captures()
        owned.replace(catalog, LABEL, "default", "1", [edges(stored.facts.capture, flows(lake))])
        assert main(["label", "pcap", str(original), str(out), "--lake", str(lake)]) == 0
        return lake, original, out

    return made


def tshark(path: Path, *fields: str) -> list[list[str]]:
    options = [part for field in fields for part in ("-e", field)]
    command = [
        "tshark",
        "-r",
        str(path),
        "-o",
        "frame.generate_md5_hash:TRUE",
        "-T",
        "fields",
        "-E",
        "aggregator=|",
        *options,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in ran.stdout.splitlines()]


def comments(path: Path) -> dict[int, list[str]]:
    """The comments of packets in a file, without their samples, as netlake reads them."""
    found: dict[int, list[str]] = {}
    with open_capture(path) as source:
        for _ in source.batches():
            pass
        for one in source.comments:
            if one.packet is not None:
                found.setdefault(one.packet, []).append(one.text.partition(",")[2] if "rule=" in one.text else one.text)
    return found


@pytest.mark.parametrize("name", FILES)
def test_packets_and_interfaces_are_kept(labelled: Callable[[str], tuple[Path, Path, Path]], name: str) -> None:
    _, original, out = labelled(name)
    with open_capture(original) as before, open_capture(out) as after:
        for one, other in zip(packets(before), packets(after), strict=True):
            assert one == other
        described = [
            [
                (one.link_type, one.snaplen, one.name, one.description, one.os, one.hardware, one.filter)
                for one in source.interfaces
            ]
            for source in (before, after)
        ]
        assert described[0] == described[1]
        assert after.problems == []


def packets(source: Any) -> Iterator[tuple[Any, ...]]:
    """(time in ns, bytes on the wire, interface, link type, data) of each packet."""
    for batch in source.batches():
        for row in range(batch.count):
            start, captured = int(batch.start[row]), int(batch.captured[row])
            data = batch.data[start : start + captured].tobytes()
            numbers = (int(values[row]) for values in (batch.ts, batch.length, batch.interface, batch.link_type))
            yield (*numbers, data)


@pytest.mark.parametrize("name", FILES)
def test_comments_are_read_back(labelled: Callable[[str], tuple[Path, Path, Path]], name: str) -> None:
    """Labels come first, in their order of precedence, and the capture's own comments follow."""
    _, original, out = labelled(name)
    own, found = comments(original), comments(out)
    with open_capture(original) as source:
        count = sum(batch.count for batch in source.batches())
    for number in range(1, count + 1):
        assert found.get(number, []) == [*expected(number), *own.get(number, [])]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", ["any_interface.pcap", "demo.pcapng"])
def test_tshark_reads_packets_and_comments(labelled: Callable[[str], tuple[Path, Path, Path]], name: str) -> None:
    _, original, out = labelled(name)
    assert tshark(out, *FIELDS) == tshark(original, *FIELDS)
    for number, text in tshark(out, "frame.number", "frame.comment"):
        assert text.count("state=") == len(expected(int(number)))
        assert all(part in text for part in expected(int(number)))


def test_pcapml_reads_the_class_of_each_packet(labelled: Callable[[str], tuple[Path, Path, Path]]) -> None:
    pcapml = pytest.importorskip("pcapml")
    lake, original, out = labelled("classic.pcap")
    read = pcapml.read_pcapml(str(out))
    with open_capture(original) as source:
        data = [row[-1] for row in packets(source)]
    assert read["raw"].to_list() == data
    for number, (label, sample) in enumerate(zip(read["label"], read["sample_id"], strict=True), 1):
        first = (expected(number) or [""])[0]
        if first:
            assert f"label={label}," in first
            assert int(sample) == (flows(lake)[number] or 0)
        else:
            assert label is pytest.importorskip("pandas").NA


def test_round_trip_through_the_import(labelled: Callable[[str], tuple[Path, Path, Path]], tmp_path: Path) -> None:
    """The comments, imported as ground truth and applied, give the same labels again."""
    lake, _, out = labelled("classic.pcap")
    capture = netlake.Lake(lake).captures[0].capture
    arguments = ["--capture", capture, "--name", "again", "--lake", str(lake)]
    assert main(["label", "import", str(out), *arguments]) == 0
    assert main(["label", "apply", "--version", "again", "--lake", str(lake)]) == 0
    query = (
        "SELECT DISTINCT packet, label, state FROM label"
        " WHERE version = '{}' AND record_table = 'packet' AND scope = 'direct'"
    )
    opened = netlake.Lake(lake)
    first = {(packet, label.replace(",", "").replace(";", ""), state)
             for packet, label, state in opened.sql(query.format("default")).rows()}  # fmt: skip
    assert set(opened.sql(query.format("again")).rows()) == first
    second = tmp_path / "second.pcapng"
    assert main(["label", "pcap", capture[:12], str(second), "--version", "again", "--lake", str(lake)]) == 0
    assert comments(second).keys() == comments(out).keys()


def test_labels_of_connections_are_those_of_their_packets(captures: Path, tmp_path: Path) -> None:
    lake, out = tmp_path / "lake", tmp_path / "out.pcapng"
    netlake.capture([captures / "classic.pcap"], lake)
    opened = netlake.Lake(lake)
    edge = {"version": "default", "record_table": "connection", "capture": opened.captures[0].capture, "flow": 1,
            "source": "day", "rule": 1, "state": "attack", "label": "scan", "priority": 0, "scope": "direct",
            "ambiguous": False}  # fmt: skip
    owned.replace(
        Catalog(lake), LABEL, "default", "1", [pa.RecordBatch.from_pylist([edge], schema=arrow.schema(LABEL))]
    )
    assert main(["label", "pcap", str(captures / "classic.pcap"), str(out), "--lake", str(lake)]) == 0
    flow = {packet for (packet,) in opened.sql("SELECT packet FROM packet WHERE flow = 1").rows()}
    assert flow
    assert comments(out) == {packet: ["label=scan,state=attack,rule=day:1"] for packet in flow}


def test_mistakes(
    labelled: Callable[[str], tuple[Path, Path, Path]],
    captures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lake, original, out = labelled("classic.pcap")
    cases: tuple[tuple[list[str], int, str], ...] = (
        ([str(original), str(out)], 2, "out.pcapng exists: remove it"),
        ([str(original), str(lake / "x.pcapng")], 2, "is inside the lake"),
        ([str(captures / "demo.pcapng"), str(tmp_path / "x")], 1, "demo.pcapng is not in the lake: add it with"),
        (["ffff", str(tmp_path / "x")], 1, "ffff: there is no file and no capture in the lake of this name"),
        (
            [str(original), str(tmp_path / "x"), "--version", "no"],
            1,
            "The lake has no version 'no' of labels; it has: default",
        ),
        ([str(original), str(tmp_path / "x"), "--lake", str(tmp_path / "none")], 1, "none"),
    )
    for arguments, code, sentence in cases:
        given = arguments if "--lake" in arguments else [*arguments, "--lake", str(lake)]
        assert main(["label", "pcap", *given]) == code
        printed = capsys.readouterr().err
        assert re.search(sentence, printed), printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "out.pcapng"]


def test_comment_has_no_separator_in_its_label() -> None:
    assert of_label(7, "a,b;c\nd=e", "attack", "day", 3, None) == "s=7,label=a b c d=e,state=attack,rule=day:3"
    assert of_label(None, "x", "benign", "day", 1, 0) == "s=0,label=x,state=benign,rule=day:1,attempted=0"
