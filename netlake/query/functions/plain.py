"""SQL for functions in Python, for databases that open without netlake (netlake.query.catalog_file).

A name of a code is looked up in a map; `is_local` in the table `address`, in which every address of a flow is. The
other functions in Python have no macro here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

from netlake.query.functions.addresses import LOCAL, network
from netlake.query.functions.codes import FILE
from netlake.schema.faults import FAULTS
from netlake.schema.sql import literal


def macros(local: tuple[str, ...] = ()) -> dict[str, str]:
    """Function name -> the SQL that creates its macro; `local` are the networks of `is_local`, by default private."""
    from netlake.streams.tls.alerts import NAMES

    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    found = {
        name: _lookup(name, {int(code): text for code, text in one["values"].items()}) for name, one in tables.items()
    }
    found["tls_alert_name"] = _lookup("tls_alert_name", NAMES)
    found["fault_meaning"] = _lookup("fault_meaning", FAULTS)
    within = " OR ".join(_within(local or LOCAL))
    found["is_local"] = (
        "CREATE MACRO is_local(ip) AS CASE WHEN ip IS NOT NULL THEN"  # noqa: S608 - made of constants
        f" ip IN (SELECT address FROM main.address WHERE {within}) END"
    )
    return found


def _lookup(name: str, known: Mapping[int, str] | Mapping[str, str]) -> str:
    pairs = ", ".join(
        f"{literal(key) if isinstance(key, str) else key}: {literal(text)}" for key, text in known.items()
    )
    return f"CREATE MACRO {name}(code) AS MAP {{{pairs}}}[code]"


def _within(networks: tuple[str, ...]) -> Iterator[str]:
    """A condition on `address` for each network."""
    from netlake.layers.pools import sortable

    for text in networks:
        if (block := network(text)) is not None:
            low, high = (sortable(end.packed).hex() for end in (block.network_address, block.broadcast_address))
            yield f"(family = {block.version} AND sortable BETWEEN from_hex('{low}') AND from_hex('{high}'))"
