"""What a version of labels was made from, and whether that is still what the lake has.

A version is an owner of rows in `label`; its own version text is JSON with the sources (and the digest of each, which
changes with every rule), the captures (with the snapshot that wrote each) and the options.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netlake.errors import LakeError
from netlake.label.join.options import Options
from netlake.lake import Catalog, Stored


@dataclass(frozen=True, slots=True)
class Version:
    """One version: number of its edges, sources, options, and why it is stale (empty if it is current)."""

    name: str
    sources: tuple[str, ...]
    mode: str
    tolerance: float | None
    edges: int
    stale: tuple[str, ...]


def text(options: Options, sources: dict[str, str], captures: list[Stored]) -> str:
    """The version text of labels made now."""
    known = {
        "sources": sources,
        "captures": {one.facts.capture: one.snapshot for one in captures},
        "mode": options.mode,
        "tolerance": options.tolerance,
        "spread": options.spread,
        "all": not options.sources,
    }
    # captures can be many, the catalog keeps a digest of each version
    digest = hashlib.sha256(json.dumps(known["captures"], sort_keys=True).encode()).hexdigest()
    return json.dumps({**known, "captures": {"count": len(captures), "digest": digest}}, sort_keys=True)


def every(catalog: Catalog) -> list[Version]:
    """The versions of labels in a lake, sorted by name."""
    truth, captures, found = catalog.owners("truth"), catalog.captures(), []
    owners = catalog.owners("label")
    counts = _counts(catalog) if owners else {}
    for name, recorded in sorted(owners.items()):
        known = facts(recorded)
        found.append(
            Version(
                name,
                tuple(known.get("sources", {})),
                known.get("mode", ""),
                known.get("tolerance"),
                counts.get(name, 0),
                _stale(known, truth, captures),
            )
        )
    return found


def stale(catalog: Catalog, name: str) -> tuple[str, ...]:
    """Why the version `name`, which exists, is not that of the present lake; empty if it is current."""
    return _stale(facts(catalog.owners("label")[name]), catalog.owners("truth"), catalog.captures())


def _stale(known: dict[str, Any], truth: Mapping[str, str], captures: list[Stored]) -> tuple[str, ...]:
    if not known:
        return ("it does not say what it was made from",)
    now = json.loads(text(Options(), {}, captures))["captures"]
    why = []
    if known.get("captures") != now:
        before = known.get("captures", {}).get("count", 0)
        why.append(
            f"captures changed: {before} then, {now['count']} now" if before != now["count"] else
            "captures were decoded again or replaced"
        )  # fmt: skip
    sources: dict[str, str] = known.get("sources", {})
    why += [
        f"source {source} was {'changed' if source in truth else 'removed'}"
        for source, version in sorted(sources.items())
        if truth.get(source) != version
    ]
    if known.get("all"):
        why += [f"source {source} is new" for source in sorted(truth.keys() - sources.keys())]
    return tuple(why)


def facts(recorded: str) -> dict[str, Any]:
    """The JSON of a version text; empty if another program wrote it."""
    try:
        found = json.loads(recorded)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _counts(catalog: Catalog) -> dict[str, int]:
    from netlake.query.lake import Lake

    with Lake(catalog.folder) as lake:
        return dict(lake.sql("SELECT version, count(*) FROM label GROUP BY version").rows())


def known(catalog: Catalog, name: str) -> str:
    """`name` if it is a version of labels; LakeError with the versions that exist otherwise."""
    owners = catalog.owners("label")
    if not owners:
        raise LakeError(f"The lake {catalog.folder} has no labels; make some: netlake label apply.")
    if name not in owners:
        raise LakeError(f"The lake has no version {name!r} of labels; it has: {', '.join(sorted(owners))}.")
    return name
