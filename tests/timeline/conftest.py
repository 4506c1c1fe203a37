"""A lake of two captures, and the command line, for the tests of timelines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import netlake
from netlake.cli import main

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
CAPTURES = HERE.parent / "captures"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of a lake of demo.pcapng and tunnel.pcap."""
    folder = tmp_path_factory.mktemp("timeline") / "lake"
    report = netlake.capture([CAPTURES / "demo.pcapng", CAPTURES / "tunnel.pcap"], folder, jobs=1)
    assert not report.exit_code
    return folder


@pytest.fixture(scope="session")
def lake(path: Path) -> Iterator[netlake.Lake]:
    """The lake of `path`, opened."""
    with netlake.Lake(path) as opened:
        yield opened


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `netlake timeline` in this process; returns (exit code, stdout, stderr)."""

    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["timeline", *map(str, arguments)])
        return code, *capfd.readouterr()

    return command
