"""The bodies that streams transfer: hashed, decoded and, by option, stored, by one thread for each capture.

Rules
- A walker joins the bytes of a batch's bodies in a buffer, body by body, and adds the buffer with its runs
  (netlake.kernels.http1_state.RUN). A body is over with its last run; its Content is then taken, once, by its number.
- sha256 is always computed, md5 and sha1 by option: of the body as transferred (`sha256`), and of the content, which
  is the body without its content coding (`content`).
- gzip and deflate are decoded while the body arrives, in blocks of BLOCK bytes wherever its pieces end; br and zstd at
  its end, from at most MOST_CODED bytes. Decoding ends at MOST_DECODED bytes or at RATIO times the bytes of the body,
  with MOST_SMALL bytes in any case; then, and for a body that is not what its coding says, the content is what was
  decoded, and `broken` is True.
- What bodies keep in memory, for br, zstd and forms, is at most MOST_KEPT bytes together, and at most MOST_DECODERS
  bodies of gzip and deflate are decoded at once; one beyond that is `broken`, or its form is cut.
- Of a body its first FIRST bytes of content are kept for the detection of its type, of a form MOST_FORM bytes.
- At most WAITING buffers wait for the thread. What it raises is raised by the next call.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from netlake.kernels.flow_state import Records
from netlake.kernels.http1_body import DROPPED
from netlake.kernels.http1_state import Coding
from netlake.layers.content_coding import Decoder, Kept
from netlake.layers.magic import type_of
from netlake.packets import Bytes

FIRST, MOST_FORM = 512, 1 << 16
WAITING = 8
# `last` of a run: more follows, the body is over, some is missing: `end` bytes
MORE, OVER, LACKS = 0, 1, 3
HASHES = ("md5", "sha1")


class Part(Protocol):
    """A stored content that is being written."""

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes."""

    def end(self, sha256: str) -> bool:
        """The content is over, and has this hash; whether it is stored."""

    def abort(self) -> None:
        """The content will not end."""


class Store(Protocol):
    """Where contents are stored (netlake.sinks.extracted)."""

    def begin(self) -> Part:
        """A new content."""


@dataclass(slots=True)
class Content:
    """A body that is over: bytes as transferred, and of its content; hashes as text by name, of the content.

    `sha256` is that of the body as transferred. `first` are the first bytes of the content, `form` those of a form.
    """

    size: int = 0
    sha256: str = ""
    content_size: int = 0
    hashes: dict[str, str] = field(default_factory=dict)
    first: bytes = b""
    form: bytes = b""
    broken: bool = False
    stored: bool | None = None  # None: contents are not stored


# the content of a message without a body
NO_CONTENT = Content()


def file_fields(content: Content) -> dict[str, Any]:
    """The columns of table `file` that follow from a content; those of the hashes that were not chosen are null."""
    hashes = {name: content.hashes.get(name) for name in ("md5", "sha1", "sha256")}
    return {"size": content.content_size, "detected_type": type_of(content.first), "stored": content.stored, **hashes}


class Reader(Protocol):
    """What reads a body in the thread, in place of a file; it raises nothing.

    Made with the hashes beside sha256, the store, and the bytes that all bodies keep.
    """

    def add(self, data: memoryview) -> None:
        """Bytes of the body."""

    def gap(self, size: int) -> None:
        """Bytes of the body that are missing."""

    def end(self) -> Any:
        """What was read of the whole body, which replaces its Content."""

    def abort(self) -> None:
        """The body will not end."""


class Body:
    """A body that is not over; `kept` are the bytes that all bodies keep."""

    def __init__(self, coding: int, hashes: Iterable[str], store: Store | None, kept: Kept, *, form: bool) -> None:
        self.coding, self.is_form, self.kept = coding, form, kept
        self.found = Content()
        self.transferred = hashlib.sha256()
        self.hashes = {name: hashlib.new(name, usedforsecurity=False) for name in hashes}
        self.decoder = Decoder(coding, kept) if Coding.NONE < coding < Coding.OTHER else None
        self.content = self.transferred if self.decoder is None else hashlib.sha256()
        self.part = store.begin() if store is not None else None

    def add(self, data: memoryview) -> None:
        """Bytes of the body."""
        self.found.size += len(data)
        self.transferred.update(data)
        if self.decoder is None:
            self._content(data, hashed=True)
        else:
            for part in self.decoder.decode(data):
                self._content(part)

    def _content(self, data: bytes | memoryview, *, hashed: bool = False) -> None:
        found = self.found
        found.content_size += len(data)
        if not hashed:
            self.content.update(data)
        for one in self.hashes.values():
            one.update(data)
        if len(found.first) < FIRST:
            found.first += bytes(data[: FIRST - len(found.first)])
        if self.is_form:
            part = bytes(data[: MOST_FORM - len(found.form)])
            if part and self.kept.take(len(part)):
                found.form += part
        if self.part is not None:
            self.part.write(data)

    def gap(self, size: int) -> None:
        """Bytes of the body that are missing; they are counted by the walker."""

    def end(self) -> Content:
        """The content of the whole body."""
        found = self.found
        if self.decoder is not None:
            for part in self.decoder.end():
                self._content(part)
            found.broken = self.decoder.broken
        elif self.coding == Coding.OTHER:
            found.broken = True
        self.kept.give(len(found.form))
        found.sha256 = self.transferred.hexdigest()
        content = self.content.hexdigest()
        found.hashes = {"sha256": content, **{name: one.hexdigest() for name, one in self.hashes.items()}}
        if self.part is not None:
            found.stored = self.part.end(content)
        return found

    def abort(self) -> None:
        """The body will not end."""
        self.kept.give(len(self.found.form))
        if self.decoder is not None:
            self.decoder.close()
        if self.part is not None:
            self.part.abort()


@dataclass(slots=True)
class Job:
    """What the thread does next: bytes of bodies, or, without, wake who waits."""

    buffer: Bytes | None = None
    runs: list[tuple[int, ...]] = field(default_factory=list)
    woken: threading.Event | None = None
    readers: Mapping[int, Callable[..., Reader]] = field(default_factory=dict)


class Worker:
    """The thread's side: it reads jobs until one is None. It does not refer to Contents, whose end is its own."""

    def __init__(self, hashes: Iterable[str], store: Store | None) -> None:
        self.hashes, self.store = tuple(hashes), store
        self.jobs: queue.Queue[Job | None] = queue.Queue(WAITING)
        self.free: queue.SimpleQueue[Bytes] = queue.SimpleQueue()
        self.open: dict[int, Reader] = {}
        self.found: dict[int, Any] = {}
        self.kept = Kept()
        self.error: BaseException | None = None

    def work(self) -> None:
        """Read all jobs; then the bodies that are not over are dropped."""
        while (job := self.jobs.get()) is not None:
            if job.woken is not None:
                job.woken.set()
            if job.buffer is not None:
                try:
                    self._read(job)
                except BaseException as error:  # noqa: BLE001 - raised by the next call, in the other thread
                    self.error = error
                self.free.put(job.buffer)
        for body in self.open.values():
            body.abort()
        self.open.clear()

    def _read(self, job: Job) -> None:
        view = memoryview(job.buffer)  # type: ignore[arg-type]
        for number, start, end, last, coding, form in job.runs:
            body = self.open.get(number)
            if body is None:
                if last == DROPPED:
                    continue
                if number in job.readers:
                    body = job.readers[number](self.hashes, self.store, self.kept)
                else:
                    body = Body(coding, self.hashes, self.store, self.kept, form=bool(form))
                self.open[number] = body
            if last == LACKS:
                body.gap(end)
                continue
            if end > start:
                body.add(view[start:end])
            if last:
                del self.open[number]
                if last == DROPPED:
                    body.abort()
                else:
                    self.found[number] = body.end()


class Contents:
    """The bodies of one capture. `hashes` are the ones beside sha256; `store` gets all contents.

    The thread begins with the first body, and ends with `close` or when nobody refers to this object.
    """

    def __init__(self, hashes: Iterable[str] = (), store: Store | None = None) -> None:
        self.worker = Worker(hashes, store)
        self.thread: threading.Thread | None = None
        self.ending: Any = None

    def buffer(self, size: int) -> Bytes:
        """A buffer of at least `size` bytes for the bodies of a batch; it is `add`ed, or given up."""
        try:
            free = self.worker.free.get_nowait()
        except queue.Empty:
            free = np.empty(0, np.uint8)
        return free if len(free) >= size else np.empty(max(size, 2 * len(free)), np.uint8)

    def add(self, buffer: Bytes, runs: Records) -> None:
        """Bodies of a batch; the buffer and its bytes are the thread's from now on."""
        if not len(runs):
            self.worker.free.put(buffer)
            return
        names = ("body", "start", "end", "last", "coding", "form")
        columns = [runs[name].tolist() for name in names]
        self.add_runs(buffer, list(zip(*columns, strict=True)), {})

    def add_runs(
        self, buffer: Bytes, runs: list[tuple[int, ...]], readers: Mapping[int, Callable[..., Reader]]
    ) -> None:
        """As `add`; bodies in `readers`, by number, begin, and are read by what is made there."""
        self._check()
        if self.thread is None:
            self.thread = threading.Thread(target=self.worker.work, name="netlake-contents", daemon=True)
            self.thread.start()
            self.ending = weakref.finalize(self, self.worker.jobs.put, None)
        self.worker.jobs.put(Job(buffer, runs, readers=readers))

    def take(self, bodies: Iterable[int]) -> list[Any]:
        """The contents of bodies that are over, in order; waits for the thread. Empty for an unknown one."""
        if self.thread is not None:
            woken = threading.Event()
            self.worker.jobs.put(Job(woken=woken))
            woken.wait()
        self._check()
        return [self.worker.found.pop(body, NO_CONTENT) for body in bodies]

    def close(self) -> None:
        """End the thread; bodies that are not over are dropped."""
        if self.thread is not None:
            self.ending()
            self.thread.join()
            self.thread = None

    def _check(self) -> None:
        error, self.worker.error = self.worker.error, None
        if error is not None:
            raise error
