"""Tests of the comparison: parsing tshark's values, finding differences, applying exceptions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import netlake
from netlake import tables
from netlake.schema import Table
from tests.compare import capture, conversations, differences, exceptions, layers, report, rows, run, tshark, values
from tests.compare.exceptions import Difference
from tests.compare.tshark import Frame, Layer

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

TEXTS = [
    ("u16", "80", "0050", 80),
    ("u16", "0x86dd", "86dd", 0x86DD),
    ("u8", "", "0a", 10),
    ("u8", "4", "45", 4),  # the bytes contain the bit field
    ("i32", "-3", "fffffffd", -3),
    ("bool", "1", "1", True),
    ("bool", "True", "", True),
    ("bool", "0", "0", False),
    ("ipv4", "10.0.0.1", "0a000001", b"\x0a\x00\x00\x01"),
    ("ip", "::ffff:1.2.3.4", "", bytes(10) + b"\xff\xff\x01\x02\x03\x04"),
    ("mac", "02:00:00:00:10:FF", "", "02:00:00:00:10:ff"),
    ("bytes", "01:02", "0102", "0102"),
    ("text", "two\nlines", "", "two lines"),
    ("duration", "0.25", "", 0.25),
    ("ts", "1795409055.713434394", "", 1795409055713434),
    ("ts", "-0.000000001", "", -1),
    ("u16", "nonsense", "", "nonsense"),
]


@pytest.mark.parametrize(("kind", "show", "value", "expected"), TEXTS)
def test_text_of_tshark_is_converted(kind: str, show: str, value: str, expected: object) -> None:
    found = values.theirs(kind, show, value)
    assert found == expected
    assert type(found) is type(expected)


def test_dns_names_are_equal_in_any_escaping() -> None:
    assert values.dns_name("<Root>") == "."
    assert values.dns_name(r"a\032b\.c.lab") == "a b.c.lab"
    assert values.dns_name(None) is None


def test_every_table_with_wireshark_names_is_compared() -> None:
    declaring = {table.name for table in layers.declaring()}
    assert {one.table.name for one in layers.compared()} == declaring
    assert set(layers.entries()) <= declaring
    assert {one.table.name: one.layers for one in layers.compared() if not one.layers} == {}


def test_every_column_has_a_name_or_a_reason() -> None:
    def without(table: Table, columns: tuple, prefix: str) -> list[str]:
        found = []
        for column in columns:
            if not (column.wireshark or column.reason(table)):
                found.append(prefix + column.name)
            found += without(table, column.fields, f"{prefix}{column.name}.")
        return found

    assert [name for table in tables.every() for name in without(table, table.columns, f"{table.name}.")] == []


@needs_tshark
def test_tshark_has_every_declared_field() -> None:
    known = tshark.known_fields()
    aliases = {name for one in layers.entries().values() for names in one.get("alias", {}).values() for name in names}
    assert {field.name for one in layers.compared() for field in one.fields} - known - {"tcp.flags.ae"} == set()
    assert aliases - known <= {"tcp.flags.ns"}


def a_difference(**changed: object) -> Difference:
    """An example of a difference."""
    usual = {"table": "tcp", "field": "tcp.len", "ours": 5, "theirs": None, "capture": "folder/name.pcap", "frame": 1}
    rest = {"fault": None, "stop": None, "layers": frozenset({"tcp", "ip"})}
    return Difference(**{**usual, **rest, **changed})  # type: ignore[arg-type]


CONDITIONS = [
    ({"table": "tcp"}, True),
    ({"table": "t*"}, True),
    ({"table": ["udp", "sctp"]}, False),
    ({"field": "tcp.len", "ours": "some", "theirs": "none"}, True),
    ({"ours": "none"}, False),
    ({"ours": "5"}, True),
    ({"ours": ["6", "7*"]}, False),
    ({"theirs": "some"}, False),
    ({"fault": "none", "stop": "none"}, True),
    ({"fault": "cut"}, False),
    ({"layers": ["teredo", "ip"]}, True),
    ({"layers": "teredo"}, False),
    ({"capture": "folder/*"}, True),
    ({"capture": "other/*"}, False),
]


@pytest.mark.parametrize(("conditions", "applies"), CONDITIONS, ids=str)
def test_exception_applies_if_all_conditions_are_true(conditions: dict, applies: bool) -> None:  # noqa: FBT001
    entry = exceptions._entry(0, {"reason": "a test", "most": 1, **conditions})
    assert entry.applies(a_difference()) is applies


def test_unknown_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="tabel is not a condition"):
        exceptions._entry(3, {"reason": "a test", "most": 1, "tabel": "tcp"})


def test_every_exception_has_reason_limit_and_condition() -> None:
    for entry in exceptions.entries():
        assert len(entry.reason) > 20
        assert entry.most > 0
        assert entry.conditions


def test_lists_are_aligned() -> None:
    assert list(differences.aligned([1, 2], [1, 3])) == [(1, 1), (2, 3)]
    assert list(differences.aligned([1, 2, 3], [1, 3])) == [(1, 1), (2, None), (3, 3)]
    assert list(differences.aligned([], ["a"])) == [(None, "a")]


def test_row_belongs_to_last_packet() -> None:
    table = pa.table({"packet": [1, 1, 2], "last_packet": [None, 3, None], "place": [0, 1, 0], "fault": [None] * 3})
    found = rows.Rows(table, (), rows.Counter())
    assert [[row["place"] for row in found.of(frame)] for frame in (1, 2, 3)] == [[0], [0], [1]]


def test_headers_of_reassembled_datagram_belong_to_last_packet() -> None:
    packet = np.array([1, 1, 2], np.int64)
    assert rows.late(packet, rows.Counter({1: 1, 2: 2})).tolist() == [0, 2, 0]
    assert rows.late(packet, rows.Counter({1: 2, 2: 1})).tolist() == [0, 0, 0]


def test_different_value_is_found() -> None:
    one = next(one for one in layers.compared() if one.table.name == "udp")
    table = netlake.decode(CAPTURES / "cooked.pcap", include=["packet", "udp"])["udp"]
    first = table.select(["packet", "length", "checksum", "src_port", "dst_port"]).slice(0, 1).to_pylist()[0]

    def compared(**changed: int) -> differences.Tally:
        shown = {
            "udp.length": first["length"],
            "udp.checksum": first["checksum"],
            "udp.srcport": first["src_port"],
            "udp.dstport": first["dst_port"],
        }
        fields = {name: [(str(changed.get(name.replace(".", "_"), value)), "")] for name, value in shown.items()}
        frame = Frame(first["packet"], [Layer("udp", quoted=False, fields=fields)], {"udp"})
        tally = differences.Tally()
        differences.compare(
            one, rows.Rows(table, one.columns, rows.Counter()), differences.Place("x.pcap", frame, None), tally
        )
        return tally

    assert (compared().values, compared().equal, compared().different.total()) == (4, 4, 0)
    changed = compared(udp_length=first["length"] + 1)
    assert (changed.equal, dict(changed.different)) == (3, {"udp.length": 1})


def test_merged_rows_are_compared_in_any_order() -> None:
    one = next(one for one in layers.compared() if one.table.name == "ospf_lsa")
    found = [dict.fromkeys(one.columns) | {"packet": 1, "fault": None, "age": age} for age in (7, 5)]

    class Given:
        def of(self, _: int) -> list[dict]:
            return found

    def compared(*ages: str) -> differences.Tally:
        layer = Layer("ospf", quoted=False, fields={"ospf.lsa.age": [(age, "") for age in ages]})
        tally = differences.Tally()
        differences.compare(one, Given(), differences.Place("x.pcap", Frame(1, [layer], {"ospf"}), None), tally)
        return tally

    assert (compared("5", "7").values, compared("5", "7").equal) == (2, 2)
    assert compared("5", "8").different == {"ospf.lsa.age": 1}


STATISTICS = """\
================================================================================
TCP Conversations
Filter:<No Filter>
                          |       <-      | |       ->      | |     Total     |    Relative    |   Duration   |
10.0.0.2:80    <-> 10.0.0.1:4000       3 1234 bytes       4 12 kB      7 13 kB     0.000000000         1.0
fd00::1:5353   <-> ff02::fb:5353       0 0 bytes        2 200 bytes      2 200 bytes     7.1        15.3
"""


def test_ports_select_layers_of_table() -> None:
    def datagram(port: str, *inside: str) -> list[Layer]:
        ports = {"udp.srcport": [("40000", "9c40")], "udp.dstport": [(port, "")]}
        return [Layer("udp", False, ports), *(Layer("nsh", False, {"nsh.spi": [(name, "")]}) for name in inside)]

    parts = [Layer("nsh", False, {}), *datagram("2152", "1", "2"), *datagram("2123", "3")]
    shown = Frame(1, parts, {"udp", "nsh"})
    one = layers.layered(tables.table("nsh"), {"layers": ["nsh"], "ports": [2152]})
    assert [layer.fields["nsh.spi"][0][0] for layer in differences.layers_of(one, shown)] == ["1", "2"]
    assert {"udp.srcport", "udp.dstport"} <= one.wanted
    every = layers.layered(tables.table("nsh"), {"layers": ["nsh"]})
    assert len(list(differences.layers_of(every, shown))) == 4


def test_conversation_statistics_are_parsed() -> None:
    found = conversations.theirs(STATISTICS)
    one, two = conversations._end("10.0.0.1", 4000), conversations._end("10.0.0.2", 80)
    assert found["TCP", one, two] == [(3, 1), (4, 1), (1234, 1), (12000, 1000)]
    assert len(found) == 2


def test_sample_depends_on_names_only() -> None:
    many = [(Path(f"{number}.pcap"), f"{number}.pcap") for number in range(100)]
    chosen = run.sample(many, 20)
    assert chosen == run.sample(list(reversed(many)), 20)
    assert len(chosen) == 20
    # one more capture changes at most one of them
    assert len(set(chosen) & set(run.sample([*many, (Path("new.pcap"), "new.pcap")], 20))) >= 19


@needs_tshark
@pytest.mark.parametrize("name", ["classic.pcap", "cooked.pcap", "snaplen.pcap", "truncated.pcap", "tunnel.pcap"])
def test_bundled_captures_equal_tshark(name: str) -> None:
    outcome = capture.compare_capture(CAPTURES / name, name)
    assert outcome.state == "compared"
    assert outcome.ours == outcome.theirs > 0
    assert {table: tally.different for table, tally in outcome.tables.items() if tally.different} == {}


def test_no_compared_value_fails() -> None:
    findings = report.Findings("4.0.17", "make compare")
    findings.add(capture.Outcome("x.pcap", "neither"))
    assert not findings.good
    text = "\n".join(report.page(findings))
    assert "None: both read the same number of packets" in text
