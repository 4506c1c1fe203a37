"""Speed and memory on captures of 1 to 1.5 million packets, compared with other programs in the same run.

`make bench`, or

    python -m tests.bench [--captures generated,office,plant] [--runs 3] [--packets N] [--labelled DIR]
                          [--peers tshark,nfstream,tenzir|none] [--peers-python PYTHON] [--capture FILE] [--large]
    python -m tests.bench --against CHECKOUT [--pairs 10] [--captures office]

tests/bench/captures.py describes the captures, tests/bench/peers.py the other programs, tests/bench/against.py the
comparison of two checkouts. Machines are noisy: quote the ratios of one session. `--large` also shows peak memory on
10 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import against, features, peers
from tests.bench.captures import CAPTURES, ROOT, prepare
from tests.bench.measure import Command, Cost, in_turn, median, remove, run

LABELLED = ROOT.parent / "shared" / "labelled"
# what every packet has, DNS and connections: the mix contains every rare protocol too, at more than its natural share
CORE = (
    "address,arp,connection,dns,dot1q,ethernet,icmpv4,icmpv6,icmpv6_echo,icmpv6_neighbor_advertisement,"
    "icmpv6_neighbor_solicitation,icmpv6_redirect,icmpv6_router_advertisement,icmpv6_router_solicitation,igmp,interface,"
    "ipv4,ipv6,ipv6_fragment,ipv6_hop_by_hop,llc,name_resolution,packet,packet_comment,sctp,snap,tcp,udp"
)
NETLAKE, HASHED = "netlake capture", "netlake capture, with sha256"


def report(costs: dict[str, list[Cost]], packets: int, runs: int) -> dict[str, Cost]:
    """Print a row for each command, and the ratios of netlake to the others."""
    found = {name: median(cost) for name, cost in costs.items()}
    heads = ("packets/s", "wall s", "CPU s", "peak MiB", "bytes/packet")
    print(f"\n{f'whole command, median of {runs}':32}" + "".join(f"{head:>14}" for head in heads))
    for name, cost in found.items():
        print(
            f"{name:32}{packets / cost.wall:14,.0f}{cost.wall:14.2f}{cost.cpu:14.2f}{cost.peak:14.0f}{cost.written / packets:14.1f}"
        )
    own, others = found[NETLAKE], {name: cost for name, cost in found.items() if not name.startswith("netlake")}
    if others:
        print("\nnetlake over the other program, below 1 where netlake needs less:")
    for name, cost in others.items():
        print(
            f"  {name:30}wall {own.wall / cost.wall:.2f}, CPU {own.cpu / cost.cpu:.2f}, "
            f"memory {own.peak / cost.peak:.2f}, bytes {own.written / cost.written:.2f}"
        )
    return found


def first(path: Path, lake: Path) -> int:
    """Decode once, which compiles kernels and fills the page cache; the number of packets."""
    remove(lake)
    command = against.netlake(ROOT, path, lake, "--json")
    done = subprocess.run(
        command.arguments,
        check=True,
        capture_output=True,
        cwd=command.folder,
        env={**os.environ, **dict(command.environment)},
    )
    return int(json.loads(done.stdout)["captures"][0]["packets"])


def first_lake(path: Path, lake: Path) -> Path:
    """A lake with the capture, which measuring has removed."""
    first(path, lake)
    return lake


def by_table(lake: Path, packets: int) -> None:
    """Bytes per packet of each table, largest first."""
    sizes = {
        folder.name: sum(f.stat().st_size for f in folder.rglob("*.parquet")) for folder in (lake / "data").iterdir()
    }
    total = sum(sizes.values())
    print(f"\nlake: {total:,} bytes in tables, {total / packets:.1f} per packet; by table:")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:12]:
        print(f"  {name:30}{size / packets:8.2f}")


def tax(path: Path, folder: Path) -> None:
    """Print what decoding adds to writing."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.tax", path, folder / "tax"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    both, both_cpu, decode, decode_cpu, write, write_cpu = map(float, done.stdout.split())
    print(f"decode tax: {both / write:.2f} (decode and write {both:.2f} s wall, {both_cpu:.2f} s CPU; "
          f"decode alone {decode:.2f}, {decode_cpu:.2f}; write alone {write:.2f}, {write_cpu:.2f})")  # fmt: skip


def large(path: Path, folder: Path) -> None:
    """Print peak memory on 10 GB: the same packets over and over."""
    rounds = -(-10_000_000_000 // path.stat().st_size)
    whole = folder / "large.pcap"
    with whole.open("wb") as file, path.open("rb") as source:
        file.write(source.read(24))
        for _ in range(rounds):
            source.seek(24)
            shutil.copyfileobj(source, file)
    cost = run(against.netlake(ROOT, whole, folder / "large", "--no-sha256"))
    size = whole.stat().st_size
    print(f"\n{size / 1e9:.1f} GB: {cost.wall:.0f} s, {size / cost.wall / 1e6:.0f} MB/s, peak {cost.peak:.0f} MiB")
    whole.unlink()
    remove(folder / "large")


def measure(name: str, path: Path, origin: str, folder: Path, given: argparse.Namespace) -> None:
    """Measure one capture and print; the variants of netlake only on those with every protocol."""
    lake, detailed = folder / "lake", name not in ("office", "plant")
    packets = first(path, lake)
    print(
        f"\n== {name}: {packets:,} packets, {path.stat().st_size:,} bytes ({origin}); {os.cpu_count()} CPUs, "
        f"{platform.machine()}, Python {platform.python_version()}"
    )
    by_table(lake, packets)
    commands: dict[str, Command] = {NETLAKE: against.netlake(ROOT, path, lake, "--no-sha256")}
    if detailed:
        commands[HASHED] = against.netlake(ROOT, path, lake)
        commands["netlake capture, core tables"] = against.netlake(ROOT, path, lake, "--no-sha256", "--include", CORE)
        commands["netlake capture --proto"] = against.netlake(ROOT, path, lake, "--no-sha256", "--proto")
    commands |= peers.commands(given.peers, path, folder, given.peers_python.absolute())
    found = report(in_turn(commands, given.runs), packets, given.runs)
    for command in commands.values():
        remove(command.output)
    if detailed:
        plain, hashed = found[NETLAKE], found[HASHED]
        print(
            f"\nshare of the hash: {hashed.cpu / plain.cpu - 1:.1%} of CPU time, {hashed.wall / plain.wall - 1:.1%} of wall time"
        )
        tax(path, folder)
        features.report(first_lake(path, lake), path, given.peers_python.absolute(), given.runs)
        if given.large:
            large(path, folder)


def names(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """A parser of a comma list of known names, or `none`."""

    def parse(text: str) -> list[str]:
        found = [] if text == "none" else text.split(",")
        unknown = [name for name in found if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is unknown; choose from {', '.join(known)}")
        return found

    return parse


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=names(CAPTURES), default=list(CAPTURES))
    parser.add_argument("--packets", type=int, help="of each capture, instead of 1 and 1.5 million")
    parser.add_argument("--runs", type=int, default=3, help="of each command")
    parser.add_argument("--labelled", type=Path, default=LABELLED, help="folder of SCENARIO/capture.pcap")
    parser.add_argument("--peers", type=names(peers.PEERS), default=list(peers.PEERS))
    parser.add_argument(
        "--peers-python",
        type=Path,
        default=Path(sys.executable),
        help="Python of the environment with NFStream and Tenzir",
    )
    parser.add_argument("--capture", type=Path, help="measure with this file instead")
    parser.add_argument("--large", action="store_true", help="also decode 10 GB")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="compare with another checkout of netlake")
    parser.add_argument("--pairs", type=int, default=10, help="of runs, with --against")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    given = arguments()
    folder = Path(tempfile.gettempdir()) / "netlake-bench"
    folder.mkdir(exist_ok=True)
    labelled = given.labelled.resolve() if given.labelled.is_dir() else None
    if given.capture:
        chosen = {given.capture.stem: (given.capture.resolve(), "given")}
    else:
        chosen = {name: prepare(name, folder, given.packets, labelled) for name in given.captures}
    if given.against:
        against.compare(given.against, {name: path for name, (path, _) in chosen.items()}, folder, given.pairs)
        return
    for name, (path, origin) in chosen.items():
        measure(name, path, origin, folder, given)


if __name__ == "__main__":
    main()
