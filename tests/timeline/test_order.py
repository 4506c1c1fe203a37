"""The rows of a timeline are complete and in order, of the files and the periods that they need."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netlake
from netlake.errors import OptionError
from netlake.layers.pools import sortable
from netlake.query.connection import Connection
from netlake.query.timeline import kinds, slices, written
from netlake.query.timeline.events import COLUMNS, Question, Timeline
from netlake.tables import declared
from tests.query import lakes

Run = Callable[..., tuple[int, str, str]]
TABLES = {table.name: table for table in declared()}
HOUR = dt.timedelta(hours=1)


def day(number: int, *, count: int = 3) -> list[dict[str, Any]]:
    """Rows of `dns` one hour apart, from midnight of a day in January 2024, of a host of its own."""
    begin = dt.datetime(2024, 1, number, tzinfo=dt.UTC)
    return [
        {
            "ts": begin + at * HOUR,
            "query_type_name": "A",
            "query_name": f"{number}-{at}.example",
            "flow": number,
            "src_ip": f"192.0.2.{number}",
        }
        for at in range(count)
    ]


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[netlake.Lake]:
    """A lake of five captures of a day each, the last one without times; written in another order."""
    path = tmp_path_factory.mktemp("days") / "lake"
    for number in (3, 1, 5, 2, 4):
        rows = [{**row, **({"ts": None} if number == 5 else {})} for row in day(number)]
        ip = ipaddress.ip_address(f"192.0.2.{number}")
        address = [{"address": str(ip), "family": 4, "sortable": sortable(ip.packed)}]
        tcp = [{"ts": row["ts"], "src_ip": "198.51.100.1", "syn": True} for row in rows]
        lakes.commit(path, f"{number:016x}", {TABLES["dns"]: rows, TABLES["tcp"]: tcp, TABLES["address"]: address})
    with netlake.Lake(path) as lake:
        yield lake


def made(lake: netlake.Lake, question: Question) -> Timeline:
    return Timeline(question, lake._snapshot(), lake._opened())


def test_rows_are_ordered_by_time_and_rows_without_are_last(days: netlake.Lake) -> None:
    answer = days.timeline()
    rows = answer.rows()
    assert tuple(answer.columns) == COLUMNS
    assert [row[0] for row in rows] == sorted(row[0] for row in rows if row[0]) + [None] * 3
    assert [row[2].split()[-1] for row in rows[:4]] == ["1-0.example", "1-1.example", "1-2.example", "2-0.example"]


def test_rows_of_one_packet_have_the_order_of_layers(lake: netlake.Lake) -> None:
    rows = lake.timeline(kinds=["all"]).rows()
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    orders: dict[tuple[Any, ...], list[str]] = {}
    for ts, kind, *_, packet, capture in rows:
        orders.setdefault((ts, capture, packet), []).append(kind)
    first = next(found for found in orders.values() if "dns" in found and "connection" in found)
    assert [kind for kind in first if kind in ("connection", "packet", "ethernet", "ipv4", "ipv6", "udp", "dns")] in (
        ["connection", "packet", "ethernet", "ipv4", "udp", "dns"],
        ["connection", "packet", "ethernet", "ipv6", "udp", "dns"],
        ["connection", "packet", "ethernet", "ipv6", "dns", "udp"],
        ["connection", "packet", "ethernet", "ipv4", "dns", "udp"],
    )
    keys = [(ts, capture, packet) for ts, _, *_, packet, capture in rows if packet is not None]
    assert keys == sorted(keys)


def test_every_row_of_the_default_kinds_is_in_the_timeline(lake: netlake.Lake) -> None:
    counts: dict[str, int] = {}
    for row in lake.timeline().rows():
        counts[row[1]] = counts.get(row[1], 0) + 1
    default = {table.name for table in declared() if table.message and table.message.default}
    whole = {name: count for name, count in lake.tables.items() if name in default and not _only(name)}
    assert {name: count for name, count in counts.items() if not _only(name)} == whole
    assert not counts.keys() & {"packet", "tcp", "udp", "ethernet", "ipv4", "ipv6"}


def _only(name: str) -> bool:
    message = TABLES[name].message
    return message is not None and bool(message.only)


@pytest.mark.parametrize(
    ("question", "files", "rows"),
    [
        (Question(), 5, 15),
        (Question(since=dt.datetime(2024, 1, 2, tzinfo=dt.UTC), until=dt.datetime(2024, 1, 4, tzinfo=dt.UTC)), 2, 6),
        (Question(since=dt.datetime(2024, 1, 4, 1, tzinfo=dt.UTC)), 1, 2),
        (Question(until=dt.datetime(2024, 1, 1, tzinfo=dt.UTC)), 0, 0),
        (Question(host="192.0.2.2"), 1, 3),
        (Question(host="192.0.2.5"), 1, 3),
        (Question(host="192.0.2.4/31"), 5, 6),
        (Question(host="198.51.100.1"), 0, 0),
        (Question(host="198.51.100.1", kinds=("tcp",)), 5, 15),
    ],
)
def test_only_files_that_can_match_are_read(days: netlake.Lake, question: Question, files: int, rows: int) -> None:
    timeline = made(days, question)
    statement = timeline.statement(question.since, question.until)
    assert sum(read for read, _, _ in statement.files.values()) == files
    assert statement.sql.count(".parquet") == files
    relation, _ = days._opened().reading(statement.sql, days._snapshot(), statement.reads)
    assert len(relation.fetchall()) == rows


def test_captures_restrict_the_rows(days: netlake.Lake) -> None:
    with netlake.Lake(days.path, captures=[f"{2:016x}", f"{4:016x}"]) as lake:
        assert {row[-1] for row in lake.timeline().rows()} == {f"{2:016x}", f"{4:016x}"}


def test_periods_give_the_rows_of_the_whole(lake: netlake.Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their size, the periods one after another have the same rows in the same order."""
    whole = lake.timeline(kinds=["all"]).rows()
    monkeypatch.setattr(slices, "FIRST", 3_000)
    monkeypatch.setattr(slices, "SLICE", 5_000)
    timeline = made(lake, Question(kinds=("all",)))
    assert len(timeline.periods()) > 2
    parts = list(written.batches(timeline, lake._opened(), None))
    assert [tuple(row.values()) for batch in parts for row in batch.to_pylist()] == whole


def test_rows_without_a_time_are_in_the_last_period(days: netlake.Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "FIRST", 2)
    timeline = made(days, Question())
    assert len(timeline.periods()) > 2
    rows = [row for batch in written.batches(timeline, days._opened(), None) for row in batch.to_pylist()]
    assert [tuple(row.values()) for row in rows] == days.timeline().rows()


def test_limit_reads_no_further_period(days: netlake.Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "FIRST", 2)
    timeline, asked = made(days, Question()), []
    original = Timeline.statement

    def counted(self: Timeline, *arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Timeline, "statement", counted)
    assert sum(batch.num_rows for batch in written.batches(timeline, days._opened(), 2)) == 2
    assert len(asked) < len(timeline.periods())


TIMES = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC))  # noqa: DTZ001


@given(
    st.lists(st.tuples(TIMES, TIMES, st.integers(1, 5_000_000)), max_size=20),
    st.none() | TIMES,
    st.none() | TIMES,
)
def test_periods_follow_each_other(files: list[tuple[dt.datetime, dt.datetime, int]], a: Any, b: Any) -> None:
    since, until = (min(a, b), max(a, b)) if a and b and a != b else (a, None)
    known = [(min(one, other), max(one, other), rows) for one, other, rows in files]
    found = slices.periods(known, since, until)
    assert (found[0][0], found[-1][1]) == (since, until)
    bounds = [begin for begin, _ in found[1:]]
    assert bounds == [end for _, end in found[:-1]] == sorted({bound for bound in bounds if bound})
    # each but the first ones has about as many rows as the largest may have
    assert len(found) <= 6 + sum(rows for *_, rows in known) // slices.SLICE


def test_limit_is_reported(run: Run, path: Path) -> None:
    code, out, err = run("--lake", path, "--limit", 3, "--format", "jsonl")
    assert (code, out.count("\n")) == (0, 3)
    last = json.loads(out.splitlines()[-1])["ts"].removesuffix("Z").replace("T", " ")
    assert err == (
        f"netlake: showing the first 3 rows, up to {last} UTC; there are more: --limit 0 for all, or --from for later"
        " ones.\n"
    )
    assert run("--lake", path, "--kinds", "tftp", "--limit", 9, "--format", "csv")[2] == ""


def test_plan_names_the_files(run: Run, path: Path) -> None:
    _, _, err = run("--lake", path, "--kinds", "arp,dns", "--plan", "--format", "csv", "--capture", "demo.pcapng")
    assert sorted(line.partition(":")[2].partition(",")[0].strip() for line in err.splitlines()) == [
        "arp: 1 of 1 files", "dns: 1 of 1 files"
    ]  # fmt: skip


def test_earlier_snapshot(days: netlake.Lake, run: Run) -> None:
    first = min(entry.snapshot for entry in days.catalog.captures())
    code, out, _ = run("--lake", days.path, "--at", first, "--format", "jsonl")
    assert code == 0
    assert {json.loads(line)["capture"] for line in out.splitlines()} == {f"{3:016x}"}


def test_options_of_python(lake: netlake.Lake) -> None:
    begin = dt.datetime(2026, 11, 23, 5, 26, tzinfo=dt.UTC)
    rows = lake.timeline(
        kinds=["http_request"], host="server.lab", since=begin, limit=2, filter="tcp.port == 80"
    ).rows()
    assert len(rows) == 2
    assert all(row[0] >= begin for row in rows)
    assert lake.timeline(kinds=["arp"], until="2026-11-23").rows() == []
    with pytest.raises(OptionError, match="since"):
        lake.timeline(since="soon")


def test_groups_have_tables_and_other_names() -> None:
    found = kinds.groups()
    assert found["web"] == [
        "grpc_message",
        "http2_stream",
        "http3_stream",
        "http_request",
        "http_response",
        "websocket",
    ]
    assert not found.keys() & TABLES.keys()
    assert kinds.EVERY not in found


@pytest.mark.parametrize(
    ("host", "labels"),
    [("192.0.2.7", ["scan"]), ("198.51.100.1", ["scan", "flood"]), ("198.51.100.0/24", ["scan", "flood"]),
     ("192.0.0.0/16", ["scan"]), ("203.0.113.1", []), ("00:00:5e:00:53:01", [])],
)  # fmt: skip
def test_ground_truth_is_about_the_hosts_of_its_networks(tmp_path: Path, host: str, labels: list[str]) -> None:
    rows = [
        {
            "label": label,
            "a_networks": attackers,
            "v_networks": ["198.51.100.1/32"],
            "begin_ts": lakes.START + at * HOUR,
        }
        for at, (label, attackers) in enumerate([("scan", ["192.0.2.0/24"]), ("flood", [])])
    ]
    never_null = {"source": "s", "rule": 1, "file": "f", "format": "x", "kind": "window", "state": "attack",
                  "priority": 0, "direction": "both"}  # fmt: skip
    lakes.commit(
        tmp_path / "lake", "a" * 16, {TABLES["truth"]: [never_null | row for row in rows], TABLES["address"]: []}
    )
    with netlake.Lake(tmp_path / "lake") as lake:
        found = [row[2].split()[1] for row in lake.timeline(host=host).rows()]
    assert found == labels


def test_lake_without_rows(tmp_path: Path, run: Run) -> None:
    lakes.commit(tmp_path / "lake", "a" * 16, {})
    assert run("--lake", tmp_path / "lake", "--format", "csv") == (0, ",".join(COLUMNS) + "\n", "")


def test_table_of_an_unknown_plugin_is_told_too(tmp_path: Path) -> None:
    """A table of a lake that no module declares has a generated message."""
    lakes.commit(tmp_path / "lake", "a" * 16, {lakes.SAMPLE: [{"number": 5, "word": "w"}]})
    with netlake.Lake(tmp_path / "lake") as lake:
        assert lake.timeline().rows() == []
        ((_, kind, message, *_),) = lake.timeline(kinds=["sample"]).rows()
    assert (kind, message) == ("sample", "sample number=5 word=w")


def test_question_without_rows_has_the_same_columns(days: netlake.Lake) -> None:
    timeline = Timeline(replace(Question(), wide=True, kinds=("dnp3",)), days._snapshot(), Connection())
    (batch,) = written.batches(timeline, days._opened(), None)
    other = Timeline(replace(Question(), wide=True), days._snapshot(), Connection())
    assert batch.schema == next(written.batches(other, days._opened(), None)).schema
