"""The end of a stream on request: a user who interrupts ends the input, and what was read is kept.

Rules
- A process that reads a pipe or standard input may enter `END_OF_INPUT.on_signals()`. Within it the first SIGINT or
  SIGTERM requests the end of the input, the second raises KeyboardInterrupt, which aborts.
- After the request, bytes that are on their way are still read: a program that writes to the pipe is often interrupted
  by the same key, and flushes its buffer. The input ends when no byte arrived for QUIET seconds, at the latest after
  LONGEST.
- A request wakes a read that waits: reads wait for the input and for the request's own pipe together.

A process has one standard input and one set of signal handlers, so there is one END_OF_INPUT. It does nothing until its
context is entered.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

QUIET, LONGEST = 0.2, 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndOfInput:
    """Whether the end of the input was requested, and waiting for input until then."""

    def __init__(self) -> None:
        self.requested = False
        self._deadline = 0.0
        self._pipe: tuple[int, int] | None = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Within the block SIGINT and SIGTERM end the input, a second one aborts; only in the main thread."""
        self.requested, self._pipe = False, os.pipe()
        before = {number: signal.signal(number, self._signalled) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            ends, self._pipe = self._pipe, None
            for end in ends:
                os.close(end)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.requested or self._pipe is None:
            raise KeyboardInterrupt
        self.requested, self._deadline = True, time.monotonic() + LONGEST
        os.write(self._pipe[1], b"\0")

    def ready(self, descriptor: int) -> bool:
        """Wait until `descriptor` has input or its end, which a read returns; False when the input ends on request."""
        if self._pipe is None:
            return True
        while not self.requested:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.register(self._pipe[0], select.POLLIN)
            if any(number == descriptor for number, _ in poll.poll()):
                return True
        left = min(QUIET, self._deadline - time.monotonic())
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return left > 0 and bool(poll.poll(round(left * 1000)))


END_OF_INPUT = EndOfInput()
