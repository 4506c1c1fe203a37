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
from tests.compare import (
    capture,
    cases,
    conversations,
    differences,
    exceptions,
    layers,
    rows,
    run,
    tshark,
    values,
)
from tests.compare.builders import Given, place
from tests.compare.exceptions import Difference
from tests.compare.tally import Tally
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
    facts = {
        "layers": frozenset({"tcp", "ip"}),
        "stop": frozenset({"unknown_llc", "unknown_llc 0x31"}),
        "format": "pcap",
        "transport": "tcp",
        "port": frozenset({"80", "4000"}),
        "columns": {"syn": True, "mss": None},
        "shows": {"tcp.flags.syn": "1"},
        "flow": {"resp_window_scale": None},
    }
    return Difference(**{**usual, **facts, **changed})  # type: ignore[arg-type]


CONDITIONS = [
    ({"table": "tcp"}, True),
    ({"table": "t*"}, True),
    ({"table": ["udp", "sctp"]}, False),
    ({"field": "tcp.len", "ours": "some", "theirs": "none"}, True),
    ({"ours": "none"}, False),
    ({"ours": "5"}, True),
    ({"ours": ["6", "7*"]}, False),
    ({"theirs": "some"}, False),
    ({"fault": "none", "stop": "unknown_llc"}, True),
    ({"stop": "unknown_llc 0x31"}, True),
    ({"stop": "unknown_llc 0x3"}, False),
    ({"stop": "none"}, False),
    ({"fault": "cut"}, False),
    ({"layers": ["teredo", "ip"]}, True),
    ({"layers": "teredo"}, False),
    ({"capture": "folder/*"}, True),
    ({"capture": "other/*"}, False),
    ({"format": "pcap"}, True),
    ({"format": "pcapng"}, False),
    ({"transport": "tcp", "port": [80, 443]}, True),
    ({"transport": "udp"}, False),
    ({"port": 8}, False),
    ({"columns": {"syn": "True", "mss": "none"}}, True),
    ({"columns": {"syn": "False"}}, False),
    ({"columns": {"mss": "some"}}, False),
    ({"shows": {"tcp.flags.syn": ["0", "1"]}}, True),
    ({"shows": {"tcp.flags.ack": "some"}}, False),
    ({"flow": {"resp_window_scale": "none"}}, True),
    ({"flow": {"resp_window_scale": "7"}}, False),
]


@pytest.mark.parametrize(("conditions", "applies"), CONDITIONS, ids=str)
def test_exception_applies_if_all_conditions_are_true(conditions: dict, applies: bool) -> None:  # noqa: FBT001
    # the capture proves it; the conditions decide
    entry = exceptions.make(0, {"reason": "a test", "most": 1, "capture": "folder/*", **conditions})
    assert entry.applies(a_difference()) is applies


REFUSED = [
    ("exception", {"tabel": "tcp", "fault": "cut"}, "tabel is not a condition"),
    ("exception", {"table": "tcp", "field": "tcp.len", "ours": "none"}, "no condition proves it"),
    ("exception", {"field": "row", "ours": "none", "stop": "unknown_port"}, "no condition proves it"),
    ("exception", {"table": "tcp", "capture": "*"}, "no condition proves it"),
    ("exception", {"table": "tcp", "columns": {"syn": "*"}}, "no condition proves it"),
    ("exception", {"field": "row", "fault": "cut", "shown": False}, "not for rows"),
    ("exception", {"table": "tcp", "fault": "cut", "shown": False}, "not for rows"),
    ("exception", {"field": ["tcp.len", "r*"], "fault": "cut", "shown": False}, "not for rows"),
    ("outside", {"field": "row", "ours": "none", "transport": "udp"}, "over TCP"),
    ("outside", {"field": "row", "ours": "some", "transport": "tcp"}, "over TCP"),
    ("outside", {"field": "tcp.len", "ours": "none", "transport": "tcp"}, "over TCP"),
]


@pytest.mark.parametrize(("kind", "entry", "message"), REFUSED, ids=str)
def test_entry_without_proof_is_refused(kind: str, entry: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        exceptions.make(3, {"reason": "a test", "most": 1, **entry}, kind)


def test_every_exception_has_reason_limit_and_proof() -> None:
    assert len(exceptions.entries()) > 50
    for entry in exceptions.entries():
        assert len(entry.reason) > 20
        assert entry.most > 0
        assert entry.proofs


def test_every_justification_names_a_compared_table() -> None:
    names = {one.table.name for one in layers.compared()} | {"connection"}
    assert set(exceptions.justified()) <= names
    assert all(len(one.reason) > 20 and one.number > 0 for one in exceptions.justified().values())


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

    def compared(**changed: int) -> Tally:
        shown = {
            "udp.length": first["length"],
            "udp.checksum": first["checksum"],
            "udp.srcport": first["src_port"],
            "udp.dstport": first["dst_port"],
        }
        fields = {name: [(str(changed.get(name.replace(".", "_"), value)), "")] for name, value in shown.items()}
        frame = Frame(first["packet"], [Layer("udp", quoted=False, fields=fields)], {"udp"})
        tally = Tally()
        differences.compare(one, rows.Rows(table, one.columns, rows.Counter()), place(frame), tally, [])
        return tally

    assert (compared().values, compared().equal, compared().different.total()) == (4, 4, 0)
    changed = compared(udp_length=first["length"] + 1)
    assert (changed.equal, dict(changed.different)) == (3, {"udp.length": 1})


def test_merged_rows_are_compared_in_any_order() -> None:
    one = next(one for one in layers.compared() if one.table.name == "ospf_lsa")
    found = [dict.fromkeys(one.columns) | {"packet": 1, "fault": None, "age": age} for age in (7, 5)]

    def compared(*ages: str) -> Tally:
        layer = Layer("ospf", quoted=False, fields={"ospf.lsa.age": [(age, "") for age in ages]})
        tally = Tally()
        differences.compare(one, Given(*found), place(Frame(1, [layer], {"ospf"})), tally, [])
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
def test_cases_reach_their_tables(tmp_path: Path) -> None:
    wanted = dict(cases.built())
    assert {
        "bluetooth_hci",
        "cip",
        "coap",
        "diameter",
        "lacp_marker",
        "profinet_dcp",
        "usb",
        "zigbee",
        "grpc_message",
    } <= set(wanted)
    written = cases.write(tmp_path)
    assert {name.removeprefix("cases/").partition(".")[0].partition("-")[0] for _, name in written} == set(wanted)
    for path, name in written:
        least = {"cases/zigbee.pcap": 20, "cases/grpc_message.pcap": 5}.get(name)
        if least is None:
            continue
        table = name.removeprefix("cases/").removesuffix(".pcap")
        outcome = capture.compare_capture(path, name)
        assert outcome.state == "compared"
        assert set(outcome.tables) == {table}
        assert outcome.tables[table].columns.total() > least


def test_cases_with_faults_or_missing_bytes_are_left_out() -> None:
    good = {"bytes": "00", "row": {"version": 1}}
    assert cases.comparable(good)
    assert cases.comparable({"bytes": "00", "rows": []})
    for change in ({"fault": "cut"}, {"missing": 1}, {"accept": False}, {"row": {"fault": "bad_value"}}):
        assert not cases.comparable(good | change)


FORMS = [
    ("bits_reversed", "aa:00:04:00:01:04", "55:00:20:00:80:20"),
    ("bytes_reversed", b"\x0a\x00\x00\x01", b"\x01\x00\x00\x0a"),
    ("until_zero", "name\0rest", "name"),
    ("sixteen_bytes", "ab" * 20, "ab" * 16),
    ("signed", -(1 << 31), 1 << 31),
    ("dns_name", r"a\032b", "a b"),
    ("upper", "QUIT", "quit"),
    ("unfolded", "a b", "a  b "),
]


@pytest.mark.parametrize(("form", "ours", "theirs"), FORMS)
def test_forms_are_equal_for_the_same_value_only(form: str, ours: values.Value, theirs: values.Value) -> None:
    mine, other = values.formed(form, [ours], [theirs])
    assert mine == other
    different: values.Value = theirs + 1 if isinstance(theirs, int) else theirs[1:]  # type: ignore[index]
    mine, other = values.formed(form, [ours], [different])
    assert mine != other


def test_file_format_is_that_of_the_content(tmp_path: Path) -> None:
    assert capture.file_format(CAPTURES / "classic.pcap") == "pcap"
    assert capture.file_format(CAPTURES / "demo.pcapng") == "pcapng"
    other = tmp_path / "other"
    other.write_bytes(b"snoop")
    assert capture.file_format(other) == "other"


@needs_tshark
@pytest.mark.parametrize("name", ["classic.pcap", "cooked.pcap", "snaplen.pcap", "truncated.pcap", "tunnel.pcap"])
def test_bundled_captures_equal_tshark(name: str) -> None:
    outcome = capture.compare_capture(CAPTURES / name, name)
    assert outcome.state == "compared"
    assert outcome.ours == outcome.theirs > 0
    assert {table: tally.different for table, tally in outcome.tables.items() if tally.different} == {}
