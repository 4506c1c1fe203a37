"""`netlake label import`, `sources` and `rm`: sources, names, mistakes, and their exit codes."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from netlake.label.truth import packs
from netlake.lake import Catalog
from tests.label.truth.helpers import CAPTURE, SAMPLES, Run, truth

Sample = Callable[[str], Path]
ROW = "label,begin,end,hosts\n{},2017-07-06 13:{:02d}:00Z,2017-07-06 14:00:00Z,10.0.0.1\n"


# arguments of import, exit code, parts of stderr
MISTAKES = [
    (["twelve_hours.csv", "--clock", "12"], 2, ["has local times and names no time zone", "--zone America/Halifax"]),
    (["fast.log"], 2, ["give the zone of its clock with --zone"]),
    (["scenario1.binetflow"], 2, ["--zone"]),
    (["netcap.csv"], 2, ["--zone"]),
    (["fast.log", "--zone", "Europe/Berlln"], 2, ["there is no time zone 'Europe/Berlln'", "Europe/Berlin"]),
    (["netcap.yml", "--zone", "UTC"], 2, ["names the time zone America/Halifax", "give no --zone"]),
    (["schedule.yaml", "--zone", "UTC"], 2, ["names the time zone America/Halifax", "give no --zone"]),
    (["twelve_hours.csv", "--zone", "America/Halifax"], 1, ["line 4: 02:19 follows 10:42", "--clock 12", "--clock 24"]),
    (["packets.csv"], 2, ["names no capture", "--capture"]),
    (["packets.csv", "--capture", "ff"], 1, ["No capture in the lake has an id that starts with 'ff'"]),
    (["eve.json", "--kind", "eve"], 2, ["there is no format 'eve'", "suricata-eve"]),
    (["eve.json", "--name", "a b"], 2, ["--name: 'a b' is no name"]),
    (["eve.json", "--kind", "yaml"], 1, ["line 2: this is not YAML"]),
    (["answers.json", "--kind", "yaml"], 1, ["is not a schedule", "`rules`"]),
    (["eve.json", "--kind", "unsw-nb15"], 1, ["was not imported"]),
    (["no-such-file"], 1, ["does not exist", "pack:NAME", "swat-2019"]),
    (["."], 1, ["is a folder"]),
    (["pack:cic-ids2071"], 2, ["There is no built-in pack cic-ids2071", "nearest are cic-ids2017"]),
    (["pack:swat-2019", "--zone", "UTC"], 2, ["is built in", "give no --kind, --zone or --clock"]),
]


@pytest.mark.parametrize(("arguments", "expected", "parts"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_gets_one_sentence_and_changes_nothing(
    arguments: list[str], expected: int, parts: list[str], run: Run, lake: Path
) -> None:
    before = Catalog(lake).snapshot()
    file = arguments[0] if ":" in arguments[0] else str(SAMPLES / arguments[0])
    code, out, err = run("import", file, *arguments[1:])
    assert (code, out) == (expected, "")
    assert all(part in err for part in parts)
    assert err.splitlines()[-1].startswith("netlake: ")
    assert Catalog(lake).snapshot() == before
    assert not list((lake / "data").rglob("*.parquet"))


def test_without_a_lake_nothing_is_imported(run: Run, lake: Path, tmp_path: Path) -> None:
    lake.rename(tmp_path / "moved")
    code, _, err = run("import", SAMPLES / "eve.json")
    assert (code, "There is no lake at" in err) == (1, True)
    assert not lake.exists()


def test_a_clock_of_12_hours_is_read_as_told(run: Run, lake: Path) -> None:
    file = SAMPLES / "twelve_hours.csv"
    for clock, begin in (("12", "2017-07-06 17:19:00.000000"), ("24", "2017-07-06 05:19:00.000000")):
        assert run("import", file, "--zone", "America/Halifax", "--clock", clock)[0] == 0
        assert truth(lake)[2]["begin_ts"] == begin


def test_a_source_is_replaced_by_its_name(run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROW.format("one", 1) + "two,2017-07-06 13:30:00Z,2017-07-06 14:00:00Z,10.0.0.2\n")
    assert "Source a was added: 2 rules" in run("import", file)[1]
    file.write_text(ROW.format("three", 3))
    assert "Source a was replaced: 1 rule of" in run("import", file)[1]
    assert [(row["source"], row["rule"], row["label"]) for row in truth(lake)] == [("a", 1, "three")]
    run("import", SAMPLES / "eve.json", "--name", "other")
    assert {row["source"] for row in truth(lake)} == {"a", "other"}


def test_a_file_of_the_same_name_elsewhere_is_another_source(run: Run, lake: Path, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text(ROW.format(folder, 1))
    assert run("import", tmp_path / "x" / "a.csv")[0] == 0
    code, _, err = run("import", tmp_path / "y" / "a.csv")
    assert (code, "The lake has a source a, from" in err, "--name a to replace it" in err) == (2, True, True)
    assert run("import", tmp_path / "y" / "a.csv", "--name", "a")[0] == 0
    assert [row["label"] for row in truth(lake)] == ["y"]


def test_the_version_follows_the_rules_and_not_the_file(run: Run, lake: Path, tmp_path: Path) -> None:
    def version(text: str, name: str = "a.csv") -> str:
        (tmp_path / name).write_text(text)
        run("import", tmp_path / name, "--name", "a")
        return Catalog(lake).owners("truth")["a"]

    first = version(ROW.format("one", 1))
    assert len(first) == 64
    assert version(ROW.format("one", 1).replace("\none", "\n\none"), "b.csv") == first  # another file and line
    for other in (ROW.format("two", 1), ROW.format("one", 2), ROW.format("one", 1).replace("10.0.0.1", "10.0.0.2")):
        assert version(other) != first


def test_only_the_first_problems_are_listed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(ROW.format("one", 1) + "two,later,,10.0.0.2\n" * 50)
    code, out, err = run("import", file, "--problems", 5)
    assert (code, len(err.splitlines())) == (3, 6)
    assert "line 3: 'later' is not a time" in err
    assert "45 further invalid rows are not listed; see --problems." in err
    assert "invalid  50 rows were not imported" in out


def _lz4(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as out:
        out.write(data)
    return sink.getvalue().to_pybytes()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True), "lz4": _lz4,
}  # fmt: skip


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_is_unpacked(suffix: str, run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / f"eve.json.{suffix}"
    file.write_bytes(PACKERS[suffix]((SAMPLES / "eve.json").read_bytes()))
    run("import", file)
    assert [(row["source"], row["label"]) for row in truth(lake)] == [
        ("eve", "request with a quote"),
        ("eve", "router"),
    ]


def test_the_beginning_of_a_damaged_file_is_imported(run: Run, lake: Path, tmp_path: Path) -> None:
    lines = "".join(ROW.format(f"label{number}", number % 60).split("\n")[1] + "\n" for number in range(20_000))
    data = gzip.compress((ROW.split("\n", maxsplit=1)[0] + "\n" + lines).encode())
    file = tmp_path / "a.csv.gz"
    file.write_bytes(data[: len(data) // 2])
    code, _, err = run("import", file)
    assert (code, "the compressed file is damaged here" in err) == (3, True)
    assert 1000 < len(truth(lake)) < 20_000


def test_a_file_without_rules_is_not_imported(run: Run, lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "eve.json"
    file.write_text('{"timestamp":"2017-07-06T13:40:07+0000","event_type":"flow"}\n' * 3)
    code, _, err = run("import", file)
    assert (code, "has no rule, so nothing was imported (3 rows were skipped: events" in err) == (1, True)
    file.write_text("")
    assert run("import", file)[2].endswith("eve.json is empty.\n")
    assert Catalog(lake).owners("truth") == {}


def test_a_file_of_two_formats_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("rules:\n  - label: x\nattacks:\n  - name: y\n")
    code, _, err = run("import", file)
    assert (code, "can be read as netcap-yaml or yaml; choose one with --kind." in err) == (1, True)


def test_rules_outside_the_time_of_all_captures_are_reported(run: Run, sample: Sample) -> None:
    err = run("import", sample("answers.json"))[2]
    assert "No capture of the lake has a time of these rules, 2025-06-02 07:14:42 to 2025-06-02 07:59:29 UTC" in err
    assert "the captures are from 2017-07-06 13:40:00 to 2017-07-06 13:42:00 UTC. Check the time zone." in err
    assert run("import", sample("eve.json"))[2].count("No capture") == 0


def test_a_capture_is_named_by_a_prefix_of_its_id(run: Run, lake: Path) -> None:
    run("import", SAMPLES / "eve.json", "--capture", CAPTURE[:6])
    assert {(row["capture"], row["packet"]) for row in truth(lake)} == {(CAPTURE, 7), (CAPTURE, None)}


def test_labels_that_mean_benign_can_be_given(run: Run, lake: Path) -> None:
    run("import", SAMPLES / "packets.csv", "--capture", CAPTURE, "--benign", "SQL injection,other")
    assert [(row["label"], row["state"]) for row in truth(lake)] == [
        ("SQL injection", "benign"),
        ("benign", "benign"),
        ("a;b", "attack"),
    ]


def test_sources_are_listed_and_removed(run: Run, lake: Path) -> None:
    assert run("sources")[1].startswith("The lake has no ground truth")
    run("import", "pack:swat-2019")
    run("import", SAMPLES / "schedule.yaml")
    listed = run("sources")[1].splitlines()
    assert listed[1].split()[:2] == ["schedule", "6"]
    assert "window" in listed[1]
    assert "2019-12-06 02:30:00  2019-12-06 05:25:00" in listed[2]
    found = json.loads(run("sources", "--json")[1])
    assert [source["name"] for source in found] == ["schedule", "swat-2019"]
    assert found[0]["kinds"] == ["event", "packet", "window"]
    assert found[1]["file"] == "pack:swat-2019"
    assert found[1]["version"] == Catalog(lake).owners("truth")["swat-2019"]
    code, _, err = run("rm", "swat-2019", "swat")
    assert (code, "There is no source swat" in err) == (1, True)
    assert len(Catalog(lake).owners("truth")) == 2
    assert run("rm", "swat-2019")[1] == "Source swat-2019 was removed.\n"
    assert {row["source"] for row in truth(lake)} == {"schedule"}
    assert run("rm", "schedule")[0] == 0
    assert truth(lake) == []


@pytest.mark.parametrize("name", packs.names())
def test_a_pack_is_imported_without_a_problem(name: str, run: Run, lake: Path) -> None:
    code, _, err = run("import", f"pack:{name}", "--json")
    assert (code, "invalid" in err) == (0, False)
    for row in truth(lake):
        assert row["begin_ts"] <= row["end_ts"]
        assert row["a_networks"]
        assert row["attempted"] is None or row["priority"] > 0, "an attempt precedes the attack of which it is a part"


def test_formats_are_listed(run: Run) -> None:
    code, out, _ = run("import", "--formats")
    assert code == 0
    assert all(f"pack:{name}" in out for name in packs.names())
    assert ["suricata-fast", "--zone"] in [line.split()[:2] for line in out.splitlines()]
