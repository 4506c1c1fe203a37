"""Path of the helpers of these tests, and an independent decoder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

Tshark = Callable[..., list[list[str]]]
Decode = Callable[..., Path]


@pytest.fixture
def tshark() -> Tshark:
    """`tshark(path, filter, *fields)`: the fields of the packets that match, as text."""
    if shutil.which("tshark") is None:
        pytest.skip("needs tshark")

    def run(path: Path, condition: str, *fields: str) -> list[list[str]]:
        wanted = [part for field in fields for part in ("-e", field)]
        command = ["tshark", "-n", "-r", str(path), "-Y", condition, "-T", "fields", *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    return run


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    """`decode(path...)`: a lake with these captures."""

    def run(*paths: Path) -> Path:
        import netlake

        lake = tmp_path / "lake"
        netlake.capture([str(path) for path in paths], str(lake))
        return lake

    return run


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process; returns (exit code, stdout, stderr)."""
    from netlake.cli import main

    def command(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command
