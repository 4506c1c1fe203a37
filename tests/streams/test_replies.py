"""Replies of FTP and SMTP that do not end: what machines keep of them is bounded, by size and by number."""

from __future__ import annotations

from typing import Any

import pytest

from netlake import tables
from netlake.layers.dialog import Where
from netlake.streams.ftp.data import MOST_TRANSFERS, Channel
from netlake.streams.ftp.machine import LONGEST


@pytest.mark.parametrize(
    ("name", "line"), [("ftp", b"\n"), ("ftp", b"230-\r\n"), ("smtp", b"250-\r\n"), ("smtp", b"250-a\r\n")]
)
def test_lines_of_a_reply(name: str, line: bytes) -> None:
    made: Any = tables.in_streams()[name].machine
    machine = made()
    begin = b"230-x\r\n" if name == "ftp" else b"250-x\r\n"
    list(machine.feed(1, begin + line * 20_000, lambda _: Where(1, 1, 1, 1)))
    assert 1 < len(machine.reply) <= LONGEST
    assert sum(map(len, machine.reply)) <= LONGEST
    list(machine.feed(1, begin.replace(b"-", b" "), lambda _: Where(1, 2, 2, 2)))
    assert len(machine.reply) == 0
    assert machine.reply_size == 0


def test_names_of_one_file() -> None:
    """A command has one name, that of the first reply with one, however many follow."""
    channel = Channel()
    for exchange in range(3):
        channel.add(b"STOU", b"", exchange, 10 * exchange)
        for number in range(1000):
            channel.named(f"d/{exchange}.{number}", exchange, 10 * exchange + 1 + number)
    assert len(channel.transfers) <= MOST_TRANSFERS
    for exchange in range(3):
        found = channel.of(10 * exchange + 2, 10 * exchange + 3)
        assert found is not None
        assert (found.exchange, found.name) == (exchange, f"{exchange}.0")
