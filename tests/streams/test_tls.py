"""TLS streams: cases, every way to cut them, arbitrary bytes, bounds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels.tls_state import MOST, Content, Flag, Phase
from netlake.layers.streamed import NO, UNSURE, YES, Stream, Verdict
from netlake.packets import Messages
from netlake.records.readers import Failures, Reader, reader
from netlake.schema import Table
from netlake.streams import tls
from netlake.streams.tls.walker import TlsWalker, first_look
from netlake.tables import entries
from tests.streams.harness import Case, Harness, Row, Turn, load, matching, run, segments, without_context

CASES = load(Path(__file__).parent / "tls.toml")
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
CUT = pytest.mark.parametrize("case", [case for case in CASES if case.cut], ids=lambda case: case.name)
STREAM = tls.STREAMS[0]


class Reading(TlsWalker):
    """A walker whose rows are read at once, by the readers of the tables."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.failures = Failures()
        names = [table.name for table in tls.TABLES]
        self.readers: dict[str, Reader] = {
            name: reader(entries()[name], self.failures, entropy=False) for name in names
        }

    def rows(self, take: Any, *, every: bool) -> Any:
        for table, messages, _ in super().rows(take, every=every):
            yield table, *self._read(table, messages)

    def _read(self, table: Table, messages: Messages) -> Any:
        found = self.readers[table.name](messages)
        assert self.failures.by_table == {}
        return found


READ = Stream("tls", first_look, (), walker=Reading)


def plain(row: Row) -> Row:
    """A row with bytes and times as text."""
    shown = {bytes: bytes.hex, datetime: lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {name: shown.get(type(value), lambda same: same)(value) for name, value in row.items()}  # type: ignore[operator]


def expected(case: Case) -> dict[str, list[Row]]:
    """The expected rows; names in `null` are columns that are null."""
    return {
        name: [{k: v for k, v in row.items() if k != "null"} | dict.fromkeys(row.get("null", ())) for row in rows]
        for name, rows in case.rows.items()
    }


def check(case: Case, rows: dict[str, list[Row]]) -> None:
    wanted = expected(case)
    found = {name: matching([plain(row) for row in some], wanted.get(name, [])) for name, some in rows.items()}
    assert found == wanted


@EACH
def test_rows_of_a_case(case: Case) -> None:
    rows, harness = run(READ, segments(case.turns))
    check(case, rows)
    assert harness.kept == 0


@CUT
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 0])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_rows_do_not_depend_on_segments(case: Case, size: int, batch: int, late: bool) -> None:  # noqa: FBT001
    if size * batch == 1 and sum(len(turn.data) for turn in case.turns) > 2000:
        size = 7
    rows, harness = run(READ, segments(case.turns, size=size), batch, late=late)
    check(case, rows)
    assert harness.kept == 0


@EACH
@pytest.mark.parametrize("seed", range(4))
def test_rows_do_not_depend_on_batches(case: Case, seed: int) -> None:
    """Neither the rows nor their packets and places."""
    parts = segments(case.turns, seed=seed)
    whole, _ = run(READ, parts)
    for batch in (1, 2, 5):
        assert by_packet(run(READ, parts, batch)[0]) == by_packet(whole)


def by_packet(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows in the order of their packets; those of a batch are in the order of its streams."""
    return {name: sorted(some, key=lambda row: (row["packet"], row["place"])) for name, some in rows.items()}


pieces = st.binary(max_size=60) | st.sampled_from(
    [turn.data for case in CASES for turn in case.turns if 0 < len(turn.data) < 2000]
)
turns = st.builds(
    lambda side, data, gap: Turn(side, b"", gap) if gap else Turn(side, data),
    st.integers(0, 1), pieces, st.sampled_from([0, 0, 0, 0, 1, 5, 40]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(turns, max_size=8), st.integers(0, 99), st.integers(0, 200))
def test_arbitrary_streams(given_turns: list[Turn], seed: int, flip: int) -> None:
    """Pieces of cases, arbitrary bytes and gaps: no exception, no block is kept, no batch matters."""
    changed = []
    for turn in given_turns:
        data = bytearray(turn.data)
        if len(data) > flip:
            data[flip] ^= 1 << seed % 8
        changed.append(Turn(turn.side, bytes(data), turn.gap))
    parts = segments(changed, seed=seed)
    whole, harness = run(READ, parts)
    assert harness.kept == 0
    for batch in (1, 4):
        found, harness = run(READ, parts, batch)
        assert (by_packet(found), harness.kept) == (by_packet(whole), 0)


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize("known", [1, 4, 5, 6, 10, 63])
def test_bytes_kept_before_the_protocol_was_known(known: int) -> None:
    """The walker gets them as raw bytes of the stream, with the packet of the first one."""
    data = CASES[0].turns[0].data
    whole, _ = run(READ, segments([Turn(0, data[:known]), Turn(0, data[known:])]))
    harness = Harness(READ, 1)
    harness.states["protocol"][0], harness.states["flow"][0] = 9, 1  # of nobody, until it is known
    harness.batch([Turn(0, data[:known])])
    keep_raw(data[:known], harness)
    harness.states["protocol"][0] = 1
    harness.batch([Turn(0, data[known:])])
    harness.batch([Turn(0, end=True)])
    found = harness.end()
    assert without_context(found) == without_context(whole)
    assert [row["packet"] for row in found["tls_client_hello"]] == [1]
    assert harness.kept == 0


def keep_raw(data: bytes, harness: Harness) -> None:
    """What the first look does with the bytes of a stream without protocol."""
    arena = harness.arena
    block = int(arena.control["used"][0])
    arena.control["used"] += 1
    arena.blocks[block, : len(data)] = np.frombuffer(data, np.uint8)
    head = arena.heads[block]
    head["size"], head["seq"], head["number"], head["ts"], head["more"] = len(data), 0, 1, 1000, 0
    harness.states["kept"][0] = block


def test_message_that_never_ends_is_bounded() -> None:
    """At most the greatest message is kept of a stream, and it is a row when the stream ends."""
    body = record(Content.HANDSHAKE, b"\x01" + MOST.to_bytes(3, "big") + bytes(16380))
    harness, most = Harness(READ, 1), 0
    for _ in range(16):
        harness.batch([Turn(0, body)])
        body = record(Content.HANDSHAKE, bytes(16384))
        most = max(most, harness.kept)
    assert most == MOST // 1024
    harness.batch([Turn(0, record(Content.HANDSHAKE, bytes(3)))])
    harness.batch([Turn(0, end=True)])
    rows = harness.end()["tls_client_hello"]
    assert [row["fault"] for row in rows] == ["short_header"]
    assert harness.kept == 0


def test_full_arena_ends_the_message() -> None:
    """It is a row of what was there; nothing of it is kept, and what follows is read."""
    begin = record(Content.HANDSHAKE, b"\x01\x00\xff\x00" + CASES[0].turns[0].data[9:140] + bytes(9000))
    harness = Harness(READ, 1, arena=4096)
    harness.batch([Turn(0, begin)])
    assert harness.kept == 0
    harness.batch([Turn(0, record(Content.ALERT, b"\x02\x28")), Turn(0, end=True)])
    rows = harness.end()
    assert [(row["fault"], row["server_name"]) for row in rows["tls_client_hello"]] == [("too_large", "a.example")]
    assert [row["description"] for row in rows["tls_alert"]] == [40]
    assert harness.kept == 0


def test_pool_grows_for_a_batch_with_many_messages() -> None:
    """More messages than a pool has room for are all found, in order."""
    alerts = record(Content.ALERT, b"\x01\x5a") * 9000
    harness = Harness(READ, 1)
    harness.batch([Turn(0, alerts[at : at + 60000]) for at in range(0, len(alerts), 60000)] * 8)
    rows = harness.end()["tls_alert"]
    assert len(rows) == 72000
    assert {row["description_name"] for row in rows} == {"user_canceled"}


def test_what_is_no_record_is_counted() -> None:
    """The bytes behind the last record are not decoded, until a segment begins with a record again."""
    hello, data = CASES[0].turns[0].data, record(Content.APPLICATION_DATA, bytes(50))
    harness = Harness(READ, 1)
    harness.batch([Turn(0, hello + b"GET / HTTP/1.1\r\n\r\n"), Turn(0, b"\x17\x03\x03\x00\x02abcdefgh")])
    assert harness.states["undecoded"][0] == 18 + 13
    assert harness.walker.pools[0].control["lost"][0] == 1
    harness.batch([Turn(0, data + data[:9])])
    assert harness.states["undecoded"][0] == 18 + 13
    assert harness.states["phase"][0] == Phase.PASS
    assert harness.states["role"][0] == sum(Flag)
    harness.end()


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("16", UNSURE), ("1603", UNSURE), ("160301", UNSURE), ("1603010040", UNSURE), ("160301004001", UNSURE),
        ("16030100400100003c", YES), ("160301004001000000", YES), ("16030100400100ffff", YES),
        ("160301004001ffffff", NO), ("16030100050e000000", YES), ("1603010020f1f2f3f4", YES),
        ("1603010008f1f2f3f4", NO), ("1603010000", NO), ("160201", NO), ("160305", NO), ("13030100", NO),
        ("18030100", NO), ("474554202f", NO), ("1603014900", NO),
        ("1403010001", UNSURE), ("140301000101", YES), ("140301000102", NO), ("1403010002", NO),
        ("1503010002", UNSURE), ("150301000202", YES), ("150301000203", NO), ("150301001a", YES), ("1503010003", NO),
        ("1703030020", YES), ("1703030005", NO), ("802e01030100", UNSURE),
        ("8022010301000900000010", YES), ("8023010301000900000010", NO), ("802e010002", NO), ("802e02", NO),
    ],
)  # fmt: skip
def test_first_bytes(text: str, verdict: Verdict) -> None:
    assert first_look(bytes.fromhex(text), 0) is verdict


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64) | st.sampled_from([turn.data[:64] for case in CASES for turn in case.turns]))
def test_a_verdict_stays(data: bytes) -> None:
    """What is said of the first bytes is said of more of them."""
    said = [first_look(data[:end], 1) for end in range(1, len(data) + 1)]
    decided = [verdict for verdict in said if verdict is not UNSURE]
    assert len(set(decided)) <= 1
    assert said[: len(said) - len(decided)] == [UNSURE] * (len(said) - len(decided))
