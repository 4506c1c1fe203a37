"""Fixtures and settings of all tests; the environment of the user does not change results."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# helpers of several tests are imported as `tests.NAME`
sys.path.insert(0, str(ROOT))

# no deadline: a slow machine is not a failure
settings.register_profile("netlake", deadline=None)
settings.load_profile("netlake")

# variables of the user must not change results
for name in ("NETLAKE_LAKE", "NETLAKE_DEBUG"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of the project's captures."""
    return ROOT / "tests" / "captures"


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """A folder of thousands of captures beside the project; tests that need it are skipped without it."""
    folder = ROOT.parent / "shared" / "captures"
    if not folder.is_dir():
        pytest.skip(f"{folder.relative_to(ROOT.parent)} does not exist beside the project")
    return folder
