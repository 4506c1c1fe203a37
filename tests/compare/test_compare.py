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
    page,
    report,
    rows,
    run,
    tshark,
    values,
)
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


def a_place(frame: Frame) -> differences.Place:
    """A frame of a capture without connections."""
    return differences.Place("x.pcap", "pcap", frame, None, {})


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
        differences.compare(one, rows.Rows(table, one.columns, rows.Counter()), a_place(frame), tally)
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
        differences.compare(one, Given(*found), a_place(Frame(1, [layer], {"ospf"})), tally)
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


class Given:
    """The rows of one frame."""

    def __init__(self, *found: dict) -> None:
        self.found = list(found)

    def of(self, _: int) -> list[dict]:
        return self.found


def headers(*ports: int) -> tuple[list[dict], list[Layer]]:
    """The same UDP headers as rows of netlake and as layers of tshark, one for each source port."""
    one = next(one for one in layers.compared() if one.table.name == "udp")
    empty = dict.fromkeys(one.columns) | {"packet": 1, "fault": None}
    mine = [empty | {"src_port": port, "dst_port": 53, "length": 8, "checksum": 7} for port in ports]
    shown = {"udp.dstport": [("53", "")], "udp.length": [("8", "")], "udp.checksum": [("0x0007", "0007")]}
    theirs = [
        Layer("udp", quoted=False, fields={"udp.srcport": [(str(port), "")], **shown}, at=at)
        for at, port in enumerate(ports)
    ]
    return mine, theirs


def compared_headers(mine: list[dict], theirs: list[Layer]) -> Tally:
    """The result for UDP headers in one frame."""
    one = next(one for one in layers.compared() if one.table.name == "udp")
    tally = Tally()
    differences.compare(one, Given(*mine), a_place(Frame(1, theirs, {"udp"})), tally)
    return tally


def test_missing_row_counts_as_a_mismatch() -> None:
    mine, theirs = headers(1, 2, 3)
    complete = compared_headers(mine, theirs)
    assert (complete.rows, complete.values, complete.equal) == (3, 12, 12)
    # the second header is missing: the third is compared with the third
    for some, others in ((mine[:1] + mine[2:], theirs), (mine, theirs[:1] + theirs[2:])):
        found = compared_headers(some, others)
        assert (found.rows, found.single, found.values, found.equal, found.further) == (3, 1, 9, 8, 3)
        assert found.different == {"row": 1}
    only = compared_headers(mine, [])
    assert (only.rows, only.values, only.equal, only.columns.total(), only.further) == (3, 3, 0, 0, 9)
    assert complete.strict == 100.0 > only.strict


def test_explained_row_counts_as_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = exceptions.make(0, {"table": "udp", "field": "row", "capture": "x.pcap", "most": 1, "reason": "a test"})
    monkeypatch.setattr(exceptions, "_by_table", lambda _: (entry,))
    found = compared_headers(headers(1)[0], [])
    assert (found.values, found.equal, found.explained, found.different) == (1, 0, {0: 1}, {})
    assert found.excused == 100.0


def test_value_that_one_program_does_not_give_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    conditions = {"table": "udp", "field": "udp.length", "theirs": "none", "capture": "x.pcap"}
    entry = exceptions.make(0, {**conditions, "shown": False, "most": 1, "reason": "a test"})
    monkeypatch.setattr(exceptions, "_by_table", lambda _: (entry,))
    mine, theirs = headers(1)
    del theirs[0].fields["udp.length"]
    found = compared_headers(mine, theirs)
    assert (found.values, found.equal, found.unshown, found.explained) == (3, 3, {0: 1}, {})
    assert found.excused == 25.0


def test_row_over_tcp_is_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    conditions = {"table": "dnp3", "field": "row", "ours": "none", "transport": "tcp"}
    entry = exceptions.make(0, {**conditions, "most": 1, "reason": "a test"}, "outside")
    monkeypatch.setattr(exceptions, "_by_table", lambda _: (entry,))
    one = next(one for one in layers.compared() if one.table.name == "dnp3")
    ports = {"srcport": [("4000", "")], "dstport": [("20000", "")]}

    def compared(transport: str) -> Tally:
        below = Layer(transport, quoted=False, fields={f"{transport}.{name}": port for name, port in ports.items()})
        tally = Tally()
        frame = Frame(1, [below, Layer("dnp3", quoted=False, at=1)], {transport, "dnp3"})
        differences.compare(one, Given(), a_place(frame), tally)
        return tally

    over_tcp, over_udp = compared("tcp"), compared("udp")
    assert (over_tcp.outside, over_tcp.values, over_tcp.rows, over_tcp.different) == ({0: 1}, 0, 0, {})
    assert (over_udp.outside, over_udp.values, over_udp.rows, over_udp.different) == ({}, 1, 1, {"row": 1})


def a_tally(**changed: object) -> Tally:
    """A table with 100 rows and 10,000 equal values."""
    usual = {"rows": 100, "values": 10_000, "equal": 10_000, "columns": rows.Counter({"udp.length": 10_000})}
    return Tally(**{**usual, **changed})  # type: ignore[arg-type]


def broken(*, full: bool = False, **given: Tally) -> list[str]:
    """The rules that results break, besides those on tables that are not given."""
    found = report.Findings("4.0.17", "make compare", full=full, tables=given)
    return [rule for rule in found.broken if " has no row in any capture" not in rule]


def test_equal_tables_break_no_rule() -> None:
    assert broken(udp=a_tally()) == []


def test_goal_is_enforced() -> None:
    assert report.GOAL == 99.97
    assert "99.9600 % of all values are equal" in broken(udp=a_tally(equal=9_996))[0]
    assert broken(udp=a_tally(equal=9_997)) == []


def test_unexplained_difference_fails() -> None:
    (rule,) = broken(udp=a_tally(values=10_001, different=rows.Counter({"udp.length": 1})))
    assert "1 differences have no entry" in rule


def test_entry_that_applies_too_often_fails() -> None:
    entry = exceptions.entries()[-1]
    for kind in ("explained", "unshown", "outside"):
        used = a_tally(**{kind: rows.Counter({entry.number: entry.most + 1}), "values": 10**7, "equal": 10**7})
        assert any(entry.reason in rule for rule in broken(udp=used))


def test_table_without_a_compared_value_fails() -> None:
    empty = a_tally(values=7, equal=0, rows=7, columns=rows.Counter())
    assert any("Table cip has 7 rows, but no value" in rule for rule in broken(cip=empty, udp=a_tally(values=10**6)))


def test_table_without_rows_fails_a_full_run() -> None:
    for full in (False, True):
        found = report.Findings("4.0.17", "make compare", full=full, tables={"udp": a_tally()})
        assert any("Table cip has no row in any capture" in rule for rule in found.broken) is full


def test_share_of_explained_differences_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    many = a_tally(explained=rows.Counter({0: 100}), unshown=rows.Counter({1: 150}))
    few = a_tally(explained=rows.Counter({0: 100}), unshown=rows.Counter({1: 50}))
    monkeypatch.setattr(report, "entries", lambda: ())
    monkeypatch.setattr(report, "justified", dict)
    assert "Table udp has 250 explained differences, 2.46 %" in broken(udp=many)[0]
    assert broken(udp=few) == []
    reason = {"udp": exceptions.Justified("udp", 250, "a test")}
    monkeypatch.setattr(report, "justified", lambda: reason)
    assert broken(full=True, udp=many) == []
    assert broken(udp=many) == []
    # the number is exact in a full run, and an upper limit in others
    assert "correct its entry" in broken(full=True, udp=few)[0]
    assert broken(udp=few) == []
    more = a_tally(explained=rows.Counter({0: 251}))
    assert len(broken(full=True, udp=more)) == len(broken(udp=more)) == 1


@needs_tshark
def test_cases_reach_their_tables(tmp_path: Path) -> None:
    wanted = cases.reached()
    assert {"bluetooth_hci", "cip", "coap", "diameter", "lacp_marker", "profinet_dcp", "usb", "zigbee"} <= set(wanted)
    written = cases.write(tmp_path)
    assert {name.removeprefix("cases/").partition(".")[0].partition("-")[0] for _, name in written} == set(wanted)
    for path, name in written:
        if "zigbee" not in name:
            continue
        outcome = capture.compare_capture(path, name)
        assert outcome.state == "compared"
        assert set(outcome.tables) == {"zigbee"}
        assert outcome.tables["zigbee"].columns.total() > 20


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


def test_no_compared_value_fails() -> None:
    findings = report.Findings("4.0.17", "make compare")
    findings.add(capture.Outcome("x.pcap", "neither"))
    assert not findings.good
    assert "No value was compared." in findings.broken
    text = "\n".join(page.page(findings))
    assert "None: both read the same number of packets" in text


def test_capture_that_was_not_compared_fails() -> None:
    findings = report.Findings("4.0.17", "make compare", tables={"udp": a_tally()})
    assert findings.good
    findings.add(capture.Outcome("x.pcap", "packets differ", ours=1, theirs=2))
    assert not findings.good
    assert "| x.pcap | packets differ | 1 / 2 |" in "\n".join(page.page(findings))


def test_page_lists_columns_without_a_compared_value() -> None:
    findings = report.Findings("4.0.17", "make compare", tables={"udp": a_tally()})
    lines = list(page.page(findings))
    assert any(line.startswith("| udp | 100 | 0 | 10,000 |") and line.endswith("| 1 of 4 |") for line in lines)
    assert "| udp | src_port, dst_port, checksum |" in lines
