"""Questions and records of a batch of messages as arrays, and a writer that appends text and fields to them.

Data structures: arrays of records, whose dtypes are those of the kernels and FIELD. Text is in one byte buffer, the
arena; a span is its start and end there, -1 for null. A field of such an array (`texts["data"]`) is a view of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.kernels.dns import SPAN
from netlake.kernels.dns_text import Type
from netlake.packets import Bytes, Mask

Found = npt.NDArray[np.void]
Span = tuple[int, int]
FieldText = tuple[int, int, Span]

# `record` and `name` are indices of `records` and `words`; `number` may be NO_NUMBER
FIELD = np.dtype([("record", np.int32), ("name", np.int32), ("number", np.int64), ("text", SPAN)], align=True)
NO_NUMBER = np.iinfo(np.int64).min
WORDS = ("text", "mname", "rname", "serial", "refresh", "retry", "expire", "minimum")


def has_type(records: Found, kind: Type) -> Mask:
    """Which of `records` (RECORD) have the type `kind`."""
    # NumPy takes 9 us to convert a member of an enumeration, and 0.5 us for a number
    return np.asarray(records["type"] == kind.value)


def joined(*parts: Found) -> Found:
    """The fields (FIELD) of `parts`, copied as whole words: NumPy copies records field by field, 40 times slower."""
    return np.concatenate([part.view(np.int64) for part in parts]).view(FIELD)


@dataclass(slots=True)
class DnsRecords:
    """Questions and records of one batch.

    `questions` (QUESTION) and their `names` (NAME); `records` (RECORD) and their `texts` (TEXT); `found` (FOUND), one
    for each message; `fields` (FIELD), ordered by record, and the `words` that they are named with.
    """

    questions: Found
    records: Found
    found: Found
    names: Found
    texts: Found
    fields: Found
    arena: Bytes
    words: list[str]


class TextWriter:
    """Appends texts to the arena and fields to `fields`; `finish` applies them."""

    def __init__(self, result: DnsRecords) -> None:
        self.result, self.at = result, len(result.arena)
        self.parts: list[bytes | npt.NDArray[np.uint8]] = []
        self.fields: list[tuple[int, int, int, Span]] = []
        self.codes = {word: code for code, word in enumerate(result.words)}

    def span(self, text: str | None) -> Span:
        """Append one text; returns its span."""
        if text is None:
            return -1, -1
        start = self.at
        self.parts.append(text.encode("ascii"))
        self.at += len(text)
        return start, self.at

    def field(self, name: str, number: int | None, text: str | None) -> FieldText:
        """A field without its record: name, number, span of the text."""
        code = self.codes.setdefault(name, len(self.codes))
        return code, NO_NUMBER if number is None else number, self.span(text)

    def finish(self) -> None:
        """Store what was appended, in the order of the records."""
        result = self.result
        if self.parts:
            result.arena = np.concatenate([result.arena, *(np.frombuffer(part, np.uint8) for part in self.parts)])
        result.words = list(self.codes)
        if self.fields:
            result.fields = joined(result.fields, np.array(self.fields, FIELD))
        of = result.fields["record"]
        if (of[1:] < of[:-1]).any():
            result.fields = result.fields.take(np.argsort(of, kind="stable"))
