"""Labels in packet comments of pcapng: our forms, and those of pcapML as PyPI's `pcapml` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pcapng import FileScanner, FileWriter, blocks

from netlake import pipeline
from netlake.label import truth
from netlake.label.truth.readers.packet_comments import labels
from netlake.label.truth.rules import BENIGN_LABELS
from netlake.lake import Catalog
from tests.label.truth.helpers import truth as rows_of

# a comment, and its labels as (label, state, note); empty for text of people
COMMENTS = [
    ("s=0,label=SQL injection,state=attack,rule=web:3", [("SQL injection", "attack", "sample 0, rule web:3")]),
    ("s=1,label=a,rule=x:1;s=2,label=b,state=benign,rule=y:2",
     [("a", "attack", "sample 1, rule x:1"), ("b", "benign", "sample 2, rule y:2")]),
    ("label=normal", [("normal", "benign", None)]),
    ("42,chrome,d=e,dst=example.org", [("chrome", "attack", "sample 42; d=e; dst=example.org")]),
    ("7, Benign", [("Benign", "benign", "sample 7")]),
    ("s=3,proc=curl,dir=lan2wan,dst=example.com", [("curl", "attack", "sample 3")]),
    ("s=3,dir=lan2wan", []),
    ("the label=of this, packet", []),
    ("look at this packet, please", []),
    ("12", []),
    ("12,", []),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), COMMENTS)
def test_a_comment_gives_its_labels(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    found = labels(text, BENIGN_LABELS)
    assert [(rule.label, rule.state, rule.note) for rule in found] == expected


def write(path: Path, packets: list[tuple[bytes, str | None]]) -> None:
    """Write a pcapng file with python-pcapng; a packet without a comment has None."""
    section = blocks.SectionHeader(options={"shb_userappl": "test"})
    section.new_member(blocks.InterfaceDescription, link_type=1)
    with path.open("wb") as file:
        writer = FileWriter(file, section)
        for number, (data, comment) in enumerate(packets):
            options: dict[str, Any] = {} if comment is None else {"opt_comment": comment}
            block = section.new_member(blocks.EnhancedPacket, interface_id=0, packet_data=data, options=options)
            block.timestamp = 1_500_000_000 + number
            writer.write_block(block)


@pytest.mark.filterwarnings("ignore:Field type:DeprecationWarning")
def test_labels_are_those_that_the_reader_of_pcapml_finds(captures: Path, tmp_path: Path) -> None:
    pcapml = pytest.importorskip("pcapml")
    with (captures / "demo.pcapng").open("rb") as demo:
        data = [block.packet_data for block in FileScanner(demo) if isinstance(block, blocks.EnhancedPacket)]
    comments: list[str | None] = [
        f"{number // 3},{('scan', 'benign', 'dos')[number % 3]}" for number in range(len(data))
    ]
    comments[1::4] = [f"s={number},proc=curl,dst=example.org" for number in range(len(comments[1::4]))]
    comments[2::5] = [None] * len(comments[2::5])
    file, lake = tmp_path / "labelled.pcapng", tmp_path / "lake"
    write(file, list(zip(data, comments, strict=True)))
    assert pipeline.capture([str(file)], lake).exit_code == 0
    report = truth.import_truth(lake, file)
    assert (report.kind, report.bad) == ("pcapng", 0)
    (identity,) = (entry.facts.capture for entry in Catalog(lake).captures())
    frame = pcapml.read_pcapml(str(file))
    expected = [
        (identity, number, label, f"sample {sample}")
        for number, (sample, label) in enumerate(zip(frame["sample_id"], frame["label"], strict=True), 1)
        if isinstance(label, str)
    ]
    assert len(expected) > len(data) / 2
    assert [(row["capture"], row["packet"], row["label"], row["note"]) for row in rows_of(lake)] == expected
