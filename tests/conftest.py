"""What all tests share: where the captures are, and an environment that does not depend on who runs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# tests share helpers as `tests.NAME`
sys.path.insert(0, str(ROOT))

# a slow machine is no defect
settings.register_profile("netlake", deadline=None)
settings.load_profile("netlake")

# what a developer has set must not decide what a test sees
for name in ("NETLAKE_LAKE", "NETLAKE_DEBUG"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of captures that come with the project."""
    return ROOT / "tests" / "captures"


@pytest.fixture(scope="session")
def shared_captures() -> Path:
    """A folder of thousands of captures beside the project; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "captures"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder.relative_to(ROOT.parent)} beside the project")
    return folder
