"""Fuzzing finds failures, its inputs are the same for the same seed, and a few inputs of every target have none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake import tables
from netlake.layers.dialog import DONE, Said
from netlake.layers.streamed import NO, YES
from netlake.streams.smtp import machine
from tests.fuzz import seeds, targets
from tests.fuzz.findings import Findings, kind_of
from tests.fuzz.mutate import script_changed
from tests.fuzz.run import Session, seeded
from tests.fuzz.script import Kind, Script, Step, decoded, encoded, segments
from tests.fuzz.streams import StreamTarget

# changed inputs of each target; those of `packets` and `sources` are whole captures
RUNS = {"packets": 4, "sources": 6, "readers": 200}
STREAMS = sorted(tables.in_streams())
Steps = st.lists(
    st.builds(
        Step, st.integers(0, 1), st.sampled_from(list(Kind)), st.binary(max_size=40), st.integers(0, 300)
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.parametrize("name", targets.names())
def test_a_few_inputs_have_no_failure(name: str, tmp_path: Path) -> None:
    result = seeded(name, tmp_path, runs=RUNS.get(name, 40), seed=1, seeds=False)
    assert result.executions > 0
    assert result.kinds == {}


@pytest.mark.parametrize("name", STREAMS)
def test_every_protocol_has_seeds(name: str) -> None:
    assert len(seeds.of_stream(name)) > 1


@pytest.mark.parametrize("name", STREAMS)
def test_same_seed_gives_the_same_inputs(name: str) -> None:
    found = seeds.of_stream(name)
    first, second = (
        [script_changed(found[at % len(found)], found, Random(at)) for at in range(20)]  # noqa: S311 - test data
        for _ in range(2)
    )
    assert first == second
    assert len(set(first)) > 10


@given(Steps)
def test_inputs_are_what_was_encoded(steps: list[Step]) -> None:
    script = Script(1, 2, tuple(steps))
    again = decoded(encoded(script))
    assert encoded(again) == encoded(script)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_input(data: bytes) -> None:
    for flow in segments(decoded(data).steps):
        assert all(len(one.payload) <= 0xFFFF for one in flow)


def test_steps_become_segments() -> None:
    steps = [
        Step(0, Kind.SAY, b"abc"), Step(0, Kind.EARLY, b"de", 1), Step(0, Kind.SAY, b"f"), Step(0, Kind.GAP, b"", 10),
        Step(0, Kind.AGAIN, b"x", 2), Step(1, Kind.CUT, b"y", 4), Step(1, Kind.FIN), Step(0, Kind.NEXT),
        Step(1, Kind.MANY, b"z", 2),
    ]  # fmt: skip
    first, second = segments(steps)
    assert [(one.from_originator, one.seq, one.flags, one.payload, one.size) for one in first] == [
        (True, 1000, "A", b"abc", None), (True, 1005, "A", b"f", None), (True, 1003, "A", b"de", None),
        (True, 1014, "A", b"x", None), (False, 5000, "A", b"y", 5), (False, 5005, "FA", b"", None),
    ]  # fmt: skip
    assert [(one.seq, one.payload, one.flow) for one in second] == [(5000, b"z", 2), (5001, b"z", 2)]


def failing(monkeypatch: pytest.MonkeyPatch, feed: Any, probe: Any = None) -> StreamTarget:
    """The target of SMTP with another machine or probe."""

    class Changed(machine.SmtpMachine):
        def feed(self, side: int, data: bytes, at: Any) -> Iterator[Said]:
            yield from feed(self, side, data, at) if feed else super().feed(side, data, at)

    stream = tables.in_streams()["smtp"]
    made = type(stream)(**{
        name: getattr(stream, name) for name in type(stream).__dataclass_fields__
    } | {"machine": Changed} | ({"probe": probe} if probe else {}))  # fmt: skip
    monkeypatch.setattr(tables, "in_streams", lambda: {"smtp": made})
    return StreamTarget("smtp")


INPUT = encoded(Script(0, 0, (Step(1, Kind.SAY, b"220 x\r\n"), Step(0, Kind.SAY, b"HELO y\r\n"))))


def test_an_exception_of_a_machine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: Any) -> Iterator[Said]:
        raise IndexError("of a machine")

    with pytest.raises(IndexError, match="of a machine"):
        failing(monkeypatch, raises).run(INPUT)


def test_rows_that_depend_on_batches_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that counts how often it is fed, and is done then."""
    from netlake.layers.dialog import Row

    def counts(_machine: Any, _side: int, data: bytes, at: Any) -> Iterator[Said]:
        yield Row("smtp_transaction", {"helo": str(len(data))}, at(0), at(len(data) - 1))

    twice = encoded(Script(0, 0, (Step(0, Kind.SAY, b"HELO "), Step(0, Kind.SAY, b"y\r\n"))))
    with pytest.raises(AssertionError, match="rows depend on batches: smtp_transaction"):
        failing(monkeypatch, counts).run(twice)


def test_a_probe_that_changes_its_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(data: bytes, _side: int) -> Any:
        return YES if len(data) < 5 else NO

    with pytest.raises(AssertionError, match="probe"):
        failing(monkeypatch, None, probe).run(INPUT)


def test_what_is_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def done(*_: Any) -> Iterator[Said]:
        yield DONE

    target = failing(monkeypatch, done)
    monkeypatch.setattr("netlake.layers.dialog.DialogWalker.leave", lambda *_: None)
    with pytest.raises(AssertionError, match="smtp keeps a dialog"):
        target.run(INPUT)


def test_findings_are_written_once_for_each_kind(tmp_path: Path) -> None:
    session = Session.__new__(Session)
    session.findings, session.began = Findings(tmp_path, "stream x"), 0.0
    session.result = SimpleNamespace(executions=0, seconds=0.0, kinds={})  # type: ignore[assignment]

    def run(data: bytes) -> None:
        raise ValueError("of this input")

    session.target = SimpleNamespace(run=run)  # type: ignore[assignment]
    for number in range(5):
        session.once(bytes([number]))
    assert list(session.result.kinds.values()) == [5]
    written = sorted(tmp_path.glob("stream-x-*.input"))
    assert len(written) == Findings.MOST
    text = written[0].with_suffix(".txt").read_text("utf-8")
    assert "ValueError" in text
    assert f"--only 'stream x' --replay {written[0]}" in text


def test_kind_of_a_failure_has_the_line() -> None:
    with pytest.raises(KeyError) as found:
        tables.table("nothing")
    assert kind_of(found.value).startswith("KeyError at tables.py:")
