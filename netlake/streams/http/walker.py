"""The walker of HTTP/1: kernels over the streams of a batch, and the columns of the messages they located."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from netlake.kernels import http1_state as s
from netlake.kernels import http1_walk as kernels
from netlake.kernels.flow_state import Records
from netlake.layers.contents import NO_CONTENT, Content, Contents
from netlake.layers.streamed import Chains, Pool, Take
from netlake.packets import Columns, Messages
from netlake.schema import Table
from netlake.streams import file
from netlake.streams.http.columns import files_of, request_columns, response_columns
from netlake.streams.http.tables import REQUEST, RESPONSE

RUNS = 1 << 12
SWITCHING = 101
# the first protocol of Upgrade, without its version (RFC 9110 section 7.8)
_UPGRADE = re.compile(rb"\nupgrade[ \t]*:[ \t]*([^\s,/]+)", re.IGNORECASE)
READERS = (
    (REQUEST, s.Role.REQUEST.value, request_columns),
    (RESPONSE, s.Role.RESPONSE.value, response_columns),
)


class Http:
    """Reads HTTP/1; `number` is that of the protocol in STREAM.protocol.

    `contents` reads the bodies; the pipeline can replace it before the first batch, to share it or to choose hashes.
    """

    def __init__(self, number: int, contents: Contents | None = None) -> None:
        self.number, self.pool = number, Pool()
        self.contents = Contents() if contents is None else contents
        self.own: Records = np.zeros(0, s.HTTP)
        self.stages, self.stage = np.zeros(2, s.STAGE), np.zeros((2, s.MOST_HEAD), np.uint8)
        self.messages = np.zeros(len(self.pool.messages), s.MESSAGE)
        self.runs, self.tally = np.zeros(RUNS, s.RUN), np.zeros(1, s.TALLY)
        self.handed = np.zeros(0, s.HANDED)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Its located messages."""
        return (self.pool,)

    @property
    def tunnels(self) -> Records:
        """The streams that are no longer HTTP since the last `walk`, of dtype HANDED."""
        return self.handed[: int(self.tally["handed"][0])]

    def follows(self, handed: np.void) -> str:
        """The protocol that a response with status 101 announces for one of `tunnels`; empty without one."""
        index = int(handed["message"])
        if index < 0 or self.messages["status"][index] != SWITCHING:
            return ""
        located = self.pool.messages[index]
        found = _UPGRADE.search(self.pool.data[int(located["start"]) : int(located["end"])].tobytes())
        return found[1].decode("latin-1").lower() if found else ""

    def walk(self, chains: Chains) -> None:
        """Read all HTTP streams of a batch."""
        if len(self.own) < len(chains.states):
            self.own = grown(self.own, len(self.own), len(chains.states) - len(self.own))
        self.tally["runs"] = self.tally["bytes"] = self.tally["handed"] = 0
        if len(self.handed) < 2 * len(chains.first):
            self.handed = np.zeros(4 * len(chains.first), s.HANDED)
        buffer = np.empty(0, np.uint8)
        size = kernels.begin_batch(chains.first, chains.states, chains.arena, self._state(buffer), self.number)
        if size < 0:
            return
        buffer = self.contents.buffer(size)
        at = 0
        while True:
            state = self._state(buffer)
            at = kernels.walk(chains.first, at, chains.states, chains.data, chains.arena, state, self.number)
            if at == len(chains.first):
                break
            self._grow()
        self.contents.add(buffer, self.runs[: int(self.tally["runs"][0])])

    def close(self) -> None:
        """End the thread that reads bodies."""
        self.contents.close()

    def _state(self, bodies: np.ndarray) -> s.State:
        pool = self.pool
        return s.State(
            self.own, self.stages, self.stage, pool.data, pool.messages, pool.control, self.messages, self.runs, bodies,
            self.handed, self.tally,
        )  # fmt: skip

    def _grow(self) -> None:
        """Make room for the next flow."""
        tally, pool = self.tally[0], self.pool
        used, events = int(pool.control["used"][0]), int(tally["need_events"])
        pool.data = grown(pool.data, used, int(tally["need_bytes"]))
        pool.messages = grown(pool.messages, len(pool), events)
        self.messages = grown(self.messages, len(pool), events)
        self.runs = grown(self.runs, int(tally["runs"]), events)
        self.handed = grown(self.handed, int(tally["handed"]), 2)

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns]]:
        """The rows of the messages in the pool if it is full, or with `every`."""
        count = len(self.pool)
        if not count or not (every or self.pool.full):
            return
        facts, roles = self.messages[:count], self.pool.messages["kind"][:count]
        contents = self._contents(facts)
        for table, role, columns in READERS:
            index = np.flatnonzero(roles == role)
            if not len(index):
                continue
            messages = take(self.pool, table, index)
            messages.fault = facts["fault"][index].copy()
            chosen = [contents[at] for at in index.tolist()]
            read = columns(messages, facts[index], chosen)
            yield table, messages, read
            carries = np.flatnonzero((facts["body"][index] >= 0) & ((facts["size"] + facts["missing"])[index] > 0))
            if len(carries):
                files = take(self.pool, file.FILE, index[carries])
                yield file.FILE, files, files_of(table.name, read, facts[index], chosen, carries)
        self.pool.clear()

    def forget(self) -> None:
        """Forget the located messages."""
        self.pool.clear()

    def _contents(self, facts: Records) -> list[Content]:
        """The content of each message; an empty one without a body."""
        found = [NO_CONTENT] * len(facts)
        index = np.flatnonzero(facts["body"] >= 0)
        if len(index):
            for at, content in zip(index.tolist(), self.contents.take(facts["body"][index].tolist()), strict=True):
                found[at] = content
        return found


def grown(array: np.ndarray, used: int, more: int) -> np.ndarray:
    """`array`, or a larger copy of its first `used` entries, with room for `more`."""
    if used + more <= len(array):
        return array
    # memory that np.zeros returns is not touched before it is used
    larger = np.zeros(max(used + more, 2 * len(array)), array.dtype)
    larger[:used] = array[:used]
    return larger
