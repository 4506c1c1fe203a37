"""Cases of tests/streams/cases/*.toml: segments in a line each, and the events that they give.

A line of `segments` is `>` or `<` (from the originator, or to it), flags or `.`, the sequence number, the payload (`-`:
none; `x*9+y`: nine times x and y), and NAME=VALUE for `ack`, `size` (bytes on the wire if the capture cut them), `slot`
and `flow`; `repeat=N step=S` is the line N times, each S numbers farther. `leave` is a line by itself: the flow of slot
0 leaves; `mute >` mutes a direction. At the end all flows leave.

A line of `events` is the direction, the kind, the offset in the stream, the bytes (or how many are missing, `-` for an
end), and the packet that carries it; `3/4` is packet 3, due in packet 4, and 0 is behind the last packet. A direction
of a slot other than 0 is `>1`. Neighbouring events of one packet and kind are one line.

`counters` has all counters that are not 0 but `gaps`, `known` the bits of Known by direction before the flows leave,
`overlap` and `blocks` the options of the stage. Each case also runs in batches of 1 and 2 segments, and by the
twin, which has no muted streams.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netlake.flows.reassembly import Reassembly
from netlake.kernels.stream_state import BLOCK, Known
from tests.streams.build import Event, Segment, feed, finish, held_blocks
from tests.streams.twin import Twin, merged

CASES: list[Any] = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted((Path(__file__).parent / "cases").glob("*.toml"))
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]
Line = Segment | str


def text(word: str) -> bytes:
    """The payload of a word."""
    parts = (part.partition("*") for part in word.split("+"))
    return b"" if word == "-" else b"".join(value.encode() * int(times or 1) for value, _, times in parts)


def parsed(line: str) -> Iterator[Line]:
    """The segments of a line, or what it says of flows."""
    arrow, *rest = line.split()
    if arrow in ("leave", "mute"):
        yield line
        return
    flags, seq, payload, *fields = rest
    values = {name: int(value) for name, _, value in (one.partition("=") for one in fields)}
    step = values.pop("step", 0)
    for turn in range(values.pop("repeat", 1)):
        yield Segment(arrow == ">", int(seq) + turn * step, flags.strip("."), text(payload), **values)


def shown(events: list[Event]) -> list[str]:
    """Events as lines."""
    return [
        " ".join(
            [
                "><"[one.stream & 1] + (str(one.stream >> 1) if one.stream > 1 else ""),
                one.kind.lower(),
                str(one.offset),
                one.payload.decode() or str(one.missing or "-"),
                str(one.number) if one.number == one.at else f"{one.number}/{one.at}",
            ]
        )
        for one in merged(events)
    ]


def expected(case: dict[str, Any]) -> list[str]:
    """The lines of events, with repeated payload written out."""
    lines = (line.split() for line in case["events"])
    return [" ".join(text(word).decode() if "*" in word else word for word in words) for words in lines]


def slots(lines: list[Line]) -> list[int]:
    """The slots that segments have."""
    return sorted({one.slot for one in lines if isinstance(one, Segment)})


def run(case: dict[str, Any], step: int) -> tuple[Reassembly, list[Event], dict[str, list[str]]]:
    """The stage behind the case, the events, and what was known before the flows left."""
    lines = [one for line in case["segments"] for one in parsed(line)]
    stage = Reassembly(8, overlap=case.get("overlap", "first"), arena=BLOCK * case.get("blocks", 4096))
    events, batch, number = [], [], 1
    for one in [*lines, "end"]:
        if isinstance(one, Segment):
            batch.append(one)
            continue
        events += feed(stage, batch, step, number)
        number += len(batch)
        batch = []
        if one == "leave":
            events += finish(stage)
        elif one.startswith("mute"):
            stage.mute(np.array(["><".index(one[-1])], np.int32))
    known = {
        "><"[index]: [flag.name.lower() for flag in Known if int(stage.states["known"][index]) & flag]
        for index in (0, 1)
    }
    return stage, events + finish(stage, slots(lines)), known


@pytest.mark.parametrize("step", [1, 2, 100_000])
@pytest.mark.parametrize("case", CASES)
def test_segments_give_events(case: dict[str, Any], step: int) -> None:
    stage, events, known = run(case, step)
    assert shown(events) == expected(case)
    counters = {name: value for name, value in stage.counters.items() if value and name != "gaps"}
    assert counters == case.get("counters", {})
    assert stage.counters["gaps"] == sum(one.kind == "GAP" for one in events)
    for direction, flags in case.get("known", {}).items():
        assert set(known[direction]) == set(flags)
    assert held_blocks(stage) == 0
    assert not stage.states["flow"].any()
    assert not stage.streams.syns["flow"].any()


@pytest.mark.parametrize("case", [case for case in CASES if "mute" not in case.id])
def test_twin_gives_the_same_events(case: dict[str, Any]) -> None:
    lines = [one for line in case["segments"] for one in parsed(line)]
    twin, number = Twin(overlap=case.get("overlap", "first"), blocks=case.get("blocks", 4096)), 0
    for one in lines:
        if isinstance(one, Segment):
            number += 1
            twin.add(one, number)
        else:
            twin.leave([0])
    twin.leave(slots(lines))
    assert shown(twin.events) == expected(case)
    assert {name: value for name, value in twin.counts.items() if value} == case.get("counters", {})
