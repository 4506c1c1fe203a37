"""Writes rules of ground truth into a lake, and reads edges from it."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from netlake.derived.labels import TRUTH
from netlake.label import owned
from netlake.lake import Catalog
from netlake.query.lake import Lake
from netlake.schema import arrow

LISTS = ("a_networks", "v_networks", "a_ports", "v_ports", "tactics", "techniques")
DEFAULTS = {
    "file": "truth.csv",
    "format": "test",
    "kind": "window",
    "state": "attack",
    "priority": 0,
    "direction": "both",
}


def moment(seconds: float | str) -> dt.datetime:
    """A time in UTC from seconds since 1970, exact to the microsecond for text."""
    whole, _, part = str(seconds).partition(".")
    return dt.datetime.fromtimestamp(int(whole), dt.UTC).replace(microsecond=int(part.ljust(6, "0")[:6] or 0))


def network(text: str) -> str:
    return str(ipaddress.ip_network(text))


def rule(label: str, a: Sequence[str] = (), v: Sequence[str] = (), **columns: Any) -> dict[str, Any]:
    """A rule; `begin` and `end` are seconds since 1970, or times."""
    row: dict[str, Any] = {**DEFAULTS, "label": label}
    row["a_networks"], row["v_networks"] = [network(text) for text in a], [network(text) for text in v]
    for name in ("begin", "end"):
        if (given := columns.pop(name, None)) is not None:
            row[f"{name}_ts"] = given if isinstance(given, dt.datetime) else moment(given)
            row["resolution"] = 1
    if row.get("begin_ts") and "end_ts" not in row:
        row["end_ts"] = row["begin_ts"]
    return row | columns


def put(lake: Path, source: str, rules: Iterable[dict[str, Any]]) -> None:
    """Write the rules of a source, numbered from 1."""
    rows = []
    for number, given in enumerate(rules, 1):
        empty = {name: [] for name in LISTS}
        rows.append({**empty, "source": source, "rule": number, "line": number + 1, **given})
    version = hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()
    batch = pa.RecordBatch.from_pylist(rows, schema=arrow.schema(TRUTH))
    owned.replace(Catalog(lake), TRUTH, source, version, [batch])


def ask(lake: Path, statement: str) -> list[tuple[Any, ...]]:
    with Lake(lake) as opened:
        return opened.sql(statement).rows()


def packets(lake: Path, version: str = "default", where: str = "true") -> set[int]:
    """Numbers of the packets with an edge."""
    query = f"SELECT packet FROM label WHERE record_table = 'packet' AND version = '{version}' AND {where}"  # noqa: S608
    return {row[0] for row in ask(lake, query)}


def connections(lake: Path, version: str = "default", where: str = "true") -> set[int]:
    """Numbers of the flows with an edge."""
    query = f"SELECT flow FROM label WHERE record_table = 'connection' AND version = '{version}' AND {where}"  # noqa: S608
    return {row[0] for row in ask(lake, query)}


def edges(lake: Path, version: str = "default") -> list[tuple[Any, ...]]:
    """All edges of a version but its name, sorted."""
    return ask(lake, f"SELECT * EXCLUDE version FROM label WHERE version = '{version}' ORDER BY ALL")  # noqa: S608
