"""What a table is: plain, frozen data from which everything else about it is derived.

A protocol declares its tables once, in its own file. The Arrow schema, the protobuf message, the SQL view, the page
in schemas/, shell completion, the comparison with tshark and the reader of a fixed header all come from here.

Decided here:
- Context columns are written by the framework, never by a protocol, and carry the same field id in every table (1-15;
  16-31 are kept for context to come). A table's own columns start at 32; their ids are frozen in schemas/NAME.json.
- How much context a table repeats is the largest single cost of writing, so there are several sizes of it (CONTEXTS).
"""

from __future__ import annotations

from dataclasses import dataclass

from netlake.schema.kinds import SCALARS, Kind, List, Scalar, Struct

__all__ = ["CONTEXTS", "SCALARS", "Column", "Kind", "List", "Scalar", "Struct", "Table", "context"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column, or one field of a Struct.

    `at` is its offset in bytes from the start of a fixed header, `bits` the (shift, width) of it within the number
    that lies there. `wireshark` is the field that tshark prints for it (`-e`), typed by hand; where there is none
    or it cannot be compared, `why` says so in a few words (`reason` derives it for nested columns and for tables that
    give one for all their columns). `encoding` overrides the Parquet encoding of its kind.
    """

    name: str
    kind: Kind
    doc: str
    at: int | None = None
    bits: tuple[int, int] | None = None
    wireshark: str | None = None
    why: str | None = None
    encoding: str | None = None
    null: bool = True

    @property
    def scalar(self) -> Scalar | None:
        """The row of SCALARS behind this column, None for a list or struct."""
        return SCALARS[self.kind] if isinstance(self.kind, str) else None

    @property
    def fields(self) -> tuple[Column, ...]:
        """The columns of the Struct in this column, directly or as elements of a List; empty for other kinds."""
        element = self.kind.element if isinstance(self.kind, List) else self.kind
        return element.columns if isinstance(element, Struct) else ()

    def reason(self, table: Table | None = None) -> str | None:
        """Why the column is not compared with tshark: its own `why`, else derived; None where it must be declared.

        A list or struct is compared in its fields; other columns take the `why` of their table.
        """
        if self.wireshark is not None or self.why is not None:
            return self.why
        return "compared in its fields" if self.fields else table.why if table is not None else None


# compared and hashed as the object that it is: a table is declared once, and caches ask for its hash all the time
@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table: what a row of it is, where its messages are found, and its columns in wire order.

    `on` holds dispatch keys as values ("udp.port=123", "ether.type=0x0806"); `size` is the number of bytes of a fixed
    header, 0 where it varies; `context` names a row of CONTEXTS; `key` its key where it is not a message's place.
    `inside` is the table whose messages hold this one's, where both read the same bytes: a stack names that one.
    `why` is the reason for its columns that have no `wireshark` field and no reason of their own.
    """

    name: str
    doc: str
    spec: str
    on: tuple[str, ...]
    columns: tuple[Column, ...]
    size: int = 0
    context: str = "transport"
    key: tuple[str, ...] = ("capture", "packet", "place")
    inside: str | None = None
    why: str | None = None

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Context columns first, then the table's own."""
        return CONTEXTS[self.context] + self.columns


DAY = Column("day", "day", "UTC date of `ts`: the partition; null where `ts` is.", why="derived from ts")
TS = Column(
    "ts",
    "ts",
    "Time of the packet in which the record begins, UTC, microseconds, truncated; null where the capture gives none.",
    why="compared in packet",
)
CAPTURE = Column("capture", "word", "Id of the capture, 16 hexadecimal digits.", why="our own", null=False)
PACKET = Column(
    "packet",
    "i64",
    "Number of the packet in which the record begins, from 1.",
    why="the join",
    encoding="delta",
    null=False,
)
PLACE = Column(
    "place",
    "i16",
    "Position of the row among those of its table from its packet, in wire order, from 0.",
    why="the join",
    encoding="dictionary",
    null=False,
)
FAULT = Column("fault", "word", "Null, or why the row is not whole: one word of a closed list.", why="our own")
LAST_PACKET = Column(
    "last_packet",
    "i64",
    "Number of the packet in which the record ends; null when that is `packet`.",
    why="the join",
    encoding="delta",
)
FLOW = Column(
    "flow",
    "i64",
    "Number of the flow in its capture, from 1, in order of first packet; null without an IP header.",
    why="our own",
)
FROM_ORIGINATOR = Column("from_originator", "bool", "Whether the originator of the flow sent it.", why="our own")
SRC_IP = Column("src_ip", "ip", "Source address.", why="compared in ipv4 and ipv6")
DST_IP = Column("dst_ip", "ip", "Destination address.", why="compared in ipv4 and ipv6")
SRC_PORT = Column("src_port", "u16", "Source port, 0 to 65535; null without ports.", why="compared in tcp and udp")
DST_PORT = Column("dst_port", "u16", "Destination port, 0 to 65535; null without ports.", why="compared in tcp and udp")

RECORD = (DAY, TS, CAPTURE, PACKET, PLACE, FAULT)
TRANSPORT = (LAST_PACKET, FLOW, FROM_ORIGINATOR, SRC_IP, DST_IP, SRC_PORT, DST_PORT)
CONTEXT_IDS: dict[str, int] = {column.name: number for number, column in enumerate(RECORD + TRANSPORT, 1)}

CONTEXTS: dict[str, tuple[Column, ...]] = {
    # link headers: what is needed to join `packet`, and no more
    "record": RECORD,
    # network headers: their own addresses too
    "network": (*RECORD, SRC_IP, DST_IP),
    # transport and above: the innermost flow whose headers carry the row
    "transport": RECORD + TRANSPORT,
    # facts about a capture that no packet carries
    "capture": (CAPTURE,),
    # a flow as a whole, at the time of its first packet
    "connection": (DAY, TS, CAPTURE, FLOW),
    # the spine: one row a packet, so it never spans packets
    "packet": (*RECORD, *TRANSPORT[1:]),
    # facts of the lake as a whole
    "lake": (),
}


def context(table: Table) -> tuple[Column, ...]:
    """The context columns of `table`, in the order in which they are stored."""
    return CONTEXTS[table.context]
