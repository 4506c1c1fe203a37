"""RDATA of one record as text and as typed fields, in plain Python: every type with a layout in types.py.

A kernel (kernels/dns_text.py) writes the common types; this module reads them in tests only, which compare both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from netlake.packets import Cursor, Malformed
from netlake.protocols.dns.readers import READERS, FieldReader
from netlake.protocols.dns.types import LAYOUTS

# fields of a layout that are columns of a record
COLUMNS = frozenset(("address", "target", "preference", "weight", "port"))


@dataclass(slots=True)
class Data:
    """RDATA of one record: text, columns of its type, and other fields (name, number, text)."""

    text: str
    columns: dict[str, str | int] = field(default_factory=dict)
    fields: list[tuple[str, int | None, str | None]] = field(default_factory=list)


def present(kind: int, cursor: Cursor) -> Data:
    """RDATA in `cursor`, by the layout of `kind`; raises Short or Malformed if it does not fit.

    `cursor.data` is the whole message, since names point into it.
    """
    words: list[str] = []
    result = Data("")
    for name, reader in layout(kind):
        read = reader(cursor)
        for text, number, value, own_name in read if isinstance(read, list) else (read,):
            if text:
                words.append(text)
            if number is None and value is None:
                continue
            if name in COLUMNS:
                result.columns[name] = value if number is None and value is not None else number or 0
            else:
                result.fields.append((own_name or name, number, value))
    if cursor.left:
        raise Malformed("bad_length")
    result.text = " ".join(words)
    return result


@cache
def layout(kind: int) -> tuple[tuple[str, FieldReader], ...]:
    """Fields of a record type and their readers; empty for a type without a layout."""
    words = (LAYOUTS.get(kind, ("", None))[1] or "").split()
    return tuple((name, READERS[reader]) for name, _, reader in (word.partition(":") for word in words))


def unknown(data: bytes) -> str:
    """RDATA as unknown data (RFC 3597)."""
    return rf"\# {len(data)} {data.hex().upper()}" if data else r"\# 0"
