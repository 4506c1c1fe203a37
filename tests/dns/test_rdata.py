"""Record data of every type has the text that dig prints."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from netlake.kernels.dns_text import IN_NAME, IN_STRING
from netlake.packets import Cursor
from netlake.protocols.dns.rdata import layout, present
from netlake.protocols.dns.types import LAYOUTS
from tests.dns.decoder import batch, rows
from tests.dns.test_reader import QUESTION, message, record

DATA = tomllib.loads((Path(__file__).parent / "rdata.toml").read_text())["data"]


@pytest.mark.parametrize("one", DATA, ids=[f"{one['type']} {one['text'][:30]}" for one in DATA])
def test_text_of_record_data(one: dict[str, str | int]) -> None:
    """Read from a message, so by the kernel or by Python, as the type requires."""
    number = int(one["number"])
    (row,) = rows(batch([message([QUESTION], [record(number, bytes.fromhex(str(one["bytes"])))])]))
    assert row["fault"] is None
    (answer,) = row["answers"]
    assert (answer["type_name"], answer["data"]) == (one["type"], one["text"])


def test_every_layout_has_an_example() -> None:
    without = {name for number, (name, _) in LAYOUTS.items() if layout(number)} - {str(one["type"]) for one in DATA}
    assert without == {
        "MD",
        "MF",
        "MB",
        "MG",
        "MR",
        "WKS",
        "SIG",
        "KEY",
        "RKEY",
        "TALINK",
        "DSYNC",
        "TKEY",
        "TSIG",
        "TA",
    }


@pytest.mark.parametrize("one", DATA, ids=[f"{one['type']} {one['text'][:30]}" for one in DATA])
def test_data_of_wrong_length_is_unknown_data(one: dict[str, str | int]) -> None:
    """Data that is too short or too long for its type is unknown data with a fault, or valid with another text."""
    data = bytes.fromhex(str(one["bytes"]))
    payloads = [message([QUESTION], [record(int(one["number"]), part)]) for part in (data[:-1], data + b"\x05")]
    for row, size in zip(rows(batch(payloads)), (len(data) - 1, len(data) + 1), strict=True):
        (answer,) = row["answers"]
        if row["fault"]:
            assert row["fault"] in ("bad_length", "bad_name", "bad_value")
            assert answer["data"].startswith(rf"\# {size}")
            assert answer["address"] is answer["target"] is answer["preference"] is None
        else:
            assert answer["data"] != one["text"]


def test_record_data_has_fields_and_columns() -> None:
    signature = next(one for one in DATA if one["type"] == "RRSIG")
    fields = present(46, Cursor(bytes.fromhex(signature["bytes"]))).fields
    assert fields[:4] == [
        ("type_covered", 1, "A"),
        ("algorithm", 5, None),
        ("labels", 3, None),
        ("original_ttl", 86400, None),
    ]
    assert fields[4] == ("expiration", 1048354263, "20030322173103")
    service = next(one for one in DATA if one["type"] == "HTTPS")
    data = present(65, Cursor(bytes.fromhex(service["bytes"])))
    assert data.columns == {"preference": 1, "target": "."}
    assert [(name, text) for name, _, text in data.fields] == [
        ("alpn", "h3"), ("alpn", "h2"), ("no-default-alpn", ""), ("port", "8443"), ("ipv4hint", "1.1.1.1"),
        ("ipv4hint", "1.0.0.1"), ("ech", "AEX+DQBB"), ("ipv6hint", "2606:4700::1"),
    ]  # fmt: skip


def test_escapes_of_names_and_strings() -> None:
    """Every byte in names and strings is escaped as in RFC 1035 section 5.1."""
    for table, label in ((IN_NAME, True), (IN_STRING, False)):
        assert all(table[byte] == 2 for byte in (*range(32), *range(127, 256)))
        assert all(table[ord(letter)] == 0 for letter in "abcxyzABCXYZ0189-_")
        assert table[ord("\\")] == 1
        assert table[ord(".")] == (1 if label else 0)
        assert table[ord(" ")] == (2 if label else 0)
