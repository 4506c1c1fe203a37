"""Keys with many intervals are joined by ranks: the edges are those of the plain comparison, in every table."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import frames
import pytest
from frames import at
from truths import edges, put, rule

import netlake
from netlake.label.join import Options, apply, intervals

SECOND = 1_000_000
LAST = 600 * SECOND
HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
Ends = tuple[list[str], list[str]]
SIDES: tuple[Ends, ...] = (
    ([HOSTS[0]], [HOSTS[1]]),
    ([HOSTS[1]], [HOSTS[0]]),
    ([HOSTS[2]], []),
    ([], [HOSTS[2]]),
)


def traffic(chance: random.Random) -> list[frames.Frame]:
    """Short and long sessions, datagrams and echoes between three hosts."""
    made: list[frames.Frame] = []
    for number in range(60):
        one, two = chance.sample(HOSTS, 2)
        start = chance.randrange(LAST)
        step = chance.choice((1, 1000, 5 * SECOND, 60 * SECOND))
        made += frames.session(start, one, two, 2000 + number, 80, step=step)
        made += [(start + 5, frames.udp(one, two, (3000, 53))), (start + 9, frames.echo(two, one))]
    return sorted(made, key=lambda frame: frame[0])


def rules(chance: random.Random) -> list[dict[str, Any]]:
    """Many windows and alerts of one pair, of one host, and of the pair the other way round; some of all lengths."""
    found = []
    for number in range(400):
        begin = chance.randrange(LAST)
        # several begin at the same time
        begin -= begin % chance.choice((1, 20 * SECOND))
        length = chance.choice((0, 1, 1000, SECOND, 30 * SECOND, LAST))
        ends = chance.choice(SIDES)
        kind = chance.choice(("window", "window", "event"))
        extent: dict[str, Any] = {} if kind == "event" else {"end": at(begin + length)}
        found.append(rule(f"r{number}", *ends, kind=kind, begin=at(begin), direction=chance.choice(("both", "a2v")),
                          v_ports=chance.choice(([], [80])), **extent))  # fmt: skip
    # without an end, and without a time
    return [*found, rule("always", [HOSTS[0]], [HOSTS[1]])]


@pytest.fixture(scope="module", params=(1, 2), ids=("one capture", "two captures"))
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("intervals"), random.Random(3)  # noqa: S311 - not for secrets
    files = [frames.write(folder / f"{number}.pcap", traffic(chance)) for number in range(request.param)]
    netlake.capture([str(file) for file in files], str(folder / "lake"))
    found = rules(chance)
    put(folder / "lake", "windows", [one for one in found if one["kind"] == "window"])
    put(folder / "lake", "events", [one for one in found if one["kind"] == "event"])
    return folder / "lake"


@pytest.mark.parametrize("sources", [("windows",), ("windows", "events")], ids=len)
@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("mode", ["overlap", "start", "contained"])
def test_edges_are_those_of_the_plain_join(
    lake: Path, monkeypatch: pytest.MonkeyPatch, mode: str, sources: tuple[str, ...], *, spread: bool
) -> None:
    made, rank = [], intervals.rank
    ranked: set[str] = set()

    def noted(lake: Any, table: str, *given: str) -> bool:
        found = rank(lake, table, *given)
        ranked.update({table} if found else ())
        return found

    monkeypatch.setattr(intervals, "rank", noted)
    for many in (10**9, 3):
        monkeypatch.setattr(intervals, "MANY", many)
        apply(lake, Options(sources=sources, mode=mode, spread=spread, tolerance=0.5))
        made.append(edges(lake))
    assert len(made[0]) > 1000
    assert made[0] == made[1]
    # messages and headers of packets are joined by ranks unless other rules than windows matter
    assert ranked == {"active", "chosen"} | ({"reach"} if sources == ("windows",) and not spread else set())
