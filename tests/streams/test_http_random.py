"""HTTP/1 in streams of random messages, and of random bytes; the head splitter against its twin."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.layers.spans import text_of
from netlake.layers.streamed import NO, UNSURE, YES
from netlake.streams.http import STREAMS
from netlake.streams.http.heads import Heads, parameters
from netlake.streams.http.tables import REQUEST
from tests.messages import build
from tests.streams import twin_http
from tests.streams.harness import Harness, Row, Turn, run, segments

HTTP = STREAMS[0]
METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE", "PROPFIND")
BODILESS = (204, 304)


@dataclass
class Said:
    """What the two sides of a connection send, message by message, and the rows that should result."""

    client: list[bytes] = field(default_factory=list)
    server: list[bytes] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    responses: list[Row] = field(default_factory=list)


def body(chosen: random.Random) -> bytes:
    return chosen.randbytes(chosen.choice((0, 1, 5, 300, 3000)))


def framed(chosen: random.Random, content: bytes) -> tuple[bytes, bytes]:
    """Header lines and body on the wire."""
    if chosen.random() < 0.5:
        return b"Content-Length: %d\r\n" % len(content), content
    wire, at = bytearray(), 0
    while at < len(content):
        size = chosen.choice((1, 2, 15, 16, 999))
        part = content[at : at + size]
        extension = chosen.choice((b"", b";a", b' ;b="c"'))
        wire += b"%X%s\r\n%s\r\n" % (len(part), extension, part)
        at += size
    trailer = chosen.choice((b"", b"X-Sum: 1\r\n"))
    return b"Transfer-Encoding: chunked\r\n", bytes(wire) + b"00\r\n" + trailer + b"\r\n"


def say(seed: int) -> Said:
    """A random valid connection."""
    chosen, said = random.Random(seed), Said()  # noqa: S311 - test data
    for exchange in range(chosen.randrange(1, 6)):
        method = chosen.choice(METHODS)
        uri = f"/{seed}/{exchange}?" + "&".join(f"k{k}={k}" for k in range(chosen.randrange(3)))
        content = body(chosen) if method in ("POST", "PUT") else b""
        lines, wire = framed(chosen, content) if method in ("POST", "PUT") else (b"", b"")
        said.client.append(f"{method} {uri} HTTP/1.1\r\nHost: h{exchange}\r\n".encode() + lines + b"\r\n" + wire)
        said.requests.append(row(exchange, content) | {"method": method, "uri": uri, "host": f"h{exchange}"})
        if chosen.random() < 0.2:
            said.server.append(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            said.responses.append(row(exchange, b"") | {"status": 103})
        status = chosen.choice((200, 200, 200, 204, 304, 404))
        content = body(chosen)
        lines, wire = framed(chosen, content)
        if method == "HEAD" or status in BODILESS:
            content = wire = b""
        said.server.append(f"HTTP/1.1 {status} X\r\nServer: s{exchange}\r\n".encode() + lines + b"\r\n" + wire)
        said.responses.append(row(exchange, content) | {"status": status, "server": f"s{exchange}"})
    return said


def row(exchange: int, content: bytes) -> Row:
    digest = hashlib.sha256(content).hexdigest() if content else None
    return {
        "exchange": exchange, "body_length": len(content), "body_sha256": digest, "complete": True, "fault": None,
        "anomalies": [], "body_missing": 0,
    }  # fmt: skip


def chosen_columns(rows: list[Row], expected: list[Row]) -> list[Row]:
    return [{name: got.get(name) for name in want} for got, want in zip_longest(rows, expected, fillvalue={})]


@pytest.mark.parametrize("seed", range(60))
def test_valid_messages_are_read(seed: int) -> None:
    """Pipelined or in turn, cut anywhere, in batches of any size."""
    chosen, said = random.Random(-seed), say(seed)  # noqa: S311 - test data
    if chosen.random() < 0.5:
        turns = [Turn(0, b"".join(said.client)), Turn(1, b"".join(said.server))]
    else:
        # an interim response is a turn of its own, behind its request
        sent = iter(said.client)
        turns = []
        due = -1
        for answer, found in zip(said.server, said.responses, strict=True):
            if found["exchange"] > due:
                turns.append(Turn(0, next(sent)))
                due = found["exchange"]
            turns.append(Turn(1, answer))
    rows, harness = run(HTTP, segments(turns, seed=seed), chosen.choice((1, 2, 5, 50, 0)))
    assert chosen_columns(rows["http_request"], said.requests) == said.requests
    assert chosen_columns(rows["http_response"], said.responses) == said.responses
    assert harness.kept == 0
    assert not harness.states["undecoded"].any()


PIECES = (
    b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"\r\n", b"\n", b"\r", b"0\r\n", b"5\r\n", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b" ", b":", b"\0",
    b"HEAD / HTTP/1.0\n\n", b"hello", b"\xff" * 3, b"Content-Encoding: gzip\r\n", b"\x1f\x8b\x08", b"A: b\r\n", b"G",
    b"Cookie: a=b; c\r\n", b"Authorization: Basic /\r\n", b"GET /\r\n", b"99999999999999999999\r\n", b"X" * 70000,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_bytes_in_any_order_are_read_alike(seed: int) -> None:
    """Nothing raises, the arena is empty at the end, and rows do not depend on batches."""
    chosen = random.Random(seed)  # noqa: S311 - test data
    turns = []
    for _ in range(chosen.randrange(1, 80)):
        side, which = chosen.randrange(2), chosen.random()
        flow = chosen.randrange(2)
        if which < 0.05:
            turns.append(Turn(side, gap=chosen.choice((1, 5, 100)), flow=flow))
        else:
            pieces = [chosen.choice(PIECES[:-1] if which < 0.97 else PIECES) for _ in range(chosen.randrange(1, 5))]
            turns.append(Turn(side, b"".join(pieces), flow=flow))
    given_turns = segments(turns)
    whole, harness = run(HTTP, given_turns)
    assert harness.kept == 0
    for size in (1, 7):
        rows, harness = run(HTTP, given_turns, size)
        assert by_row(rows) == by_row(whole)
        assert harness.kept == 0


def by_row(rows: dict[str, list[Row]]) -> dict[str, list[Any]]:
    return {name: sorted(found, key=lambda one: (one["packet"], one["place"])) for name, found in rows.items()}


def test_one_byte_a_segment_of_a_head_that_never_ends() -> None:
    """Work for each byte is bounded: a head is copied once a batch, and searched once."""
    harness = Harness(HTTP)
    data = b"GET / HTTP/1.1\r\n" + b"a" * 70_000
    for at in range(0, len(data), 10_000):
        harness.batch([Turn(0, data[k : k + 1]) for k in range(at, min(at + 10_000, len(data)))])
        assert harness.kept <= 65
    rows = harness.end()
    assert [row["fault"] for row in rows["http_request"]] == ["too_large"]
    assert harness.states["undecoded"][0] == len(data) - 65536


NAMES = st.sampled_from((b"Host", b"A", b"x-y", b"Cookie", b"", b"Content-Type"))
VALUES = st.binary(max_size=12).map(lambda value: re.sub(rb"[\r\n\0]", b".", value))
ENDS = st.sampled_from((b"\r\n", b"\n"))
SPACES = st.sampled_from((b"", b" ", b"\t", b"  "))
LINE = st.tuples(SPACES, NAMES, SPACES, st.sampled_from((b":", b"", b"::")), SPACES, VALUES, SPACES, ENDS).map(b"".join)
STARTS = st.sampled_from(
    (
        b"GET /a?b=c&d#e HTTP/1.1", b"GET /a#b?c HTTP/1.0", b"M /  x HTTP/1.1 ", b"HTTP/1.1 200 OK", b"HTTP/1.0  404",
        b"HTTP/1.1 500  two  words", b"GET /simple", b"A ? HTTP/0.9",
    )
)  # fmt: skip


@given(st.lists(st.tuples(STARTS, ENDS, st.lists(LINE, max_size=6)), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_heads_are_split_as_by_the_twin(found: list[tuple[bytes, bytes, list[bytes]]]) -> None:
    texts = [start + end + b"".join(lines) + b"\r\n" for start, end, lines in found]
    expected = [twin_http.split(text) for text in texts]
    heads = Heads(build(texts), sum(text.count(b"\n") for text in texts))
    parts = zip(*(heads.part(name).to_pylist() for name in ("first", "second", "third")), strict=True)
    assert list(parts) == [tuple(text_of(part) or None for part in head.parts) for head in expected]
    starts, ends = heads.parts["query"], heads.parts["query_end"]
    queries = [heads.data[start:end].tobytes() for start, end in zip(starts, ends, strict=True)]
    assert queries == [head.query for head in expected]
    spaces = re.compile(rb"[ \t]+")
    lines: list[list[tuple[bytes, bytes]]] = [[] for _ in texts]
    for line in heads.lines:
        name, value = (heads.data[line[key] : line[f"{key}_end"]].tobytes() for key in ("name", "value"))
        lines[line["owner"]].append((name, spaces.sub(b" ", value)))
    assert lines == [[(name, spaces.sub(b" ", value)) for name, value in head.lines] for head in expected]


@given(st.lists(st.text("ab=&+%4é ", max_size=20).map(str.encode), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_parameters_are_split_as_by_the_twin(queries: list[bytes]) -> None:
    messages = build(queries)
    found = parameters(REQUEST, "parameters", messages.data, messages.start, messages.end).to_pylist()
    expected = [
        [
            {"name": text_of(twin_http.unescaped(name)), "value": value and text_of(twin_http.unescaped(value))}
            for name, value in ((n, v if v is not None else b"") for n, v in twin_http.pairs(query, b"&"))
        ]
        for query in queries
    ]
    shown = [[{key: value or "" for key, value in one.items()} for one in row] for row in found]
    assert shown == [[{key: value or "" for key, value in one.items()} for one in row] for row in expected]
    nulls = [[one["value"] is None for one in row] for row in found]
    assert nulls == [[value is None for _, value in twin_http.pairs(query, b"&")] for query in queries]


PROBES = {
    b"GET / HTTP/1.1\r\n": YES, b"\r\n\r\nGET /x HTTP/1.0\n": YES, b"HTTP/1.1 200 OK\r\n": YES, b"GET /old\r\n": YES,
    b"GET /" + b"a" * 59: YES, b"FOO / HTTP/1.1\r\n": YES, b"EHLO a\r\n": NO, b"SSH-2.0-x\r\n": NO,
    b"OPTIONS rtsp://a/ RTSP/1.0\r\n": NO, b"OPTIONS rtsp://" + b"a" * 49: NO, b"HTTP/2 200\r\n": NO,
    b"PRI * HTTP/2.0\r\n": NO, b"\x16\x03\x01": NO, b"HTTP/1.1 2x0 OK": NO, b"INVITE sip:a SIP/2.0\r\n": NO,
}  # fmt: skip


@pytest.mark.parametrize("data", PROBES)
def test_probe(data: bytes) -> None:
    """Its answer for the first bytes of a stream is its answer for fewer, or UNSURE."""
    assert HTTP.probe(data, 0) is PROBES[data]
    for size in range(1, len(data)):
        assert HTTP.probe(data[:size], 0) in (PROBES[data], UNSURE)


def test_streams_behind_connect_are_handed_on() -> None:
    harness = Harness(HTTP)
    harness.batch(
        [
            Turn(0, b"CONNECT a:443 HTTP/1.1\r\n\r\n"),
            Turn(1, b"HTTP/1.1 200 OK\r\n\r\nserver first"),
            Turn(0, b"client"),
        ]
    )
    tunnels = harness.walker.tunnels
    assert tunnels[["stream", "event", "used"]].tolist() == [(0, 2, 0), (1, 1, 19)]
    harness.batch([Turn(0, b"more"), Turn(1, b"more")])
    assert harness.states["undecoded"][:2].tolist() == [4, 4]
    assert not len(harness.walker.tunnels)
    harness.end()


def test_rows_without_bodies_where_the_arena_is_full() -> None:
    """A message whose head finds no room in the arena is written at once, and counted."""
    harness = Harness(HTTP, arena=4096)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: " + b"a" * 5000 + b"\r\n\r\n"
    harness.batch([Turn(1, head + b"12345")])
    assert int(harness.walker.tally["lost"][0]) == 1
    harness.batch([Turn(1, b"67890HTTP/1.1 204 No\r\n\r\n")])
    rows = harness.end()["http_response"]
    assert [(row["status"], row["fault"], row["complete"], row["body_length"]) for row in rows] == [
        (200, "too_large", False, 5), (204, None, True, 0),
    ]  # fmt: skip


def test_arrays_grow_for_a_flow_of_many_small_messages() -> None:
    harness = Harness(HTTP)
    harness.walker.pool.messages = harness.walker.pool.messages[:16].copy()
    harness.walker.messages = harness.walker.messages[:16].copy()
    harness.batch([Turn(0, b"A / HTTP/1.1\n\n" * 3000)])
    rows = harness.end()["http_request"]
    assert [row["exchange"] for row in rows] == list(range(3000))
    assert np.array_equal([row["place"] for row in rows], np.arange(3000))
