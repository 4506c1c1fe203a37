"""Labels in comments of packets of a pcapng file: those of pcapML, and our own.

Forms of one comment
- ours: `s=N,label=SQL injection,state=attack,rule=SOURCE:RULE`, several separated by semicolons; N is the sample, and
  a label has no comma and no semicolon
- pcapML: `SAMPLE,LABEL` or `SAMPLE,LABEL,KEY=VALUE,...`
- pcapML, former: `s=SAMPLE,proc=LABEL`
A comment of another form is counted as skipped: it is text for people. The rules are about the file itself, so its id
in a lake is that of the capture, unless another one is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlake.errors import InputError, TruthError
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import ATTACK, BENIGN, PACKET, Rule, state_of
from netlake.sources import open_capture

OTHER = "comments without a label"
_SAMPLE = re.compile(r"\d+")


def detect(head: Head) -> bool:
    """Whether the file is pcapng."""
    return head.data.startswith(b"\x0a\x0d\x0d\x0a")


def read(task: Task) -> Iterator[Rule]:
    """A rule for every label of every packet."""
    try:
        source = open_capture(task.path, sha256=False)
    except InputError as error:
        raise TruthError(str(error)) from None
    with source:
        capture = task.capture or source.capture_id
        for _ in source.batches():
            if task.progress:
                task.progress(source.bytes_read, source.size or 0)
            for comment in source.comments:
                if comment.packet is None:
                    continue
                found = labels(comment.text, task.benign)
                if not found:
                    task.notes.skip(OTHER)
                for rule in found:
                    rule.kind, rule.capture, rule.packet, rule.line = PACKET, capture, comment.packet, comment.packet
                    yield rule
            source.comments.clear()
        for problem in source.problems:
            task.notes.wrong(None, problem.reason)


def labels(text: str, benign: frozenset[str]) -> list[Rule]:
    """The rules of one comment, without place; empty for a comment of another form."""
    found = [_ours(part, benign) for part in text.strip().split(";")] if "label=" in text else []
    if found and all(rule is not None for rule in found):
        return [rule for rule in found if rule is not None]
    rule = _former(text) if text.startswith("s=") else _pcapml(text)
    if rule is not None:
        rule.state = state_of(rule.label, benign)
        rule.priority = -1 if rule.state == BENIGN else 0
    return [] if rule is None else [rule]


def _pairs(text: str) -> dict[str, str] | None:
    pairs = [part.partition("=") for part in text.strip().split(",")]
    return {key.strip(): value.strip() for key, _, value in pairs} if all(mark for _, mark, _ in pairs) else None


def _ours(text: str, benign: frozenset[str]) -> Rule | None:
    pairs = _pairs(text)
    if not pairs or not pairs.get("label"):
        return None
    rule = Rule(pairs["label"], state=state_of(pairs["label"], benign))
    if pairs.get("state") in {ATTACK, BENIGN}:
        rule.state = pairs["state"]
    rule.priority = -1 if rule.state == BENIGN else 0
    rule.note = ", ".join(f"{name} {pairs[key]}" for name, key in (("sample", "s"), ("rule", "rule"))
                          if pairs.get(key)) or None  # fmt: skip
    return rule


def _former(text: str) -> Rule | None:
    pairs = _pairs(text)
    if not pairs or not pairs.get("proc"):
        return None
    return Rule(pairs["proc"], note=f"sample {pairs['s']}")


def _pcapml(text: str) -> Rule | None:
    sample, comma, rest = text.strip().partition(",")
    label, *further = rest.split(",")
    if not comma or not _SAMPLE.fullmatch(sample) or not label.strip():
        return None
    return Rule(label.strip(), note="; ".join([f"sample {sample}", *further]))


READER = Reader("pcapng", "Labels in the packet comments of a pcapng file (pcapML).", detect, read)
