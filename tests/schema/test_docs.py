"""The reference pages of tables."""

from __future__ import annotations

from netlake.schema import Column, List, Struct, Table, docs

INNER = Struct((Column("name", "text", "Left | right.", wireshark="x.name"),))
TABLE = Table(
    "sample",
    "One row for each sample.",
    "RFC 1",
    ("udp.port=53", "udp.port=5353", "tcp.segment=53", "odd.thing=1"),
    (
        Column("opcode", "u8", "The kind of request.", wireshark="x.opcode", at=0),
        Column("answers", List(INNER), "The answers.", why="compared by name"),
        Column("sizes", List("u16"), "Sizes.", why="none there"),
    ),
    size=12,
)


def test_page_has_doc_dispatch_keys_and_columns() -> None:
    page = docs.page(TABLE)
    assert page.startswith("# sample\n\nOne row for each sample.\n")
    assert "- Messages: UDP port 53 or 5353; TCP segments of port 53; odd thing 1\n" in page
    assert "- Key: `capture`, `packet`, `place`\n" in page
    assert "| `opcode` | smallint | The kind of request. | `x.opcode` |\n" in page
    assert "| `answers` | struct[] | The answers. | none: compared by name |\n" in page
    assert "| `answers[].name` | varchar | Left \\| right. | `x.name` |\n" in page
    assert "| `sizes` | integer[] | Sizes. | none: none there |\n" in page
    assert "in wire order, from 0. Never null. |" in page
    assert "SELECT opcode, count(*) AS rows" in page


def test_every_rfc_is_a_link() -> None:
    at = "https://www.rfc-editor.org/rfc/rfc"
    assert docs.linked("RFC 2131, 951") == f"[RFC 2131]({at}2131), [951]({at}951)"
    assert docs.linked("IEEE 802.1X, RFC 1 section 4.2") == f"IEEE 802.1X, [RFC 1]({at}1) section 4.2"
    assert docs.linked("RFC 4511, MS-ADTS 6.3.3") == f"[RFC 4511]({at}4511), MS-ADTS 6.3.3"
    assert docs.linked("BEP 5, 32, 42") == "BEP 5, 32, 42"


def test_page_mentions_detection_by_content() -> None:
    mark = Column("heuristic", "bool", "Found so.", why="our own")
    both = Table("both", "One row.", "none", ("udp.port=1",), (mark,))
    alone = Table("alone", "One row.", "none", (), (mark,))
    assert "- Messages: UDP port 1, or any other port by content\n" in docs.page(both)
    assert "- Messages: found by content" in docs.page(alone)


def test_index_lists_tables_by_group() -> None:
    other = Table("zone", "One row for each zone.", "none", (), (), context="capture", key=("capture",))
    index = docs.index((other, TABLE))
    assert index.index("## Transport layer and above") < index.index("[sample](sample.md)") < index.index("## Captures")
    assert "| [zone](zone.md) | One row for each zone. | none | 1 |" in index
