"""The bulk format of Elasticsearch and OpenSearch: an action and a document for each row, one JSON object a line.

A result with a column `@timestamp`, as the views of schema ecs have it, has names of the Elastic Common Schema (ECS 8)
already: its columns are the fields of the documents. Of other results only the context columns, whose meaning is the
same in all tables, get names of ECS; the others are `netlake.COLUMN`, and `event.dataset` is `netlake.TABLE`. Nulls are
left out. The action is `create` without an index, which the address of the request names: POST /netlake-dns/_bulk.
"""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import Style, text

TIMESTAMP, VERSION = "@timestamp", "8.17.0"
# columns of contexts, of table `connection` and of the view `http`, which mean the same wherever they occur
ECS = {
    "ts": TIMESTAMP,
    "src_ip": "source.ip", "src_port": "source.port", "src_mac": "source.mac",
    "dst_ip": "destination.ip", "dst_port": "destination.port", "dst_mac": "destination.mac",
    "orig_ip": "source.ip", "orig_port": "source.port", "orig_mac": "source.mac",
    "resp_ip": "destination.ip", "resp_port": "destination.port", "resp_mac": "destination.mac",
    "orig_packets": "source.packets", "resp_packets": "destination.packets",
    "orig_wire_bytes": "source.bytes", "resp_wire_bytes": "destination.bytes",
    "last_ts": "event.end", "community_id": "network.community_id",
}  # fmt: skip
_ACTION = '{"create":{}}\n'


class Bulk:
    """Two lines for each row: the action, and the document."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out = out
        complete = TIMESTAMP in schema.names
        used: set[str] = set()
        # the name of each column in the document; None for the version, with which each document begins
        self.names: list[str | None] = []
        for name in schema.names:
            # two columns, such as src_ip and orig_ip, may have the same name in ECS
            chosen = name if complete else ECS.get(name, f"netlake.{name}")
            unique = text.json_name(f"netlake.{name}" if chosen in used else chosen)
            self.names.append(None if complete and name == "ecs.version" else unique)
            used.add(chosen)
        dataset = text.json_name(f"netlake.{style.table}" if style.table else "netlake")
        self.head = f'{{"ecs.version":"{VERSION}"' if complete else f'{{"event.dataset":{dataset}'

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            parts: list[object] = [_ACTION, self.head]
            for name, column in zip(self.names, part.columns, strict=True):
                if name is None:
                    continue
                shown = pc.binary_join_element_wise(f",{name}:", text.json_text(column), "")
                parts.append(pc.if_else(column.is_valid(), shown, ""))
            self.out.write(text.lines([*parts, pa.array(["}\n"] * part.num_rows)]))

    def close(self) -> None:
        """Do nothing: the format has no end mark."""
