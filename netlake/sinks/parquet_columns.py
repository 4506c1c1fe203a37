"""How each column of a table is stored in Parquet: the writer's options, from the encoding declared with its kind.

- dictionary: strings. Integers of few values are plain: Parquet finds out that they are few by hashing every one,
  which costs a tenth of all writing and saves 0.2 bytes a packet (two captures measured).
- delta: numbers that climb. split: BYTE_STREAM_SPLIT for real numbers. Integers whose high bytes repeat (ports,
  lengths) are plain: DuckDB before 2.0, and so the DuckLake extension, reads no split integers, and over all tables
  they are neither faster nor smaller.
- Parquet statistics are written for numbers only. For dictionary strings they cost half of the writing, so the least
  and greatest are taken from each row group's dictionary, for the catalog; nobody prunes by a nested column.
- Data pages of 128 KiB and a page index, so that a reader that knows what it wants reads little.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from netlake.errors import SchemaError
from netlake.schema import SCALARS, Column, Kind, List, Table

PAGE = 128 << 10
ENCODINGS = {"delta": "DELTA_BINARY_PACKED", "split": "BYTE_STREAM_SPLIT", "plain": "PLAIN"}
INTEGERS = {"int16", "int32", "int64", "timestamp", "date32"}
NUMBERS = INTEGERS | {"float64"}
ADDRESSES = {"ip", "ipv4", "ipv6", "mac"}


def leaves(path: str, kind: Kind, encoding: str | None) -> Iterator[tuple[str, str, str]]:
    """(Parquet path, Arrow type, encoding) of every stored column of a column."""
    if isinstance(kind, List):
        yield from leaves(path + ".list.element", kind.element, encoding)
    elif isinstance(kind, str):
        scalar = SCALARS[kind]
        yield path, scalar.arrow, encoding or scalar.encoding
    else:
        for child in kind.columns:
            yield from leaves(f"{path}.{child.name}", child.kind, child.encoding)


def encoding(table: Table, path: str, arrow: str, wanted: str) -> str | None:
    """The Parquet encoding of one stored column; None is a dictionary. SchemaError if there is no such encoding."""
    if wanted == "dictionary" and arrow not in NUMBERS:
        return None
    if wanted in ("plain", "dictionary") or (wanted == "split" and arrow in INTEGERS):
        return "PLAIN"
    if (wanted == "delta" and arrow in INTEGERS) or (wanted == "split" and arrow in NUMBERS):
        return ENCODINGS[wanted]
    raise SchemaError(f"Table {table.name}: column {path} cannot be stored as {wanted}; declare another encoding.")


def has_statistics(column: Column) -> bool:
    """Whether Parquet keeps the least and greatest of `column`."""
    return column.scalar is not None and column.scalar.arrow in NUMBERS


@cache
def writer_options(table: Table, *, bloom: bool = False) -> dict[str, Any]:
    """What pyarrow's ParquetWriter is told for `table`; `bloom` adds Bloom filters to its address columns."""
    dictionary: list[str] = []
    others: dict[str, str] = {}
    for column in table.all_columns:
        for path, arrow, wanted in leaves(column.name, column.kind, column.encoding):
            chosen = encoding(table, path, arrow, wanted)
            if chosen is None:
                dictionary.append(path)
            else:
                others[path] = chosen
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": dictionary,
        "column_encoding": others,
        "write_statistics": [column.name for column in table.all_columns if has_statistics(column)],
        "data_page_size": PAGE,
        "write_page_index": True,
        "store_schema": False,
    }
    if bloom:
        addresses = [column.name for column in table.all_columns if column.kind in ADDRESSES]
        options["bloom_filter_options"] = dict.fromkeys(addresses, True)
    return options
