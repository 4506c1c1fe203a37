"""manifest.json: what a data set was made from, so that another person can make it again and compare it byte by byte.

It has no time of its own and no path of the output: two runs on the same inputs write the same bytes. SHA256SUMS, which
`sha256sum --check` reads, has every other file of the data set.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from netlake.label.dataset.work import Work
from netlake.lake import opened
from netlake.lake.facts import schema_version
from netlake.query.lake import Lake

LIBRARIES = ("duckdb", "numpy", "pyarrow")
CHUNK = 1 << 20


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            found.update(block)
    return found.hexdigest()


def as_json(value: Any) -> str:
    """JSON of which the bytes depend on the value only; datetimes as ISO 8601."""
    return json.dumps(value, indent=1, ensure_ascii=False, default=_plain, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def captures(lake: Lake, used: Iterable[str]) -> list[dict[str, Any]]:
    """The captures that have rows in the data set."""
    wanted = set(used)
    return [
        {
            "capture": facts.capture,
            "source": facts.called,
            "sha256": facts.sha256,
            "size": facts.size,
            "packets": facts.packets,
            "begin": facts.begin,
            "end": facts.end,
            "state": facts.state,
        }
        for facts in sorted(lake.captures, key=lambda one: one.capture)
        if facts.capture in wanted
    ]


def truths(work: Work, lake: Lake) -> list[dict[str, Any]]:
    """The sources of ground truth whose rules labelled rows.

    `rules` is the SHA-256 of the imported rules, by which the lake knows the source; `sha256` is that of the file when
    it was imported, null for alerts of Suricata, which are read as it writes them.
    """
    versions = lake.catalog.owners("truth")
    # a lake whose sources were all imported before the column existed does not have it
    known = any(column == "sha256" for column, *_ in work.rows("DESCRIBE truth"))
    rows = work.rows(
        f"SELECT t.source, t.file, t.format, {'t.sha256' if known else 'NULL'} AS sha256, count(*) FROM truth t"
        " WHERE t.source IN (SELECT DISTINCT source FROM work.hit) GROUP BY ALL ORDER BY ALL"
    )
    return [
        {
            "source": source,
            "file": Path(file).name,
            "format": form,
            "count": count,
            "rules": versions.get(source),
            "sha256": sha256,
        }
        for source, file, form, sha256, count in rows
    ]


def own(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The files of the user that define features."""
    return [{"file": path.name, "sha256": digest(path)} for path in paths]


def program() -> dict[str, Any]:
    """The versions of what computed the data set."""
    libraries = {name: version(name) for name in LIBRARIES}
    return {
        "netlake": opened.program(),
        "schemas": schema_version(),
        "python": platform.python_version(),
        "libraries": libraries,
    }


def files(folder: Path) -> list[dict[str, Any]]:
    """Every file below `folder`, sorted by path, with size and SHA-256."""
    return [
        {"path": path.relative_to(folder).as_posix(), "size": path.stat().st_size, "sha256": digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def sums(entries: Iterable[dict[str, Any]]) -> str:
    """The lines of SHA256SUMS."""
    return "".join(f"{entry['sha256']}  {entry['path']}\n" for entry in entries)
