"""Each fault of netcap's labelling as a case with its right value, and the command as a user sees it.

The cases are data: an attack file, options, and the results of the records that netcap gets wrong.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import netlake
from netlake.cli import main
from netlake.lake import Catalog
from netlake.query.lake import Lake

sys.path.insert(0, str(Path(__file__).resolve().parent))

import traffic

HEAD = """\
location: UTC
timeFormat: "15:04:05"
dateFormat: "2006-01-02"
attacks:
"""
ATTACK = """\
  - {{name: {name}, date: "2017-07-05", start: "12:01:40", end: "12:03:20", category: {category}, {hosts}}}
"""
SIDES = "attackers: [10.0.0.1, 10.0.0.2], victims: [10.0.0.9]"
LIST = "ips: [10.0.0.1, 10.0.0.9]"
NORMAL = "normal"


def attacks(*rows: tuple[str, str, str]) -> str:
    """An attack file with rows of name, category, and hosts."""
    return HEAD + "".join(ATTACK.format(name=name, category=category, hosts=hosts) for name, category, hosts in rows)


PLAIN = attacks(("slow", "dos", SIDES))
FULL_DATES = (
    PLAIN.replace('"15:04:05"', '"2006/1/2 15:04:05"')
    .replace('"12:01:40"', '"2017/7/5 12:01:40"')
    .replace('"12:03:20"', '"2017/7/5 12:03:20"')
)
TABLE_CSV = """\
num,name,start,end,ips,proto,notes,category
1,slow,2017/7/5 12:01:40,2017/7/5 12:03:20,10.0.0.1;10.0.0.9,TCP,,dos
"""


@dataclass(frozen=True)
class Case:
    """`results` of records by name: of a packet that of the traffic, of others their first column with a port."""

    fault: str
    file: str
    results: Mapping[str, str]
    options: tuple[str, ...] = ()
    table: str = "packet"
    suffix: str = ".yml"


CASES = (
    Case("a label that is part of another is swallowed (dos in ddos)",
         attacks(("slow", "ddos", SIDES), ("quick", "dos", SIDES)),
         {"long, in the window": "ddos | dos", "long, before": NORMAL}, ("--collect",)),
    Case("a connection that began before the window is normal", PLAIN,
         {"10.0.0.1:1000": "dos", "10.0.0.1:1004": "dos", "10.0.0.1:1006": NORMAL}, table="connection"),
    Case("packets before the window are told apart from the connection", PLAIN, {"long, before": NORMAL}),
    Case("protocols are not compared", attacks(("slow", "dos", SIDES + ", proto: TCP")),
         {"another protocol": NORMAL, "long, in the window": "dos"}),
    Case("protocols of applications do not match IP's", attacks(("slow", "dos", SIDES + ", proto: HTTP")),
         {"another protocol": "dos", "long, in the window": "dos"}),
    Case("times must be equal to the nanosecond", PLAIN, {"answer of the victim": "dos"}),
    Case("a start with a date is in the year 4039", FULL_DATES,
         {"long, in the window": "dos", "later, lookup": NORMAL}),
    Case("packets of other hosts at the same time are labelled", PLAIN, {"bystander at the same time": NORMAL}),
    Case("two attackers count as attacker and victim", PLAIN, {"attackers among themselves": NORMAL}),
    Case("both hosts of several attackers are counted", PLAIN, {"second attacker": "dos"}),
    Case("a host that is listed twice gives no label",
         attacks(("slow", "dos", "ips: [10.0.0.1, 10.0.0.1, 10.0.0.9, 10.0.0.9]")), {"long, in the window": "dos"}),
    Case("networks cannot be given", attacks(("slow", "dos", "attackers: [10.0.0.0/30], victims: [10.0.0.9]")),
         {"second attacker": "dos", "bystander at the same time": NORMAL}),
    Case("records without addresses never match", PLAIN, {"0": "dos"}, table="dot1q"),
    Case("another spelling of IPv6 does not match",
         attacks(("scan", "recon", 'attackers: ["2001:0DB8:0:0::0001"], victims: ["2001:db8:0:0:0:0:0:9"]')),
         {"IPv6": "recon", "long, in the window": NORMAL}),
    Case("records of an application have no time bound", PLAIN, {"1002": "dos", "1007": NORMAL}, table="dns"),
    Case("the documented CSV cannot be read", TABLE_CSV,
         {"long, in the window": "dos", "answer of the victim": "dos", "another protocol": NORMAL}, ("--zone", "UTC"),
         suffix=".csv"),
    Case("lists of hosts label either side", attacks(("slow", "dos", LIST)),
         {"attackers among themselves": "dos", "second attacker": "dos", "bystander at the same time": "dos"}),
    Case("exclude is ignored", attacks(("slow", "ddos", SIDES), ("quick", "dos", SIDES)),
         {"long, in the window": "dos"}, ("--collect", "--exclude", "ddos")),
    Case("the name of the attack is not available", PLAIN, {"long, in the window": "slow"}, ("--description",)),
)  # fmt: skip
# columns that name a record of a table
KEYS: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    "packet": lambda row: list(traffic.PACKETS)[int(row["packet"]) - 1],
    "connection": lambda row: f"{row['orig_ip']}:{row['orig_port']}",
    "dns": lambda row: row["src_port"],
    "dot1q": lambda row: row["place"],
}


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the capture and its lake, which tests copy."""
    folder = tmp_path_factory.mktemp("netcap")
    netlake.capture([str(traffic.write(folder / "traffic.pcap"))], str(folder / "lake"))
    return folder


@pytest.fixture
def lake(decoded: Path, tmp_path: Path) -> Path:
    """A lake with the capture."""
    shutil.copytree(decoded / "lake", tmp_path / "lake")
    return tmp_path / "lake"


@pytest.fixture
def label(lake: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `netlake label OPTIONS`; returns (exit code, stdout, stderr)."""

    def run(*options: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["label", *map(str, options), "--lake", str(lake)])
        return code, *capfd.readouterr()

    return run


Label = Callable[..., tuple[int, str, str]]


def rows(path: Path, separator: str = ",") -> list[dict[str, str]]:
    """The rows of a CSV file; every one must have as many cells as the header, and the header each name once."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *found = csv.reader(file, delimiter=separator)
    assert head[-1] == "result"
    assert len(set(head)) == len(head)
    assert {len(row) for row in found} == {len(head)}
    return [dict(zip(head, row, strict=True)) for row in found]


def owners(lake: Path) -> dict[str, set[str]]:
    """The sources and versions of labels in a lake."""
    return {table: set(Catalog(lake, readonly=True).owners(table)) for table in ("truth", "label")}


def given(tmp_path: Path, text: str, suffix: str = ".yml") -> Path:
    """A file with this text."""
    path = tmp_path / f"attacks{suffix}"
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_a_fault_of_netcap_is_right_here(case: Case, label: Label, tmp_path: Path) -> None:
    file, out = given(tmp_path, case.file, case.suffix), tmp_path / "out"
    code, printed, problems = label("--custom", file, "--out", out, *case.options)
    assert code == 0, problems
    found = {KEYS[case.table](row): row["result"] for row in rows(out / f"{case.table}_labeled.csv")}
    assert {name: found[name] for name in case.results} == case.results, printed


def test_files_have_every_row_and_the_report_counts_labels(label: Label, lake: Path, tmp_path: Path) -> None:
    code, printed, _ = label("--custom", given(tmp_path, PLAIN), "--out", tmp_path / "out", "--sep", ";")
    assert code == 0
    written = {path.name.removesuffix("_labeled.csv"): rows(path, ";") for path in (tmp_path / "out").iterdir()}
    assert {"packet", "connection", "ethernet", "dot1q", "ipv4", "tcp", "udp", "dns"} <= set(written)
    assert not {"arp", "label", "truth"} & set(written), "no host rule is about ARP, and the others are no records"
    with Lake(lake) as opened:
        counts = {name: opened.tables[name] for name in written}
    assert {name: len(found) for name, found in written.items()} == counts
    assert [row["packet"] for row in written["packet"]] == [str(n) for n in range(1, len(traffic.PACKETS) + 1)]
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if "_labeled.csv" in line}
    for name, found in written.items():
        labelled = sum(row["result"] != NORMAL for row in found)
        assert lines[f"{name}_labeled.csv"] == [str(len(found)), str(labelled)]
    assert sum(row["result"] != NORMAL for row in written["packet"]) == 5


def test_source_and_version_stay_unless_temporary(label: Label, lake: Path, tmp_path: Path) -> None:
    file = given(tmp_path, PLAIN)
    code, printed, _ = label("--custom", file, "--out", tmp_path / "first", "--temporary")
    assert (code, owners(lake)) == (0, {"truth": set(), "label": set()})
    assert "The lake has neither these rules nor these labels." in printed
    code, printed, _ = label("--custom", file, "--out", tmp_path / "second")
    assert (code, owners(lake)) == (0, {"truth": {"netcap"}, "label": {"netcap"}})
    assert "The lake keeps source netcap and version netcap" in printed
    assert label("--custom", file, "--out", tmp_path / "third")[0] == 0
    texts = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "third")]
    assert texts[0] == texts[1]
    assert {path.name for path in tmp_path.iterdir()} == {"lake", "attacks.yml", "first", "second", "third"}


WRONG = attacks(("slow", "dos", "attackers: [192.0.2.1], victims: [192.0.2.2]"))
MISTAKES = (
    ((), PLAIN, 2, "Give --custom FILE or --read CAPTURE, or a sub-command"),
    (("--custom", "FILE"), PLAIN, 2, "Give --out DIR"),
    (("--custom", "FILE", "--read", "FILE", "--out", "OUT"), PLAIN, 2, "Give --custom or --read, not both"),
    (("--custom", "FILE", "--rules", "FILE", "--out", "OUT"), PLAIN, 2, "--rules is for --read: omit it"),
    (("--read", "FILE", "--zone", "UTC", "--out", "OUT"), PLAIN, 2, "--zone is for --custom: omit it"),
    (("--custom", "FILE", "--out", "OUT", "--temporary", "--name", "a"), PLAIN, 2, "omit --name"),
    (("--custom", "FILE", "--out", "OUT", "--name", "a b"), PLAIN, 2, "'a b' is no name"),
    (("--custom", "FILE", "--out", "OUT", "--sep", "ab"), PLAIN, 2, "'ab' cannot separate columns"),
    (("--custom", "FILE", "--out", "OUT", "--exclude", "dso"), PLAIN, 2, "no label has the class 'dso'"),
    (("--custom", "FILE", "--out", "OUT", "--exclude", "dos"), PLAIN, 1, "No record has a label that is not excluded"),
    (("--custom", "FILE", "--out", "FILE"), PLAIN, 2, "is not a folder"),
    (("--custom", "FILE", "--out", "OUT/deep/er"), PLAIN, 2, "is not a folder: create it first"),
    (("--custom", "OUT", "--out", "OUT"), PLAIN, 1, "does not exist"),
    (("--custom", "FILE", "--out", "OUT"), TABLE_CSV, 2, "--zone"),
    (("--custom", "FILE", "--out", "OUT"), WRONG, 1, "No record of the lake matches"),
    (("--custom", "FILE", "--out", "OUT", "apply"), PLAIN, 2, "--custom before apply belongs to `netlake label`"),
    (("--name", "a", "sources"), PLAIN, 2, "--name before sources belongs to"),
)


@pytest.mark.parametrize(("options", "text", "code", "sentence"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_mistake_is_one_sentence_and_changes_nothing(
    options: tuple[str, ...], text: str, code: int, sentence: str, label: Label, lake: Path, tmp_path: Path
) -> None:  # fmt: skip
    file = given(tmp_path, text, ".csv" if text == TABLE_CSV else ".yml")
    before = sorted(path.name for path in tmp_path.iterdir())
    places = {"FILE": str(file), "OUT": str(tmp_path / "out"), "OUT/deep/er": str(tmp_path / "out/deep/er")}
    ran = label(*(places.get(option, option) for option in options))
    assert (ran[0], ran[1]) == (code, "")
    assert sentence in ran[2]
    assert ran[2].startswith("netlake: ")
    assert len(ran[2].splitlines()) == 1
    assert owners(lake) == {"truth": set(), "label": set()}
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_files_of_an_earlier_run_are_not_mixed_with_new_ones(label: Label, tmp_path: Path) -> None:
    file, out = given(tmp_path, PLAIN), tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("kept")
    assert label("--custom", file, "--out", out)[0] == 0
    files = {path.name for path in out.iterdir()}
    assert "notes.txt" in files
    assert all(name == "notes.txt" or name.endswith("_labeled.csv") for name in files)
    code, _, problems = label("--custom", file, "--out", out)
    assert (code, "has files of an earlier run, such as" in problems) == (2, True)


def test_invalid_rows_are_reported_and_the_others_used(label: Label, tmp_path: Path) -> None:
    file = given(tmp_path, attacks(("slow", "dos", SIDES), ("bad", "dos", "attackers: [10.0.0], victims: [10.0.0.9]")))
    code, _, problems = label("--custom", file, "--out", tmp_path / "out")
    assert (code, "line 6" in problems) == (3, True)


def test_without_a_lake_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = given(tmp_path, PLAIN)
    command = ["label", "--custom", str(file), "--out", str(tmp_path / "out"), "--lake", str(tmp_path / "none")]
    assert main(command) == 1
    assert "none" in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attacks.yml"]


RULES = """\
alert udp any any -> any 53 (msg:"lookup"; classtype:misc-activity; sid:1;)
alert udp 10.0.0.1 1007 -> any 53 (msg:"lookup - by the attacker"; classtype:attempted-recon; sid:2;)
"""
LOOKUPS = ("another protocol", "later, lookup")
ALERTS = (
    ((), {LOOKUPS[0]: "Misc activity", LOOKUPS[1]: "Attempted Information Leak"}),
    (("--collect",), {LOOKUPS[0]: "Misc activity", LOOKUPS[1]: "Attempted Information Leak | Misc activity"}),
    (("--description", "--collect"), {LOOKUPS[0]: "lookup", LOOKUPS[1]: "lookup | lookup - by the attacker"}),
    (("--exclude", "Misc activity"), {LOOKUPS[1]: "Attempted Information Leak"}),
)


@pytest.mark.skipif(shutil.which("suricata") is None, reason="Suricata is not installed")
@pytest.mark.parametrize(("options", "expected"), ALERTS, ids=lambda value: str(value)[:40])
def test_alerts_label_their_packets_only(
    options: tuple[str, ...], expected: Mapping[str, str], label: Label, decoded: Path, tmp_path: Path
) -> None:  # fmt: skip
    rules, out = given(tmp_path, RULES, ".rules"), tmp_path / "out"
    capture = decoded / "traffic.pcap"
    code, _, problems = label("--read", capture, "--rules", rules, "--out", out, *options)
    assert code == 0, problems
    found = {KEYS["packet"](row): row["result"] for row in rows(out / "packet_labeled.csv")}
    assert {name: result for name, result in found.items() if result != NORMAL} == expected


@pytest.mark.skipif(shutil.which("suricata") is None, reason="Suricata is not installed")
def test_a_capture_without_alerts_gives_no_files(label: Label, lake: Path, decoded: Path, tmp_path: Path) -> None:
    rules = given(tmp_path, 'alert tcp any any -> any 9 (msg:"never"; sid:1;)\n', ".rules")
    code, _, problems = label("--read", decoded / "traffic.pcap", "--rules", rules, "--out", tmp_path / "out")
    assert (code, "has no alert for" in problems) == (1, True)
    assert owners(lake) == {"truth": set(), "label": set()}
    assert not (tmp_path / "out").exists()
