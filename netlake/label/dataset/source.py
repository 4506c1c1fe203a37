"""Where the rows of a data set come from: a stream of record batches, and a definition for each column.

The interface is narrow, so that any program that computes rows can be the source: netlake's own feature sets
(`of_lake`), or a test.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

# classes of leaks, see netlake.features
LEAKS = ("none", "identity", "time", "environment", "context", "outcome")


class Definition(Protocol):
    """The definition of one column, as in `netlake.features.Feature`."""

    @property
    def name(self) -> str:
        """Name of the column."""

    @property
    def unit(self) -> str | None:
        """Unit of its values."""

    @property
    def description(self) -> str:
        """What the value is."""

    @property
    def null_when(self) -> str | None:
        """When the value is null."""

    @property
    def leak(self) -> str:
        """One of LEAKS: what the value gives away beside the behaviour of the traffic."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A definition without further facts: for columns that a source does not describe, and for tests."""

    name: str
    leak: str = "none"
    unit: str | None = None
    description: str = ""
    null_when: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of one feature set.

    `batches` computes them, in any order, and may be called once; their columns are those of `definitions`. A row is
    a flow or a part of one (columns capture, flow, first_packet, last_packet, first_ts, last_ts), or a packet (columns
    capture, packet, ts, and flow, which may be null). With `joined`, a row may have packets of several flows of the
    same endpoints, from its column flow to its column last_flow. `policy` is recorded in the manifest.
    """

    name: str
    definitions: Sequence[Definition]
    batches: Callable[[], Iterator[pa.RecordBatch]]
    policy: Mapping[str, Any] = field(default_factory=dict)
    joined: bool = False
    files: tuple[Path, ...] = ()


def of_lake(lake: Path, name: str, policy: str | None = None) -> Source:
    """A feature set of netlake or of the user, of a lake; OptionError if there is none of this name."""
    features: Any = importlib.import_module("netlake.features")
    made = features.find(name)
    record: dict[str, Any] = {"policy": None}
    joined = False
    if made.rows != "packet":
        rules = importlib.import_module("netlake.features.policy").of(policy, made.policy)
        record, joined = {"policy": str(rules), **dataclasses.asdict(rules)}, rules.key == "endpoints"
    return Source(
        made.name,
        features.definitions(made),
        lambda: iter(features.compute(lake, made, policy=policy)),
        record,
        joined=joined,
        files=(Path(name),) if name.endswith(".sql") else (),
    )
