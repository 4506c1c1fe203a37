"""A lake of synthetic flows with labels, and a source of features of them; all rows follow from a seed."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from netlake import tables
from netlake.derived.labels import LABEL, TRUTH
from netlake.label import owned
from netlake.label.dataset import Plain, Source
from netlake.lake import CaptureFacts, Catalog
from netlake.query.lake import Lake
from netlake.schema import List, Table, arrow
from netlake.sinks.parquet import ParquetSink

CAPTURE = "00000000000000aa"
START = dt.datetime(2024, 3, 1, 10, 0, tzinfo=dt.UTC)
FLOWS, SECONDS = 600, 6000

DEFINITIONS = (
    *(Plain(name, "identity") for name in ("capture", "flow", "segment", "first_packet", "last_packet")),
    *(Plain(name, "time") for name in ("first_ts", "last_ts")),
    *(Plain(name, "identity") for name in ("orig_ip", "resp_ip", "orig_port", "resp_port")),
    Plain("duration", unit="s", description="Time from the first to the last packet."),
    Plain("Flow Bytes/s", unit="B/s", description="Bytes by duration.", null_when="the duration is 0"),
    Plain("packets", description="Number of packets."),
    Plain("bytes", unit="B", description="Bytes of packets."),
    Plain("service", description="Protocol above the transport."),
    Plain("sizes", unit="B", description="Sizes of the first packets."),
    Plain("ttl", "environment", description="Least TTL."),
)


def flows(seed: int = 1) -> list[dict[str, Any]]:
    """Flows of 30 clients to 5 servers; an attacker scans (in three windows), another floods (in two)."""
    rng = random.Random(seed)  # noqa: S311 - not for security
    found = []
    packet = 0
    for flow in range(1, FLOWS + 1):
        begin = flow * SECONDS / FLOWS
        kind = next((name for low, high, name in WINDOWS if low <= begin < high and rng.random() < 0.7), "benign")
        client = {"benign": f"10.0.0.{rng.randrange(1, 30)}", "scan": "172.16.0.66", "flood": "172.16.0.99"}[kind]
        count = {"benign": rng.randrange(1, 12), "scan": rng.randrange(1, 4), "flood": rng.randrange(6, 16)}[kind]
        seconds = 0.0 if count == 1 else rng.random() * {"benign": 6, "scan": 1, "flood": 5}[kind]
        found.append(
            {
                "capture": CAPTURE,
                "flow": flow,
                "first_packet": packet + 1,
                "last_packet": packet + count,
                "ts": START + dt.timedelta(seconds=begin),
                "last_ts": START + dt.timedelta(seconds=begin + seconds),
                "duration": seconds,
                "orig_ip": client,
                "resp_ip": f"192.168.1.{rng.randrange(1, 6)}",
                "orig_port": 40000 + flow,
                "resp_port": rng.choice([53, 80, 443]),
                "protocol": 6,
                "orig_packets": count,
                "orig_wire_bytes": count * rng.randrange(60, 1400),
                "orig_ttl_min": 254 if kind != "benign" and rng.random() < 0.9 else 64,
                "service": [rng.choice(["dns", "http", "tls"])],
                "kind": kind,
            }
        )
        packet += count
    return found


# seconds after START, and what happens
WINDOWS = (
    (500, 1000, "scan"),
    (1500, 2000, "flood"),
    (2500, 2800, "scan"),
    (4300, 4700, "flood"),
    (5300, 5800, "scan"),
)


def _batch(table: Table, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    empty = {column.name: [] for column in table.all_columns if isinstance(column.kind, List)}
    schema = arrow.schema(table)
    least = {
        field.name: "" if pa.types.is_string(field.type) else False if pa.types.is_boolean(field.type) else 0
        for field in schema
        if not (field.nullable or pa.types.is_timestamp(field.type) or pa.types.is_date(field.type))
    }
    made = [{name: {**least, **empty, **row}.get(name) for name in schema.names} for row in rows]
    return pa.RecordBatch.from_pylist(made, schema=schema)


def lake(
    path: Path,
    *,
    edges: str = "packet",
    benign: bool = True,
    kinds: tuple[str, ...] = ("scan", "flood"),
    first_packet_only: bool = False,
) -> Path:
    """A lake with the flows, a truth of WINDOWS and edges of version `default` to packets or connections.

    Without `benign`, rows of no attack have no label; `kinds` are the attacks with labels.
    """
    catalog = Catalog(path, create=True)
    found = flows()
    packets = [
        {"day": START.date(), "ts": row["ts"], "capture": CAPTURE, "packet": number, "place": 0, "flow": row["flow"]}
        for row in found
        for number in range(row["first_packet"], row["last_packet"] + 1)
    ]
    sink = ParquetSink(catalog.data, CAPTURE, threads=1)
    every = tables.entries()
    sink.write(every["packet"].table, _batch(every["packet"].table, packets))
    rows = [{**row, "day": START.date()} for row in found]
    sink.write(every["connection"].table, _batch(every["connection"].table, rows))
    sink.close()
    facts = CaptureFacts(
        CAPTURE,
        "file",
        "small.pcap",
        size=1000,
        sha256="ab" * 32,
        packets=len(packets),
        begin=START,
        end=found[-1]["ts"],
    )
    catalog.commit(facts, sink.files)
    named = [row for row in found if row["kind"] in kinds or (benign and row["kind"] == "benign")]
    truth(catalog, named, edges=edges, first_packet_only=first_packet_only)
    return path


def truth(catalog: Catalog, found: list[dict[str, Any]], *, edges: str, first_packet_only: bool) -> None:
    """Write rules, and edges of the flows `found`; every tenth scan is an attempt."""
    common = {"source": "day", "file": "day.yaml", "format": "schedule", "direction": "both", "priority": 0}
    rules = [
        {**common, "rule": number, "kind": "window", "state": "attack", "label": name,
         "begin_ts": START + dt.timedelta(seconds=low), "end_ts": START + dt.timedelta(seconds=high)}
        for number, (low, high, name) in enumerate(WINDOWS, 1)
    ]  # fmt: skip
    rules.append({**common, "rule": 6, "kind": "window", "state": "benign", "label": "normal"})
    owned.replace(catalog, TRUTH, "day", "0" * 64, [_batch(TRUTH, rules)])
    made = []
    for row in found:
        seconds = row["flow"] * SECONDS / FLOWS
        rule = next((n for n, (low, high, name) in enumerate(WINDOWS, 1) if low <= seconds < high), 0)
        harm = row["kind"] != "benign"
        edge = {
            "version": "default", "record_table": edges, "capture": CAPTURE, "flow": row["flow"], "source": "day",
            "rule": rule if harm else 6, "label": row["kind"] if harm else "normal",
            "state": "attack" if harm else "benign", "priority": 0, "scope": "direct",
            "attempted": 1 if row["kind"] == "scan" and row["flow"] % 10 == 0 else None,
            "ambiguous": False,
        }  # fmt: skip
        if edges == "packet":
            last = row["first_packet"] if first_packet_only else row["last_packet"]
            made += [{**edge, "packet": n, "place": 0} for n in range(row["first_packet"], last + 1)]
        else:
            made.append({**edge, "fraction": 1.0})
    owned.replace(catalog, LABEL, "default", "1" * 64, [_batch(LABEL, made)])


def source(path: Path, *, parts: bool = False) -> Source:
    """Features of the connections; with `parts`, flows of more than six packets are cut after the sixth."""

    def batches() -> Iterator[pa.RecordBatch]:
        cut = "least(first_packet + 5, last_packet)" if parts else "last_packet"
        query = (
            "SELECT capture, flow, {segment} AS segment, {first} AS first_packet, {last} AS last_packet, ts AS"
            " first_ts,"
            " last_ts, orig_ip, resp_ip, orig_port, resp_port, duration,"
            ' orig_wire_bytes / nullif(duration, 0) AS "Flow Bytes/s", orig_packets AS packets,'
            " orig_wire_bytes AS bytes,"
            " service[1] AS service, list_transform(range(least(3, orig_packets)), lambda x: orig_wire_bytes //"
            " orig_packets) AS sizes,"
            " orig_ttl_min AS ttl FROM connection"
        )
        every = [query.format(segment=0, first="first_packet", last=cut)]
        if parts:
            rest = query.format(segment=1, first="first_packet + 6", last="last_packet")
            every.append(rest + " WHERE last_packet > first_packet + 5")
        with Lake(path) as opened:
            for one in every:
                yield from opened.sql(one).batches(100)

    return Source("small", DEFINITIONS, batches, {"policy": "whole"})
