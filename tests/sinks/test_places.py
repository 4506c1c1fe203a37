"""File names are unique, on any file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlake.sinks.places import put_in_place, uuid7


def test_existing_file_is_not_replaced_and_names_are_unique(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    old.write_text("old")
    with pytest.raises(FileExistsError):
        put_in_place(new, old)
    assert old.read_text() == "old"
    names = [uuid7() for _ in range(1000)]
    assert len(set(names)) == 1000
    assert [name[:13] for name in names] == sorted(name[:13] for name in names)
    assert {(name[14], name[19] in "89ab") for name in names} == {("7", True)}


def test_renaming_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("netlake.sinks.places.os.link", refuse)
    (tmp_path / "new").write_text("new")
    put_in_place(tmp_path / "new", tmp_path / "final")
    assert (tmp_path / "final").read_text() == "new"
    (tmp_path / "other").write_text("other")
    with pytest.raises(FileExistsError):
        put_in_place(tmp_path / "other", tmp_path / "final")
    assert (tmp_path / "final").read_text() == "new"
