"""The SQL function `net('10.0.0.0/8')`: the addresses of a network that occur in the lake.

Use: `WHERE src_ip IN (FROM net('10.0.0.0/8'))`.

It reads the small table `address`, whose column `sortable` is ordered by bytes: a query takes 59 ms, parsing the text
of every row takes 480 ms. The macro is created for each statement with the networks of that statement as constants, so
that the scan of `address` is pruned like any other; for this reason the network must be a literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from netlake.errors import QueryError
from netlake.schema.sql import literal

# signature and sentence, for lists of functions
DESCRIBED = (
    "net(network)",
    "Table with the addresses of a network that occur in the lake: WHERE src_ip IN (FROM net('10.0.0.0/8')).",
)
_CALL = re.compile(r"\bnet\s*\(", re.IGNORECASE)
_NETWORK = re.compile(r"\bnet\s*\(\s*('(?:[^']|'')*')\s*\)", re.IGNORECASE)
_HOW = "net() takes one literal network, such as net(''10.0.0.0/8'')."


def named(statement: str) -> bool:
    """Whether `statement` calls net()."""
    return _CALL.search(statement) is not None


def networks(statement: str) -> list[str]:
    """The networks in the net() calls of `statement`, as written."""
    return sorted({found[1:-1].replace("''", "'") for found in _NETWORK.findall(statement)})


def macro(wanted: Iterable[str]) -> str:
    """The SQL that creates net() for the networks in `wanted`; QueryError without a literal network."""
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
        "CREATE OR REPLACE TEMP MACRO net(network) AS TABLE SELECT address FROM address"  # noqa: S608 - made of constants
        f" WHERE family = {families} AND sortable BETWEEN {low} AND {high}"
    )


def _case(pairs: Iterable[tuple[object, object]]) -> str:
    arms = " ".join(f"WHEN {network} THEN {value}" for network, value in pairs)
    return f"CASE network {arms} ELSE error('{_HOW}') END"


def _blob(value: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
