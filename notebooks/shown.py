"""Tables and charts of the notebooks: Markdown and SVG, without a plotting library."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

ROW, LEFT, WIDTH = 26, 190, 420
COLOURS = ("#3465a4", "#f57900", "#73d216")
EMOJI = re.compile(r":(?=\w*[a-z]\w*:)")  # marimo makes a flag of :ee: in a MAC address


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
    text = str(value).replace("|", "\\|").replace("www.", "www&#46;")  # no links of names in a capture
    return EMOJI.sub("&#58;", text)


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


def strips(names: Sequence[str], values: Sequence[Sequence[float]], most: float, unit: str) -> str:
    """One row for each name with a mark at each of its values, from 0 to `most`; greater values are left out."""
    parts = []
    for row, (name, points) in enumerate(zip(names, values, strict=True)):
        top = row * ROW
        parts.append(_row(name, top))
        parts += [
            f'<rect x="{LEFT + point / most * WIDTH - 1:.1f}" y="{top + 3}" width="2" height="{ROW - 8}"'
            f' fill="{COLOURS[0]}" fill-opacity="0.4"/>'
            for point in points
            if point <= most
        ]
    ticks = [(step / 4, f"{most * step / 4:g} {unit}") for step in range(5)]
    return _drawn(parts, ticks, 20 + len(names) * ROW)


def spans(
    names: Sequence[str], times: Sequence[tuple[float, float]], groups: Sequence[int], ticks: Sequence[str]
) -> str:
    """One row for each name with a bar from begin to end, shares from 0 to 1; groups have colours of their own."""
    parts = []
    for row, (name, (begin, end), group) in enumerate(zip(names, times, groups, strict=True)):
        top = row * ROW
        parts.append(_row(name, top))
        parts.append(
            f'<rect x="{LEFT + begin * WIDTH:.1f}" y="{top + 4}" width="{max(2, (end - begin) * WIDTH):.1f}"'
            f' height="{ROW - 10}" fill="{COLOURS[group]}"/>'
        )
    places = [(index / (len(ticks) - 1), tick) for index, tick in enumerate(ticks)]
    return _drawn(parts, places, 20 + len(names) * ROW)


def _row(name: str, top: int) -> str:
    return (
        f'<text x="{LEFT - 10}" y="{top + 17}" text-anchor="end" fill="currentColor">{html.escape(name)}</text>'
        f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{top + ROW - 1}" y2="{top + ROW - 1}" stroke="#ddd"/>'
    )


def _drawn(parts: Sequence[str], ticks: Sequence[tuple[float, str]], height: int) -> str:
    """The picture of rows with an axis below them; ticks are (share of the width, text)."""
    axis = [
        f'<text x="{LEFT + share * WIDTH:.1f}" y="{height - 4}" text-anchor="middle" fill="currentColor">'
        f"{html.escape(text)}</text>"
        for share, text in ticks
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 70}" height="{height}">'
        '<g font-family="sans-serif" font-size="13">'
    )
    return "".join([head, *parts, *axis, "</g></svg>"])
