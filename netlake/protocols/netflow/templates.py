"""Templates of NetFlow version 9 and IPFIX: the table `netflow_template`, and the templates that records need.

Decided here:
- A template belongs to its sender: address, source port and domain (RFC 7011 section 8; tshark uses the same). A later
  one with the same id replaces it, one without fields (IPFIX) removes it.
- `Templates` has at most MOST_FIELDS fields in all templates of a capture; the template that was used least recently
  is removed first, so that a hostile capture uses a bounded amount of memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from netlake.layers.parsed import several
from netlake.layers.probes import by_content
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.netflow.message import FIRST_DATA, IPFIX, ON, OPTIONS, PORTS, SETS, TEMPLATES, head_of, walk
from netlake.schema import Column, List, Struct, Table

MOST_FIELDS = 1 << 17
VARIABLE = 0xFFFF
ENTERPRISE = 0x8000

FIELD = Struct(
    (
        Column("type", "u16", "Number of the element, IANA's unless `enterprise` is set; 8 is sourceIPv4Address.",
               wireshark="cflow.template_field_type"),
        Column("length", "u16", "Bytes of the value; 65535 for a variable length.",
               wireshark="cflow.template_field_length"),
        Column("enterprise", "u32", "IPFIX: IANA enterprise number of who defined the element; else null.",
               wireshark="cflow.template_ipfix_field_pen"),
        Column("scope", "bool", "Options: a scope, which names what the options are of.", why="derived"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "netflow_template",
        "One row for each template in a NetFlow version 9 or IPFIX message.",
        spec="RFC 3954, RFC 7011",
        on=ON,
        inside="netflow",
        columns=(
            Column("version", "u16", "Version of the message, 9 or 10.", why="compared in netflow"),
            Column("domain_id", "u32", "Source ID or observation domain ID of the message.",
                   why="compared in netflow"),
            Column("template_id", "u16", "Template id, from 256; data sets have it as their id.",
                   wireshark="cflow.template_id"),
            Column("options", "bool", "Options template: its records describe the exporter, not flows.",
                   why="derived from the set id"),
            Column("fields", List(FIELD), "Fields in wire order; empty for a template that is withdrawn."),
            Column("heuristic", "bool", "True: recognized by content.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


class Field(NamedTuple):
    """A field of a template."""

    type: int
    length: int
    enterprise: int | None
    scope: bool


class Template(NamedTuple):
    """A template: `least` is the least number of bytes of its records, `fixed` whether all have that many."""

    fields: tuple[Field, ...]
    options: bool
    least: int
    fixed: bool


class Templates:
    """The templates of all senders in a capture."""

    def __init__(self) -> None:
        self.known: OrderedDict[tuple[Any, ...], Template] = OrderedDict()
        self.fields = 0

    def put(self, key: tuple[Any, ...], template: Template) -> None:
        """Add or replace a template; one without fields is removed."""
        old = self.known.pop(key, None)
        self.fields -= len(old.fields) if old else 0
        if template.fields:
            self.known[key] = template
            self.fields += len(template.fields)
        while self.fields > MOST_FIELDS:
            self.fields -= len(self.known.popitem(last=False)[1].fields)

    def get(self, key: tuple[Any, ...]) -> Template | None:
        """The template, None if it is unknown."""
        found = self.known.get(key)
        if found is not None:
            self.known.move_to_end(key)
        return found


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The rows of the templates in a message."""
    return several(_rows(message, by_content(message, PORTS)))


def _rows(message: Cursor, heuristic: bool) -> Iterator[Iterator[tuple[str, Any]]]:  # noqa: FBT001 - a column's value
    try:
        head = head_of(message)
        same = (("version", head.version), ("domain_id", head.domain), ("heuristic", heuristic))
        for kind, body in walk(message) if head.version in SETS else ():
            while _another(kind, body, head.version):
                yield chain(same, _template(kind, body, head.version))
    except (Short, Malformed):
        # a message or set that ends too early; the row in `netflow` has the fault
        return


def learn(kind: int, body: Cursor, version: int) -> Iterator[tuple[int, Template]]:
    """Id and template of each complete template in a set; nothing for a set of data."""
    while _another(kind, body, version):
        read = dict(_template(kind, body, version))
        fields = tuple(Field(**field) for field in read["fields"])
        least = sum(1 if field.length == VARIABLE else field.length for field in fields)
        fixed = all(field.length != VARIABLE for field in fields)
        yield read["template_id"], Template(fields, read["options"], least, fixed)


def _another(kind: int, body: Cursor, version: int) -> bool:
    """Whether a set contains another template, and not only padding."""
    return body.promised >= {TEMPLATES[version]: 4, OPTIONS[version]: 6 if version != IPFIX else 4}.get(kind, 1 << 17)


def _template(kind: int, body: Cursor, version: int) -> Iterator[tuple[str, Any]]:
    """The columns of one template."""
    identifier = body.number(2)
    yield "template_id", identifier
    options = kind == OPTIONS[version]
    yield "options", options
    if identifier < FIRST_DATA:
        raise Malformed("bad_value")
    count, scopes = body.number(2), 0
    if options and version != IPFIX:
        # lengths in bytes, four for each field
        scopes = count // 4
        count = scopes + body.number(2) // 4
    elif options and count:
        scopes = body.number(2)
    fields: list[dict[str, Any]] = []
    yield "fields", fields
    for position in range(count):
        element, length = body.number(2), body.number(2)
        own = version == IPFIX and element >= ENTERPRISE
        enterprise = body.number(4) if own else None
        element &= 0x7FFF if version == IPFIX else 0xFFFF
        fields.append({"type": element, "length": length, "enterprise": enterprise, "scope": position < scopes})
