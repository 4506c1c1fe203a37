"""The kinds of columns: the scalar kinds, and List and Struct, which nest them.

Rules for the stored types: integers are signed (Delta and Iceberg have no others) and wide enough for the wire format;
times have microseconds (Spark does not read nanoseconds); durations are seconds as float64; addresses are text. A u64
above 2^63-1 is stored as null and its row gets the fault `out_of_range`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netlake.schema import Column


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar kind: its wire format and its type in each derived form.

    `wire` is a NumPy format (big-endian unless the name ends in `le`), None without a fixed format;
    `arrow`, `proto` and `lake` are the names of its types in Arrow, Protobuf and DuckLake;
    `encoding` is its Parquet encoding: dictionary, delta, split (BYTE_STREAM_SPLIT) or plain.
    """

    wire: str | None
    arrow: str
    proto: str
    lake: str
    encoding: str


SCALARS: dict[str, Scalar] = {
    "bool": Scalar(None, "bool", "bool", "boolean", "plain"),
    "u8": Scalar("u1", "int16", "int32", "int16", "dictionary"),
    "i8": Scalar("i1", "int16", "int32", "int16", "dictionary"),
    "u16": Scalar(">u2", "int32", "int32", "int32", "split"),
    "u16le": Scalar("<u2", "int32", "int32", "int32", "split"),
    "i16": Scalar(">i2", "int16", "int32", "int16", "plain"),
    "i16le": Scalar("<i2", "int16", "int32", "int16", "plain"),
    "u32": Scalar(">u4", "int64", "int64", "int64", "split"),
    "u32le": Scalar("<u4", "int64", "int64", "int64", "split"),
    "i32": Scalar(">i4", "int32", "int32", "int32", "split"),
    "i32le": Scalar("<i4", "int32", "int32", "int32", "split"),
    "u64": Scalar(">u8", "int64", "int64", "int64", "split"),
    "u64le": Scalar("<u8", "int64", "int64", "int64", "split"),
    "i64": Scalar(">i8", "int64", "int64", "int64", "split"),
    "i64le": Scalar("<i8", "int64", "int64", "int64", "split"),
    "f64": Scalar(">f8", "float64", "double", "float64", "split"),
    "duration": Scalar(None, "float64", "double", "float64", "split"),
    "ts": Scalar(None, "timestamp", "google.protobuf.Timestamp", "timestamptz", "delta"),
    "day": Scalar(None, "date32", "int32", "date", "dictionary"),
    "ip": Scalar(None, "string", "string", "varchar", "dictionary"),
    "ipv4": Scalar("V4", "string", "string", "varchar", "dictionary"),
    "ipv6": Scalar("V16", "string", "string", "varchar", "dictionary"),
    "mac": Scalar("V6", "string", "string", "varchar", "dictionary"),
    "hex64": Scalar(">u8", "string", "string", "varchar", "plain"),
    "word": Scalar(None, "string", "string", "varchar", "dictionary"),
    "text": Scalar(None, "string", "string", "varchar", "dictionary"),
    "bytes": Scalar(None, "binary", "bytes", "blob", "plain"),
}


@dataclass(frozen=True, slots=True)
class List:
    """Any number of values of one kind; may be empty, never null."""

    element: str | Struct


@dataclass(frozen=True, slots=True)
class Struct:
    """Several named values; used inside a List or alone."""

    columns: tuple[Column, ...]


Kind = str | List | Struct
