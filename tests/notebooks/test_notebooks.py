"""The notebooks run, their results are computed and as they say, and docs/notebooks/ has their pages."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("marimo")
pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "notebooks"
NAMES = ("train", "two_sources", "intrusion", "beacons", "assets")
LARGEST = 1_000_000
# results of a model differ in the last digits between versions of scikit-learn; all else is exact
REAL = re.compile(r"-?\d+\.\d+")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"netlake_notebooks_{name}", ROOT / "notebooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


export = _module("export")
simulation = _module("simulation")


@pytest.fixture(scope="module", params=NAMES)
def ran(request: pytest.FixtureRequest) -> tuple[str, Any, Any]:
    """(name, outputs, definitions) of each notebook."""
    return request.param, *export.run(request.param)


@pytest.fixture(scope="module")
def attacks() -> list[Any]:
    return simulation.office(seed=1).attacks


@pytest.mark.slow
def test_notebook_runs_and_its_page_is_committed(ran: tuple[str, Any, Any]) -> None:
    name, outputs, defined = ran
    page = export.page(name, outputs)
    committed = (PAGES / f"{name}.html").read_text(encoding="utf-8")
    if name == "train":
        page, committed = REAL.sub("#", page), REAL.sub("#", committed)
    assert page == committed, "run `make notebooks`"
    assert len(page.encode()) < LARGEST
    assert "/tmp" not in page  # noqa: S108 - no path of the machine
    assert str(ROOT) not in page
    _CHECKS[name](defined)


def _train(defined: Any) -> None:
    scores, gaps = defined["scores"], defined["flattered"]
    assert set(scores) == {"random", "attack", "time"}
    for score in scores.values():
        assert 0 < score["pr_auc"] <= 1
        assert all(math.isnan(value) or 0 <= value <= 1 for value in score["recall"].values())
    assert all(scores["attack"]["rows"].values())  # every class is tested
    for split, gap in gaps.items():
        assert gap["pr_auc"] == scores["random"]["pr_auc"] - scores[split]["pr_auc"]
    # a random split flatters, and the checks of the data set said so
    assert gaps["attack"]["pr_auc"] > 0
    states = {(split, check): status for split, check, status, _ in defined["findings"]}
    assert states["random", "groups"] == "fail"
    assert states["attack", "groups"] == "pass"


def _two_sources(defined: Any) -> None:
    compared = defined["compared"]
    matrix, by_attacker = compared.matrix, defined["reasons"]
    early, missing, wide = (attacker for _, _, attacker in defined["faults"].planted)
    assert 0 < compared.agreement < 1
    assert any(matrix[one, two] for one in compared.classes for two in compared.classes if one != two)
    # each planted fault is found at its attacker, in its direction
    found = {(attacker, exact, published) for exact, published, attacker, *_ in by_attacker}
    assert (missing, "port scan", "unknown") in found
    assert (early, "password guessing", "unknown") in found
    assert (wide, "unknown", "beacon") in found
    assert all(reason for *_, reason in by_attacker)
    # coverage finds the early end, and cannot find what is missing
    assert any(after for _, label, _, after, *_ in defined["outside"] if label == "password guessing")


def _intrusion(defined: Any) -> None:
    verdict = defined["verdict"]
    assert len(verdict) == len(simulation.office(seed=1).attacks)
    for label, attacker, _, found, begin, end in verdict:
        assert found == "yes", (label, attacker)
        assert abs(begin) < 1e-5
        assert abs(end) < 3, (label, attacker)
    assert not defined["wrong"]
    # the administrator is a lead of ssh_brute_force, and rejected
    assert defined["persons"] == {simulation.ADMINISTRATOR}
    assert any(lead[1] == simulation.ADMINISTRATOR for lead in defined["leads"])
    # a pivot to a flow, and evidence that has exactly the packets of the attack
    assert {one[2] for one in defined["segments"]} == {defined["suspect"], simulation.SSH}
    assert defined["same"]
    assert defined["carved"] == len(defined["expected"]) > 100


def _beacons(defined: Any) -> None:
    scores, results, truth = defined["scores"], defined["results"], defined["truth"]
    assert len(defined["true"]) == simulation.INSTANCES
    found = {truth(source, target) for source, target, *_ in defined["regular"]}
    assert found == {"beacon", "monitor", "password guessing"}  # regular, and not all beacons
    recalls = [scores[most][1] for most in sorted(scores)]
    assert recalls == sorted(recalls)
    assert recalls[0] < 1 == recalls[-1]
    assert max(precision for precision, _ in scores.values() if _ == 1) < 1  # no threshold separates them
    assert results["outside"] == (simulation.INSTANCES, 1, 1)
    assert results["jitter up to 0.25"][1] < results["known"][1] < results["known, not guessing"][1] == 1


def _assets(defined: Any) -> None:
    listed = {one["address"]: one for one in defined["listed"]}
    assert listed["10.20.0.2"]["names"] == ["mail.lab", "server.lab", "www.lab"]
    assert set(defined["machines"]["02:00:00:00:20:02"]) == {"10.20.0.2", "fd00:20::2"}  # both families of the server
    offered = {(server, port): protocols for server, port, protocols, *_ in defined["services"]}
    assert offered["10.20.0.2", "tcp/22"] == "ssh"
    assert offered["10.20.0.2", "tcp/8443"] == "http, tls"
    assert ("10.20.0.2", "tcp/23") not in offered  # refused, in the port scan
    assert defined["expected"] <= {software for *_, software in defined["software"]}  # the installed versions
    assert any(ja4.startswith("t13") for ja4, *_ in defined["clients"])
    new = {host for host, *_ in defined["new"]}
    assert "10.55.0.1" in new
    assert "10.10.0.66" not in new


_CHECKS = {
    "train": _train,
    "two_sources": _two_sources,
    "intrusion": _intrusion,
    "beacons": _beacons,
    "assets": _assets,
}


def test_same_seed_is_same_capture(tmp_path: Path) -> None:
    written = []
    for number, seed in enumerate((1, 1, 2)):
        path = tmp_path / f"{number}.pcap"
        simulation.write_capture(simulation.office(seed), path)
        written.append(path.read_bytes())
    assert written[0] == written[1] != written[2]


def test_attacks_have_their_packets(attacks: list[Any]) -> None:
    office = simulation.office(seed=1)
    for attack in attacks:
        times = [when for when, _, label in office.packets if label == attack.label]
        assert sum(attack.begin <= when <= attack.end for when in times) > 50
