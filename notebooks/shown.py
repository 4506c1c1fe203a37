"""Tables and bar charts of the notebooks: Markdown and SVG, without a plotting library."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

ROW, LEFT, WIDTH = 26, 190, 420
COLOURS = ("#3465a4", "#f57900", "#73d216")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers are right-aligned, real ones have three decimals, None is a dash."""
    shown = [[_cell(value) for value in row] for row in rows]
    kinds = [list(row) for row in rows] if isinstance(rows, list) else []
    right = [
        bool(kinds) and all(value is None or isinstance(value, int | float) for value in column)
        for column in zip(*kinds, strict=True)
    ] or [False] * len(head)
    rule = ["--:" if number else ":--" for number in right]
    return "\n".join("| " + " | ".join(row) + " |" for row in (list(head), rule, *shown))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def bars(names: Sequence[str], series: dict[str, Sequence[float]]) -> str:
    """Horizontal bars of shares from 0 to 1, one group for each name, one colour for each series."""
    height = 40 + len(names) * (len(series) * ROW + 14)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}">',
        '<g font-family="sans-serif" font-size="13">',
    ]
    for index, name in enumerate(series):
        x = LEFT + index * 150
        parts.append(f'<rect x="{x}" y="8" width="12" height="12" fill="{COLOURS[index]}"/>')
        parts.append(f'<text x="{x + 18}" y="19" fill="currentColor">{html.escape(name)}</text>')
    y = 34
    for row, name in enumerate(names):
        middle = y + len(series) * ROW / 2 + 4
        parts.append(
            f'<text x="{LEFT - 10}" y="{middle:.1f}" text-anchor="end" fill="currentColor">{html.escape(name)}</text>'
        )
        for index, values in enumerate(series.values()):
            width, top = values[row] * WIDTH, y + index * ROW
            parts.append(
                f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{ROW - 4}" fill="{COLOURS[index]}"/>'
                f'<text x="{LEFT + width + 6:.1f}" y="{top + 16}" fill="currentColor">{values[row]:.3f}</text>'
            )
        y += len(series) * ROW + 14
    return "".join([*parts, "</g></svg>"])
