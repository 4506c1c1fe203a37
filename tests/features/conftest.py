"""Lakes that the tests of features read."""

from __future__ import annotations

from pathlib import Path

import pytest

import netlake


@pytest.fixture(scope="session")
def lake(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    """A lake of the project's captures."""
    folder = tmp_path_factory.mktemp("features") / "lake"
    found = [path for path in sorted(captures.iterdir()) if path.suffix in (".pcap", ".pcapng", ".cap")]
    netlake.capture(found, folder)
    return netlake.Lake(folder)
