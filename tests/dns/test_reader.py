"""The columnar reader and the plain decoder return the same rows for any bytes."""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.kernels import dns_text
from netlake.protocols import dns
from tests.dns.decoder import batch, check, rows

KINDS = ("udp", "mdns", "llmnr")
DATA = tomllib.loads((Path(__file__).parent / "rdata.toml").read_text())["data"]
QUESTION = b"\x03www\x07example\x03com\0\0\1\0\1"
POINTER = b"\xc0\x0c"


def message(*sections: list[bytes], flags: int = 0x8180) -> bytes:
    """A message of `sections`: questions, answers, authorities, additionals."""
    sections = (*sections, *([[]] * (4 - len(sections))))
    counts = [len(section) for section in sections]
    return struct.pack("!HHHHHH", 0x1234, flags, *counts) + b"".join(b"".join(section) for section in sections)


def record(kind: int, data: bytes, name: bytes = POINTER, klass: int = 1, ttl: int = 60) -> bytes:
    return name + struct.pack("!HHIH", kind, klass, ttl, len(data)) + data


OPT = record(41, b"\0\x08\0\7\0\1\x18\0\xc0\0\2" + b"\0\x0a\0\x08clientck", b"\0", 4096, 0x01008000)
# one message for each format of record data, and some with all of them
SEEDS = [message([QUESTION], [record(one["number"], bytes.fromhex(one["bytes"]))], [], [OPT]) for one in DATA]
SEEDS.append(message([QUESTION], [record(one["number"], bytes.fromhex(one["bytes"])) for one in DATA], [OPT]))
SEEDS.append(
    message(
        [QUESTION, POINTER + b"\0\x1c\x80\1"], [record(5, b"\4host\xc0\x10"), record(1, b"\x7f\0\0\1", b"\xc0\x2d")]
    )
)
SEEDS.append(message([QUESTION], [record(6, POINTER + b"\5admin\xc0\x10" + bytes(range(20)))], flags=0x8183))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A seed with bytes changed, removed or added; pointers and counts are changed more often."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        change = draw(st.sampled_from(("byte", "pointer", "cut", "insert", "count")))
        if change == "byte":
            data[at] = draw(st.integers(0, 255))
        elif change == "pointer":
            data[at : at + 2] = (0xC000 | draw(st.integers(0, len(data) + 2))).to_bytes(2, "big")
        elif change == "cut":
            del data[at:]
        elif change == "insert":
            data[at:at] = draw(st.binary(max_size=4))
        else:
            data[draw(st.integers(2, 11)) % len(data)] = draw(st.integers(0, 3))
        if not data:
            break
    return bytes(data)


@given(st.lists(st.tuples(mutated(), st.sampled_from(KINDS), st.sampled_from((0, 0, 9))), min_size=1, max_size=8))
def test_mutated_messages_have_rows_of_the_plain_decoder(messages: list[tuple[bytes, str, int]]) -> None:
    payloads, kinds, missing = zip(*messages, strict=True)
    check(list(payloads), list(kinds), list(missing))


@given(st.lists(st.binary(max_size=80).map(lambda tail: struct.pack("!6H", 1, 0, 1, 2, 1, 1) + tail), max_size=8))
def test_random_records_have_rows_of_the_plain_decoder(payloads: list[bytes]) -> None:
    check(payloads)


@given(st.binary(max_size=64))
def test_random_bytes_have_rows_of_the_plain_decoder(payload: bytes) -> None:
    check([payload])


def test_message_truncated_at_every_byte_is_cut() -> None:
    whole = SEEDS[-2]
    cut = [whole[:size] for size in range(len(whole) + 1)]
    check(cut, missing=[len(whole) - len(one) for one in cut])
    got = rows(batch(cut, missing=[len(whole) - len(one) for one in cut]))
    assert [row["fault"] for row in got] == ["cut"] * len(whole) + [None]
    # a truncated message has the first records of the complete one
    for row in got:
        for name in ("questions", "answers"):
            assert row[name] == got[-1][name][: len(row[name])]


NAMES = {
    "a loop": b"\xc0\x0c",
    "a forward pointer": b"\xc0\x10\0\0\0\0\0\0",
    "a loop over a label": b"\1a\xc0\x0c",
    "a reserved label": b"\x41a\0",
    "too long": (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_bad_name_is_null_with_fault(name: bytes) -> None:
    """The name is null with a fault; records after it are read if the end of the name is known."""
    payload = message([name + b"\0\1\0\1"], [record(1, b"\x7f\0\0\1", b"\1b\0")])
    (row,) = rows(batch([payload]))
    assert row["fault"] == "bad_name"
    assert row["query_name"] is None
    if name[0] != 0x41 and name[:2] != b"\xc0\x10":
        assert row["answers"][0]["address"] == "127.0.0.1"
    check([payload])


def test_name_of_255_bytes_is_valid() -> None:
    """A name has at most 255 bytes (RFC 1035 section 3.1): 254 of labels and the root."""
    labels = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"\xff" * 61 + b"\0"
    payload = message([labels + b"\0\1\0\1"])
    (row,) = rows(batch([payload]))
    assert row["fault"] is None
    assert row["query_name"] == ".".join(["a" * 63] * 3 + [r"\255" * 61])


def test_pointers_are_bounded() -> None:
    """A chain of pointers has a limit, so that the time for a message depends on its length only."""
    size = len(record(1, bytes(4)))
    start = 12 + len(QUESTION)
    # each owner is a pointer to the owner before it
    owners = [POINTER, *((0xC000 | start + size * before).to_bytes(2, "big") for before in range(199))]
    payload = message([QUESTION], [record(1, bytes(4), owner) for owner in owners])
    (row,) = rows(batch([payload]))
    assert row["fault"] == "bad_name"
    names = [answer["name"] for answer in row["answers"]]
    followed = dns_text.MAX_POINTERS + 1
    assert names == ["www.example.com"] * followed + [None] * (200 - followed)
    check([payload])


def test_text_is_bounded() -> None:
    """Text of records that all point to one long name is limited."""
    name = (b"\x3f" + b"\x01" * 63) * 3 + b"\x3b" + b"\x01" * 59 + b"\0"
    answers = [record(2, POINTER) for _ in range(4000)]
    payload = message([name + b"\0\1\0\1"], answers)
    columns = dns.read(messages := batch([payload, SEEDS[0]]))
    assert messages.fault.tolist() == [dns.faults.TOO_LARGE, 0]
    answers = columns["answers"]
    assert len(answers[0]) == 4000
    text = sum(len(one[column] or "") for one in answers[0].as_py() for column in ("name", "data"))
    assert 0 < text <= dns_text.TEXT_BASE + dns_text.TEXT_FACTOR * len(payload)


def test_fields_are_bounded() -> None:
    """The number of fields of empty strings and of bitmaps is limited."""
    strings = message([QUESTION], [record(16, bytes(60000))])
    bitmaps = message(
        [QUESTION], [record(47, b"\0" + b"".join(bytes((window, 32)) + b"\xff" * 32 for window in range(256)))] * 6
    )
    messages = batch([strings, bitmaps])
    columns = dns.read(messages)
    assert messages.fault.tolist() == [dns.faults.TOO_LARGE] * 2
    fields = sum(len(answer["fields"]) for row in columns["answers"].to_pylist() for answer in row)
    assert fields <= sum(len(one) for one in (strings, bitmaps)) * dns_text.TEXT_FACTOR / dns_text.FIELD_COST + 128


def test_names_are_not_shared_between_messages() -> None:
    """Cached names are valid in their message only."""
    payloads = [
        message([b"\1" + bytes([letter]) + b"\0\0\1\0\1"], [record(1, b"\1\2\3\4")]) for letter in range(97, 123)
    ]
    got = rows(batch(payloads))
    assert [row["answers"][0]["name"] for row in got] == [chr(letter) for letter in range(97, 123)]


def test_port_selects_dns_mdns_or_llmnr() -> None:
    """The top bit of a class and two bits of the header have other meanings in mDNS and LLMNR."""
    payload = message([b"\1a\0\0\1\x80\1"], [record(1, b"\1\2\3\4", POINTER, 0x8001)], flags=0x8500)
    plain, mdns, llmnr = rows(batch([payload] * 3, list(KINDS)))
    assert (plain["query_class"], plain["questions"][0]["unicast_response"]) == (0x8001, None)
    assert (mdns["query_class"], mdns["questions"][0]["unicast_response"]) == (1, True)
    assert (mdns["answers"][0]["class"], mdns["answers"][0]["cache_flush"]) == (1, True)
    assert (plain["authoritative"], plain["conflict"]) == (True, None)
    assert (llmnr["authoritative"], llmnr["conflict"], llmnr["tentative"]) == (None, True, True)


def test_no_messages_have_no_rows() -> None:
    assert rows(batch([])) == []
