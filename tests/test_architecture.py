"""The exercises of docs/architecture.md work as written, on a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("netlake", "tests", "schemas", "proto", "docs", "pyproject.toml", "README.md")
BLOCK = re.compile(r"<!-- exercise: (?P<kind>patch|run|file (?P<path>\S+)) -->\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)


def exercises() -> dict[str, list[re.Match[str]]]:
    """The blocks of each exercise, by its heading."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    parts = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    found = {part.splitlines()[0]: list(BLOCK.finditer(part)) for part in parts}
    return {heading: blocks for heading, blocks in found.items() if blocks}


EXERCISES = exercises()


def test_there_are_three_exercises() -> None:
    assert len(EXERCISES) == 3
    assert all(any(block["kind"] == "run" for block in blocks) for blocks in EXERCISES.values())


def patch(tree: Path, text: str) -> None:
    """Apply a diff whose hunks have no line numbers: the context of each must occur exactly once in its file."""
    for part in re.split(r"^\+\+\+ ", text, flags=re.MULTILINE)[1:]:
        name, *hunks = re.split(r"^@@\n", part, flags=re.MULTILINE)
        path = tree / name.strip()
        for hunk in hunks:
            before, after = (
                "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in kept) for kept in (" -", " +")
            )
            whole = path.read_text(encoding="utf-8")
            assert whole.count(before) == 1, f"{name}\n{before}"
            path.write_text(whole.replace(before, after), encoding="utf-8")


def run(command: list[str], tree: Path) -> None:
    """Run a command in the copy; its output is in the failure."""
    environment = {
        **os.environ, "PYTHONPATH": str(tree), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    environment.pop("PYTEST_ADDOPTS", None)
    ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command[-1]}\n{ran.stdout[-4000:]}{ran.stderr[-4000:]}"


@pytest.mark.parametrize("heading", EXERCISES)
def test_exercise_works_on_a_copy_of_the_tree(heading: str, tmp_path: Path) -> None:
    tree = tmp_path / "netlake"
    tree.mkdir()
    for name in COPIED:
        # times of files stay, so compiled kernels of unchanged modules are found
        source = ROOT / name
        shutil.copytree(source, tree / name) if source.is_dir() else shutil.copy2(source, tree / name)
    for block in EXERCISES[heading]:
        if block["path"]:
            (tree / block["path"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "patch":
            patch(tree, block["text"])
        else:
            for command in re.findall(r"^\$ (.*)$", block["text"], flags=re.MULTILINE):
                run(["bash", "-c", command], tree)
