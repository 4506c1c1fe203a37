"""The bodies of a protocol with machines (netlake.layers.dialog), on their way to the thread that reads contents.

- A machine gives each of its bodies a number, and yields the bytes of a body as Pieces. The Row of the message that has
  the body names it as a File; with that row the body is over.
- `Bodies` gives bodies numbers that are unique in the capture (netlake.layers.contents), and adds the pieces of a
  batch as one buffer.
- A body that no row named when its flow leaves is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from netlake.kernels.http1_body import DROPPED
from netlake.kernels.http1_state import RUN, Coding
from netlake.layers.contents import NO_CONTENT, Content, Contents
from netlake.layers.magic import type_of

# names of content codings (RFC 9110 section 8.4.1), in lower case
CODINGS = {
    "": Coding.NONE, "identity": Coding.NONE, "gzip": Coding.GZIP, "x-gzip": Coding.GZIP, "deflate": Coding.DEFLATE,
    "br": Coding.BROTLI, "zstd": Coding.ZSTD,
}  # fmt: skip
OVER = 1


class Piece(NamedTuple):
    """Bytes of body `body`, whose content coding is `coding`."""

    body: int
    data: bytes
    coding: int = Coding.NONE.value


@dataclass(frozen=True, slots=True)
class File:
    """The body `body` of a row, which is over with the row.

    `sha256` is the column of the row that gets the hash of the body as transferred, null for a body without bytes.
    `fields` are columns of the table `file` that the machine knows: its source, name, declared type, coding, and the
    bytes seen and missing. `begin` is the first byte of the message with the body, a Where of netlake.layers.dialog,
    and `place` its position among those that begin in the same packet.
    """

    body: int
    sha256: str
    fields: dict[str, Any]
    begin: Any
    place: int | None = None


def coding_of(value: str | None) -> int:
    """The Coding that a Content-Encoding names."""
    return CODINGS.get((value or "").strip().lower(), Coding.OTHER).value


@dataclass(slots=True)
class Bodies:
    """The bodies of all flows of a protocol; `open` has those that are not over, by flow and number in it.

    A body is its number in the capture and its coding; `runs` are numbers, bytes, how they end, and codings.
    """

    contents: Contents = field(default_factory=Contents)
    open: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)
    runs: list[tuple[int, bytes, int, int]] = field(default_factory=list)
    count: int = 0

    def add(self, flow: int, piece: Piece) -> None:
        """Bytes of a body of a flow."""
        number, coding = self._number(flow, piece.body, piece.coding)
        self.runs.append((number, piece.data, 0, coding))

    def end(self, flow: int, body: int) -> int:
        """A body is over; its number, by which `take` has its content."""
        number, coding = self._number(flow, body, Coding.NONE.value)
        del self.open[flow][body]
        self.runs.append((number, b"", OVER, coding))
        return number

    def drop(self, flow: int) -> None:
        """A flow leaves; its bodies that are not over are not read."""
        for number, coding in self.open.pop(flow, {}).values():
            self.runs.append((number, b"", DROPPED, coding))

    def flush(self) -> None:
        """Hand the pieces so far to the thread."""
        if not self.runs:
            return
        sizes = np.array([len(data) for _, data, _, _ in self.runs], np.int64)
        ends = np.cumsum(sizes)
        buffer = self.contents.buffer(int(ends[-1]))
        buffer[: int(ends[-1])] = np.frombuffer(b"".join(data for _, data, _, _ in self.runs), np.uint8)
        runs = np.zeros(len(self.runs), RUN)
        runs["start"], runs["end"] = ends - sizes, ends
        for at, name in ((0, "body"), (2, "last"), (3, "coding")):
            runs[name] = [run[at] for run in self.runs]
        self.contents.add(buffer, runs)
        self.runs.clear()

    def take(self, numbers: Iterable[int]) -> dict[int, Content]:
        """The contents of bodies that are over, by number."""
        wanted = list(dict.fromkeys(numbers))
        return dict(zip(wanted, self.contents.take(wanted), strict=True)) if wanted else {}

    def _number(self, flow: int, body: int, coding: int) -> tuple[int, int]:
        """The number of a body and its coding; it begins if it is new."""
        own = self.open.setdefault(flow, {})
        if body not in own:
            own[body] = self.count, coding
            self.count += 1
        return own[body]


def file_fields(file: File, content: Content) -> dict[str, Any]:
    """The columns of the table `file` for a body that is over."""
    coded = file.fields.get("coding") is not None
    return {
        **file.fields,
        "decoded": not content.broken if coded else None,
        "size": content.content_size,
        "detected_type": type_of(content.first),
        "stored": content.stored,
        **{name: content.hashes.get(name) for name in ("md5", "sha1", "sha256")},
    }


def hash_of(content: Content) -> str | None:
    """The SHA-256 of a body as transferred; None without bytes."""
    return content.sha256 if content is not NO_CONTENT and content.size else None
