"""Compares the streams of captures with those of tshark's `follow,tcp,raw`: equal bytes where no byte is missing.

    python -m tests.streams.follow CAPTURES [--sample N] [--largest MEGABYTES] [--jobs N] [--batch PACKETS]

A stream of tshark is found by the packet of the first event. tshark writes `[n bytes missing in capture file]` as bytes
of a stream. A difference is explained by a condition of DIFFERENT, checked for each stream, such as missing bytes; any
other difference is listed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from netlake.errors import NetlakeError
from tests.flows.count import capture_files
from tests.streams.drive import BATCH, Stream, streams

PREFERENCES = ("tcp.reassemble_out_of_order:TRUE", "ip.defragment:TRUE", "ipv6.defragment:TRUE")
# streams of one capture that are compared
MOST = 400
# streams of one run of tshark
AT_ONCE = 100
LOST = b"missing in capture file]"


@dataclass
class Theirs:
    """A stream of tshark: the bytes of its two ends."""

    ends: list[bytearray] = field(default_factory=lambda: [bytearray(), bytearray()])

    @property
    def has_gap(self) -> bool:
        """Whether bytes are missing."""
        return any(LOST in end for end in self.ends)


def tshark(path: Path, *arguments: str) -> str:
    """The output of tshark; what it cannot read of a capture is left out."""
    preferences = (word for one in PREFERENCES for word in ("-o", one))
    command = ["tshark", "-n", *preferences, "-r", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stdout


def numbers(path: Path) -> dict[int, list[int]]:
    """The numbers of tshark's streams by packet, from the outermost TCP header in."""
    found = {}
    for line in tshark(path, "-Y", "tcp", "-T", "fields", "-e", "frame.number", "-e", "tcp.stream").splitlines():
        number, _, text = line.partition("\t")
        if text:
            found[int(number)] = [int(one) for one in text.split(",")]
    return found


def followed(path: Path, count: int) -> dict[int, Theirs]:
    """The first `count` streams of tshark."""
    found: dict[int, Theirs] = {}
    for begin in range(0, count, AT_ONCE):
        wanted = range(begin, min(count, begin + AT_ONCE))
        arguments = (word for one in wanted for word in ("-z", f"follow,tcp,raw,{one}"))
        for part in tshark(path, "-q", *arguments).split("Follow: tcp,raw")[1:]:
            lines = part.splitlines()
            number = next(int(line.split()[-1]) for line in lines if line.startswith("Filter: tcp.stream eq"))
            found[number] = Theirs()
            for line in lines:
                word = line.strip()
                if word and set(word) <= set("0123456789abcdef"):
                    found[number].ends[line.startswith("\t")] += bytes.fromhex(word)
    return found


@dataclass
class Pair:
    """A stream of tshark with those of netlake that begin in its packets."""

    theirs: Theirs
    ours: list[Stream]

    @property
    def ends(self) -> list[bytes]:
        """The bytes of both directions; of several flows, one after the other."""
        found = [bytearray(), bytearray()]
        for stream in self.ours:
            found[stream.from_originator] += stream.payload
        return [bytes(end) for end in found]

    @property
    def is_beginning(self) -> bool:
        """Whether tshark's bytes begin with those of netlake."""
        both = (sorted(map(bytes, ends), key=len) for ends in (self.ends, self.theirs.ends))
        return all(theirs.startswith(ours) for ours, theirs in zip(*both, strict=True))

    @property
    def is_equal(self) -> bool:
        """Whether all bytes are the same."""
        return sorted(self.ends) == sorted(bytes(end) for end in self.theirs.ends)


DIFFERENT: dict[str, Callable[[Pair], bool]] = {
    "bytes are missing": lambda pair: pair.theirs.has_gap or any(stream.missing for stream in pair.ours),
    # it takes the number of an acknowledgement or keep-alive before them for that of the first byte
    "tshark shows nothing of a stream without SYN": lambda pair: (
        not any(pair.theirs.ends) and all(stream.is_midstream for stream in pair.ours)
    ),
    "bytes behind the FIN or RST": lambda pair: pair.is_beginning and any(stream.behind for stream in pair.ours),
    "several flows": lambda pair: len({stream.flow for stream in pair.ours}) > 1,
}


def compared(path: Path, batch: int = BATCH) -> tuple[Counter[str], list[str]]:
    """Outcomes of a capture's streams, and sentences about differences."""
    try:
        ours = streams(path, batch=batch)
    except NetlakeError:
        return Counter({"capture not read by netlake": 1}), []
    if not ours:
        return Counter({"capture without streams": 1}), []
    known = numbers(path)
    count = min(MOST, max((number for one in known.values() for number in one), default=-1) + 1)
    pairs = {number: Pair(theirs, []) for number, theirs in followed(path, count).items()}
    outcomes: Counter[str] = Counter()
    for stream in ours:
        number = known.get(stream.first, [-1])[-1]
        if number in pairs:
            pairs[number].ours.append(stream)
        else:
            why = "packet without TCP in tshark" if number < 0 else f"beyond {MOST} streams"
            outcomes[f"not compared: {why}"] += 1
    lines = []
    for number, pair in sorted(pairs.items()):
        outcome, line = judged(pair)
        outcomes[outcome] += 1
        outcomes["bytes that are equal"] += sum(map(len, pair.ends)) if outcome == "equal" else 0
        if line:
            lines.append(f"{path.name}: stream {number} of tshark: {line}")
    return outcomes, lines


def judged(pair: Pair) -> tuple[str, str]:
    """The outcome of a stream, and a sentence about a difference that is not explained."""
    if not pair.ours and not any(pair.theirs.ends):
        return "without payload", ""
    if pair.is_equal and not pair.theirs.has_gap and not any(stream.missing for stream in pair.ours):
        return "equal", ""
    why = next((why for why, condition in DIFFERENT.items() if condition(pair)), None)
    if why:
        return f"explained: {why}", ""
    sizes = [len(end) for end in pair.ends], [len(end) for end in pair.theirs.ends]
    first = [stream.first for stream in pair.ours]
    return "different", f"{sizes[0]} bytes, tshark has {sizes[1]}; first packets {first}"


def sampled(paths: Iterator[Path], sample: int) -> list[Path]:
    """About `sample` captures, evenly distributed; 0: all."""
    found = list(paths)
    return found if not sample else found[:: max(1, len(found) // sample)]


def main(arguments: list[str] | None = None) -> int:
    """Compare the captures of a folder; 1 if a difference is not explained."""
    parser = argparse.ArgumentParser(description="Compare the bytes of streams with tshark's follow,tcp,raw.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=0, help="compare about so many captures (default: all)")
    parser.add_argument("--largest", type=float, default=20.0, help="skip larger files (MB)")
    parser.add_argument("--batch", type=int, default=BATCH, help="packets of a batch (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    paths = sampled(capture_files(chosen.folder, chosen.largest), chosen.sample)
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for outcomes, lines in pool.map(partial(compared, batch=chosen.batch), paths):
            total += outcomes
            for line in lines:
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    for outcome, count in sorted(total.items()):
        sys.stdout.write(f"{count:12,}  {outcome}\n")
    return 1 if total["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
