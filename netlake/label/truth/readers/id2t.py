"""The label files of ID2T, *_labels.xml: one attack with its first and last packet's time and its parameters.

Times are Unix seconds. The parameters `ip.source` and `ip.destination` are one address or a Python list of them;
without both the attack is a bad row, because its packets could not be told from the others. Source ports are chosen
anew by most attacks and are not used. The file does not say which packets were injected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from netlake.errors import TruthError
from netlake.label.truth import files, times, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import Rule
from netlake.label.truth.values import BadValueError

_ITEM = re.compile(r"[^\s,'\"\[\]()]+")


@dataclass(slots=True)
class Attack:
    """One attack: its line, and texts by the path of their element below it (`timestamp_start/timestamp`)."""

    line: int
    texts: dict[str, str] = field(default_factory=dict)


def detect(head: Head) -> bool:
    """Whether the root is `labels` with the version of ID2T."""
    return bool(re.search(r"<labels\b[^>]*version_parser=", head.text))


def read(task: Task) -> Iterator[Rule]:
    """A window for every attack."""
    document = files.document(task.path)
    output = re.search(rb"<output>.*?<sha256>\s*([0-9a-f]{64})\s*</sha256>", document, re.DOTALL)
    if output:
        task.capture = task.capture or task.known.get(output[1].decode())
    for attack in attacks(document, task.notes.file):
        try:
            yield _rule(attack, task)
        except BadValueError as error:
            task.notes.wrong(attack.line, str(error))


def attacks(data: bytes, file: str) -> list[Attack]:
    """The attacks of a document; TruthError if it is not XML, or declares entities."""
    found: list[Attack] = []
    path: list[str] = []
    parser = expat.ParserCreate()

    def begin(name: str, _: dict[str, str]) -> None:
        path.append(name)
        if name == "attack":
            found.append(Attack(parser.CurrentLineNumber))

    def text(data: str) -> None:
        if found and "attack" in path:
            below = "/".join(path[path.index("attack") + 1 :])
            found[-1].texts[below] = found[-1].texts.get(below, "") + data

    def refuse(*_: object) -> None:
        raise TruthError(f"{file}, line {parser.CurrentLineNumber}: a label file declares no document type.")

    parser.StartElementHandler, parser.CharacterDataHandler = begin, text
    parser.EndElementHandler = lambda _: path.pop()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise TruthError(f"{file}, line {error.lineno}: this is not XML: {expat.ErrorString(error.code)}.") from None
    return found


def _rule(attack: Attack, task: Task) -> Rule:
    texts = {path: text.strip() for path, text in attack.texts.items()}
    label = texts.get("name", "")
    if not label:
        raise BadValueError("the attack has no name.")
    begin = times.moment(_needed(texts, "timestamp_start/timestamp"))
    end = times.moment(_needed(texts, "timestamp_end/timestamp"))
    rule = Rule(label, line=attack.line, capture=task.capture, note=texts.get("note") or None)
    rule.begin, rule.end = task.utc(begin), task.utc(end) + end.unit - 1
    rule.resolution = max(begin.unit, end.unit)
    if rule.end < rule.begin:
        raise BadValueError("the attack ends before it begins.")
    rule.a_networks = _networks(texts.get("parameters/ip.source", ""))
    rule.v_networks = _networks(texts.get("parameters/ip.destination", ""))
    if not rule.a_networks or not rule.v_networks:
        raise BadValueError(f"the attack {label} has no parameters ip.source and ip.destination.")
    try:
        rule.v_ports = values.ports(_ITEM.findall(texts.get("parameters/port.destination", "")))
    except BadValueError:
        rule.v_ports = ()  # None, or an expression
    return rule


def _needed(texts: dict[str, str], path: str) -> str:
    if not texts.get(path):
        raise BadValueError(f"the attack has no {path}.")
    return texts[path]


def _networks(text: str) -> tuple[str, ...]:
    return values.networks([item for item in _ITEM.findall(text) if item != "None"])


READER = Reader("id2t", "The label files of ID2T (*_labels.xml).", detect, read)
