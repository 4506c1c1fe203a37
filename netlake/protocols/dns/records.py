"""The questions and records of a batch of messages as arrays: what the kernels find, and the text of rare types.

Rare types are written record by record in Python, into the same arena; their text is bounded for each message as the
kernel's is (see kernels/dns_text.py), so the two together may take twice that bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.kernels import dns as k
from netlake.kernels import dns_text as t
from netlake.packets import Bytes, Cursor, Ints, Malformed, Messages, Short
from netlake.protocols.dns.rdata import layout, present, unknown
from netlake.schema import faults

Table2 = npt.NDArray[np.int64]

# the smallest question and record: a root name and the fixed part
SMALLEST_QUESTION = 5
SMALLEST_RECORD = 11


@dataclass(slots=True)
class Records:
    """Findings of one batch; the rows of the arrays are named Q_, R_, T_ and F_ in the kernels' modules.

    `found` (4, messages): questions, records, offset behind them, fault; `names` (3, questions): span and fault;
    spans lie in `arena`; `words` are the names of fields that F_NAME counts through; `raw` holds for the records whose
    data was not understood their position.
    """

    questions: Table2
    records: Table2
    found: Table2
    names: Table2
    texts: Table2
    fields: Table2
    arena: Bytes
    words: list[str]
    raw: npt.NDArray[np.bool_]


def find(messages: Messages, counts: Table2) -> Records:
    """Every question and record that `counts` (4, messages; 0 where the header is short) promise and the bytes hold."""
    size = np.maximum(messages.end - messages.start - k.HEADER, 0)
    found = np.zeros((4, len(messages)), np.int64)
    # a message may promise 65535 of each: there cannot be more than fit
    most = np.minimum(counts[1:].sum(axis=0), size // SMALLEST_RECORD)
    questions = np.empty((4, int(np.minimum(counts[0], size // SMALLEST_QUESTION).sum())), np.int64)
    records = np.empty((8, int(most.sum())), np.int64)
    count = k.find_records(messages.data, messages.start, messages.end, counts, questions, records, found)
    questions = np.ascontiguousarray(questions[:, : int(found[0].sum())])
    records = np.ascontiguousarray(records[:, :count])
    return _texts(messages, questions, records, found)


def _texts(messages: Messages, questions: Table2, records: Table2, found: Table2) -> Records:
    kind, length = records[k.R_TYPE], records[k.R_END] - records[k.R_DATA]
    strings = (kind == t.TXT) | (kind == t.SPF)
    most = 7 * np.count_nonzero(kind == t.SOA) + int(length[strings].sum())
    size = messages.end - messages.start
    names = np.empty((3, questions.shape[1]), np.int64)
    texts = np.empty((t.T_NAME_FAULT + 1, records.shape[1]), np.int64)
    fields = np.empty((t.F_TEXT_END + 1, most), np.int64)
    # what is not written is not touched, so this costs addresses, not memory
    arena = np.empty(int(t.TEXT_BASE * len(size) + t.TEXT_FACTOR * size.sum()), np.uint8)
    cache, totals = np.full((4, t.CACHED), -1, np.int64), np.zeros(2, np.int64)
    t.put_texts(
        messages.data, messages.start, messages.end, found, questions, records, names, texts, fields, cache, arena, totals
    )  # fmt: skip
    used, count = totals.tolist()
    raw = np.zeros(records.shape[1], np.bool_)
    result = Records(
        questions, records, found, names, texts, fields[:, :count], arena[:used], list(t.FIELD_NAMES), raw
    )  # fmt: skip
    _rare(messages, result)
    return result


class _Writer:
    """Appends texts behind an arena, and fields behind the kernel's."""

    def __init__(self, result: Records) -> None:
        self.result, self.at = result, len(result.arena)
        self.parts: list[bytes] = []
        self.fields: list[tuple[int, int, int, int, int]] = []
        self.codes = {word: code for code, word in enumerate(result.words)}

    def span(self, text: str | None) -> tuple[int, int]:
        if text is None:
            return -1, -1
        start = self.at
        self.parts.append(text.encode("ascii"))
        self.at += len(text)
        return start, self.at

    def field(self, record: int, name: str, number: int | None, text: str | None) -> None:
        code = self.codes.setdefault(name, len(self.codes))
        self.fields.append((record, code, t.NO_NUMBER if number is None else number, *self.span(text)))

    def finish(self) -> None:
        result = self.result
        result.arena = np.concatenate([result.arena, np.frombuffer(b"".join(self.parts), np.uint8)])
        result.words = list(self.codes)
        if self.fields:
            fields = np.concatenate([result.fields, np.array(self.fields, np.int64).T], axis=1)
            result.fields = fields[:, np.argsort(fields[t.F_RECORD], kind="stable")]


def _rare(messages: Messages, result: Records) -> None:
    """Write the data of the records that the kernel left, and of those that it could not read."""
    left = np.flatnonzero(result.texts[t.T_STATE])
    if not len(left):
        return
    writer = _Writer(result)
    message, room, data, base = -1, 0, b"", 0
    for record in left.tolist():
        of = int(result.records[k.R_MESSAGE, record])
        if of != message:
            message, base = of, int(messages.start[of])
            data = messages.data[base : messages.end[of]].tobytes()
            room = t.TEXT_BASE + t.TEXT_FACTOR * len(data)
        room = _rare_record(result, record, Cursor(data), base, writer, room)
    writer.finish()


def _rare_record(result: Records, record: int, cursor: Cursor, base: int, writer: _Writer, room: int) -> int:
    """Write one record's data; returns what is left of `room`."""
    texts, records = result.texts, result.records
    kind, start, end = int(records[k.R_TYPE, record]), records[k.R_DATA, record], records[k.R_END, record]
    cursor.at, cursor.end = int(start) - base, int(end) - base
    if texts[t.T_STATE, record] == faults.TOO_LARGE or room < 0:
        texts[t.T_STATE, record] = faults.TOO_LARGE
        return room
    rdata = cursor.data[cursor.at : cursor.end]
    shown = None
    if texts[t.T_STATE, record] == t.RARE:
        texts[t.T_STATE, record] = 0
        if layout(kind) and not (kind == t.A and records[k.R_CLASS, record] == t.CHAOS):
            try:
                shown = present(kind, cursor)
            except Short:
                texts[t.T_STATE, record] = faults.BAD_LENGTH
            except Malformed as found:
                texts[t.T_STATE, record] = faults.CODES[found.fault]
    text = unknown(rdata) if shown is None else shown.text
    fields = [] if shown is None else shown.fields
    room -= len(text) + sum(t.FIELD_COST + len(value or "") for _, _, value in fields)
    if room < 0:
        texts[t.T_STATE, record] = faults.TOO_LARGE
        return room
    result.raw[record] = shown is None
    texts[t.T_DATA : t.T_DATA_END + 1, record] = writer.span(text)
    if shown is not None:
        _columns(texts, record, shown.columns, writer)
        for name, number, value in fields:
            writer.field(record, name, number, value)
    return room


def _columns(texts: Table2, record: int, columns: dict[str, str | int], writer: _Writer) -> None:
    for name, row in (("target", t.T_TARGET), ("address", t.T_ADDRESS)):
        if name in columns:
            texts[row : row + 2, record] = writer.span(str(columns[name]))
    for name, row in (("preference", t.T_PREFERENCE), ("weight", t.T_WEIGHT), ("port", t.T_PORT)):
        if name in columns:
            texts[row, record] = columns[name]


def first_faults(result: Records, count: int) -> npt.NDArray[np.int8]:
    """For each of `count` messages the first fault in its names and data, in wire order; 0 for none."""
    first = np.zeros(count, np.int8)
    for of, fault in (
        (result.records[k.R_MESSAGE], _interleaved(result.texts[t.T_NAME_FAULT], result.texts[t.T_STATE])),
        (result.questions[k.Q_MESSAGE], result.names[2]),
    ):
        if fault.any():
            # written backwards, so that the first stays
            wrong = np.flatnonzero(fault)[::-1]
            first[of[wrong]] = fault[wrong]
    return first


def _interleaved(names: Ints, data: Ints) -> Ints:
    """The fault of each record: its name's, else its data's."""
    return np.where(names != 0, names, data)
