"""Fixtures for the tests of the command line: run it in this process or as a program, and a lake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "query"), str(HERE)]

import lakes  # noqa: E402 - needs the folder above in sys.path

from netlake.cli import main  # noqa: E402

Ran = tuple[int, str, str]
Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example lake, for tests that only read it."""
    return lakes.example(tmp_path_factory.mktemp("cli") / "lake")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; returns (exit code, stdout, stderr)."""

    def command(*arguments: object) -> Ran:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return command


@pytest.fixture
def program() -> Callable[..., subprocess.Popen[bytes]]:
    """Start the program as a separate process, in its own process group."""

    def start(*arguments: object, **settings: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "netlake", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
        return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)  # type: ignore[call-overload]

    return start
