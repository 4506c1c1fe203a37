"""A timeline as one HTML page that works offline: events in the page, a histogram to zoom, filters, a list.

Rules:
- The page loads nothing: style and script are in it, and its Content-Security-Policy allows these two alone, by their
  digests. A browser refuses any other script, even if one got into the page.
- Events are JSON in an element of type application/json, which is never run. `<` is escaped, so that no text can end
  the element; control and reordering characters are made visible. The script shows text as text only.
- Events are written as they arrive; what is known at the end (`more`) is in a second element behind them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import text
from netlake.query.output.visible import harmless

_FILES = Path(__file__).resolve().parent / "page_files"
_PARTS = (("page", "html"), ("style", "css"), ("script", "js"))
_MARK = re.compile(r"\{\{(\w+)\}\}")
_OPTIONS = (("host", "--host"), ("flow", "--flow"), ("since", "--from"), ("until", "--to"), ("kinds", "--kinds"))


class Page:
    """Writes the page; `more` is set before `close` if there are more events than it has.

    `asked` are the fields of the question; `captures` the names of captures by their ids.
    """

    def __init__(self, out: BinaryIO, lake: str, asked: Mapping[str, Any], captures: Mapping[str, str]) -> None:
        self.out, self.captures, self.rows, self.more = out, captures, 0, False
        self.used: set[str] = set()
        self.about = harmless(" ".join([f"Lake {lake}", *_told(asked)]))
        parts = {name: (_FILES / f"page.{ending}").read_text("utf-8") for name, ending in _PARTS}
        fill = {"title": escape(f"Timeline: {self.about}"), **{name: parts[name] for name in ("style", "script")}}
        fill |= {f"{name}_digest": _digest(parts[name]) for name in ("style", "script")}
        self.script = parts["script"]
        # in one pass, because the title may contain the mark of another part
        page = _MARK.sub(lambda mark: fill[mark[1]], parts["page"])
        self.out.write(page.rstrip("\n").encode() + b"[")

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the events of `batch`, one a line."""
        for part in text.portions(batch):
            lead = ["\n,"] * part.num_rows
            if not self.rows:
                lead[0] = "\n"
            self.rows += part.num_rows
            columns = dict(zip(part.schema.names, part.columns, strict=True))
            self.used.update(one for one in pc.unique(columns["capture"]).to_pylist() if one)
            time = pc.coalesce(columns["ts"].cast(pa.int64()).cast(pa.string()), pa.scalar("null"))
            cells: list[Any] = [pa.array(lead), "[", time]
            for name in ("kind", "message", "source", "destination"):
                shown = text.harmless(columns[name], spaces=False)
                cells += [",", pc.replace_substring(text.json_text(shown), "<", "\\u003c")]
            for name in ("flow", "packet", "capture"):
                cells += [",", text.json_text(columns[name])]
            self.out.write(text.lines([*cells, "]"]))

    def close(self) -> None:
        """Write the end of the page."""
        note = ""
        if self.more:
            note = (
                f"The page has the first {self.rows:,} events; there are more. Choose a shorter time with --from and"
                " --to, other --kinds, or a greater --limit."
            )
        known = {capture: harmless(self.captures.get(capture, "")) for capture in sorted(self.used)}
        meta = json.dumps({"about": self.about, "note": note, "captures": known}).replace("<", "\\u003c")
        self.out.write(
            f'\n]</script>\n<script type="application/json" id="meta">{meta}</script>\n'
            f"<script>{self.script}</script>\n</body>\n</html>\n".encode()
        )


def _told(asked: Mapping[str, Any]) -> list[str]:
    """The options of the question, as they were given."""
    found = []
    for name, option in _OPTIONS:
        if value := asked.get(name):
            found.append(f"{option} {','.join(value) if isinstance(value, (list, tuple)) else value}")
    return found


def _digest(content: str) -> str:
    """The SHA-256 of an element, as a Content-Security-Policy names it."""
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
