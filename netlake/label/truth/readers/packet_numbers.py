"""Packet numbers with labels in CSV, as go-flows reads them: a header, then a packet number (from 1) and labels.

Every further column that has a text is a label of its own; a column named `category` is that of the labels, and
`state` is attack or benign. With one column alone, go-flows takes row N for packet N; that form is read only with
`--kind packets`.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlake.errors import OptionError
from netlake.label.truth import files, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import ATTACK, BENIGN, PACKET, Rule, state_of
from netlake.label.truth.values import BadValueError

_NUMBERS = {"packet", "packet_number", "packetnumber", "packetnr", "packet_nr", "frame", "frame_number", "frame.number",
            "no", "no.", "nr", "number", "pcap_cnt"}  # fmt: skip


def detect(head: Head) -> bool:
    """Whether the first column is a packet number, and there is another."""
    lines = head.text.splitlines()
    second = lines[1].split(",")[0].strip() if len(lines) > 1 else ""
    return len(head.columns) > 1 and head.columns[0] in _NUMBERS and second.isdigit()


def read(task: Task) -> Iterator[Rule]:
    """A rule for every label of every packet; OptionError without a capture."""
    if task.capture is None:
        raise OptionError(f"{task.notes.file} has packet numbers and names no capture; give its id with --capture.")
    header: list[str] | None = None
    row = 0
    for line, cells in files.table(task.path, task.notes, task.progress):
        if header is None:
            header = [cell.strip().lower() for cell in cells]
            continue
        row += 1
        try:
            yield from _rules(header, [cell.strip() for cell in cells], row, line, task)
        except BadValueError as error:
            task.notes.wrong(line, str(error))


def _rules(header: list[str], cells: list[str], row: int, line: int, task: Task) -> Iterator[Rule]:
    if len(cells) != len(header):
        raise BadValueError(f"the row has {len(cells)} cells, and the header {len(header)}.")
    if len(header) == 1:
        packet, named = row, {header[0]: cells[0]}
    else:
        packet = values.whole(cells[0], "the packet number", 1, (1 << 63) - 1)
        named = dict(zip(header[1:], cells[1:], strict=True))
    category, state = named.pop("category", "") or None, named.pop("state", "")
    for label in filter(None, named.values()):
        rule = Rule(label, PACKET, line=line, category=category, capture=task.capture, packet=packet)
        rule.state = values.chosen(state, "state", (ATTACK, BENIGN)) if state else state_of(label, task.benign)
        rule.priority = -1 if rule.state == BENIGN else 0
        yield rule


READER = Reader("packets", "Packet numbers with labels in CSV (go-flows); needs --capture.", detect, read)
