"""From captures to tables in memory; batch sizes, budgets, pool limits and rotation do not change rows."""

from __future__ import annotations

import gc
import struct
import tomllib
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import netlake
from netlake import tables
from netlake.errors import InputError, QueryError
from netlake.pipeline.decoder import Decoder, Options
from netlake.pipeline.run import run
from netlake.records import rows as row_groups
from netlake.schema import arrow
from netlake.sinks.memory import MemorySink
from netlake.sources import open_capture
from tests.layers import build

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = ROOT / "tests" / "captures"
GOLDEN = tomllib.loads((CAPTURES / "golden.toml").read_text(encoding="utf-8"))
ALL = sorted(path for path in CAPTURES.iterdir() if path.suffix in (".pcap", ".pcapng"))
DEMO = CAPTURES / "demo.pcapng"


@pytest.fixture(scope="module")
def demo() -> dict[str, pa.Table]:
    """The tables of the demonstration capture."""
    return netlake.decode(DEMO)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_table_has_its_declared_schema_and_key(path: Path) -> None:
    for name, table in netlake.decode(path).items():
        declared = tables.table(name)
        assert table.schema.equals(arrow.schema(declared), check_metadata=False), name
        table.validate(full=True)
        if declared.context in ("record", "network", "transport", "packet"):
            key = table.select(["packet", "place"]).group_by(["packet", "place"]).aggregate([])
            assert key.num_rows == table.num_rows, name


def test_flows_of_all_tables_are_in_connection(demo: dict[str, pa.Table]) -> None:
    flows = demo["connection"]["flow"]
    assert pc.count_distinct(flows).as_py() == len(flows)
    known = set(flows.to_pylist())
    for name, table in demo.items():
        if "flow" in table.schema.names:
            assert set(pc.unique(table["flow"].drop_null()).to_pylist()) <= known, name


def test_packets_of_connections_are_all_packets_with_ip(demo: dict[str, pa.Table]) -> None:
    connection, packet = demo["connection"], demo["packet"]
    outer = pc.is_null(connection["outer_flow"])
    counted = pc.sum(pc.add(connection["orig_packets"], connection["resp_packets"]).filter(outer)).as_py()
    with_ip = set(demo["ipv4"]["packet"].to_pylist()) | set(demo["ipv6"]["packet"].to_pylist())
    assert counted == len(with_ip)
    assert packet.num_rows == max(packet["packet"].to_pylist())


def test_rows_are_in_order_of_last_packet(demo: dict[str, pa.Table]) -> None:
    assert demo["packet"]["packet"].to_pylist() == list(range(1, demo["packet"].num_rows + 1))
    for name in ("tcp", "udp", "icmpv4"):
        numbers = pc.coalesce(demo[name]["last_packet"], demo[name]["packet"]).to_numpy()
        assert (numbers[1:] >= numbers[:-1]).all(), name


def test_nanoseconds_are_kept(demo: dict[str, pa.Table]) -> None:
    assert pc.max(demo["packet"]["ts_nanos"]).as_py() > 0


def sorted_rows(table: pa.Table) -> list[dict[str, object]]:
    """Rows in an order that does not depend on the order of writing."""
    return sorted(table.to_pylist(), key=repr)


def decode_with(sink: MemorySink, **limits: int) -> dict[str, pa.Table]:
    with open_capture(DEMO, sha256=False) as source:
        decoder_class = Decoder

        class Limited(decoder_class):  # type: ignore[misc, valid-type]
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments)
                self.rows.budget = limits.get("budget", self.rows.budget)
                for pool in self.pools.values():
                    pool.limit = limits.get("pool", pool.limit)

        decoder = Limited(sink, source.capture_id, Options())
        for packets in source.batches(limits.get("batch", 8192)):
            decoder.batch(packets)
        decoder.finish()
        decoder.rows.end()
        sink.close()
    return dict(sink.tables)


@pytest.mark.parametrize(
    "limits",
    [{"batch": 1000}, {"batch": 7}, {"budget": 0, "batch": 500}, {"pool": 3, "batch": 200}],
    ids=["small batches", "tiny batches", "row groups written at once", "pools reset after each batch"],
)
def test_limits_do_not_change_rows(limits: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decode_with(MemorySink())
    monkeypatch.setattr(row_groups, "ROWS", 8192)
    parts = decode_with(MemorySink(), **limits)
    assert whole.keys() == parts.keys()
    for name in whole.keys() - {"address"}:
        assert sorted_rows(whole[name]) == sorted_rows(parts[name]), name


def test_rotation_keeps_flows_and_packet_numbers() -> None:
    whole, first, second = decode_with(MemorySink()), MemorySink(), MemorySink()
    with open_capture(DEMO, sha256=False) as source:
        decoder = Decoder(first, source.capture_id, Options())
        for number, packets in enumerate(source.batches(500)):
            if number == 1:
                written = decoder.rotate(second)
            decoder.batch(packets)
        decoder.finish()
        decoder.rows.end()
    for sink in (first, second):
        sink.close()
    assert written["packet"] == first.tables["packet"].num_rows == 500
    assert whole.keys() == first.tables.keys() | second.tables.keys()
    for name in whole.keys() - {"address"}:
        parts = [sink.tables[name] for sink in (first, second) if name in sink.tables]
        assert sorted_rows(pa.concat_tables(parts)) == sorted_rows(whole[name]), name


def test_rows_of_flows_that_ended_before_rotation_are_in_the_first_part() -> None:
    first, second = MemorySink(), MemorySink()
    decoder = Decoder(first, "0" * 16, Options())
    segments = [build.tcp(b"", 1000 + n, 80, flags) for n in range(3) for flags in (0x02, 0x04)]  # SYN, RST
    packets = build.batch([build.ethernet(build.ipv4(segment, 6)) for segment in segments])
    decoder.batch(packets)
    # the clock passes the silence after which these flows have ended
    later = build.batch([build.ethernet(build.ipv4(build.udp(b"x"), 17))], first=len(segments) + 1)
    later.ts[0] = packets.ts[packets.count - 1] + 3600 * 10**9
    decoder.batch(later)
    written = decoder.rotate(second)
    decoder.finish()
    decoder.rows.end()
    first.close()
    second.close()
    assert written["connection"] == first.tables["connection"].num_rows == 3
    assert set(first.tables["connection"]["end_reason"].to_pylist()) == {"rst"}
    assert second.tables["connection"].num_rows == 1


def nested(number: int) -> bytes:
    """A packet whose stack is different for each `number` below 896: VLAN tags around IPv4 and IPv6 headers."""
    tags, headers = divmod(number, 128)
    inside, protocol = build.udp(b"x"), 17
    for level in range(7):
        if headers >> level & 1:
            inside, protocol = build.ipv6(inside, protocol), 41
        else:
            inside, protocol = build.ipv4(inside, protocol), 4
    kind = 0x0800 if protocol == 4 else 0x86DD
    for _ in range(tags):
        inside, kind = build.vlan(inside, kind), 0x8100
    return build.ethernet(inside, kind)


def test_stacks_are_added_while_rows_are_written() -> None:
    """The thread that writes row groups needs the names of stacks while the walk adds more."""
    sink = MemorySink()
    decoder = Decoder(sink, "0" * 16, Options(include=frozenset({"packet"})))
    decoder.rows.budget = 0
    for number in range(14):
        frames = [nested(60 * number + position) for position in range(60)]
        decoder.batch(build.batch(frames, first=60 * number + 1))
    decoder.finish()
    decoder.rows.end()
    sink.close()
    stacks = sink.tables["packet"]["stack"].to_pylist()
    assert len(set(stacks)) == len(stacks) == 14 * 60


def test_row_group_has_the_words_of_the_time_when_it_was_taken() -> None:
    packet, words = tables.table("packet"), [None, "ethernet"]
    group = row_groups.RowGroup(packet, "0" * 16, {})
    group.words["stack"] = lambda: words[:]
    group.put("stack", np.array([1, 1], np.int16), 0, 2)
    group.count = 2
    filled = group.take()
    words.clear()
    assert filled.batch()["stack"].to_pylist() == ["ethernet", "ethernet"]


def test_include_and_exclude_select_tables() -> None:
    assert set(netlake.decode(DEMO, include=["dns", "udp"])) == {"dns", "udp"}
    without = netlake.decode(DEMO, exclude=["tcp", "connection"])
    assert "tcp" not in without
    assert "connection" not in without
    with pytest.raises(QueryError, match="no table nonsense"):
        netlake.decode(DEMO, include=["nonsense"])


def test_entropy_is_null_unless_enabled(demo: dict[str, pa.Table]) -> None:
    assert demo["tcp"]["entropy"].null_count == demo["tcp"].num_rows
    asked = netlake.decode(DEMO, include=["tcp", "udp"], entropy=True)
    for name in ("tcp", "udp"):
        entropy = asked[name]["entropy"].drop_null()
        assert len(entropy)
        assert 0 <= pc.min(entropy).as_py() <= pc.max(entropy).as_py() <= 8


def test_window_scaled_uses_the_handshake(demo: dict[str, pa.Table]) -> None:
    tcp = demo["tcp"]
    scaled = tcp.filter(pc.and_(pc.is_valid(tcp["window_scaled"]), pc.invert(tcp["syn"])))
    assert pc.any(pc.greater(scaled["window_scaled"], scaled["window"])).as_py()
    syn = tcp.filter(tcp["syn"])
    assert syn["window_scaled"].combine_chunks().equals(syn["window"].cast(pa.int64()).combine_chunks())


def test_truncated_file_keeps_complete_packets_and_reports_the_byte() -> None:
    found = netlake.decode(CAPTURES / "truncated.pcap")
    assert found["packet"].num_rows == 122
    assert b"byte" in found["packet"].schema.metadata[b"netlake.problems"]


def test_file_that_is_no_capture_raises_input_error(tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("This text is not a capture.")
    with pytest.raises(InputError, match=r"letter\.txt"):
        netlake.decode(other)


def test_comments_interfaces_and_names_have_rows(demo: dict[str, pa.Table]) -> None:
    assert demo["packet_comment"].num_rows == 10
    assert demo["packet_comment"]["ts"].null_count == 0
    assert demo["interface"].num_rows == 3
    assert demo["name_resolution"].num_rows > 0


def test_table_address_has_every_address(demo: dict[str, pa.Table]) -> None:
    known = set(demo["address"]["address"].to_pylist())
    for name in ("packet", "ipv4", "ipv6", "tcp", "udp"):
        for column in ("src_ip", "dst_ip"):
            assert set(pc.unique(demo[name][column].drop_null()).to_pylist()) <= known, name


def test_diameter_over_sctp(tmp_path: Path) -> None:
    """Payload protocol 46 of a chunk selects the table, on any port; another payload protocol is a stop reason."""
    cases = tomllib.loads((ROOT / "tests" / "protocols" / "diameter.toml").read_text(encoding="utf-8"))["case"][:2]
    sent = [build.chunk(bytes.fromhex(case["bytes"]), 46) for case in cases]
    frames = [
        build.ethernet(build.ipv4(build.sctp(*chunks, source=40000, destination=50000), 132))
        for chunks in (sent, [build.chunk(b"other", 3)])
    ]
    records = b"".join(struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame for frame in frames)
    file = tmp_path / "sctp.pcap"
    file.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + records)
    found = netlake.decode(file)
    rows = found["diameter"].to_pylist()
    assert [row["command_code"] for row in rows] == [case["row"]["command_code"] for case in cases]
    assert [(row["packet"], row["place"], row["src_port"], row["dst_port"]) for row in rows] == [
        (1, 0, 40000, 50000),
        (1, 1, 40000, 50000),
    ]
    packets = found["packet"].to_pylist()
    assert [row["stack"] for row in packets] == ["ethernet:ipv4:sctp:diameter", "ethernet:ipv4:sctp"]
    assert [(row["stop_reason"], row["stop_value"]) for row in packets] == [
        (None, None),
        ("unknown_payload_protocol", 3),
    ]


def test_run_leaves_its_sink_open() -> None:
    sink = MemorySink()
    with open_capture(CAPTURES / "classic.pcap", sha256=False) as source:
        found = run(source, sink, Options(), lambda *_: None)
    assert found.begin is not None
    assert found.end is not None
    assert found.begin <= found.end
    sink.close()
    assert sink.tables["packet"].num_rows == 300


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_packet_counts_equal_those_of_tshark(name: str) -> None:
    found = netlake.decode(CAPTURES / name)
    assert found["packet"].num_rows == GOLDEN[name]["packets"]
    for table in ("arp", "igmp", "llc"):
        packets = pc.count_distinct(found[table]["packet"]).as_py() if table in found else 0
        assert packets == GOLDEN[name].get(table, 0), table


def test_decoder_is_freed_without_the_cycle_collector() -> None:
    """Its arrays are hundreds of MiB, and the collector counts objects only."""
    gc.collect()
    gc.disable()
    try:
        with open_capture(DEMO, sha256=False) as source:
            decoder = Decoder(MemorySink(), source.capture_id, Options())
            for packets in source.batches(8192):
                decoder.batch(packets)
            decoder.finish()
            decoder.rows.end()
        gone = [weakref.ref(decoder), weakref.ref(decoder.tracker), weakref.ref(decoder.streams.reassembly)]
        del decoder, packets
        assert [reference() for reference in gone] == [None, None, None]
    finally:
        gc.enable()
