"""The pages: what stands on them."""

from __future__ import annotations

from netlake.schema import Column, List, Struct, Table, docs

INNER = Struct((Column("name", "text", "Left | right.", wireshark="x.name"),))
TABLE = Table(
    "sample",
    "One row for each sample.",
    "RFC 1",
    ("udp.port=53", "udp.port=5353", "tcp.port=53", "odd.thing=1"),
    (
        Column("opcode", "u8", "What is asked.", wireshark="x.opcode", at=0),
        Column("answers", List(INNER), "What is answered.", why="compared by name"),
        Column("sizes", List("u16"), "Sizes.", why="none there"),
    ),
    size=12,
)


def test_a_page_says_what_where_and_how() -> None:
    page = docs.page(TABLE)
    assert page.startswith("# sample\n\nOne row for each sample.\n")
    assert "found at: UDP port 53 or 5353; TCP port 53; odd thing 1\n" in page
    assert "- Key: `capture`, `packet`, `place`\n" in page
    assert "| `opcode` | smallint | What is asked. | `x.opcode` |\n" in page
    assert "| `answers` | struct[] | What is answered. | none: compared by name |\n" in page
    assert "| `answers[].name` | varchar | Left \\| right. | `x.name` |\n" in page
    assert "| `sizes` | integer[] | Sizes. | none: none there |\n" in page
    assert "in wire order, from 0. Never null. |" in page
    assert "SELECT opcode, count(*) AS rows" in page


def test_the_index_names_every_table_in_its_group() -> None:
    other = Table("zone", "One row for each zone.", "none", (), (), context="capture", key=("capture",))
    index = docs.index((other, TABLE))
    assert (
        index.index("## Transport and above")
        < index.index("[sample](sample.md)")
        < index.index("## Facts about captures")
    )
    assert "| [zone](zone.md) | One row for each zone. | none | 1 |" in index
