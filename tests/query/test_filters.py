"""Display filters select the packets that tshark selects: the cases of filters.toml, with SQL and with Polars.

For each filter, tshark runs once on its capture while netlake compiles the filter for a lake of all captures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlake
from netlake.errors import FilterError
from netlake.query.filter import compiled, plan, sql

FILE = Path(__file__).with_name("filters.toml")
ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(os.environ.get("CAPTURES") or ROOT.parent / "shared" / "captures")
CAPTURES = FOLDER if (FOLDER / "zeek").is_dir() else None
CASES = [
    (entry["path"], text)
    for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["capture"]
    for text in entry["filters"]
]
needs_tshark = [
    pytest.mark.skipif(CAPTURES is None, reason="the shared captures are not there"),
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]


class Decoded:
    """A lake of all captures of the cases; each name with its id and number of packets."""

    def __init__(self, folder: Path) -> None:
        assert CAPTURES is not None
        paths = [CAPTURES / path for path in dict.fromkeys(path for path, _ in CASES)]
        report = netlake.capture(paths, folder, jobs=1)
        assert not report.exit_code
        self.lake = netlake.Lake(folder)
        names = {str(path.resolve()): str(path.relative_to(CAPTURES)) for path in paths}
        self.ids = {names[facts.path]: facts.capture for facts in self.lake.captures}
        self.packets = {facts.capture: facts.packets for facts in self.lake.captures}


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decoded]:
    made = Decoded(tmp_path_factory.mktemp("filters") / "lake")
    yield made
    made.lake.close()


@pytest.mark.parametrize(("path", "text"), CASES, ids=[text for _, text in CASES])
class TestCases:
    pytestmark = needs_tshark

    def test_selects_as_tshark(self, path: str, text: str, decoded: Decoded) -> None:
        command = ["tshark", "-n", "-r", str(CAPTURES / path), "-Y", text, "-T", "fields", "-e", "frame.number"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tshark:
            found = decoded.lake.packets(text).rows()
            frame = decoded.lake.scan("packet", filter=text).select("capture", "packet")
            polars = sorted(frame.collect().rows())
            printed, problems = tshark.communicate()
        assert tshark.returncode == 0, problems
        capture = decoded.ids[path]
        ours = [number for one, number in found if one == capture]
        assert ours == list(map(int, printed.split()))
        assert 0 < len(ours) < decoded.packets[capture]
        assert polars == found


def test_cases_cover_what_is_asked() -> None:
    """At least 200 filters, of which 60 join tables; tunnels, negation and slices are among them."""
    assert len(set(CASES)) == len(CASES)
    assert len(CASES) >= 200
    plans = {text: compiled(text) for _, text in CASES}
    assert sum(plan.joined(found) > 1 for found in plans.values()) >= 60
    tunnels = sum(any(word in path for word in ("6in4", "gre", "vxlan", "geneve", "pppoe")) for path, _ in CASES)
    kinds = {"tunnel": tunnels, "negation": 0, "slice": 0, "bytes": 0}
    for text, found in plans.items():
        kinds["negation"] += "!" in text or "not " in text
        kinds["slice"] += "[" in text
        kinds["bytes"] += any(plan.is_bytes(test) for test in plan.tests(found))
    assert min(kinds.values()) >= 10, kinds


@pytest.mark.skipif(CAPTURES is None, reason="the shared captures are not there")
class TestRows:
    def test_rows_of_a_table_are_those_of_its_packets(self, decoded: Decoded) -> None:
        text = "udp.port == 53 && ip"
        packets = set(decoded.lake.packets(text).rows())
        rows = decoded.lake.dump("dns", filter=text, select=["capture", "packet", "last_packet"]).rows()
        every = decoded.lake.dump("dns", select=["capture", "packet", "last_packet"]).rows()
        expected = [row for row in every if (row[0], row[2] or row[1]) in packets]
        assert rows == sorted(expected, key=lambda row: row[:2])
        assert 0 < len(rows) < len(every)

    def test_rows_of_a_flow_are_those_with_a_packet(self, decoded: Decoded) -> None:
        text = "tcp.flags.reset == 1"
        flows = decoded.lake.dump("tcp", filter=text, select=["capture", "flow"]).rows()
        found = decoded.lake.dump("connection", filter=text, select=["capture", "flow"]).rows()
        assert sorted(found) == sorted(set(flows))

    def test_polars_selects_the_same_rows(self, decoded: Decoded) -> None:
        for table in ("tcp", "dns", "connection"):
            frame = decoded.lake.scan(table, filter='!(udp.port == 53) || dns.qry.name contains "com"').collect()
            rows = decoded.lake.dump(table, filter='!(udp.port == 53) || dns.qry.name contains "com"').pl()
            assert len(rows) > 0
            assert sorted(frame.select("capture", "flow").rows()) == sorted(rows.select("capture", "flow").rows())

    def test_conditions_are_combined(self, decoded: Decoded) -> None:
        """The SQL condition, also one with a comment at its end, is a further condition."""
        both = decoded.lake.dump("tcp", filter="tcp.flags.syn == 1", where="dst_port = 22 OR false -- x").rows()
        every = decoded.lake.dump("tcp", filter="tcp.flags.syn == 1").rows()
        assert 0 < len(both) < len(every)


@pytest.mark.skipif(CAPTURES is None, reason="the shared captures are not there")
class TestPruning:
    """Files of captures in which the statistics exclude a match are not opened, also of tables without the column."""

    @pytest.mark.parametrize(
        ("text", "table"),
        [
            ('frame.time > "2020-01-01" && udp.length > 8', "udp"),
            ("frame.time_epoch < 1300000000 && udp", "udp"),
            ("ip.src == 172.16.0.0/12 && udp", "udp"),
            ("ip.addr == 192.168.1.2 && udp.length > 8", "ipv4"),
            ("vxlan && udp.port == 53", "udp"),
        ],
    )
    def test_files_are_pruned(self, text: str, table: str, decoded: Decoded) -> None:
        answer = decoded.lake.packets(text)
        read, there = answer.files[table]
        assert 0 < read < there
        assert answer.rows() == decoded.lake.sql(sql.packets(compiled(text)), prune=False).rows()

    def test_no_capture_can_match(self, decoded: Decoded) -> None:
        answer = decoded.lake.packets('frame.time > "2200-01-01" && tcp')
        assert answer.rows() == []
        assert all(read == 0 for read, _ in answer.files.values())

    def test_the_same_packets_without_pruning(self, decoded: Decoded) -> None:
        plans = {text: compiled(text) for _, text in CASES}
        in_tables = [text for text, found in plans.items() if not any(map(plan.is_bytes, plan.tests(found)))]
        for text in in_tables[::9]:
            every = decoded.lake.sql(sql.packets(plans[text]), prune=False).rows()
            assert decoded.lake.packets(text).rows() == every, text


class TestOriginals:
    """Filters on bytes need the original as it was."""

    @pytest.fixture
    def copy(self, tmp_path: Path) -> tuple[Path, netlake.Lake]:
        file = tmp_path / "tunnel.pcap"
        file.write_bytes((ROOT / "tests" / "captures" / "tunnel.pcap").read_bytes())
        assert netlake.capture(file, tmp_path / "lake").exit_code == 0
        return file, netlake.Lake(tmp_path / "lake")

    def test_read(self, copy: tuple[Path, netlake.Lake]) -> None:
        _, lake = copy
        some = lake.packets('frame contains "HTTP"').rows()
        others = lake.packets('!(frame contains "HTTP")').rows()
        assert some
        assert others
        assert sorted(some + others) == lake.packets("frame").rows()
        assert lake.scan("packet", filter='frame contains "HTTP"').collect().height == len(some)

    def test_gone(self, copy: tuple[Path, netlake.Lake]) -> None:
        file, lake = copy
        file.unlink()
        with pytest.raises(FilterError, match="is gone"):
            lake.packets("frame contains 00")
        assert lake.packets("udp.port == 1 && frame contains 00").rows() == []

    def test_changed(self, copy: tuple[Path, netlake.Lake]) -> None:
        file, lake = copy
        file.write_bytes(file.read_bytes() + b"x")
        with pytest.raises(FilterError, match="was changed"):
            lake.packets("frame contains 00")

    def test_other_values(self, copy: tuple[Path, netlake.Lake]) -> None:
        with pytest.raises(FilterError, match="constants only"):
            copy[1].packets("frame[0:2] == eth.src[0:2]")
