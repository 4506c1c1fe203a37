"""All targets, by name: those of the declared protocols in streams, and those of everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Protocol

from netlake import tables
from tests.fuzz import quic, seeds
from tests.fuzz.messages import PacketTarget, ReaderTarget, SourceTarget
from tests.fuzz.streams import StreamTarget


class Target(Protocol):
    """Something that reads bytes of others."""

    name: str

    def run(self, data: bytes) -> None:
        """Read an input; any exception is a failure."""

    def change(self, data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
        """Another input."""


OTHERS: dict[str, tuple[Callable[[], Target], Callable[[], list[bytes]]]] = {
    quic.Http3Target.name: (quic.Http3Target, quic.seeds),
    "packets": (PacketTarget, seeds.of_packets),
    "readers": (ReaderTarget, seeds.of_messages),
    "sources": (SourceTarget, lambda: [b"\0" + data for data in seeds.captures()]),
}


def names() -> list[str]:
    """The names of all targets."""
    return [*(f"stream {name}" for name in tables.in_streams()), *OTHERS]


def target(name: str) -> tuple[Target, list[bytes]]:
    """A target and its seeds."""
    kind, _, stream = name.partition(" ")
    make, read = (partial(StreamTarget, stream), partial(seeds.of_stream, stream)) if stream else OTHERS[kind]
    return make(), read()
