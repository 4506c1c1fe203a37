"""The captures to measure with, made once and kept in a folder of the temporary directory.

- `generated`: the real captures of ../shared mixed where they exist, else generate.py. It contains every protocol, at far
  more than its natural share.
- `office`, `plant`: realistic shares. Labelled captures of one site each (DIR/SCENARIO/capture.pcap) repeated with other
  hosts (repeat.py) where a folder of them exists, else generated in their shape (realistic.py).

They are made by processes of their own, because a large process would add to the peak memory of those that it starts.
"""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIXER = ROOT.parent / "shared" / "tools" / "make_mix.py"
CAPTURES = ("generated", "office", "plant")
PACKETS = {"generated": 1_000_000, "office": 1_500_000, "plant": 1_500_000}
SCENARIOS = {
    "office": (
        "it-baseline-operations",
        "it-bulk-upload",
        "it-https-beaconing",
        "it-rogue-dhcp",
        "it-scan-auth-failures",
    ),
    "plant": ("ot-bacnet-unauthorized-write", "ot-iec104-command-injection", "ot-modbus-discovery"),
}
SEEDS = (1, 2, 3)  # sites of a repetition where they are generated


def python(module: str, *arguments: str | Path) -> None:
    """Run a module of the benchmark in a process of its own."""
    subprocess.run([sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)], check=True, cwd=ROOT)


def mixed(folder: Path, packets: int) -> Path:
    """The capture `generated`."""
    path = folder / f"generated-{packets}.pcap"
    if not path.exists():
        partial = path.with_suffix(".partial")
        if MIXER.exists():
            subprocess.run([sys.executable, MIXER, partial, "--packets", str(packets)], check=True)
        else:
            python("generate", partial, "--packets", str(packets))
        partial.replace(path)
    return path


def key(sources: list[Path]) -> str:
    """A name for what a capture is made from, so that a change of it makes another one."""
    code = [Path(__file__).with_name(name) for name in ("frames.py", "realistic.py", "repeat.py", "hosts.py")]
    state = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in sources]
    return f"{zlib.crc32(b''.join([path.read_bytes() for path in code] + [line.encode() for line in state])):08x}"


def realistic(name: str, folder: Path, packets: int, labelled: Path | None) -> tuple[Path, str]:
    """The capture `office` or `plant`, and where its packets are from."""
    sources = [labelled / scenario / "capture.pcap" for scenario in SCENARIOS[name]] if labelled else []
    missing = [path.parent.name for path in sources if not path.exists()]
    origin = f"{len(sources)} labelled captures, repeated"
    if missing or not sources:
        reason = f"{labelled} lacks {', '.join(missing)}" if labelled else "the folder of --labelled does not exist"
        sources, origin = [], f"generated in the shape of labelled captures: {reason}"
    path = folder / f"{name}-{packets}-{key(sources)}.pcap"
    if path.exists():
        return path, origin
    for old in folder.glob(f"{name}-*"):
        old.unlink()
    sites = [] if sources else [folder / f"{name}-seed-{seed}.pcap" for seed in SEEDS]
    for seed, site in zip(SEEDS, sites, strict=False):
        python("realistic", name, site, "--seed", str(seed))
    python("repeat", path, *(sources or sites), "--packets", str(packets))
    for site in sites:
        site.unlink()
    return path, origin


def prepare(name: str, folder: Path, packets: int | None, labelled: Path | None) -> tuple[Path, str]:
    """The file of a capture, made if it is not there, and where its packets are from."""
    count = packets or PACKETS[name]
    if name == "generated":
        return mixed(folder, count), "real captures, mixed" if MIXER.exists() else "generated"
    return realistic(name, folder, count, labelled)
