"""Fixtures for the tests of queries: the path of their helpers, and a lake."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import lakes


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example lake, for tests that only read it."""
    return lakes.example(tmp_path_factory.mktemp("query") / "lake")
