"""Writes docs/features.md: the text below, and tables from the declarations; `python -m tests.features.page`."""

from __future__ import annotations

from pathlib import Path

from netlake import features
from netlake.features.definition import Feature
from netlake.features.identity import COLUMNS
from netlake.features.packets import IDENTITY
from netlake.features.policy import DESCRIPTIONS, PRESETS
from netlake.features.sets import aliases
from netlake.features.sets.nprint import HEADERS

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "features.md"
INTRODUCTION = Path(__file__).with_name("page.md")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def definitions(found: tuple[Feature, ...]) -> str:
    """The table of definitions of some features."""
    rows = [
        (f"`{one.name}`", one.kind, one.unit, one.description, one.null_when, one.leak,
         ", ".join(f"`{source}`" for source in one.sources))
        for one in found
    ]  # fmt: skip
    return table(("column", "type", "unit", "definition", "null when", "leak", "sources"), rows)


def sets() -> str:
    """The sets, and for each its definitions."""
    parts = [
        table(("set", "columns", "a row", "policy", "follows"), [
            (f"`{name}`", str(len(made.features)), made.rows, f"`{made.policy}`" if made.policy else "",
             made.title + "".join(f"; {reference}" for reference in made.references))
            for name, made in features.SETS.items()
        ]),
    ]  # fmt: skip
    parts.append("\n### Identity\n\nThe first columns of every set of segments, and of packets:\n\n")
    parts.append(definitions(tuple(one.feature for one in COLUMNS)))
    parts.append("\n" + definitions(IDENTITY))
    for name, made in features.SETS.items():
        parts.append(f"\n### {name}\n\n{made.title}.\n\n")
        if name == "nprint":
            rows = [(f"`{header.prefix}_{field.name}_0` ...", str(field.bits), header.table, field.value)
                    for header in HEADERS for field in header.fields]  # fmt: skip
            parts.append(table(("columns", "bits", "table", "value"), rows))
        else:
            parts.append(definitions(made.features))
    return "".join(parts)


def page() -> str:
    """The whole page."""
    text = INTRODUCTION.read_text(encoding="utf-8")
    names = [feature.name for feature in features.SETS["cic"].features]
    values = {
        "POLICIES": table(("policy", "text", "segments"), [
            (f"`{name}`", "; ".join(_settings(name)), DESCRIPTIONS[name]) for name in PRESETS]),
        "SETS": sets(),
        "ALIASES": table(("cic", "CIC-IDS2017", "CSE-CIC-IDS2018", "Python ports"), [
            (f"`{name}`", *(f"`{other}`" if other else "" for other in others))
            for name, *others in aliases.table(names)]),
    }  # fmt: skip
    for name, value in values.items():
        text = text.replace(f"<!-- {name} -->\n", value)
    return text


def _settings(name: str) -> list[str]:
    made = PRESETS[name]
    shown = ("key", "idle", "idle_udp", "idle_other", "active", "inclusive", "closing", "orientation", "split_icmp",
             "swap_syn_ack", "backward_after_split", "milliseconds")  # fmt: skip
    return [f"{field}={getattr(made, field)}" for field in shown if getattr(made, field) not in (None, False, 0)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
