"""Header blocks of one side of an HTTP/2 connection (HPACK, RFC 7541), and what their fields say.

Rules
- The dynamic table has at most MOST_TABLE bytes, a list of fields MOST_LIST (RFC 9113 section 6.5.2 counts them).
- If header blocks before are missing, or one could not be read, the dynamic table is empty from there on. Its indices
  count from the newest entry, and an entry is only ever removed later than in the sender's table: so a field that
  refers to an entry is the right one, or is not known (`Block.unknown`). Nothing is guessed.
- A block that violates HPACK has no fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hpack import Decoder
from hpack.exceptions import HPACKError, InvalidTableIndex, OversizedHeaderListError
from hpack.table import HeaderTable

MOST_TABLE, MOST_LIST = 64 << 10, 64 << 10
# entries of the static table (RFC 7541 appendix A)
STATIC = HeaderTable.STATIC_TABLE_LENGTH
Field = tuple[bytes, bytes]


@dataclass(slots=True)
class Block:
    """A header block: its fields, how many are not known, and the anomaly that made it unreadable."""

    fields: list[Field] = field(default_factory=list)
    unknown: int = 0
    anomaly: str | None = None

    @property
    def room(self) -> int:
        """About how many bytes its fields take."""
        return sum(len(name) + len(value) + 64 for name, value in self.fields)

    @property
    def is_head(self) -> bool:
        """Whether it can be one with pseudo-header fields: it has one, or its fields are not known."""
        return self.unknown > 0 or self.anomaly is not None or any(name[:1] == b":" for name, _ in self.fields)


class Table(HeaderTable):
    """The tables of HPACK; with `is_partial`, entries that are not there are unknown, with an empty name."""

    def __init__(self, *, is_partial: bool) -> None:
        super().__init__()
        self.is_partial = is_partial
        if is_partial:
            self.maxsize = MOST_TABLE

    def get_by_index(self, index: int) -> Field:
        """The entry of an index."""
        try:
            return super().get_by_index(index)
        except InvalidTableIndex:
            if self.is_partial and index > STATIC:
                return b"", b""
            raise


class Blocks:
    """Reads the header blocks of a side, in order."""

    def __init__(self) -> None:
        self.decoder = _decoder(is_partial=False)

    def lose(self) -> None:
        """Blocks are missing, or were not read."""
        self.decoder = _decoder(is_partial=True)

    def read(self, block: bytes) -> Block:
        """The fields of a block."""
        try:
            found = [(bytes(name), bytes(value)) for name, value in self.decoder.decode(block, raw=True)]
        except OversizedHeaderListError:
            self.lose()
            return Block(anomaly="large_header_list")
        except (HPACKError, IndexError, ValueError):
            self.lose()
            return Block(anomaly="hpack_error")
        fields = [one for one in found if one[0]]
        return Block(fields, unknown=len(found) - len(fields) if self.is_partial else 0)

    @property
    def is_partial(self) -> bool:
        """Whether entries of the table are not known."""
        return bool(getattr(self.decoder.header_table, "is_partial", False))


def _decoder(*, is_partial: bool) -> Decoder:
    decoder = Decoder(max_header_list_size=MOST_LIST)
    decoder.header_table = Table(is_partial=is_partial)
    decoder.max_allowed_table_size = MOST_TABLE
    return decoder


# pseudo-header fields of requests and responses (RFC 9113 section 8.3, RFC 8441)
OF_REQUEST = frozenset((b":method", b":scheme", b":authority", b":path", b":protocol"))
OF_RESPONSE = frozenset((b":status",))
# fields that HTTP/2 forbids (RFC 9113 section 8.2.2)
OF_CONNECTION = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
_CONTROLS = frozenset(b"\0\r\n")
_UPPER = frozenset(range(0x41, 0x5B))


def anomalies(block: Block, pseudo: frozenset[bytes]) -> set[str]:
    """What RFC 9113 section 8 forbids in a block; `pseudo` are the pseudo-header fields that it may have."""
    found: set[str] = set()
    seen: set[bytes] = set()
    regular = False
    for name, value in block.fields:
        if name.startswith(b":"):
            if name not in pseudo:
                found.add("unexpected_pseudo_header")
            if name in seen:
                found.add("repeated_pseudo_header")
            if regular:
                found.add("late_pseudo_header")
            seen.add(name)
            continue
        regular = True
        if not _UPPER.isdisjoint(name):
            found.add("upper_case_name")
        if name in OF_CONNECTION or (name == b"te" and value != b"trailers"):
            found.add("connection_header")
        if not _CONTROLS.isdisjoint(value) or not _CONTROLS.isdisjoint(name):
            found.add("control_character")
    if pseudo and not block.unknown and _is_short(seen, pseudo, block):
        found.add("missing_pseudo_header")
    return found


def _is_short(seen: set[bytes], pseudo: frozenset[bytes], block: Block) -> bool:
    """Whether a pseudo-header field that is required is missing."""
    if pseudo is OF_RESPONSE:
        return b":status" not in seen
    if (b":method", b"CONNECT") in block.fields and b":protocol" not in seen:
        return b":authority" not in seen
    return not seen >= {b":method", b":scheme", b":path"}


def interim(block: Block) -> int:
    """The status of an interim response, 0 for another block."""
    value = next((value for name, value in block.fields if name == b":status"), b"")
    return int(value) if len(value) == 3 and value[:1] == b"1" and value.isdigit() else 0
