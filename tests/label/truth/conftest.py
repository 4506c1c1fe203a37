"""Fixtures for the tests of ground truth: lakes, and the command line in this process."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from netlake.cli import main
from netlake.lake import CaptureFacts, Catalog
from tests.label.truth.helpers import CAPTURE, SAMPLES, Ran, Run


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with a capture of 2017 that has no rows."""
    path = tmp_path / "lake"
    begin = dt.datetime(2017, 7, 6, 13, 40, tzinfo=dt.UTC)
    facts = CaptureFacts(CAPTURE, "file", "/somewhere/a.pcap", begin=begin, end=begin + dt.timedelta(minutes=2))
    Catalog(path, create=True).commit(facts, [])
    return path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], lake: Path) -> Run:
    """Run a sub-command of `netlake label` on the lake; returns (exit code, stdout, stderr)."""

    def command(*arguments: object) -> Ran:
        capfd.readouterr()
        code = main(["label", *(str(argument) for argument in arguments), "--lake", str(lake)])
        return code, *capfd.readouterr()

    return command


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], Path]:
    """Copy a sample into the folder of the test."""

    def copy(name: str) -> Path:
        return Path(shutil.copy(SAMPLES / name, tmp_path / name))

    return copy
