"""Zeek's published conn.log rows (zeek.toml) against `connection`: direction, state, history, packets, IP bytes.

The captures of Zeek's test suite are beside the project; without them the test is skipped. A row that differs names the
definition, one of DEFINITIONS, that makes it differ; the test fails if it does not differ, or for another column.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import netlake

DATA = tomllib.loads((Path(__file__).parent / "zeek.toml").read_text(encoding="utf-8"))["capture"]
COLUMNS = ("conn_state", "history", "orig_packets", "orig_ip_bytes", "resp_packets", "resp_ip_bytes")
PROTOCOLS = {"tcp": {6}, "udp": {17}, "icmp": {1, 58}}
EVERYTHING = {"direction", *COLUMNS}
# why a row differs, and the columns that may differ then ("missing": netlake has no such row)
DEFINITIONS: dict[str, set[str]] = {
    "Zeek does not count packets with a bad checksum; netlake does": {*EVERYTHING, "missing"},
    "Zeek ends a connection attempt after 5 s, netlake after 300 s or an hour": {*COLUMNS, "missing"},
    "the test ends Zeek's connection early by its script": {*COLUMNS, "missing"},
    "Zeek decides who began UDP by ports too; netlake only if the payload is an answer": EVERYTHING,
    "Zeek does not turn ICMP replies; netlake does": EVERYTHING,
    "netlake pairs ICMP messages by type, Zeek by type and identifier": set(COLUMNS),
    "Zeek takes data captured after a segment of a higher number without payload as repeated": {"history"},
    "Zeek's history of ICMP has an X where an analyzer failed": {"history"},
}


def key(ip: str, port: int | None, other: str, other_port: int | None) -> frozenset[tuple[str, int | None]]:
    """Both ends, in either direction."""
    return frozenset(((ip, port), (other, other_port)))


def different(text: str, rows: list[dict[str, Any]]) -> set[str]:
    """The columns in which the most similar row differs; that row is taken out of `rows`."""
    protocol, ip, port, other, other_port, *values = text.split()
    ports = (None, None) if protocol == "icmp" else (int(port), int(other_port))
    wanted = key(ip, ports[0], other, ports[1])
    found = [
        (differing(row, ip, ports[0], values), number)
        for number, row in enumerate(rows)
        if row["protocol"] in PROTOCOLS[protocol]
        and key(row["orig_ip"], row["orig_port"], row["resp_ip"], row["resp_port"]) == wanted
    ]
    if not found:
        return {"missing"}
    columns, number = min(found, key=lambda one: (len(one[0]), one[1]))
    del rows[number]
    return columns


def differing(row: dict[str, Any], ip: str, port: int | None, values: list[str]) -> set[str]:
    """The columns in which a row differs from Zeek's."""
    names = {name for name, value in zip(COLUMNS, values, strict=True) if value != text_of(row[name])}
    return names if (row["orig_ip"], row["orig_port"]) == (ip, port) else {*names, "direction"}


def text_of(value: Any) -> str:
    """A value as conn.log has it."""
    return "-" if value is None else str(value)


@pytest.mark.parametrize("capture", [pytest.param(one, id=one["file"]) for one in DATA])
def test_rows_are_those_of_zeek(capture: dict[str, Any], shared_captures: Path) -> None:
    tables = netlake.decode(shared_captures / "zeek" / capture["file"], include=["connection"])
    rows = tables["connection"].to_pylist() if "connection" in tables else []
    explained = {int(number): why for number, why in capture.get("differs", {}).items()}
    unexplained = []
    for number, text in enumerate(capture["rows"]):
        columns = different(text, rows)
        allowed = DEFINITIONS[explained[number]] if number in explained else set()
        if not columns <= allowed or bool(columns) != (number in explained):
            unexplained.append((number, text, sorted(columns)))
    assert unexplained == []
