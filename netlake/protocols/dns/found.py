"""What is found in a batch of messages, as arrays; and how text and fields are appended to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.packets import Bytes

Rows = npt.NDArray[np.int64]
Field = tuple[int, int, int, int]

# rows of `fields`: the record, the field's name as an index of `words`, its number or NO_NUMBER, its text or -1
F_RECORD, F_NAME, F_NUMBER, F_TEXT, F_TEXT_END = range(5)
NO_NUMBER = np.iinfo(np.int64).min
WORDS = ("text", "mname", "rname", "serial", "refresh", "retry", "expire", "minimum")


@dataclass(slots=True)
class Records:
    """Findings of one batch; the rows of the arrays are named Q_, R_, T_ in the kernels' modules and F_ here.

    `found` (4, messages): questions, records, offset behind them, fault; `names` (3, questions): span and fault;
    spans lie in `arena`; `fields` stand in the order of their records; `words` are the names that F_NAME indexes.
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
    """Appends texts behind the arena, and fields behind those that are there."""

    def __init__(self, result: Records) -> None:
        self.result, self.at = result, len(result.arena)
        self.parts: list[bytes | npt.NDArray[np.uint8]] = []
        self.fields: list[tuple[int, int, int, int, int]] = []
        self.codes = {word: code for code, word in enumerate(result.words)}

    def span(self, text: str | None) -> tuple[int, int]:
        """The span of one text."""
        if text is None:
            return -1, -1
        start = self.at
        self.parts.append(text.encode("ascii"))
        self.at += len(text)
        return start, self.at

    def field(self, name: str, number: int | None, text: str | None) -> Field:
        """A field as rows of `fields` have it, without its record."""
        code = self.codes.setdefault(name, len(self.codes))
        return (code, NO_NUMBER if number is None else number, *self.span(text))

    def finish(self) -> None:
        """Put together what was appended."""
        result = self.result
        if self.parts:
            result.arena = np.concatenate([result.arena, *(np.frombuffer(part, np.uint8) for part in self.parts)])
        result.words = list(self.codes)
        if self.fields:
            result.fields = np.concatenate([result.fields, np.array(self.fields, np.int64).T], axis=1)
        of = result.fields[F_RECORD]
        if (of[1:] < of[:-1]).any():
            result.fields = result.fields[:, np.argsort(of, kind="stable")]
