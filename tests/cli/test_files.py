"""Files of a capture: their hashes, and their contents in a folder."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path

import netlake

Run = Callable[..., tuple[int, str, str]]
DEMO = "demo.pcapng"


def test_contents_are_stored_by_their_hash(run: Run, captures: Path, tmp_path: Path) -> None:
    lake, folder = tmp_path / "lake", tmp_path / "files"
    code, _, err = run(
        "capture", captures / DEMO, "--lake", lake, "--hashes", "sha1,md5", "--extract-files", folder, "--jobs", 1
    )  # fmt: skip
    assert code == 0, err
    rows = netlake.Lake(lake).sql("SELECT sha256, md5, sha1, size, stored FROM file").pl().rows()
    assert rows
    stored = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(stored) == {sha256 for sha256, *_ in rows}
    for sha256, md5, sha1, size, kept in rows:
        content = stored[sha256]
        hashes = [hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in ("sha256", "md5", "sha1")]
        assert ([sha256, md5, sha1], len(content), True) == (hashes, size, kept)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_only_sha256_without_options(run: Run, captures: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert run("capture", captures / DEMO, "--lake", lake, "--jobs", 1)[0] == 0
    rows = netlake.Lake(lake).sql("SELECT DISTINCT md5, sha1, stored, sha256 IS NULL FROM file").pl().rows()
    assert rows == [(None, None, None, False)]
