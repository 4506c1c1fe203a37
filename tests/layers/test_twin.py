"""The walk and its twin agree: on constructed packets, on mutations of them, and on captures."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.errors import NetlakeError
from netlake.kernels.answers import STOPS
from netlake.kernels.steps import CONTESTED, UNCLAIMED, Step
from netlake.layers.steps import SPACES, dispatch
from netlake.layers.walk import Walked, Walker
from netlake.packets import FRAGMENT, QUOTED, WHOLE, Packets
from netlake.schema.faults import NAMES
from netlake.sources import open_capture
from tests.layers import build as b
from tests.layers import twin_capwap, twin_links, twin_network, twin_ports, twin_tunnels  # noqa: F401 - they fill the twin's tables
from tests.layers.test_chunks import CHUNKS
from tests.layers.test_walk import CASES as PLAIN
from tests.layers.test_walk_links import CASES as LINK_CASES
from tests.layers.test_walk_ports import CASES as PORT_CASES
from tests.layers.test_walk_ports import between
from tests.layers.tunnel_cases import TUNNELS
from tests.layers.twin import STEPS, Twin
from tests.layers.twin_types import Result

DISPATCH = dispatch(tables.every())
KINDS = {WHOLE: "whole", FRAGMENT: "fragment", QUOTED: "quoted"}
CAPTURES = sorted(path for path in (Path(__file__).parent.parent / "captures").iterdir() if "pcap" in path.suffix)
FRAMES = [
    *((1, case[0]) for cases in (PLAIN, TUNNELS, CHUNKS) for case in cases.values()),
    *((case[0], case[1]) for case in LINK_CASES.values()),
    *((1, between(*case[:3])) for case in PORT_CASES.values()),
]
# groups without tables
OTHERS = {UNCLAIMED: "", CONTESTED: "contested"}
# what a packet that completes a datagram has from it
LAST = ("stack", "stop", "header")
LINK_TYPES = sorted({link_type for link_type, _ in FRAMES})


def lookup(space: str, value: int) -> str | None:
    """The name of the group that a key leads to."""
    group = int(DISPATCH.keys[SPACES[space], value]) if 0 <= value <= 0xFFFF else -1
    return DISPATCH.groups[group] if group >= 0 else None


def key(tunnels: tuple[tuple[str, int], ...]) -> int:
    """HEADER's `key` of an IP header inside `tunnels`."""
    result = 0
    for name, identifier in tunnels:
        result = (result * 1_000_003 + (Step[name.upper()] << 32) + identifier) & 0x7FFFFFFFFFFFFFFF
    return result


def expected(found: Result) -> dict[str, object]:
    """What the twin found, in the form of `walked_rows`."""
    return {
        "messages": sorted(
            (m.group, m.start, m.end, m.missing, m.fault, m.header, *m.ports, m.hint) for m in found.messages
        ),
        "headers": [
            (h.network, h.end, h.version, h.kind, h.ip_length, h.outer, h.mac, key(h.tunnels), h.protocol, h.transport,
             h.payload, h.ports if h.kind != "fragment" else None)
            for h in found.headers
        ],
        "stack": ":".join(found.stack),
        "stop": found.stop,
        "header": found.header,
    }  # fmt: skip


def walked_rows(packets: Packets, walker: Walker, walked: Walked) -> list[dict[str, object]]:
    """What the walk found in each packet, offsets from its start, headers by their number in it.

    The twin does not reassemble, so datagrams are left out, what their packets have from them, and ports of fragments.
    """
    captured = walked.headers["row"] < packets.count
    headers = walked.headers[captured]
    first = np.searchsorted(headers["row"], np.arange(packets.count + 1))
    assert (np.diff(headers["row"]) >= 0).all()
    place = np.append(np.cumsum(captured) - 1, -1)
    completing = set(walked.completing[packets.count :].tolist())
    messages: dict[int, list[tuple[object, ...]]] = defaultdict(list)
    for group, found in walked.by_group.items():
        name = OTHERS[group] if group in OTHERS else DISPATCH.groups[group]
        for i, row in enumerate(found.row.tolist()):
            if row >= packets.count:
                continue
            start, header = int(packets.start[row]), int(place[found.header[i]])
            messages[row].append((
                name, found.start[i] - start, found.end[i] - start, found.missing[i], NAMES[found.fault[i]],
                header - first[row] if header >= 0 else -1, found.source_port[i], found.destination_port[i],
                found.hint[i],
            ))  # fmt: skip
    names = walker.stacks.names()
    rows = []
    for row in range(packets.count):
        start, packet = packets.start[row], walked.packets[row]
        rows.append({
            "messages": sorted(messages[row]),
            "headers": [
                (h["network"] - start, h["end"] - start, h["version"], KINDS[int(h["kind"])], h["ip_length"],
                 place[h["outer"]] - first[row] if h["outer"] >= 0 else -1, h["mac"] - start if h["mac"] >= 0 else -1,
                 h["key"], h["protocol"], h["transport"] - start if h["transport"] >= 0 else -1, h["payload"],
                 (h["source_port"], h["destination_port"]) if h["kind"] != FRAGMENT else None)
                for h in headers[first[row] : first[row + 1]]
            ],
            "stack": names[packet["stack"]],
            "stop": (
                (STOPS[packet["stop"]], packet["stop_offset"] - start, packet["stop_value"]) if packet["stop"] else None
            ),
            "header": place[packet["header"]] - first[row] if packet["header"] >= 0 else -1,
        })  # fmt: skip
        if row in completing:
            rows[-1] |= dict.fromkeys(LAST)
    return rows


def compare(packets: Packets) -> int:
    """Compare a batch; the number of messages."""
    walker = Walker(DISPATCH, {})
    rows = walked_rows(packets, walker, walker.walk(packets))
    for row, found in enumerate(rows):
        start, captured = int(packets.start[row]), int(packets.captured[row])
        data = packets.data[start : start + captured].tobytes()
        link_type = int(packets.link_type[row])
        result = expected(Twin(data, int(packets.length[row]), link_type, lookup).walk())
        if found["stack"] is None:
            result |= dict.fromkeys(LAST)
        assert found == result, (link_type, data.hex())
    return sum(len(found["messages"]) for found in rows)  # type: ignore[arg-type,misc]


def test_twin_has_every_step() -> None:
    walked = {step.name.lower() for step in Step if step.kind in {step.ETHERNET.kind, step.GRE.kind}}
    assert STEPS.keys() == walked


def test_constructed_packets() -> None:
    packets = b.batch([frame for _, frame in FRAMES])
    packets.link_type[: packets.count] = [link_type for link_type, _ in FRAMES]
    assert compare(packets) > len(FRAMES)


def mutated(frame: bytes, chance: random.Random) -> bytes:
    """`frame` with some bytes changed, removed or inserted, most of them in its headers."""
    data = bytearray(frame)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(min(len(data), chance.choice((16, 40, 100)))) if data else 0
        change = chance.random()
        if change < 0.6 and data:
            data[at] = chance.choice((0, 1, 0xFF, data[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
        elif change < 0.8:
            data[at:at] = chance.randbytes(chance.randint(1, 8))
        else:
            del data[at : at + chance.randint(1, 8)]
    return bytes(data[: chance.randint(0, len(data))]) if chance.random() < 0.4 else bytes(data)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_mutated_packets(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - for tests
    picked = [chance.choice(FRAMES) for _ in range(50)]
    frames = []
    for _, frame in picked:
        inner = chance.choice(FRAMES)[1] if chance.random() < 0.3 else b""
        frames.append(mutated(frame[: chance.randint(0, len(frame))] + inner if inner else frame, chance))
    lengths = [len(frame) + chance.choice((0, 0, 1, 20, 2000)) for frame in frames]
    packets = b.batch(frames, lengths=lengths)
    packets.link_type[: packets.count] = [
        link_type if chance.random() < 0.9 else chance.choice((*LINK_TYPES, 12345, -5, 1 << 20))
        for link_type, _ in picked
    ]
    compare(packets)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(LINK_TYPES), st.binary(max_size=120)), min_size=1, max_size=30))
def test_any_bytes(frames: list[tuple[int, bytes]]) -> None:
    packets = b.batch([data for _, data in frames])
    packets.link_type[: packets.count] = [link_type for link_type, _ in frames]
    compare(packets)


def compare_capture(path: Path) -> int:
    """Compare the packets of a capture; the number of messages."""
    with open_capture(path, sha256=False) as source:
        return sum(map(compare, source.batches(2000)))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_captures(path: Path) -> None:
    assert compare_capture(path) > 0


def test_captures_of_other_projects(shared_captures: Path) -> None:
    paths = [path for path in sorted(shared_captures.rglob("*")) if path.is_file() and path.stat().st_size < 60_000]
    chance = random.Random(7)  # noqa: S311 - as above
    count = 0
    for path in chance.sample(paths, min(60, len(paths))):
        try:
            count += compare_capture(path)
        except NetlakeError:
            continue
    assert count > 1000
