"""A lake whose text tries to leave its place in an output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netlake.tables import table
from tests.query import lakes

TEXTS = (
    "</script><script>window.hostile = 1</script>",
    "<!--<script>",
    '"><img src=x onerror="window.hostile = 1">',
    "\x1b[2J\x1b]0;title\x07",
    "right\u202eto\u2066left",
    "two\r\nlines\tand a tab",
    "=cmd()|'/c calc'!A1",
    "nul\x00 and \x9b31m",
    "line\u2028separator",
    "{{script}} ${window.hostile = 1} &lt;b&gt;",
    "\\u003c/script>",
    "\ud7ff\U0001f600\ufeff",
)


def lake(path: Path) -> Path:
    """A lake with a row of `http_request` for each of TEXTS, and one without a time."""
    rows: list[dict[str, Any]] = [
        {"method": "GET", "host": "a.example", "uri": f"/{text}", "src_ip": "192.0.2.1"} for text in TEXTS
    ]
    rows.append({"ts": None, "method": "GET", "uri": "/untimed"})
    lakes.commit(path, "a" * 16, {table("http_request"): rows}, path="</script>\x1b[31m<b>.pcap")
    return path
