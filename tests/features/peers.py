"""Runs NFStream and netflower on a capture, in a process of their own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NFSTREAM = """
import json, sys
from nfstream import NFStreamer
if __name__ == "__main__":
    flows = NFStreamer(source=sys.argv[1], n_dissections=0, statistical_analysis=True, splt_analysis=32, n_meters=1)
    json.dump([{name: getattr(flow, name) for name in flow.keys()} for flow in flows], sys.stdout)
"""
NETFLOWER = """
import sys
from netflower import convert_pcap_to_csv
if __name__ == "__main__":
    convert_pcap_to_csv(sys.argv[1], sys.argv[2])
"""


def _run(program: str, package: str, *arguments: object) -> str:
    pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return done.stdout


def nfstream(path: Path) -> list[dict[str, Any]]:
    """The flows that NFStream finds."""
    return json.loads(_run(NFSTREAM, "nfstream", path))


def netflower(path: Path, folder: Path) -> list[dict[str, str]]:
    """The flows that netflower finds."""
    out = folder / "netflower.csv"
    _run(NETFLOWER, "netflower", path, out)
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
