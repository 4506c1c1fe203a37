"""Compute a feature set from a lake, one record batch for each block of packets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from netlake.errors import OptionError
from netlake.features import definition, identity
from netlake.features.definition import Derived, Feature, FeatureSet
from netlake.features.own import OwnSet, Workspace
from netlake.features.packets import IDENTITY, PacketSet
from netlake.features.policy import Policy, of
from netlake.features.reader import INPUTS, SIZE, CaptureReader, Wanted
from netlake.features.registry import AnySet, find
from netlake.features.segmenter import Segmenter
from netlake.lake.catalog import Catalog
from netlake.query.lake import Lake
from netlake.query.snapshot import Snapshot

# rows of a record batch at most
BATCH = 1 << 16
# packets of a block at most, see CaptureReader
BLOCK = SIZE


def compute(  # noqa: PLR0913 - the public interface; all but two are optional
    lake: str | os.PathLike[str] | Lake,
    name: str | AnySet,
    *,
    policy: Policy | str | None = None,
    captures: Sequence[str] | None = None,
    where: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of a feature set as record batches with the schema `schema(name, policy)`.

    `lake` is a folder, or a Lake, at whose snapshot it is read. `policy` is a Policy or its text, by default that of
    the set. `captures` are ids, by default all of the lake; `where` is an SQL condition on `connection`. `progress` is
    called with the numbers of packets that are done and of all.

    Rows are in the order of captures, then of blocks of 2^19 packets by the block in which they end, then of their
    first packets. OptionError for an unknown name, policy or capture and for `where`, LakeError for the lake.
    """
    chosen = find(name)
    rules = _policy(chosen, policy)
    snapshot = snapshot_of(lake)
    request = Request(_captures(snapshot, captures), where, progress)
    if isinstance(chosen, PacketSet):
        return _packets(snapshot, chosen, request)
    if isinstance(chosen, OwnSet):
        return _own(snapshot, chosen, rules, request)
    return _rows(snapshot, chosen, rules, request)


def definitions(name: str | AnySet) -> tuple[Feature, ...]:
    """The definitions of the columns of a set, in order; OptionError for an unknown name."""
    chosen = find(name)
    if isinstance(chosen, PacketSet):
        return (*IDENTITY, *chosen.features)
    if isinstance(chosen, OwnSet):
        return (*(column.feature for column in identity.COLUMNS), *chosen.features)
    return tuple(column.feature for column in columns(chosen))


def columns(chosen: FeatureSet) -> tuple[Derived, ...]:
    """The columns of a set, identity first."""
    return (*identity.COLUMNS, *chosen.columns)


def schema(name: str | AnySet, policy: Policy | str | None = None) -> pa.Schema:
    """The Arrow schema of a set; its metadata have the name of the set and the text of the policy."""
    chosen = find(name)
    metadata = {"netlake.features": chosen.name}
    if not isinstance(chosen, PacketSet):
        metadata["netlake.policy"] = str(of(policy, chosen.policy))
    return definition.schema(definitions(chosen), metadata)


def _policy(chosen: AnySet, policy: Policy | str | None) -> Policy:
    if not isinstance(chosen, PacketSet):
        return of(policy, chosen.policy)
    if policy is not None:
        raise OptionError(f"--policy: {chosen.name} has a row for each packet and no segmentation; omit it.")
    return Policy("connection", key="connection")


def snapshot_of(lake: str | os.PathLike[str] | Lake) -> Snapshot:
    """The snapshot that a Lake reads, or the newest of the lake in a folder."""
    if isinstance(lake, Lake):
        return lake._snapshot()  # noqa: SLF001 - the snapshot that its queries read
    return Snapshot(Catalog(Path(lake), readonly=True))


@dataclass(frozen=True, slots=True)
class Request:
    """The captures (id -> packets) and flows whose features are computed, and the function that reports progress."""

    captures: Mapping[str, int]
    where: str | None = None
    progress: Callable[[int, int], None] | None = None


def _captures(snapshot: Snapshot, wanted: Sequence[str] | None) -> dict[str, int]:
    known = {entry.facts.capture: entry.facts.packets for entry in snapshot.catalog.captures()}
    for capture in wanted or ():
        if capture not in known:
            raise OptionError(f"The lake has no capture {capture!r}; list them with `netlake captures`.")
    return known if wanted is None else {capture: known[capture] for capture in wanted}


def _rows(snapshot: Snapshot, chosen: FeatureSet, policy: Policy, request: Request) -> Iterator[pa.RecordBatch]:
    made, every = schema(chosen, policy), columns(chosen)
    wanted = Wanted(policy.key, chosen.inputs, request.where, chosen.flow_columns)
    done, packets = 0, sum(request.captures.values())
    for capture in request.captures:
        segmenter = Segmenter(policy, chosen.accumulators, capture)
        context = chosen.context() if chosen.context else None
        with CaptureReader(snapshot, capture, wanted, BLOCK) as reader:
            for block in reader.blocks():
                rows = segmenter.cut(block)
                if context:
                    context.follow(rows)
                for begin in range(0, len(rows), BATCH):
                    yield definition.batch(every, rows.slice(begin, BATCH), made)
                done += len(block)
                if request.progress:
                    request.progress(done, packets)


def _packets(snapshot: Snapshot, chosen: PacketSet, request: Request) -> Iterator[pa.RecordBatch]:
    made = schema(chosen)
    wanted = Wanted("connection", chosen.inputs, request.where, chosen.flow_columns)
    done, packets = 0, sum(request.captures.values())
    for capture in request.captures:
        with CaptureReader(snapshot, capture, wanted, BLOCK) as reader:
            for arrays in chosen.read(reader):
                count = len(arrays[0])
                yield pa.RecordBatch.from_arrays([pa.repeat(capture, count), *arrays], schema=made)
                done += count
                if request.progress:
                    request.progress(done, packets)


def _own(snapshot: Snapshot, chosen: OwnSet, policy: Policy, request: Request) -> Iterator[pa.RecordBatch]:
    made = schema(chosen, policy)
    wanted = Wanted(policy.key, frozenset(INPUTS), request.where)
    done, packets = 0, sum(request.captures.values())
    for capture in request.captures:
        with CaptureReader(snapshot, capture, wanted, BLOCK) as reader:
            workspace = Workspace(chosen, reader)
            for count in workspace.fill(Segmenter(policy, (), capture)):
                done += count
                if request.progress:
                    request.progress(done, packets)
            yield from workspace.batches(made, BATCH)
