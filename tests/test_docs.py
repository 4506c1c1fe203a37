"""The commands in documents run, every command is documented, names and links exist."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import netlake
from tests import docs

RUNNING = [document for document in docs.DOCUMENTS if any(docs.steps(document))]


@pytest.mark.parametrize("document", RUNNING, ids=lambda path: path.name)
def test_commands_of_document_run(document: Path, tmp_path: Path) -> None:
    """Every command succeeds; after `<!-- run: exact -->` its output equals that in the document."""
    place = docs.folder(tmp_path)
    for step in docs.steps(document):
        ran = docs.run(step, place)
        assert ran.returncode == 0, f"{step.document.name}:{step.line} {step.command}\n{ran.stdout}"
        if step.exact:
            assert docs.plain(ran.stdout, place) == step.printed, (
                f"{step.document.name}:{step.line}: run `python -m tests.docs`"
            )


def test_commands_page_is_up_to_date() -> None:
    assert docs.COMMANDS.read_text(encoding="utf-8") == docs.help_page(), "run `python -m tests.docs`"


@pytest.mark.parametrize("document", docs.DOCUMENTS, ids=lambda path: path.name)
def test_lists_of_functions_and_views_are_up_to_date(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert docs.listed(text) == text, "run `python -m tests.docs`"


def test_queries_page_is_up_to_date() -> None:
    assert docs.QUERIES.read_text(encoding="utf-8") == docs.queries_page(), "run `python -m tests.docs`"


def test_every_command_and_option_has_help() -> None:
    for command, context in docs.commands():
        assert command.help, context.command_path
        for option in command.params:
            record = getattr(option, "help", None)
            assert record or option.param_type_name == "argument", f"{context.command_path} {option.name}"


def test_readme_uses_public_names() -> None:
    text = (docs.ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("Lake", "capture", "decode"):
        assert name in netlake.__all__
        assert f"netlake.{name}(" in text


def test_links_to_files_exist() -> None:
    broken = [
        f"{document.name}: {link}"
        for document in docs.DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
        if not link.startswith("http") and not (document.parent / link).exists()
    ]
    assert broken == []


def test_make_targets_in_documents_exist() -> None:
    makefile = (docs.ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for document in docs.DOCUMENTS:
        named = set(re.findall(r"`make ([a-z]+)", document.read_text(encoding="utf-8")))
        assert named <= targets, document.name


def test_make_help_lists_every_target() -> None:
    makefile = (docs.ROOT / "Makefile").read_text(encoding="utf-8")
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=docs.ROOT, capture_output=True, text=True, check=True
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert [line.split()[0] for line in listed.splitlines()] == phony[1].split()


def test_version_is_equal_everywhere() -> None:
    project = tomllib.loads((docs.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == netlake.__version__
    assert f"## [{netlake.__version__}]" in (docs.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_contract_has_a_page() -> None:
    for contract in (docs.ROOT / "schemas").glob("*.json"):
        if "columns" in json.loads(contract.read_text(encoding="utf-8")):
            assert contract.with_suffix(".md").is_file()
