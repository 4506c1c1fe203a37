"""Rows of Zeek's published logs (zeek/LOG.tsv), compared with the views of schema zeek over the same captures.

Theory of operation:
- A row of Zeek goes with that row of the view for the same endpoints, in either direction, that differs in the fewest
  columns; each row of the view goes with one row of Zeek at most.
- Identifiers (uid, fuid) and times are not compared: Zeek's baselines have neither. All other columns that both have
  are. Sets are compared without order, seconds within 2 microseconds.
- The result are the columns that differ: `missing` for a row of Zeek without one of the view, `extra` for the reverse.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "zeek"
ENDS = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")
# values that Zeek's baselines do not have, or that are sequences of them
SKIPPED = {"ts", "uid", "fuid", "fuids", "orig_fuids", "resp_fuids", "tunnel_parents", "uids", "analyzers", "capture"}
SETS = {"service", "rcptto", "to", "cc", "proxied", "analyzers", "san.dns", "san.uri", "san.email", "san.ip"}
HASHES = {"md5", "sha1", "sha256"}
MICROSECONDS = 2e-6


def logs() -> list[str]:
    """The logs with rows of Zeek."""
    return sorted(path.stem for path in FOLDER.glob("*.tsv"))


def published(log: str) -> dict[str, list[dict[str, str]]]:
    """The rows of Zeek's log, by capture."""
    found: dict[str, list[dict[str, str]]] = {}
    with (FOLDER / f"{log}.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            found.setdefault(row["capture"], []).append(row)
    return found


def compared(
    log: str, expected: Sequence[Mapping[str, str]], given: Sequence[Mapping[str, Any]]
) -> Iterator[list[str]]:
    """For each row of Zeek the sorted columns that differ, then `extra` for each other row of the view."""
    rest = [{name: text(value) for name, value in row.items()} for row in given]
    for row in expected:
        near = [(differing(row, other), number) for number, other in enumerate(rest) if ends(row) == ends(other)]
        if not near:
            yield ["missing"]
            continue
        columns, number = min(near, key=lambda one: (len(one[0]), one[1]))
        del rest[number]
        yield columns
    yield from (["extra"] for _ in rest)


def ends(row: Mapping[str, str]) -> Any:
    """What identifies the connection of a row, in either direction; its fingerprint without one."""
    if "id.orig_h" not in row:
        return row.get("fingerprint") or row.get("host")
    return frozenset(((row[ENDS[0]], row[ENDS[1]]), (row[ENDS[2]], row[ENDS[3]])))


def differing(row: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The columns of both rows with different values."""
    names = [name for name in row if row[name] and name in other and name not in SKIPPED]
    return sorted(name for name in names if not same(name, row[name], other[name]))


def same(name: str, value: str, other: str) -> bool:
    """Whether two values are the same, as logs have them."""
    if name in HASHES and "-" in (value, other):
        return True
    if name in SETS:
        return sorted(value.split(",")) == sorted(other.split(","))
    if "." in value and value != other:
        try:
            pairs = zip(value.split(","), other.split(","), strict=True)
            return all(abs(float(one) - float(two)) <= MICROSECONDS for one, two in pairs)
        except ValueError:
            return False
    return value == other


def text(value: Any) -> str:
    """A value as Zeek's logs have it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, dt.datetime):
        return f"{value.timestamp():.6f}"
    if isinstance(value, list):
        return ",".join(map(text, value)) or "(empty)"
    return str(value).replace("\\", "\\\\").replace("\n", "\\x0a").replace("\t", "\\x09") or "(empty)"
