"""Shared by the tests of the lake: the path of their modules, a lake, and a Python with the DuckLake extension."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from netlake.lake import Catalog  # noqa: E402 - the helpers' folder comes first

PACKAGES = ("duckdb==1.5.5", "duckdb-extension-ducklake==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5", "pytz")
Ask = Callable[..., list[Any]]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """An empty lake."""
    return Catalog(tmp_path / "lake", create=True)


@pytest.fixture(scope="session")
def ducklake_python() -> str:
    """A Python with the DuckLake extension: NETLAKE_DUCKLAKE_PYTHON, or an environment kept in the cache."""
    given = os.environ.get("NETLAKE_DUCKLAKE_PYTHON")
    if given:
        return given
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netlake" / "ducklake-1.5.5"
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        _install(home, python)
        ready.touch()
    return str(python)


def _install(home: Path, python: Path) -> None:
    steps = (
        [sys.executable, "-m", "venv", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", *PACKAGES],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=240, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"the DuckLake extension cannot be had: {error}")
        if done.returncode:
            pytest.skip(f"the DuckLake extension cannot be had: {done.stderr.strip()[-200:]}")


@pytest.fixture
def ask(ducklake_python: str) -> Ask:
    """Ask the real extension: `ask(folder, *statements, options="")`, rows by statement."""

    def run(folder: Path, *statements: str, options: str = "") -> list[Any]:
        task = {"catalog": str(folder / "catalog.sqlite"), "options": options, "statements": statements}
        command = [ducklake_python, str(HERE / "extension.py")]
        done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    return run
