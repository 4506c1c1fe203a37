"""Runs the notebooks and writes each as one HTML file: `python notebooks/export.py [FOLDER]`.

Theory of operation: marimo's own export loads its viewer from a content network, so it shows nothing without the
internet and changes with every version. Here a page has the prose, the code and the outputs of the cells as plain HTML
and SVG. A cell that only shows Markdown has its output alone. Pages contain no time, path or version; the same
environment writes the same bytes.
"""

from __future__ import annotations

import ast
import html
import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NAMES = ("train", "two_sources", "intrusion", "beacons", "assets")
STYLE = """
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif; color: #222; background: #fff }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; font-size: 13px; line-height: 1.35 }
details { margin: .6rem 0 } summary { cursor: pointer; color: #555; font-size: 14px }
table { border-collapse: collapse; margin: .8rem 0; font-size: 14px }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
.paragraph { display: block; margin: .6rem 0 }
code { font-size: 90% } .output { overflow-x: auto; margin: .6rem 0 }
"""


def run(name: str) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Run a notebook; return the outputs of its cells in their order, and all that they define."""
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # marimo looks the source of cells up
    spec.loader.exec_module(module)
    return module.app.run()  # type: ignore[no-any-return]


def cells(name: str) -> Iterator[tuple[str, bool]]:
    """(code, whether it only shows Markdown) of each cell, as in the file; the first is the setup."""
    source = (HERE / f"{name}.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.With) or (isinstance(node, ast.FunctionDef) and node.decorator_list)):
            continue
        body = [part for part in node.body if not isinstance(part, ast.Return)]
        end = body[-1].end_lineno or 0
        code = textwrap.dedent("\n".join(lines[body[0].lineno - 1 : end]))
        prose = len(body) == 1 and code.startswith('mo.md("""')
        yield code, prose


def page(name: str, outputs: Sequence[Any]) -> str:
    """The page of a notebook that was run."""
    parts = []
    listed = list(cells(name))
    if len(outputs) == len(listed) - 1:  # without an output of the setup
        outputs = [None, *outputs]
    for (code, prose), output in zip(listed, outputs, strict=True):
        if not prose:
            parts.append(f"<details><summary>Code</summary><pre><code>{html.escape(code)}</code></pre></details>")
        if output is not None:
            parts.append(f'<div class="output">{_shown(output)}</div>')
    title = re.search(r'app_title="([^"]*)"', (HERE / f"{name}.py").read_text(encoding="utf-8"))
    head = html.escape(title[1] if title else name)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{head}</title>\n'
        f"<style>{STYLE}</style></head>\n"
        "<body>\n"
        + "\n".join(parts)
        + f"\n<p>Made of <code>notebooks/{name}.py</code> by <code>make notebooks</code>.</p>\n"
        "</body></html>\n"
    )


def _shown(output: Any) -> str:
    text = getattr(output, "text", None)
    shown = text if isinstance(text, str) else f"<pre>{html.escape(repr(output))}</pre>"
    return "\n".join(line.rstrip() for line in shown.splitlines())


def main(folder: Path) -> None:
    """Write all pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        outputs, _ = run(name)
        (folder / f"{name}.html").write_text(page(name, outputs), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "docs" / "notebooks")
