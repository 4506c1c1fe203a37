"""The hook `memory`: templates of NetFlow are used in later messages of the same sender, and of no other."""

from __future__ import annotations

import struct
from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake.protocols.netflow import records
from netlake.protocols.netflow import templates as module
from netlake.protocols.netflow.templates import Field, Template, Templates
from netlake.records import waiting
from tests.layers import build

PORT = 2055
OTHER = bytes((10, 0, 0, 9))


def message(*sets: bytes, domain: int = 1) -> bytes:
    """An IPFIX message."""
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), 1_750_000_000, 0, domain) + body


def template(identifier: int, *elements: tuple[int, int]) -> bytes:
    fields = b"".join(struct.pack(">HH", *element) for element in elements)
    return struct.pack(">HHHH", 2, 8 + len(fields), identifier, len(elements)) + fields


def data(identifier: int, content: bytes) -> bytes:
    return struct.pack(">HH", identifier, 4 + len(content)) + content


def frame(payload: bytes, source: bytes = build.A4, ports: tuple[int, int] = (4000, PORT)) -> bytes:
    return build.ethernet(build.ipv4(build.udp(payload, *ports), 17, source=source))


def decoded(folder: Path, frames: list[bytes], **options: object) -> dict[str, pa.Table]:
    path = folder / "netflow.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for second, one in enumerate(frames):
            file.write(struct.pack("<IIII", second, 0, len(one), len(one)) + one)
    return netlake.decode(path, **options)


PORTS = (template(256, (7, 2), (11, 2)), data(256, struct.pack(">HH", 53, 1024)))
SWAPPED = template(256, (11, 2), (7, 2))


def ports(tables: dict[str, pa.Table]) -> list[tuple[object, ...]]:
    rows = tables["netflow_record"].sort_by("packet").to_pylist()
    return [(row["record_type"], row["flow_src_port"], row["flow_dst_port"]) for row in rows]


DECODED, UNDECODED = ("flow", 53, 1024), ("undecoded", None, None)


def test_a_template_is_used_in_later_messages_of_its_sender(tmp_path: Path) -> None:
    frames = [message(PORTS[1]), message(PORTS[0]), message(PORTS[1]), message(SWAPPED), message(PORTS[1])]
    tables = decoded(tmp_path, [frame(one) for one in frames])
    assert ports(tables) == [UNDECODED, DECODED, ("flow", 1024, 53)]
    assert tables["netflow_template"]["packet"].to_pylist() == [2, 4]
    assert tables["netflow"]["packet"].to_pylist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "other",
    [
        frame(message(PORTS[1]), source=OTHER),
        frame(message(PORTS[1]), ports=(4001, PORT)),
        frame(message(PORTS[1], domain=2)),
    ],
    ids=["address", "port", "domain"],
)
def test_a_template_is_not_used_for_another_sender(tmp_path: Path, other: bytes) -> None:
    frames = [frame(message(PORTS[0])), other, frame(message(PORTS[1]))]
    assert ports(decoded(tmp_path, frames)) == [UNDECODED, DECODED]


def test_messages_on_another_port_are_found_and_read_by_all_tables(tmp_path: Path) -> None:
    frames = [frame(message(one), ports=(4000, 7777)) for one in PORTS]
    tables = decoded(tmp_path, frames)
    assert ports(tables) == [DECODED]
    assert {name: tables[name]["heuristic"].to_pylist() for name in tables if name.startswith("netflow")} == {
        "netflow": [True, True], "netflow_record": [True], "netflow_template": [True],
    }  # fmt: skip
    assert tables["packet"]["stack"].to_pylist() == ["ethernet:ipv4:udp:netflow"] * 2
    assert ports(decoded(tmp_path, frames, include=["netflow_record"])) == [DECODED]


def test_many_messages_in_a_batch_have_the_memory_of_those_before(tmp_path: Path) -> None:
    frames = [frame(message(one)) for one in (*PORTS, *[PORTS[1]] * (2 * waiting.COMMON))]
    assert ports(decoded(tmp_path, frames)) == [DECODED] * (1 + 2 * waiting.COMMON)


def one(fields: int) -> Template:
    return Template((Field(1, 4, None, False),) * fields, options=False, least=4 * fields, fixed=True)


def test_templates_are_bounded_and_the_least_recently_used_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FIELDS", 10)
    templates = Templates()
    for key in ("a", "b", "c"):
        templates.put((key,), one(3))
    assert templates.get(("a",)) == one(3)
    templates.put(("d",), one(4))
    assert [key for key in "abcd" if templates.get((key,))] == ["a", "c", "d"]
    assert templates.fields == 10
    templates.put(("d",), one(0))
    assert templates.get(("d",)) is None
    assert templates.fields == 6
    templates.put(("a",), one(11))
    assert (templates.fields, len(templates.known)) == (0, 0)


@pytest.mark.parametrize(
    ("elements", "content", "rows"),
    [
        ([(4, 1)], bytes(5000), records.MOST_RECORDS),
        ([(4, 1), *[(999, 0)] * 999], bytes(100), records.MOST_VALUES // 1000 + 1),
    ],
    ids=["records", "values"],
)
def test_records_of_a_message_are_bounded(
    tmp_path: Path, elements: list[tuple[int, int]], content: bytes, rows: int
) -> None:
    tables = decoded(tmp_path, [frame(message(template(300, *elements), data(300, content)))])
    assert tables["netflow_record"]["fault"].to_pylist() == [None] * (rows - 1) + ["too_large"]
