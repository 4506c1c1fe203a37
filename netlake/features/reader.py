"""Read the packets of one capture from a lake in blocks, as arrays.

- A block is a range of packet numbers. Each table is read for that range only: its files are in the order of packets,
  so their row groups outside the range are skipped. Rows are put into place by packet number, without join or sort.
- A packet belongs to the innermost flow of its headers (`packet.flow`), and its transport header is the row of `tcp`,
  `udp`, `icmpv4` or `icmpv6` with the same packet and flow. A packet without a flow belongs to no segment.
- A message in fragments is counted at the packet in which it begins; its other fragments have no payload and header.
  Other protocols have the payload of their innermost IP header, and no header.
- Flows are read when they begin, and kept while their key (see netlake.features.policy) has further packets.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.errors import OptionError
from netlake.features.blocks import Block
from netlake.kernels.feature_records import NO_TIME
from netlake.kernels.feature_segments import ICMP, ICMPV6, TCP, UDP
from netlake.lake import remote
from netlake.lake.facts import FileInfo
from netlake.query.connection import Connection, named, only_of, view
from netlake.query.dump import check_condition
from netlake.query.mistakes import translated
from netlake.query.snapshot import Snapshot
from netlake.schema.sql import literal

Array = npt.NDArray[Any]
# packets of a block; at most 2^21, see Block.sort
SIZE = 1 << 19
MEMORY = "1GB"
# columns of blocks besides those of segmentation, with type and default
INPUTS: dict[str, tuple[Any, int]] = {
    "frame": (np.int64, 0),
    "payload": (np.int64, 0),
    "header": (np.int32, 0),
    "window": (np.int32, -1),
    "seq": (np.int64, 0),
    "ack": (np.int64, 0),
    "ip_length": (np.int64, 0),
    "ttl": (np.int64, -1),
    "dns_id": (np.int64, -1),
    "dns_type": (np.int64, -1),
    "dns_ttl": (np.int64, -1),
}
_PACKET = (
    f"coalesce(epoch_us(ts), {NO_TIME}) AS time",
    "coalesce(flow, 0)::BIGINT AS flow",
    "coalesce(NOT from_originator, false)::UTINYINT AS side",
    "length::BIGINT AS frame",
)
_ICMP_TYPE = "coalesce(type, 0)::INTEGER * 256 + coalesce(code, 0)"
# table, protocol, columns of packets
_TRANSPORTS: tuple[tuple[str, int, Mapping[str, str]], ...] = (
    ("tcp", TCP, {"flags": "flags & 255", "header": "coalesce(header_length, 0)::INTEGER",
                  "payload": "coalesce(payload_length, 0)::BIGINT", "window": 'coalesce("window", -1)',
                  "seq": "coalesce(seq, 0)", "ack": "coalesce(ack, 0)"}),
    ("udp", UDP, {"header": "8::INTEGER", "payload": "coalesce(payload_length, 0)::BIGINT"}),
    ("icmpv4", ICMP, {"icmp": _ICMP_TYPE, "header": "8::INTEGER", "payload": "coalesce(payload_length, 0)::BIGINT"}),
    # its payload_length begins after 4 bytes of the header of 8
    ("icmpv6", ICMPV6, {"icmp": _ICMP_TYPE, "header": "8::INTEGER",
                        "payload": "greatest(coalesce(payload_length, 0) - 4, 0)::BIGINT"}),
)  # fmt: skip
_DNS = {
    "dns_id": "coalesce(transaction_id, -1)::BIGINT",
    "dns_type": "coalesce(query_type, -1)::BIGINT",
    "dns_ttl": "coalesce(list_min([answer.ttl FOR answer IN answers]), -1)::BIGINT",
}
_NETWORKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ipv4", ("coalesce(total_length, 0)::BIGINT AS ip_length", "coalesce(ttl, -1)::BIGINT AS ttl",
              "coalesce(payload_length, 0)::BIGINT AS payload")),
    ("ipv6", ("(40 + coalesce(payload_length, 0))::BIGINT AS ip_length", "coalesce(hop_limit, -1)::BIGINT AS ttl",
              "coalesce(payload_length, 0)::BIGINT AS payload")),
)  # fmt: skip
_SMALLER = "(orig_ip < resp_ip OR (orig_ip = resp_ip AND coalesce(orig_port, 0) <= coalesce(resp_port, 0)))"
_FLOWS = """
CREATE OR REPLACE TEMP TABLE flow_of_capture AS
WITH flows AS (
  SELECT flow, first_packet, last_packet, protocol, orig_ip, resp_ip, orig_port, resp_port, end_reason, tunnel_key,
    contains(orig_ip, ':') AS six, {smaller} AS smaller{further}
  FROM connection WHERE capture = {capture}{condition})
SELECT * EXCLUDE (smaller, tunnel_key), {key} FROM flows {window} ORDER BY flow
"""
_CONNECTION = "flow AS key, last_packet AS key_last, false AS swapped"
_ENDPOINTS = (
    "min(flow) OVER ends AS key, max(last_packet) OVER ends AS key_last,"
    " smaller <> arg_min(smaller, flow) OVER ends AS swapped"
)
_ENDS = (
    "WINDOW ends AS (PARTITION BY protocol, tunnel_key, if(smaller, orig_ip, resp_ip), if(smaller, resp_ip, orig_ip),"
    " if(smaller, orig_port, resp_port), if(smaller, resp_port, orig_port))"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read: the key of segments, columns of packets, a condition on `connection` and more columns of it."""

    key: str
    inputs: frozenset[str]
    where: str | None = None
    flow_columns: tuple[str, ...] = ()


class CaptureReader:
    """The packets of one capture; `blocks` reads them in order. Closing it stops reading."""

    def __init__(self, snapshot: Snapshot, capture: str, wanted: Wanted, size: int = SIZE) -> None:
        self.snapshot, self.capture, self.wanted, self.size = snapshot, capture, wanted, size
        self._spill = tempfile.TemporaryDirectory(prefix="netlake-features-", ignore_cleanup_errors=True)
        self._connection = Connection(memory=MEMORY)
        self._connection.database.execute(f"SET GLOBAL temp_directory={literal(self._spill.name)}")
        self.cursor = self._connection.database.cursor()
        self._bound: set[str] = set()
        self._executor = ThreadPoolExecutor(1)
        self._flows: pa.Table | None = None
        self._highest = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self.cursor.close()
        self._connection.close()
        self._spill.cleanup()

    def blocks(self) -> Iterator[Block]:
        """The blocks; the next one is read while the caller computes."""
        self._find_flows()
        ranges = list(self.ranges(self.size))
        future = None
        for number, (begin, _) in enumerate(ranges):
            block = (future or self._executor.submit(self._block, begin, ranges[-1][1])).result()
            if number + 1 < len(ranges):
                future = self._executor.submit(self._block, ranges[number + 1][0], ranges[-1][1])
            yield block

    def bind(self, table: str) -> None:
        """Create the view of a table over the files that can have rows of the capture."""
        if table in self._bound:
            return
        self._bound.add(table)
        fields = self.snapshot.fields(table)
        number = next(found.number for found in fields if found.name == "capture")
        files = [file for file in self.snapshot.files(table, (number,)) if _may_have(file, number, self.capture)]
        remote.register(self.cursor, (file.path for file in files))
        self.cursor.execute(view(table, fields, files, only=only_of(files, number, [self.capture])))

    def named(self, statement: str) -> set[str]:
        """The tables of the lake that an SQL statement names."""
        # a cursor that has views cannot find names
        return named(self._connection.database.cursor(), statement, self.snapshot)

    def _find_flows(self) -> None:
        self.bind("connection")
        key, window = (_ENDPOINTS, _ENDS) if self.wanted.key == "endpoints" else (_CONNECTION, "")
        where = self.wanted.where
        check_condition(self.cursor, where)
        statement = _FLOWS.format(
            smaller=_SMALLER, key=key, window=window, capture=literal(self.capture),
            condition=f" AND (\n{where}\n)" if where else "",
            further="".join(f", {name}" for name in self.wanted.flow_columns),
        )  # fmt: skip
        try:
            self.cursor.execute(statement)
        except duckdb.Error as error:
            message = translated(error, self.snapshot.names())
            raise OptionError(f"--where: {message}") if where else message from error

    def ranges(self, size: int) -> Iterator[tuple[int, int]]:
        """Ranges of `size` packet numbers that cover the capture: (first, last)."""
        least, most = self._row("SELECT coalesce(min(packet), 1), coalesce(max(packet), 0) FROM packet")
        for begin in range(least, most + 1, size):
            yield begin, min(begin + size - 1, most)

    def chosen_flows(self) -> str:
        """An SQL condition on `flow`: the flows that are read."""
        if not self.wanted.where:
            return "true"
        self._find_flows()
        return "flow IN (SELECT flow FROM flow_of_capture)"

    def read(
        self, table: str, columns: Sequence[str], begin: int, end: int, condition: str = "true"
    ) -> dict[str, Array]:
        """SQL `columns` of the rows of `table` in a range of packets; `place_` is packet - begin. Null is undefined."""
        return self._read(table, columns, _Part(begin, end), condition)

    def _row(self, statement: str) -> tuple[int, int]:
        self.bind("packet")
        row = self.cursor.execute(f"{statement} WHERE capture = {literal(self.capture)}").fetchone() or (1, 0)
        return int(row[0]), int(row[1])

    def _read(self, table: str, columns: Sequence[str], part: _Part, condition: str = "true") -> dict[str, Array]:
        """Columns of the rows of `table` in a range of packets; `place_` is the packet's place in the range."""
        self.bind(table)
        statement = (
            f"SELECT (packet - {part.begin})::INTEGER AS place_, {', '.join(columns)} FROM {table}"  # noqa: S608 - our own
            f" WHERE capture = {literal(self.capture)} AND packet BETWEEN {part.begin} AND {part.end} AND {condition}"
        )
        try:
            found = self.cursor.execute(statement).fetchnumpy()
        except duckdb.Error as error:
            raise translated(error, self.snapshot.names()) from error
        return {name: np.ma.getdata(values) for name, values in found.items()}

    def _block(self, begin: int, most: int) -> Block:
        part = _Part(begin, min(begin + self.size - 1, most))
        rows = self._read("packet", _PACKET, part)
        place = rows.pop("place_")
        part.columns["packet"] = np.arange(part.begin, part.end + 1)
        for name, values in rows.items():
            part.columns[name] = np.zeros(part.span, values.dtype)
            part.columns[name][place] = values
        flows = self._flows_to(int(part.columns["flow"].max(initial=0)), begin)
        position, known = _positions(flows, part.columns["flow"])
        protocols = _numpy(flows, "protocol", np.uint8)
        part.columns["protocol"] = np.where(known, protocols[position], 0).astype(np.uint8) if len(flows) else (
            np.zeros(part.span, np.uint8)
        )  # fmt: skip
        self._transport(part, known, _numpy(flows, "six", bool)[position] if len(flows) else known)
        columns, position = {name: values[known] for name, values in part.columns.items()}, position[known]
        columns["key"] = _numpy(flows, "key", np.int64)[position]
        columns["side"] = (columns["side"] ^ _numpy(flows, "swapped", np.uint8)[position]).astype(np.uint8)
        return Block(columns, flows, part.end, part.end == most)

    def _flows_to(self, highest: int, begin: int) -> pa.Table:
        """The flows up to number `highest` whose keys have packets from `begin` on, in order."""
        statement = f"FROM flow_of_capture WHERE flow > {self._highest} AND flow <= {highest} ORDER BY flow"
        new = self.cursor.sql(statement).to_arrow_table().combine_chunks()
        self._highest = max(self._highest, highest)
        if self._flows is None:
            self._flows = new
        else:
            left = self._flows.filter(pa.array(_numpy(self._flows, "key_last", np.int64) >= begin))
            self._flows = pa.concat_tables([left, new]).combine_chunks()
        return self._flows

    def _transport(self, part: _Part, known: Array, six: Array) -> None:
        """Add the columns of transport and network headers; `six` is whether a packet's flow is of IPv6."""
        wanted, columns = self.wanted.inputs, part.columns
        for name in ("flags", "icmp"):
            columns[name] = np.full(part.span, -1, np.int32)
        for name, (kind, default) in INPUTS.items():
            if name in wanted and name not in columns:
                columns[name] = np.full(part.span, default, kind)
        present = set(np.unique(columns["protocol"][known]).tolist())
        sized = bool(wanted & {"payload", "header"})
        for table, number, fields in _TRANSPORTS:
            if number in present and (sized or number != UDP):
                self._put(table, fields, part)
        if UDP in present and wanted & _DNS.keys():
            self._put("dns", _DNS, part)
        others = known & ~np.isin(columns["protocol"], (TCP, UDP, ICMP, ICMPV6))
        if wanted & {"ip_length", "ttl"} or (sized and others.any()):
            for table, lengths in _NETWORKS:
                self._network(table, lengths, part, (six if table == "ipv6" else ~six, others))

    def _put(self, table: str, fields: Mapping[str, str], part: _Part) -> None:
        """Put the wanted columns of a transport table into place, where the flow is the packet's."""
        columns = part.columns
        chosen = {name: text for name, text in fields.items() if name in columns}
        listed = ["coalesce(flow, 0) AS flow_", *(f'{text} AS "{name}"' for name, text in chosen.items())]
        rows = self._read(table, listed, part)
        place, same = rows["place_"], rows["flow_"] == columns["flow"][rows["place_"]]
        every = bool(same.all())
        place = place if every else place[same]
        for name in chosen:
            columns[name][place] = rows[name] if every else rows[name][same]

    def _network(self, table: str, fields: Sequence[str], part: _Part, masks: tuple[Array, Array]) -> None:
        """Put lengths and TTL of the innermost header of the flow's family into place, and payloads of others.

        `masks` are, for each packet of the range, whether its flow has the family of `table`, and whether its payload
        is that of IP.
        """
        rows = self._read(table, ("place", *fields), part)
        if rows["place"].any():
            order = np.argsort(rows["place"], kind="stable")
            rows = {name: values[order] for name, values in rows.items()}
        of_family, others = masks
        for name in ("ip_length", "ttl", "payload"):
            if name in part.columns:
                chosen = of_family & others if name == "payload" else of_family
                here = chosen[rows["place_"]]
                part.columns[name][rows["place_"][here]] = rows[name][here]


@dataclass(slots=True)
class _Part:
    """A range of packet numbers, and arrays with an element for each number in it."""

    begin: int
    end: int
    columns: dict[str, Array] = field(default_factory=dict)

    @property
    def span(self) -> int:
        """Numbers in the range."""
        return self.end - self.begin + 1


def _may_have(file: FileInfo, number: int, capture: str) -> bool:
    """Whether a file can have rows of a capture, by the statistics of its column `number`."""
    found = file.stats.get(number)
    return found is None or found.least is None or bool(found.least <= capture <= found.greatest)


def _numpy(flows: pa.Table, name: str, kind: Any) -> Array:
    column = flows.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return np.asarray(column.to_numpy()).astype(kind)


def _positions(flows: pa.Table, numbers: Array) -> tuple[Array, Array]:
    """(row in `flows` of each flow number, 0 if there is none; whether there is one)."""
    listed = _numpy(flows, "flow", np.int64)
    if not len(listed):
        return np.zeros(len(numbers), np.int64), np.zeros(len(numbers), bool)
    least = int(listed[0])
    table = np.full(int(listed[-1]) - least + 2, -1, np.int64)
    table[listed - least] = np.arange(len(listed))
    position = table[np.clip(numbers - least, -1, len(table) - 1)]
    known = position >= 0
    return np.where(known, position, 0), known
