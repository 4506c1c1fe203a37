"""Command lines of other programs on the same capture, for those that are installed.

Each does only what it does best: tshark prints eight fields without stream reassembly (with it, it is
superlinear on the mix), NFStream writes flows with statistics and without dissection, Tenzir decodes to IP, TCP and
UDP and writes 13 columns to Parquet.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.bench.measure import Command

PEERS = ("tshark", "nfstream", "tenzir")
FIELDS = (
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq_raw",
    "udp.length",
)
FLOWS = "from nfstream import NFStreamer; NFStreamer(source={0!r}, n_dissections=0, statistical_analysis=True).to_csv({1!r})"
# keys are columns, values where Tenzir finds them in a decapsulated packet
COLUMNS = {
    "time": "timestamp",
    "size": "original_packet_length",
    "source_mac": "d.ether?.src?",
    "destination_mac": "d.ether?.dst?",
    "ethertype": "d.ether?.type?",
    "source": "d.ip?.src?",
    "destination": "d.ip?.dst?",
    "protocol": "d.ip?.type?",
    "tcp_source": "d.tcp?.src_port?",
    "tcp_destination": "d.tcp?.dst_port?",
    "udp_source": "d.udp?.src_port?",
    "udp_destination": "d.udp?.dst_port?",
    "community_id": "d.community_id?",
}


def tshark(path: Path, folder: Path, _python: Path) -> Command | None:
    """Print eight fields of each packet."""
    if not shutil.which("tshark"):
        return None
    columns = tuple(part for field in FIELDS for part in ("-e", field))
    options = ("-n", "-o", "tcp.desegment_tcp_streams:FALSE", "-r", str(path), "-T", "fields")
    return Command(("tshark", *options, *columns), folder / "tshark.txt", to_stdout=True)


def nfstream(path: Path, folder: Path, python: Path) -> Command | None:
    """Write flows with statistics to CSV."""
    if subprocess.run([python, "-c", "import nfstream"], check=False, capture_output=True).returncode:
        return None
    out = folder / "flows.csv"
    return Command((str(python), "-c", FLOWS.format(str(path), str(out))), out, folder=folder)


def tenzir(path: Path, folder: Path, python: Path) -> Command | None:
    """Write 13 columns of each packet to Parquet."""
    beside = python.parent / "tenzir"
    program = str(beside) if beside.exists() else shutil.which("tenzir")
    if not program:
        return None
    out = folder / "tenzir.parquet"
    columns = ", ".join(f"{name}: {value}" for name, value in COLUMNS.items())
    pipeline = (
        f'from_file "{path}" {{ read_pcap }}\nd = decapsulate(this)\nthis = {{{columns}}}\n'
        f'to_file "{out}" {{ write_parquet }}'
    )
    return Command((program, pipeline), out, folder=folder)


NAMES = {"tshark": "tshark, 8 fields", "nfstream": "NFStream, flows only", "tenzir": "Tenzir, 13 columns"}


def commands(wanted: list[str], path: Path, folder: Path, python: Path) -> dict[str, Command]:
    """Commands of the wanted programs; prints a line for each that is not installed."""
    found = {}
    for name in wanted:
        command = {"tshark": tshark, "nfstream": nfstream, "tenzir": tenzir}[name](path, folder, python)
        if command:
            found[NAMES[name]] = command
        else:
            print(
                f"{name} is not installed; install it, or name the Python of another environment with --peers-python."
            )
    return found
