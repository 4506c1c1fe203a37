"""Speed and memory on one capture, beside other programs in the same run.

`make bench`, or

    python -m tests.bench [--packets 1000000] [--rounds 3] [--capture FILE] [--large]

The capture is made from the real ones in ../shared where they are, else generated (tests/bench/generate.py). Machines
are noisy: quote the ratios of one run. `--large` also shows peak memory on 10 GB.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import generate
from tests.bench.measure import Cost, in_turn, median, run

ROOT = Path(__file__).resolve().parents[2]
MIXER = ROOT.parent / "shared" / "tools" / "make_mix.py"
NETLAKE = (sys.executable, "-m", "netlake")
# what every packet has, DNS and conversations: the mix holds every seldom protocol too, at more than its natural share
SPINE = (
    "address,arp,connection,dns,dot1q,ethernet,icmpv4,icmpv6,icmpv6_echo,icmpv6_neighbor_advertisement,"
    "icmpv6_neighbor_solicitation,icmpv6_redirect,icmpv6_router_advertisement,icmpv6_router_solicitation,igmp,interface,"
    "ipv4,ipv6,ipv6_fragment,ipv6_hop_by_hop,llc,name_resolution,packet,packet_comment,sctp,snap,tcp,udp"
)
FLOWS = "from nfstream import NFStreamer; NFStreamer(source={0!r}, n_dissections=0, statistical_analysis=True).to_csv({1!r})"
TENZIR = "from_file {0!r} {{ read_pcap }} | decapsulate | write_parquet | save_file {1!r}"


def make(folder: Path, packets: int) -> Path:
    """The capture to measure with, made once for a folder."""
    path = folder / f"{packets}.pcap"
    if path.exists():
        return path
    if MIXER.exists():
        subprocess.run([sys.executable, MIXER, path, "--packets", str(packets)], check=True)
    else:
        generate.write(path, packets)
    return path


def peers(path: Path, folder: Path) -> dict[str, tuple[str, ...]]:
    """Commands of other programs that are installed here, on the same capture."""
    found: dict[str, tuple[str, ...]] = {}
    if shutil.which("tshark"):
        fields = (
            "frame.time_epoch",
            "ip.src",
            "ip.dst",
            "tcp.srcport",
            "tcp.dstport",
            "tcp.flags",
            "tcp.seq_raw",
            "udp.length",
        )
        columns = [part for field in fields for part in ("-e", field)]
        options = ("-o", "tcp.desegment_tcp_streams:FALSE")
        found["tshark, 8 fields"] = ("tshark", "-n", *options, "-r", str(path), "-T", "fields", *columns)
    if importlib.util.find_spec("nfstream"):
        found["NFStream, flows only"] = (sys.executable, "-c", FLOWS.format(str(path), str(folder / "flows.csv")))
    if shutil.which("tenzir"):
        found["Tenzir, 13 columns"] = ("tenzir", TENZIR.format(str(path), str(folder / "tenzir.parquet")))
    return found


def report(name: str, costs: list[Cost], packets: int, size: int) -> Cost:
    """Print a row of the table."""
    cost = median(costs)
    print(
        f"{name:32}{packets / cost.wall:14,.0f}{size / cost.wall / 1e6:9.1f}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.peak:9.0f}"
    )
    return cost


def by_table(lake: Path, packets: int) -> None:
    """Bytes a packet of each table, largest first."""
    sizes = {
        folder.name: sum(f.stat().st_size for f in folder.rglob("*.parquet")) for folder in (lake / "data").iterdir()
    }
    total = sum(sizes.values())
    print(f"\nlake: {total:,} bytes, {total / packets:.1f} a packet; by table:")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:12]:
        print(f"  {name:30}{size / packets:8.2f}")


def large(path: Path, folder: Path) -> None:
    """Peak memory on 10 GB: the same packets over and over."""
    size = path.stat().st_size
    rounds = -(-10_000_000_000 // size)
    pipe = folder / "large.pcap"
    data = path.read_bytes()
    with pipe.open("wb") as file:
        file.write(data[:24])
        for _ in range(rounds):
            file.write(data[24:])
    lake = folder / "large"
    cost = run((*NETLAKE, "capture", pipe, "--lake", lake, "--jobs", "1", "--no-sha256"))
    print(
        f"\n{pipe.stat().st_size / 1e9:.1f} GB: {cost.wall:.0f} s, {pipe.stat().st_size / cost.wall / 1e6:.0f} MB/s, peak {cost.peak:.0f} MiB"
    )
    pipe.unlink()
    shutil.rmtree(lake)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--capture", type=Path)
    parser.add_argument("--large", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / "netlake-bench"
    folder.mkdir(exist_ok=True)
    path = given.capture or make(folder, given.packets)
    size, lake = path.stat().st_size, folder / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    first = json.loads(
        subprocess.run([*NETLAKE, "capture", path, "--lake", lake, "--json"], check=True, capture_output=True).stdout
    )
    packets = first["captures"][0]["packets"]
    print(
        f"{path.name}: {packets:,} packets, {size:,} bytes; {os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    )
    by_table(lake, packets)
    capture = (*NETLAKE, "capture", path, "--lake", lake, "--jobs", "1")
    commands = {"netlake capture": (*capture, "--no-sha256"), "netlake capture, with sha256": capture,
                "netlake capture, spine": (*capture, "--no-sha256", "--include", SPINE),
                "netlake capture --proto": (*capture, "--no-sha256", "--proto"), **peers(path, folder)}  # fmt: skip
    costs = in_turn(commands, given.rounds, {name: lake for name in commands if name.startswith("netlake")})
    print(
        f"\n{'whole command, median of ' + str(given.rounds):32}{'packets/s':>14}{'MB/s':>9}{'wall s':>9}{'cpu s':>9}{'MiB':>9}"
    )
    found = {name: report(name, cost, packets, size) for name, cost in costs.items()}
    plain, hashed = found["netlake capture"], found["netlake capture, with sha256"]
    print(
        f"\nshare of the hash: {hashed.cpu / plain.cpu - 1:.1%} of processor time, {hashed.wall / plain.wall - 1:.1%} of wall time"
    )
    tax = subprocess.run(
        [sys.executable, "-m", "tests.bench.tax", path, folder / "tax"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    both, both_cpu, decode, decode_cpu, write, write_cpu = map(float, tax.stdout.split())
    print(f"decode tax: {both / write:.2f} (decode and write {both:.2f} s wall, {both_cpu:.2f} s cpu; "
          f"decode alone {decode:.2f}, {decode_cpu:.2f}; write alone {write:.2f}, {write_cpu:.2f})")  # fmt: skip
    if given.large:
        large(path, folder)


if __name__ == "__main__":
    main()
