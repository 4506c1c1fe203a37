"""Table -> its reference page (Markdown): description, dispatch keys, columns, and example queries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netlake.schema import Column, List, Struct, Table, context
from netlake.schema.sql import bare, joins, type_of

_LAYERS = {
    "ether.type": "Ethernet type",
    "ip.protocol": "IP protocol",
    "link.type": "link type",
    "udp.port": "UDP port",
    "tcp.segment": "TCP segments of port",
    "sctp.port": "SCTP port",
    "sctp.payload_protocol": "SCTP payload protocol",
    "llc.dsap": "LLC service access point",
    "ppp.protocol": "PPP protocol",
    "snap.bridged": "bridged in SNAP",
    "icmpv6.type": "ICMPv6 type",
    "cisco_hdlc.protocol": "Cisco HDLC protocol",
    "dot11.type": "IEEE 802.11 frame type",
    "capwap.type": "CAPWAP payload type",
    "snap.nortel": "Nortel protocol in SNAP",
}
_GROUPS = {
    "packet": "Packets",
    "record": "Link layer",
    "network": "Network layer",
    "transport": "Transport layer and above",
    "stream": "Protocols in TCP streams",
    "connection": "Connections",
    "capture": "Captures",
    "lake": "Lake",
}
_CONTEXT = {
    "packet": "Every row has the context of its packet and of the flow to which the packet belongs.",
    "record": "The context is short, to keep rows small; the flow is in [packet](packet.md).",
    "network": "The context is short, to keep rows small; the flow is in [packet](packet.md).",
    "transport": "Every row has the innermost flow whose headers carry the message.",
    "stream": "Every row has the flow in whose streams the message is.",
    "connection": "Every row describes one flow, at the time of its first packet.",
    "capture": "Every row describes a capture, not one of its packets.",
    "lake": "",
}
_PREFACE = (
    "Generated from the declarations of the tables by `netlake util generate`. `NAME.md` is the reference page of a "
    "table, `NAME.json` its frozen contract: columns keep their ids, and only new columns are added. "
    "[../proto](../proto) contains the same tables as Protobuf messages."
)
_RFCS = re.compile(r"RFC [0-9]+(?:, [0-9]+(?![0-9.-]))*")
_NUMBER = re.compile(r"(?:RFC )?(?P<number>[0-9]+)")
_CODES = ("u8", "word", "text", "ip", "mac")
_SPAN = "capture, min(ts) AS first, max(ts) AS last, count(*) AS rows"
_PEERS = {"orig_ip", "resp_ip", "orig_wire_bytes", "resp_wire_bytes"}
_NAMES = [
    "conn_state",
    "type_name",
    "operation_name",
    "stack",
    "type",
    "opcode",
    "operation",
    "protocol",
    "code",
    "flags",
    "next_header",
    "name",
]


def page(table: Table) -> str:
    """The text of NAME.md."""
    parts = [f"# {table.name}", table.doc, *([facts] if (facts := _facts(table)) else [])]
    parts += [
        "## Columns",
        'Columns can be null unless marked "Never null"; lists can be empty and are never null.',
    ]
    parts += [_columns(table.columns, table)] if table.columns else []
    if around := context(table):
        parts += ["## Context", _CONTEXT[table.context], _columns(around)]
    parts += ["## Example queries", *(f"{text}\n\n```sql\n{query};\n```" for text, query in questions(table))]
    return "\n\n".join(parts) + "\n"


def index(tables: Iterable[Table]) -> str:
    """The text of README.md: all tables, grouped by context."""
    found = sorted(tables, key=lambda table: table.name)
    parts = [
        "# Tables",
        _PREFACE,
    ]
    for group, title in _GROUPS.items():
        rows = [
            f"| [{table.name}]({table.name}.md) | {_cell(table.doc)} | {_cell(table.spec or 'our own')} |"
            f" {len(table.all_columns)} |"
            for table in found
            if table.context == group
        ]
        if rows:
            parts += [
                f"## {title}",
                "\n".join(["| table | a row | specification | columns |", "|---|---|---|---|", *rows]),
            ]
    return "\n\n".join(parts) + "\n"


def _facts(table: Table) -> str:
    facts = [f"- Specification: {linked(table.spec)}"] if table.spec else []
    by_content = any(column.name == "heuristic" for column in table.columns)
    if table.on:
        more = ", or any other port by content" if by_content else ""
        facts.append(f"- Messages: {places(table.on)}{more}")
    elif by_content:
        facts.append("- Messages: found by content; the protocol has no well-known port")
    if table.size:
        facts.append(f"- Header: {table.size} bytes")
    if table.key:
        facts.append(f"- Key: {', '.join(f'`{column}`' for column in table.key)}")
    return "\n".join(facts)


def linked(spec: str) -> str:
    """`spec` with a link for each RFC, also in lists such as `RFC 2131, 951`."""
    return _RFCS.sub(lambda found: _NUMBER.sub(_link, found[0]), spec)


def _link(found: re.Match[str]) -> str:
    return f"[{found[0]}](https://www.rfc-editor.org/rfc/rfc{found['number']})"


def places(on: tuple[str, ...]) -> str:
    """Dispatch keys as text: `UDP port 53 or 5353; TCP segments of port 53`."""
    values: dict[str, list[str]] = {}
    for key in on:
        layer, _, value = key.partition("=")
        values.setdefault(_LAYERS.get(layer, layer.replace(".", " ").replace("_", " ")), []).append(value)
    return "; ".join(f"{layer} {_or(found)}" for layer, found in values.items())


def _or(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def _columns(columns: tuple[Column, ...], table: Table | None = None) -> str:
    """A line for each column, with its Wireshark field if `table` is given; context columns have none or several."""
    rows = [
        f"| `{path}` | {_type(column)} | {_cell(_meaning(column))} |"
        + (f" {_wireshark(column, table)} |" if table else "")
        for path, column in _flat(columns, "")
    ]
    head = ["| column | type | meaning | Wireshark |", "|---|---|---|---|"]
    return "\n".join([*(head if table else [line.rsplit("|", 2)[0] + "|" for line in head]), *rows])


def _flat(columns: tuple[Column, ...], prefix: str) -> Iterator[tuple[str, Column]]:
    """(path, column) of all columns and the fields in them; `[]` marks a list."""
    for column in columns:
        yield prefix + column.name, column
        kind, mark = (column.kind.element, "[]") if isinstance(column.kind, List) else (column.kind, "")
        if isinstance(kind, Struct):
            yield from _flat(kind.columns, f"{prefix}{column.name}{mark}.")


def _type(column: Column) -> str:
    kind, mark = (column.kind.element, "[]") if isinstance(column.kind, List) else (column.kind, "")
    plain = "struct" if isinstance(kind, Struct) else type_of(kind).lower().replace(" with time zone", "tz")
    return plain + mark


def _meaning(column: Column) -> str:
    return column.doc if column.null or isinstance(column.kind, List) else f"{column.doc} Never null."


def _wireshark(column: Column, table: Table) -> str:
    return f"`{column.wireshark}`" if column.wireshark else f"none: {_cell(column.reason(table) or '')}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def questions(table: Table) -> Iterator[tuple[str, str]]:
    """(question, query without semicolon): example queries that fit the columns of `table`, in DuckDB's SQL."""
    target = bare(table.name)
    names = {column.name for column in table.all_columns}
    if code := _code(table):
        yield f"How often does each `{code}` occur?", _count(bare(code), target)
    if "src_ip" in names:
        yield "Which addresses send the most rows?", _count("src_ip", target)
    if names >= _PEERS:
        yield "Which pairs of addresses exchange the most bytes?", _exchanges(target)
    for column in table.columns:
        if isinstance(column.kind, List):
            yield f"What are the elements of `{column.name}`, one per row?", _unnest(table, column)
            break
    if joins(table):
        yield "Which flows carry it?", _flows(target)
    if "fault" in names:
        yield "Which faults do the rows have?", _count("fault", target, " WHERE fault IS NOT NULL")
    if "ts" in names:
        yield (
            "How many rows does each capture have, and from which period?",
            f"SELECT {_SPAN} FROM {target} GROUP BY capture ORDER BY first",  # noqa: S608 - names are quoted
        )
    else:
        yield "What do the rows look like?", f"SELECT * FROM {target} LIMIT 20"  # noqa: S608 - names are quoted


def _code(table: Table) -> str | None:
    """The column to count by: one that gives the kind of the row, else the first with few distinct values."""
    others = [column for column in table.columns if column.name not in table.key]
    scalars = [column for column in others if isinstance(column.kind, str) and column.kind not in ("bytes", "f64")]
    for ending in _NAMES:
        for column in scalars:
            if column.name == ending or column.name.endswith(f"_{ending}"):
                return column.name
    return next((column.name for column in scalars if column.kind in _CODES), None)


def _count(column: str, target: str, where: str = "") -> str:
    counted = f"SELECT {column}, count(*) AS rows FROM {target}{where}"  # noqa: S608 - names are quoted
    return f"{counted} GROUP BY {column} ORDER BY rows DESC LIMIT 20"


def _unnest(table: Table, column: Column) -> str:
    key = "".join(f"{bare(part)}, " for part in table.key)
    items = f"unnest({bare(column.name)}, recursive := true)"
    return f"SELECT {key}{items} FROM {bare(table.name)} LIMIT 20"  # noqa: S608 - names are quoted


def _exchanges(target: str) -> str:
    return (
        f"SELECT orig_ip, resp_ip, count(*) AS rows, sum(orig_wire_bytes + resp_wire_bytes) AS bytes\nFROM {target}\n"
        "GROUP BY ALL ORDER BY bytes DESC LIMIT 20"
    )


def _flows(target: str) -> str:
    return (
        "SELECT p.capture, p.flow, p.src_ip, p.dst_ip, count(*) AS rows\n"
        f"FROM {target} AS t JOIN packet AS p USING (capture, packet)\n"
        "GROUP BY ALL ORDER BY rows DESC LIMIT 20"
    )
