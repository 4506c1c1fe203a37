"""Wireshark's display filters, compiled to SQL for DuckDB and to lazy frames of Polars.

    text  -> lexer, parser -> syntax tree (`syntax`)
          -> resolve       -> plan (`plan`): names are columns of tables, constants have the type of what they meet
          -> sql, frames   -> a condition on (capture, packet), or a lazy frame of packets

A filter selects packets. A field is a set of (capture, packet, value): the values of all its columns, in all rows of a
packet, whatever table they are in. A relation holds for a packet if one value fulfils it, or all for `all`, `!=` and
`===`; it holds for no packet without a value. `and`, `or` and `not` are operations on sets of packets. So relations on
several tables need no join of rows: each is a semi join by (capture, packet).

Names of fields and layers are those that tables declare (`fields`); there is no list of them. `payload` reads the
bytes of packets from the originals, for what no table has. docs/filters.md describes the language.
"""

from __future__ import annotations

from collections.abc import Callable

from netlake.query.filter.parser import parse
from netlake.query.filter.plan import Plan
from netlake.query.filter.resolve import resolve


def compiled(source: str, has: Callable[[str, str], bool] | None = None) -> Plan:
    """The plan of a filter; FilterError with its place if it is invalid.

    `has(table, column)` is True if a lake has the column; without it all declared columns are there.
    """
    return resolve(source, parse(source), has)
