"""Changed and truncated files: a reader yields rules, notes problems, or raises an error for the user; nothing else."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from netlake.errors import NetlakeError
from netlake.label.truth import reader, times
from netlake.label.truth.reader import Task
from netlake.label.truth.rules import Notes, Rule
from tests.label.truth.helpers import CAPTURE, SAMPLES

CHANGES = 150
PIECES = [b"", b"\x00", b"\xff", b"-", b",", b"\t", b'"', b"{", b"}", b"[", b"\n", b":", b"9" * 40, b"1e400", b"null",
          b"NaN", b"\\u0000", b"&", b"*a", b"<", b"\xe2\x80\xa8", b"  "]  # fmt: skip


def changed(data: bytes, seed: int) -> bytes:
    """`data` with one to four places replaced, or cut."""
    chance = random.Random(seed)  # noqa: S311 - repeatable changes
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        if chance.random() < 0.1:
            data = data[:at]
        else:
            data = data[:at] + chance.choice(PIECES) + data[at + chance.choice((0, 1, 2, 9)) :]
    return data


def read(file: Path, kind: str) -> list[Rule]:
    """All rules that a reader finds in a file."""
    task = Task(file, Notes("F"), capture=CAPTURE, zone=times.zone("UTC"), clock="24")
    found: list[Rule] = []
    with contextlib.suppress(NetlakeError):
        found.extend(reader.every()[kind].read(task))
    for rule in found:
        assert rule.label
        assert rule.begin is None or rule.end is None or rule.begin <= rule.end
        assert (rule.resolution is None) == (rule.begin is None)
        assert None not in (rule.a_networks, rule.v_networks, rule.direction, rule.state, rule.kind)
        rule.label.encode()
        (rule.note or "").encode()
    return found


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda sample: sample.name)
def test_a_changed_file_raises_no_other_error(sample: Path, tmp_path: Path) -> None:
    kind = reader.choose(sample, "auto").kind
    data, file = sample.read_bytes(), tmp_path / sample.name
    for seed in range(CHANGES):
        file.write_bytes(changed(data, seed))
        read(file, kind)
        reader.head(file)


@pytest.mark.parametrize("kind", sorted(reader.every()))
def test_a_file_of_another_format_raises_no_other_error(kind: str) -> None:
    for sample in sorted(SAMPLES.iterdir()):
        read(sample, kind)
