"""Declarations of tables: immutable data from which everything else about a table is derived.

A protocol declares its tables once, in its own file. The Arrow schema, the protobuf message, the SQL view, the page
in schemas/, shell completion, the comparison with tshark and the reader of a fixed header are derived from it.

Rules:
- netlake writes the context columns, not the protocol. They have the same field id in every table: 1 to 15; 16 to 31
  are reserved for future context. A table's own columns start at 32; their ids are frozen in schemas/NAME.json.
- Context is the largest part of the cost of writing, so tables repeat as little of it as they need (CONTEXTS).
"""

from __future__ import annotations

from dataclasses import dataclass

from netlake.schema.kinds import SCALARS, Kind, List, Scalar, Struct
from netlake.schema.message import Message

__all__ = ["CONTEXTS", "SCALARS", "Column", "Kind", "List", "Message", "Scalar", "Struct", "Table", "context"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column, or one field of a Struct.

    `at` is its offset in bytes from the start of a fixed header, `bits` its (shift, width) within the number at that
    offset. `wireshark` is the field that tshark prints for it (`-e`), written by hand; without a comparable field,
    `why` is the reason in a few words (`reason` derives it for nested columns and for tables with one reason for all
    columns). `encoding` overrides the Parquet encoding of its kind. `unset` marks an address that its protocol sets to
    all zeros where there is none: it is then null.
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
    unset: bool = False

    @property
    def scalar(self) -> Scalar | None:
        """The row of SCALARS of this column, None for a list or struct."""
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


# compared and hashed by identity: a table is declared once, and caches compute its hash often
@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table: `doc` describes a row; `columns` are in wire order; `spec` names what defines the protocol.

    `on` contains the dispatch keys of its messages ("udp.port=123", "ether.type=0x0806"). `size` is the number of bytes
    of a fixed header, 0 for other headers. `context` is a key of CONTEXTS. `key` are the columns that identify a row.
    `inside` is the table whose messages contain those of this one, if both read the same bytes; the stack contains
    `inside`. `why` is the reason for columns without a `wireshark` field and without a reason of their own. `also` are
    columns with a Wireshark field that has values in other tables too, for filters: context columns, and those about a
    quoted packet. `layers` are the Wireshark layers of a row, by default the first word of the first Wireshark name.
    Both may have a condition: "mdns@5353" is for rows with this port, "tcp@quoted_protocol=6" for this value.
    `message` is the message of a row in a timeline (netlake.schema.message); None for tables whose rows are no events.
    """

    name: str
    doc: str
    # what must be given has a default too, so that `rules` can name the table in which it is missing
    spec: str = ""
    on: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    size: int = 0
    context: str = "transport"
    key: tuple[str, ...] = ("capture", "packet", "place")
    inside: str | None = None
    why: str | None = None
    also: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()
    message: Message | None = None

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """The context columns, then the table's own."""
        return CONTEXTS[self.context] + self.columns


DAY = Column("day", "day", "UTC date of `ts`, the partition; null if `ts` is null.", why="derived from ts")
TS = Column(
    "ts",
    "ts",
    "Time of the packet in which the record begins, UTC, truncated to microseconds; null if the capture has none.",
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
FAULT = Column(
    "fault",
    "word",
    "Why the row is incomplete or invalid, one word of a closed list; null for a good row.",
    why="our own",
)
LAST_PACKET = Column(
    "last_packet",
    "i64",
    "Number of the packet in which the record ends; null if that is `packet`.",
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
DECRYPTED = Column(
    "decrypted", "bool", "Whether it was encrypted, and decrypted with a secret of a key log.", why="our own"
)

RECORD = (DAY, TS, CAPTURE, PACKET, PLACE, FAULT)
TRANSPORT = (LAST_PACKET, FLOW, FROM_ORIGINATOR, SRC_IP, DST_IP, SRC_PORT, DST_PORT)
CONTEXT_IDS: dict[str, int] = {column.name: number for number, column in enumerate((*RECORD, *TRANSPORT, DECRYPTED), 1)}

CONTEXTS: dict[str, tuple[Column, ...]] = {
    # link headers: only what is needed to join `packet`
    "record": RECORD,
    # network headers: also their own addresses
    "network": (*RECORD, SRC_IP, DST_IP),
    # transport layer and above: also the innermost flow whose headers carry the row
    "transport": RECORD + TRANSPORT,
    # protocols in TCP streams, which can be encrypted
    "stream": (*RECORD, *TRANSPORT, DECRYPTED),
    # facts about a capture that no packet carries
    "capture": (CAPTURE,),
    # one row for each flow, at the time of its first packet
    "connection": (DAY, TS, CAPTURE, FLOW),
    # one row for each packet, so without `last_packet`
    "packet": (*RECORD, *TRANSPORT[1:]),
    # facts about the lake
    "lake": (),
}


def context(table: Table) -> tuple[Column, ...]:
    """The context columns of `table`, in the order in which they are stored."""
    return CONTEXTS[table.context]
