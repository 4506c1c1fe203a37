"""A scenario as the analyst gets it: the title, the inventory, and the questions with the kind of their answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_QUESTION = re.compile(r"^\d+\. \*\*\[(?P<id>\w+)\]\*\* (?P<text>.+?) \*\((?P<points>\d+) points?\)\*$", re.MULTILINE)
_KIND = re.compile(r"^#\s+\((?P<points>\d+) points?(?:; answer: (?P<kind>[^)]*))?\)$")
_ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{1,4}:[0-9a-f:]*:[0-9a-f]*)(?![\w./])")
# words of the template -> kind of an answer; other answers are text
KINDS = {"IP": "ip", "MAC": "mac", "number": "number", "list": "set", "time": "time"}


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `kind` is ip, mac, number, set, time or text."""

    id: str
    text: str
    points: int
    kind: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario without its key; `inventory` has the addresses of the hosts of the operator, with their roles."""

    name: str
    title: str
    capture: Path
    inventory: dict[str, str]
    questions: tuple[Question, ...]


def folders(where: Path) -> list[Path]:
    """The folders of scenarios in `where`, sorted."""
    return sorted(path.parent for path in where.glob("*/briefing.md"))


def read(folder: Path) -> Scenario:
    """The scenario in `folder`; ValueError if its briefing has no question."""
    text = (folder / "briefing.md").read_text(encoding="utf-8")
    kinds = _kinds((folder / "submission_template.yaml").read_text(encoding="utf-8"))
    questions = tuple(
        Question(found["id"], found["text"], int(found["points"]), kinds.get(found["id"], "text"))
        for found in _QUESTION.finditer(text)
    )
    if not questions:
        raise ValueError(f"{folder / 'briefing.md'} has no lines such as: 1. **[id]** Which host? *(10 points)*")
    inventory = text.partition("## Asset inventory")[2].partition("\n## ")[0]
    return Scenario(
        folder.name,
        text.partition("\n")[0].lstrip("# "),
        next(iter(sorted(folder.glob("capture.pcap*")))),
        dict(_hosts(inventory)),
        questions,
    )


def _hosts(table: str) -> Iterator[tuple[str, str]]:
    """(address, role) of each address in the lines `| name | role | addresses | vendor |`."""
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for address in _ADDRESS.findall(line):
            yield address, cells[1] if len(cells) > 1 else ""


def _kinds(template: str) -> dict[str, str]:
    """Question id -> kind: each id follows the comments about it."""
    kinds, kind = {}, "text"
    for line in template.splitlines():
        if found := _KIND.match(line):
            words = found["kind"] or ""
            kind = next((name for word, name in KINDS.items() if word in words), "text")
        elif found := re.match(r"(\w+):", line):
            kinds[found[1]], kind = kind, "text"
    return kinds
