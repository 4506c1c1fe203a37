"""Every declared table follows the rules, and each rule finds its violation."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from netlake import tables
from netlake.schema import Column, List, Struct, Table, arrow, rules

GOOD = Column("first_byte", "u8", "The first byte.", at=0, wireshark="x.first")
TABLE = Table("sample", "One row.", "RFC 1", ("udp.port=1",), (GOOD,), size=4)
BROKEN = [
    (replace(TABLE, name="Sample"), "snake_case"),
    (replace(TABLE, name="contract"), "reserved"),
    (replace(TABLE, name="header"), "reserved"),
    (replace(TABLE, doc="One row"), "full stop"),
    (replace(TABLE, context="none"), "context none does not exist"),
    (replace(TABLE, on=("UDP 53",)), "layer.field=value"),
    (replace(TABLE, key=("capture", "number")), "the key contains number"),
    (replace(TABLE, columns=(GOOD, GOOD)), "2 columns are named"),
    (replace(TABLE, columns=(replace(GOOD, name="src_ip"),)), "2 columns are named"),
    (replace(TABLE, columns=(GOOD, replace(GOOD, name="firstbyte"))), "2 columns are named"),
    *(
        (replace(TABLE, columns=(replace(GOOD, **changed),)), text)
        for changed, text in (
            ({"name": "firstByte"}, "snake_case"),
            ({"doc": "The first byte"}, "full stop"),
            ({"wireshark": None}, "nor a reason"),
            ({"encoding": "rle"}, "encoding rle"),
            ({"kind": "u7"}, "kind u7"),
            ({"kind": List("u7"), "at": None}, "kind u7"),
            ({"kind": List(List("u8")), "at": None}, "list of lists"),
            ({"kind": Struct(()), "at": None}, "are no columns"),
            ({"kind": List(Struct((replace(GOOD, doc=""),))), "at": None}, "full stop"),
            ({"kind": "text"}, "no fixed wire format"),
            ({"at": 4}, "bytes 4 to 5 of a header of 4"),
            ({"at": -1}, "bytes -1 to 0"),
            ({"kind": "u32", "at": 1}, "bytes 1 to 5"),
            ({"at": 3, "bits": (8, 1)}, "bytes 3 to 5"),
            ({"at": 0, "bits": (32, 8)}, "bytes 0 to 8"),
            ({"at": None, "bits": (0, 1)}, "bits= but no at="),
            ({"bits": (0, 9)}, "9 bits from bit 0 in a value of 8"),
            ({"bits": (0, 0)}, "0 bits"),
            ({"bits": (-1, 1)}, "from bit -1"),
            ({"kind": "bool", "bits": (0, 2)}, "2 bits"),
        )
    ),
]


@pytest.mark.parametrize(("table", "text"), BROKEN)
def test_broken_rule_is_reported(table: Table, text: str) -> None:
    assert any(text in message for message in rules.broken(table))


def test_valid_table_breaks_no_rule() -> None:
    assert list(rules.broken(TABLE)) == []
    assert list(rules.broken_together((TABLE, replace(TABLE, name="other")))) == []


def test_two_tables_with_one_message_name_are_reported() -> None:
    assert list(rules.broken_together((replace(TABLE, name="a_1b"), replace(TABLE, name="a1b"))))


@pytest.mark.parametrize("table", tables.declared(), ids=lambda table: table.name)
def test_every_table_follows_the_rules(table: Table) -> None:
    assert list(rules.broken(table)) == []


def test_tables_follow_the_rules_together() -> None:
    assert list(rules.broken_together(tables.declared())) == []


def lists(fields: list[pa.Field]) -> list[pa.Field]:
    """Every list among `fields`, at any depth."""
    found = [field for field in fields if pa.types.is_list(field.type)]
    for field in fields:
        inner = field.type.value_type if pa.types.is_list(field.type) else field.type
        found += lists(list(inner)) if pa.types.is_struct(inner) else []
    return found


@pytest.mark.parametrize("table", [*tables.declared(), TABLE], ids=lambda table: table.name)
def test_list_is_never_null(table: Table) -> None:
    for field in lists(list(arrow.schema(table))):
        assert not field.nullable, field.name
        assert not field.type.value_field.nullable, field.name
