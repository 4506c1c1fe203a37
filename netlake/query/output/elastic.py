"""The bulk format of Elasticsearch and OpenSearch: an action and a document for each row, one JSON object a line.

Columns that the Elastic Common Schema (ECS 8) has get its names; the others are `netlake.COLUMN`, and
`event.dataset` is `netlake.TABLE`. Nulls are left out. The action is `create` without an index, which the address of
the request names: POST /netlake-dns/_bulk.
"""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from netlake.query.output import Style, text

ECS = {
    "ts": "@timestamp",
    "src_ip": "source.ip", "src_port": "source.port", "src_mac": "source.mac",
    "dst_ip": "destination.ip", "dst_port": "destination.port", "dst_mac": "destination.mac",
    "orig_ip": "source.ip", "orig_port": "source.port", "orig_mac": "source.mac",
    "resp_ip": "destination.ip", "resp_port": "destination.port", "resp_mac": "destination.mac",
    "client_ip": "client.ip", "client_port": "client.port", "server_ip": "server.ip", "server_port": "server.port",
    "orig_packets": "source.packets", "resp_packets": "destination.packets",
    "orig_wire_bytes": "source.bytes", "resp_wire_bytes": "destination.bytes",
    "last_ts": "event.end", "community_id": "network.community_id", "transport": "network.transport",
    "query_name": "dns.question.name", "query_type_name": "dns.question.type", "rcode_name": "dns.response_code",
    "method": "http.request.method", "status": "http.response.status_code", "user_agent": "user_agent.original",
    "referer": "http.request.referrer", "uri": "url.original", "server_name": "tls.client.server_name",
    "ja3": "tls.client.ja3", "ja3s": "tls.server.ja3s", "message": "message",
}  # fmt: skip
_ACTION = '{"create":{}}\n'


class Bulk:
    """Two lines for each row: the action, and the document."""

    def __init__(self, out: BinaryIO, schema: pa.Schema, style: Style) -> None:
        self.out = out
        used: set[str] = set()
        self.names: list[str] = []
        for name in schema.names:
            # two columns, such as src_ip and orig_ip, may have the same name in ECS
            chosen = ECS.get(name, f"netlake.{name}")
            self.names.append(text.json_name(f"netlake.{name}" if chosen in used else chosen))
            used.add(chosen)
        dataset = text.json_name(f"netlake.{style.table}" if style.table else "netlake")
        self.head = f'{{"event.dataset":{dataset}'

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for part in text.portions(batch):
            parts: list[object] = [_ACTION, self.head]
            for name, column in zip(self.names, part.columns, strict=True):
                shown = pc.binary_join_element_wise(f",{name}:", text.json_text(column), "")
                parts.append(pc.if_else(column.is_valid(), shown, ""))
            self.out.write(text.lines([*parts, pa.array(["}\n"] * part.num_rows)]))

    def close(self) -> None:
        """Do nothing: the format has no end mark."""
