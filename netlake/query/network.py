"""`net('10.0.0.0/8')` gives the addresses of a network that occur in the lake.

It stands in a statement as `WHERE src_ip IN (FROM net('10.0.0.0/8'))`.

It looks in the small table `address`, whose sortable form compares as bytes: 59 ms where parsing every row's text takes
480. The network is read by the project's own parser, so it must be written out in the statement: the macro made for a
statement knows the networks that stand in it, as constants, so that the scan of `address` is pruned like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from netlake.errors import QueryError
from netlake.schema.sql import literal

_CALL = re.compile(r"\bnet\s*\(", re.IGNORECASE)
_NETWORK = re.compile(r"\bnet\s*\(\s*('(?:[^']|'')*')\s*\)", re.IGNORECASE)
_HOW = "net() takes one network, written out: net(''10.0.0.0/8'')."


def named(statement: str) -> bool:
    """Whether `statement` calls net()."""
    return _CALL.search(statement) is not None


def networks(statement: str) -> list[str]:
    """The networks that `statement` asks for, as written."""
    return sorted({found[1:-1].replace("''", "'") for found in _NETWORK.findall(statement)})


def macro(wanted: Iterable[str]) -> str:
    """The statement that makes net() for the networks in `wanted`; QueryError if one of them is none."""
    from netlake.layers.pools import parse_network, sortable

    rows: list[tuple[str, str, str, str]] = []
    for network in wanted:
        first, last = parse_network(network)
        family = "4" if len(first) == 4 else "6"
        rows.append((literal(network), family, _blob(sortable(first)), _blob(sortable(last))))
    if not rows:
        raise QueryError(_HOW.replace("''", "'"))
    families, low, high = (_case((row[0], row[column]) for row in rows) for column in (1, 2, 3))
    return (
        "CREATE OR REPLACE TEMP MACRO net(network) AS TABLE SELECT address FROM address"  # noqa: S608 - constants of our own
        f" WHERE family = {families} AND sortable BETWEEN {low} AND {high}"
    )


def _case(pairs: Iterable[tuple[object, object]]) -> str:
    arms = " ".join(f"WHEN {network} THEN {value}" for network, value in pairs)
    return f"CASE network {arms} ELSE error('{_HOW}') END"


def _blob(value: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
