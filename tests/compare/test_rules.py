"""Tests of the rules that a comparison must meet: each can fail."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.compare import capture, differences, exceptions, layers, page, report
from tests.compare.builders import Given, place
from tests.compare.tally import Tally
from tests.compare.tshark import Frame, Layer


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
    differences.compare(one, Given(*mine), place(Frame(1, theirs, {"udp"})), tally, [])
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
        differences.compare(one, Given(), place(frame), tally, [])
        return tally

    over_tcp, over_udp = compared("tcp"), compared("udp")
    assert (over_tcp.outside, over_tcp.values, over_tcp.rows, over_tcp.different) == ({0: 1}, 0, 0, {})
    assert (over_udp.outside, over_udp.values, over_udp.rows, over_udp.different) == ({}, 1, 1, {"row": 1})


def a_tally(**changed: object) -> Tally:
    """A table with 100 rows and 10,000 equal values."""
    usual = {"rows": 100, "values": 10_000, "equal": 10_000, "columns": Counter({"udp.length": 10_000})}
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
    (rule,) = broken(udp=a_tally(values=10_001, different=Counter({"udp.length": 1})))
    assert "1 differences have no entry" in rule


def test_entry_that_applies_too_often_fails() -> None:
    entry = exceptions.entries()[-1]
    for kind in ("explained", "unshown", "outside"):
        used = a_tally(**{kind: Counter({entry.number: entry.most + 1}), "values": 10**7, "equal": 10**7})
        assert any(entry.reason in rule for rule in broken(udp=used))


def test_table_without_a_compared_value_fails_a_full_run() -> None:
    empty = a_tally(values=7, equal=0, rows=7, columns=Counter())
    for full in (False, True):
        found = broken(full=full, cip=empty, udp=a_tally(values=10**6))
        assert any("Table cip has 7 rows, but no value" in rule for rule in found) is full


def test_table_without_rows_fails_a_full_run() -> None:
    for full in (False, True):
        found = report.Findings("4.0.17", "make compare", full=full, tables={"udp": a_tally()})
        assert any("Table cip has no row in any capture" in rule for rule in found.broken) is full


def test_share_of_explained_differences_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    many = a_tally(explained=Counter({0: 100}), unshown=Counter({1: 150}))
    few = a_tally(explained=Counter({0: 100}), unshown=Counter({1: 50}))
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
    more = a_tally(explained=Counter({0: 251}))
    assert len(broken(full=True, udp=more)) == len(broken(udp=more)) == 1


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


RANDOM = bytes(range(32))
HELLO = {"hello_version": 771, "random": RANDOM}


def hello_row(**changed: object) -> dict:
    """A row of tls_server_hello."""
    one = next(one for one in layers.compared() if one.table.name == "tls_server_hello")
    return dict.fromkeys(one.columns) | {"fault": None, "src_port": 443, "dst_port": 5000, "flow": 1} | HELLO | changed


def record_frame(number: int, *segments: int, port: str = "443") -> Frame:
    """A frame in which tshark shows a server hello of a record in these frames."""
    below = Layer("tcp", quoted=False, fields={"tcp.srcport": [(port, "")], "tcp.dstport": [("5000", "")]})
    from_ = Layer("tcp.segments", quoted=False, fields={"tcp.segment": [(str(one), "") for one in segments]})
    fields = {"tls.handshake.type": [("2", "02")], "tls.handshake.version": [("0x0303", "0303")],
              "tls.handshake.random": [("", RANDOM.hex())]}  # fmt: skip
    return Frame(number, [below, from_, Layer("tls.handshake", quoted=False, fields=fields, at=2)], {"tcp", "tls"})


@pytest.mark.parametrize(
    ("row", "frame", "different"),
    [
        (hello_row(), record_frame(5, 2, 4, 5), {}),
        (hello_row(random=RANDOM[::-1]), record_frame(5, 2, 4, 5), {"row": 2}),
        (hello_row(), record_frame(5, 3, 4, 5), {"row": 2}),
        (hello_row(), record_frame(5, 2, 4, 5, port="444"), {"row": 2}),
    ],
    ids=["same", "another value", "the frame of the row is not among the segments", "another port"],
)
def test_message_is_in_the_frame_that_completes_its_record(row: dict, frame: Frame, different: dict) -> None:
    one = next(one for one in layers.compared() if one.table.name == "tls_server_hello")
    tally, later = Tally(), []
    differences.compare(one, Given(row), place(Frame(2)), tally, later)
    differences.compare(one, Given(), place(frame), tally, later)
    differences.finish(one, tally, later)
    assert dict(tally.different) == different
    assert tally.equal == (0 if different else 2)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("status", "different"), [(200, {"frame": 1}), (404, {"row": 2})])
def test_message_that_ends_in_another_frame_is_one_difference(first: bool, status: int, different: dict) -> None:  # noqa: FBT001
    one = next(one for one in layers.compared() if one.table.name == "http_response")
    row = dict.fromkeys(one.columns) | {"fault": None, "src_port": 80, "dst_port": 5000, "flow": 1, "status": status}
    below = Layer("tcp", quoted=False, fields={"tcp.srcport": [("80", "")], "tcp.dstport": [("5000", "")]})
    answer = Layer("http", quoted=False, fields={"http.response.code": [("200", "")]}, at=1)
    frames = [Frame(2), Frame(2, [below, answer], {"tcp", "http"})]
    tally, later = Tally(), []
    for frame, own in zip(frames if first else frames[::-1], [[row], []] if first else [[], [row]], strict=True):
        differences.compare(one, Given(*own), place(frame), tally, later)
    differences.finish(one, tally, later)
    assert dict(tally.different) == different
