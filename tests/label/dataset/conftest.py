"""Fixtures for the tests of data sets: the path of their helpers, and a lake."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import labelled_lake  # noqa: E402 - needs the folder above in sys.path


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of labelled flows, for tests that only read it."""
    return labelled_lake.lake(tmp_path_factory.mktemp("dataset") / "lake")
