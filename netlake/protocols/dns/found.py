"""Questions and records of a batch of messages as arrays, and a writer that appends text and fields to them.

Data structures: each array has one row per property and one column per question, record, message or field. The
constants Q_, R_ and T_ of the kernels and F_ of this module number its rows. Text is in one byte buffer, the arena; a
span is its start and end there, -1 for null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.packets import Bytes

Rows = npt.NDArray[np.int64]
Field = tuple[int, int, int, int]

# rows of `fields`: record, name as an index of `words`, number or NO_NUMBER, span of the text
F_RECORD, F_NAME, F_NUMBER, F_TEXT, F_TEXT_END = range(5)
NO_NUMBER = np.iinfo(np.int64).min
WORDS = ("text", "mname", "rname", "serial", "refresh", "retry", "expire", "minimum")


@dataclass(slots=True)
class Records:
    """Questions and records of one batch.

    `found` (4, messages): number of questions, number of records, offset after them, fault; `names` (3, questions):
    span and fault; `texts`: spans and numbers of the records; `fields` are ordered by record; F_NAME is an index of
    `words`.
    """

    questions: Rows
    records: Rows
    found: Rows
    names: Rows
    texts: Rows
    fields: Rows
    arena: Bytes
    words: list[str]


class Writer:
    """Appends texts to the arena and fields to `fields`; `finish` applies them."""

    def __init__(self, result: Records) -> None:
        self.result, self.at = result, len(result.arena)
        self.parts: list[bytes | npt.NDArray[np.uint8]] = []
        self.fields: list[tuple[int, int, int, int, int]] = []
        self.codes = {word: code for code, word in enumerate(result.words)}

    def span(self, text: str | None) -> tuple[int, int]:
        """Append one text; returns its span."""
        if text is None:
            return -1, -1
        start = self.at
        self.parts.append(text.encode("ascii"))
        self.at += len(text)
        return start, self.at

    def field(self, name: str, number: int | None, text: str | None) -> Field:
        """A row of `fields` without its record."""
        code = self.codes.setdefault(name, len(self.codes))
        return (code, NO_NUMBER if number is None else number, *self.span(text))

    def finish(self) -> None:
        """Store what was appended, in the order of the records."""
        result = self.result
        if self.parts:
            result.arena = np.concatenate([result.arena, *(np.frombuffer(part, np.uint8) for part in self.parts)])
        result.words = list(self.codes)
        if self.fields:
            result.fields = np.concatenate([result.fields, np.array(self.fields, np.int64).T], axis=1)
        of = result.fields[F_RECORD]
        if (of[1:] < of[:-1]).any():
            result.fields = result.fields[:, np.argsort(of, kind="stable")]
