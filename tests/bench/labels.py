"""Speed and memory of the join of ground truth: `python -m tests.bench.labels [--packets N] [--windows N] [--runs N]`.

The lake is synthetic: PACKETS packets in flows of ten, between 20,000 clients and 500 servers within a day, in the
tables `packet` and `connection` only. The ground truth has WINDOWS windows of one to sixty minutes, each of a client and
a server that do communicate. Measured is `netlake label apply` as a whole command, and the seconds of the join in it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.derived.labels import TRUTH
from netlake.label import owned
from netlake.lake import CaptureFacts, Catalog
from netlake.schema import arrow
from netlake.sinks.parquet import ParquetSink
from netlake.tables import table
from tests.bench.measure import Command, remove, run
from tests.bench.rows import batch_of

CAPTURE = "00000000000000aa"
PER_FLOW, CLIENTS, SERVERS = 10, 20_000, 500
BEGIN = int(dt.datetime(2026, 3, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000
DAY = 86_400_000_000
BATCH = 500_000
_APPLY = """
import sys, time
from pathlib import Path
from netlake.label.join import apply
began = time.monotonic()
report = apply(Path(sys.argv[1]))
print(time.monotonic() - began, report.tables["packet"], report.tables["connection"])
"""


def _addresses() -> pa.Array:
    """Clients, then servers."""
    clients = [f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(CLIENTS)]
    return pa.array(clients + [f"172.16.{i >> 8}.{i & 255}" for i in range(SERVERS)])


def _flows(count: int) -> dict[str, Any]:
    """Client, server, port and begin of each flow."""
    random = np.random.default_rng(1)
    return {
        "client": random.integers(0, CLIENTS, count),
        "server": CLIENTS + random.integers(0, SERVERS, count),
        "port": random.integers(1024, 65536, count),
        "begin": BEGIN + np.sort(random.integers(0, DAY - 20_000_000, count)),
    }


def _packets(flows: dict[str, Any], packets: int) -> Iterator[pa.RecordBatch]:
    """Packets in the order of their flows, a second apart."""
    made, texts = table("packet"), _addresses()
    same = (np.zeros(BATCH, np.int32), pa.array([CAPTURE]))
    for first in range(0, packets, BATCH):
        number = np.arange(first, min(packets, first + BATCH))
        flow, place = number // PER_FLOW, number % PER_FLOW
        sent = place % 2 == 0
        client, server, port = (flows[name][flow] for name in ("client", "server", "port"))
        ts = flows["begin"][flow] + place * 1_000_000
        yield batch_of(made, {
            "day": (ts // DAY).astype(np.int32), "ts": ts, "capture": (same[0][: len(number)], same[1]),
            "packet": number + 1, "place": np.zeros(len(number), np.int16), "flow": flow + 1, "from_originator": sent,
            "src_ip": (np.where(sent, client, server), texts), "dst_ip": (np.where(sent, server, client), texts),
            "src_port": np.where(sent, port, 443), "dst_port": np.where(sent, 443, port),
        }, len(number))  # fmt: skip


def _connections(flows: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    made, texts = table("connection"), _addresses()
    count = len(flows["client"])
    for first in range(0, count, BATCH):
        rows = slice(first, min(count, first + BATCH))
        number = np.arange(rows.start, rows.stop)
        begin, half = flows["begin"][rows], np.full(len(number), PER_FLOW // 2)
        yield batch_of(made, {
            "day": (begin // DAY).astype(np.int32), "ts": begin, "last_ts": begin + (PER_FLOW - 1) * 1_000_000,
            "capture": (np.zeros(len(number), np.int32), pa.array([CAPTURE])), "flow": number + 1,
            "orig_ip": (flows["client"][rows], texts), "resp_ip": (flows["server"][rows], texts),
            "orig_port": flows["port"][rows], "resp_port": np.full(len(number), 443),
            "protocol": np.full(len(number), 6), "orig_packets": half, "resp_packets": half,
        }, len(number))  # fmt: skip


def lake(folder: Path, packets: int) -> Path:
    """The synthetic lake, made once in `folder`."""
    path = folder / f"labels-{packets}"
    if (path / "done").exists():
        return path
    remove(path)
    catalog = Catalog(path, create=True)
    sink = ParquetSink(catalog.data, CAPTURE)
    flows = _flows(packets // PER_FLOW)
    for batch in _packets(flows, packets):
        sink.write(table("packet"), batch)
    for batch in _connections(flows):
        sink.write(table("connection"), batch)
    sink.close()
    begin = dt.datetime.fromtimestamp(BEGIN / 1e6, dt.UTC)
    facts = CaptureFacts(
        CAPTURE, "file", "synthetic", packets=packets, begin=begin, end=begin + dt.timedelta(days=1),
        rows={"packet": packets, "connection": packets // PER_FLOW},
    )  # fmt: skip
    catalog.commit(facts, sink.files)
    (path / "done").touch()
    return path


def truth(path: Path, packets: int, windows: int) -> None:
    """Windows of clients and servers that communicate, around the begin of one of their flows."""
    flows, random = _flows(packets // PER_FLOW), np.random.default_rng(2)
    texts = _addresses().to_pylist()
    rows = []
    for number, flow in enumerate(random.integers(0, packets // PER_FLOW, windows).tolist(), 1):
        length = int(random.integers(60, 3600)) * 1_000_000
        begin = dt.datetime.fromtimestamp((int(flows["begin"][flow]) - length // 2) / 1e6, dt.UTC)
        rows.append({
            "source": "windows", "rule": number, "file": "windows.csv", "format": "test", "kind": "window",
            "state": "attack", "label": f"attack {number % 10}", "priority": 0, "begin_ts": begin,
            "end_ts": begin + dt.timedelta(microseconds=length), "resolution": 1, "direction": "both",
            "a_networks": [texts[int(flows["client"][flow])] + "/32"], "a_ports": [], "v_ports": [443], "protocol": 6,
            "v_networks": [texts[int(flows["server"][flow])] + "/32"], "tactics": [], "techniques": [],
        })  # fmt: skip
    batch = pa.RecordBatch.from_pylist(rows, schema=arrow.schema(TRUTH))
    owned.replace(Catalog(path), TRUTH, "windows", str(windows), [batch])


def measure(folder: Path, packets: int, windows: int, runs: int) -> None:
    """Print the cost of each run."""
    path = lake(folder, packets)
    truth(path, packets, windows)
    print(f"\n== labels: {packets:,} packets, {packets // PER_FLOW:,} connections, {windows:,} windows")
    print(f"{'':32}{'join s':>10}{'wall s':>10}{'CPU s':>10}{'peak MiB':>10}{'labels of packets':>20}")
    output = folder / "labels.txt"
    for number in range(1, runs + 1):
        cost = run(Command((sys.executable, "-c", _APPLY, str(path)), output, to_stdout=True))
        join, hits, _ = output.read_text().split()
        print(
            f"{f'netlake label apply, run {number}':32}{float(join):10.2f}{cost.wall:10.2f}{cost.cpu:10.2f}{cost.peak:10.0f}{int(hits):20,}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=20_000_000)
    parser.add_argument("--windows", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / "netlake-bench"
    folder.mkdir(exist_ok=True)
    measure(folder, given.packets, given.windows, given.runs)


if __name__ == "__main__":
    main()
