"""A sample of the captures beside the project: `connection` has what dpkt counts. `make connections` compares all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.count import capture_files, compared


@pytest.mark.parametrize("part", range(4))
def test_connections_are_as_counted(part: int, shared_captures: Path) -> None:
    sample = list(capture_files(shared_captures, 0.3))[7 * part :: 97]
    outcomes = [compared(path) for path in sample]
    assert [line for _, lines in outcomes for line in lines] == []
    assert sum(found["equal"] for found, _ in outcomes) > 0


def test_capture_of_the_project_is_as_counted(captures: Path) -> None:
    outcomes, lines = compared(captures / "demo.pcapng")
    assert lines == []
    assert outcomes["equal"] > 0, outcomes
