"""Plots as SVG, without a plotting library: class balance by split, and rows over time by class.

Counts differ by orders of magnitude between classes, so both scales are logarithmic: a bar of n rows has the length
log(1 + n). Numbers are printed beside the bars of the balance.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from html import escape

from netlake.label.dataset.split import Boundary

# distinguishable with color vision deficiencies (Okabe and Ito, 2008); the first is benign
COLORS = ("#999999", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")
WIDTH = 760
FONT = 'font-family="sans-serif" font-size="12"'
MOST_BARS = 400


def color(number: int) -> str:
    """The color of a class."""
    return COLORS[0] if number == 0 else COLORS[1 + (number - 1) % (len(COLORS) - 1)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
        f' viewBox="0 0 {WIDTH} {height:.0f}"'
        f' role="img" {FONT}>\n<title>{escape(title)}</title>\n<rect width="100%" height="100%" fill="white"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def balance(rows: Mapping[str, Mapping[str, int]]) -> str:
    """Rows by split and class (split -> class -> rows), as bars with their numbers."""
    most = max((count for found in rows.values() for count in found.values()), default=0)
    scale = (WIDTH - 320) / math.log1p(max(1, most))
    parts, y = [_text(10, 20, "Rows by split and class (logarithmic scale)")], 34.0
    for split, found in rows.items():
        y += 22
        parts.append(f'<text x="10" y="{y:.1f}" font-weight="bold">{escape(split)}</text>')
        for number, (name, count) in enumerate(found.items()):
            if y > MOST_BARS * 18:
                break
            y += 18
            shown = name if len(name) <= 28 else name[:27] + "…"
            parts.append(_text(200, y, shown, "end"))
            parts.append(_rect(208, y - 11, scale * math.log1p(count), 14, color(number)))
            parts.append(_text(214 + scale * math.log1p(count), y, f"{count:,}"))
    return _svg(y + 16, "Class balance", parts)


def timeline(
    found: tuple[int, int, list[tuple[int, int, int]]],
    classes: Sequence[str],
    boundaries: Sequence[Boundary],
    bins: int,
) -> str:
    """Rows over time: one band for each class, a bar for each of `bins` bins, and lines where splits begin."""
    begin, end, rows = found
    left, band, top = 180, 36, 34 + 12 * len(boundaries)
    width = (WIDTH - left - 20) / bins
    parts = [_text(10, 20, "Rows by time of their first packet and class (logarithmic scale in each band)")]
    seen = [number for number in range(len(classes)) if any(target == number for _, target, _ in rows)]
    for place, number in enumerate(seen):
        base = top + band * (place + 1)
        most = max(count for _, target, count in rows if target == number)
        name = classes[number] if len(classes[number]) <= 24 else classes[number][:23] + "…"
        parts.append(_text(left - 8, base - 10, name, "end"))
        parts.append(_rect(left, base, WIDTH - left - 20, 0.5, "#000000"))
        for at, target, count in rows:
            if target == number:
                height = (band - 6) * math.log1p(count) / math.log1p(most)
                parts.append(_rect(left + at * width, base - height, max(1.0, width), height, color(number)))
    bottom = top + band * len(seen)
    for place, boundary in enumerate(boundaries):
        x = left + (WIDTH - left - 20) * (boundary.begin - begin) / max(1, end - begin)
        parts.append(f'<line x1="{x:.1f}" y1="30" x2="{x:.1f}" y2="{bottom}" stroke="#000000" stroke-dasharray="4 3"/>')
        # names of near boundaries are in different rows
        late = x > WIDTH - 100
        parts.append(_text(x - 3 if late else x + 3, 36 + 12 * place, boundary.split, "end" if late else "start"))
    parts.append(_text(left, bottom + 16, _time(begin)))
    parts.append(_text(WIDTH - 20, bottom + 16, _time(end), "end"))
    return _svg(bottom + 26, "Timeline", parts)


def _time(microseconds: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
