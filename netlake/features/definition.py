"""What a feature set is: columns, each with its definition and the function that computes it from records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from netlake.features.blocks import Block

Array = npt.NDArray[Any]
# values; values and where they are not null; or an Arrow array
Values: TypeAlias = Array | tuple[Array, Array] | Any

LEAKS = ("none", "identity", "time", "environment", "context", "outcome")

TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "i8": pa.int8(),
    "i16": pa.int16(),
    "i32": pa.int32(),
    "i64": pa.int64(),
    "f64": pa.float64(),
    "ts": pa.timestamp("us", "UTC"),
    "text": pa.string(),
    "list<i8>": pa.list_(pa.int8()),
    "list<i32>": pa.list_(pa.int32()),
    "list<i64>": pa.list_(pa.int64()),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """The definition of one column.

    `kind` is a key of TYPES; `unit` is empty for a number without one; `null_when` says when the value is undefined,
    empty if it never is; `leak` is one of LEAKS; `sources` are the columns of the lake from which it is computed.
    """

    name: str
    kind: str
    unit: str
    description: str
    null_when: str = ""
    leak: str = "none"
    sources: tuple[str, ...] = ()

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column."""
        return TYPES[self.kind]

    @property
    def field(self) -> pa.Field:
        """The Arrow field, with the definition as metadata."""
        parts = {
            "doc": self.description, "unit": self.unit, "null_when": self.null_when, "leak": self.leak,
            "sources": ", ".join(self.sources),
        }  # fmt: skip
        return pa.field(self.name, self.type, nullable=bool(self.null_when), metadata=parts)

    @property
    def record(self) -> dict[str, Any]:
        """The definition as JSON data."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Derived:
    """A feature and the function that computes its values from the records of segments."""

    feature: Feature
    value: Callable[[Rows], Values]

    def null(self, when: str) -> Derived:
        """The column, null in a case that a few words describe."""
        return self._with(null_when=when)

    def leak(self, kind: str) -> Derived:
        """The column with another leak class, of LEAKS."""
        return self._with(leak=kind)

    def reads(self, *sources: str) -> Derived:
        """The column with its sources, columns of the lake."""
        return self._with(sources=sources)

    def _with(self, **changes: Any) -> Derived:
        return Derived(dataclasses.replace(self.feature, **changes), self.value)


def column(name: str, kind: str, unit: str, description: str, value: Callable[[Rows], Values]) -> Derived:
    """A column, never null and without leak unless it is changed by the methods of Derived."""
    return Derived(Feature(name, kind, unit, description), value)


@dataclass(frozen=True, slots=True)
class Accumulator:
    """Records of segments: `dtype`, and the kernel call that follows a block of packets.

    A segment has `sides` records: 0 is one, in an array of one dimension; otherwise the array has two.
    """

    name: str
    dtype: np.dtype[Any]
    sides: int
    follow: Callable[[Block, Mapping[str, Array]], None]
    inputs: tuple[str, ...] = ()

    def empty(self, rows: int) -> Array:
        """Records of new segments: zeros."""
        return np.zeros((rows, self.sides) if self.sides else rows, self.dtype)


class Rows:
    """Segments that have ended: their records, and the accumulated records by name.

    `rows[name]` are the records of an accumulator; `segments` those of netlake.kernels.feature_segments.SEGMENT;
    `flows` the rows of `connection`, one for each segment.
    """

    def __init__(self, segments: Array, records: dict[str, Array], flows: pa.Table, capture: str) -> None:
        self.segments, self.records, self.flows, self.capture = segments, records, flows, capture
        self.notes: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, name: str) -> Array:
        return self.records[name]

    def slice(self, begin: int, count: int) -> Rows:
        """`count` rows from `begin` on, or those that are left."""
        end = begin + count
        records = {name: values[begin:end] for name, values in self.records.items()}
        return Rows(self.segments[begin:end], records, self.flows.slice(begin, count), self.capture)

    @cached_property
    def duration(self) -> Array:
        """Microseconds from the first to the last packet; 0 without times."""
        result: Array = np.where(self.segments["timed"] > 0, self.segments["last"] - self.segments["first"], 0)
        return result

    @cached_property
    def packets(self) -> Array:
        """Packets of both directions."""
        result: Array = self.segments["forward_packets"] + self.segments["backward_packets"]
        return result

    @cached_property
    def forward_is_originator(self) -> Array:
        """Whether forward is the direction of the originator of the flow of the first packet."""
        swapped = self.flows.column("swapped").combine_chunks().cast(pa.uint8()).to_numpy(zero_copy_only=False)
        result: Array = self.segments["forward"] == swapped
        return result


class Context(Protocol):
    """What depends on the rows before, in the order in which they are written."""

    def follow(self, rows: Rows) -> None:
        """Add records to `rows.records`."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A named set: one row for each segment.

    `policy` is the name of its segmentation by default; `inputs` are the columns of packets that it reads besides
    those of segmentation, see netlake.features.reader, and `flow_columns` columns of `connection`. `context` makes, for
    each capture, what adds records that depend on earlier rows. `aliases` are other names of columns.
    """

    name: str
    title: str
    policy: str
    columns: tuple[Derived, ...]
    accumulators: tuple[Accumulator, ...]
    references: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] | None = None
    rows: str = "segment"
    flow_columns: tuple[str, ...] = ()
    context: Callable[[], Context] | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """The definitions, in order."""
        return tuple(column.feature for column in self.columns)

    @property
    def inputs(self) -> frozenset[str]:
        """The columns of packets that the accumulators read."""
        return frozenset(name for made in self.accumulators for name in made.inputs)


def schema(features: Iterable[Feature], metadata: Mapping[str, str]) -> pa.Schema:
    """The Arrow schema of a set, whose metadata name it and its policy."""
    return pa.schema([feature.field for feature in features], metadata=dict(metadata))


def array(feature: Feature, values: Values) -> pa.Array:
    """The Arrow array of a column."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, tuple):
        numbers, valid = values
        return pa.array(numbers, mask=~np.asarray(valid, bool)).cast(feature.type)
    return pa.array(values).cast(feature.type)


def batch(columns: Sequence[Derived], rows: Rows, made: pa.Schema) -> pa.RecordBatch:
    """One record batch of `columns`, with the schema `made`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        arrays = [array(column.feature, column.value(rows)) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=made)
