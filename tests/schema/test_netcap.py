"""Every field of netcap's packet records has a column in netlake; tests/schema/netcap.toml maps them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netlake import tables
from netlake.schema import Column, List, Struct

RECORDS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("netcap.toml").read_text())


def names(columns: tuple[Column, ...], before: str) -> Iterator[str]:
    """Dotted names of all columns and the fields in them."""
    for column in columns:
        yield f"{before}.{column.name}"
        kind = column.kind.element if isinstance(column.kind, List) else column.kind
        if isinstance(kind, Struct):
            yield from names(kind.columns, f"{before}.{column.name}")


KNOWN = {name for entry in tables.entries().values() for name in names(entry.table.all_columns, entry.table.name)}


@pytest.mark.parametrize("record", RECORDS)
def test_every_netcap_field_has_a_column(record: str) -> None:
    facts = {name: place for name, place in RECORDS[record].items() if name != "derived"}
    places = [one for place in facts.values() for one in (place if isinstance(place, list) else [place])]
    assert [place for place in places if place not in KNOWN] == []


def test_tables_above_ip_have_addresses_and_ports() -> None:
    """Netcap copies addresses and ports into the records above IP; here they are context columns."""
    above = {place.split(".")[0] for record in ("BFD", "DHCPv4", "DNS", "ENIP", "LCM", "NTP", "SIP", "TCP", "UDP")
             for place in RECORDS[record].values() if isinstance(place, str)}  # fmt: skip
    for table in above:
        assert {f"{table}.{name}" for name in ("ts", "src_ip", "dst_ip", "src_port", "dst_port")} <= KNOWN
