"""Parquet storage of each column: the options of the writer, derived from the declared encoding of the kind.

- dictionary: strings. Integers with few distinct values are plain: Parquet would hash every value, which costs a tenth
  of all writing and saves 0.2 bytes per packet (measured on two captures).
- delta: increasing numbers.
- split: BYTE_STREAM_SPLIT for floating-point numbers. Integers with repeating high bytes (ports, lengths) are plain:
  DuckDB before 2.0, and with it the DuckLake extension, cannot read split integers, and over all tables they are
  neither faster nor smaller.
- Parquet statistics are written for numbers only. For dictionary strings they would cost half of the writing;
  `parquet_file` takes least and greatest values from each row group's dictionary, for the catalog. Nested columns have
  none, because no query prunes by them.
- Data pages have 128 KiB, with a page index, so that a selective reader reads few bytes.
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
    """(Parquet path, Arrow type, encoding) of every leaf column of a column at `path`."""
    if isinstance(kind, List):
        yield from leaves(path + ".list.element", kind.element, encoding)
    elif isinstance(kind, str):
        scalar = SCALARS[kind]
        yield path, scalar.arrow, encoding or scalar.encoding
    else:
        for child in kind.columns:
            yield from leaves(f"{path}.{child.name}", child.kind, child.encoding)


def encoding(table: Table, path: str, arrow: str, wanted: str) -> str | None:
    """The Parquet encoding of one leaf column; None for a dictionary. SchemaError if `wanted` does not fit the type."""
    if wanted == "dictionary" and arrow not in NUMBERS:
        return None
    if wanted in ("plain", "dictionary") or (wanted == "split" and arrow in INTEGERS):
        return "PLAIN"
    if (wanted == "delta" and arrow in INTEGERS) or (wanted == "split" and arrow in NUMBERS):
        return ENCODINGS[wanted]
    raise SchemaError(f"Table {table.name}: column {path} cannot be stored as {wanted}; declare another encoding.")


def has_statistics(column: Column) -> bool:
    """Whether the Parquet file has least and greatest value of `column`.

    Not of real numbers: statistics leave NaN out, so that programs which skip row groups by them lose its rows.
    """
    return column.scalar is not None and column.scalar.arrow in INTEGERS


@cache
def writer_options(table: Table, *, bloom: bool = False) -> dict[str, Any]:
    """The options of pyarrow's ParquetWriter for `table`; `bloom` adds Bloom filters to address columns."""
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
