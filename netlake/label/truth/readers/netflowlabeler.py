"""Rules of netflowlabeler: conditions on flows, which apply at any time.

Facts
- A line `Label:` or `Label, Detail:` (a number before it, `3 - Label:`, is left out) begins a group; each line below,
  with a dash, is a rule; `&` joins conditions of one rule, and the rules of a group are alternatives.
- A later rule overwrites an earlier one. Here every rule applies, and later ones have a higher priority.
- src is the originator. Conditions on both hosts, ports and the protocol become columns of the rule, all others a
  condition on the connection. `State` is that of Zeek; `Bytes` are payload bytes and `IPBytes` IP bytes of both sides.
- `Background` groups are unknown, hence no rules. Fields that connections do not have (Date, start, Tos, Flags, Flows)
  are bad rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from netlake.label.truth import files, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import A2V, BENIGN, BOTH, Rule, state_of
from netlake.label.truth.schedule import condition
from netlake.label.truth.values import BadValueError
from netlake.schema.sql import literal

_GROUP = re.compile(r"(?:\d+\s*-\s*)?(?P<label>[^,:#]+?)\s*(?:,\s*(?P<detail>[^:#]*?)\s*)?:\s*")
_CONDITION = re.compile(r"(?P<field>\w+)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>\S+)")
_SUMS = {
    "bytes": "(orig_payload_bytes + resp_payload_bytes)",
    "ipbytes": "(orig_ip_bytes + resp_ip_bytes)",
    "packets": "(orig_packets + resp_packets)",
    "sbytes": "orig_payload_bytes",
    "dbytes": "resp_payload_bytes",
    "spkts": "orig_packets",
    "dpkts": "resp_packets",
    "duration": "duration",
    "srcport": "orig_port",
    "dstport": "resp_port",
}
_TEXTS = {"srcip": "orig_ip", "dstip": "resp_ip", "state": "conn_state"}
BACKGROUND = "rules for background flows, of which nothing is known"
NOT_IP = "rules for protocols without IP, such as ARP"


def detect(head: Head) -> bool:
    """Whether there is a group with a rule of a known field below it."""
    known = re.compile(r"(?mi)^\s+-\s*(srcip|dstip|srcport|dstport|proto|state|bytes|packets|ipbytes)\s*(=|!=|<|>)")
    return bool(known.search(head.text))


def read(task: Task) -> Iterator[Rule]:
    """A rule for every line with a dash."""
    group: tuple[str, str | None] | None = None
    number = 0
    for line, data in files.lines(task.path, task.notes, task.progress):
        text = data.decode("utf-8", "replace").partition("#")[0].strip()
        if not text:
            continue
        rule = None
        try:
            if text.startswith("-"):
                number += 1
                rule = _rule(text[1:], group, task)
            else:
                group = _group(text)
        except BadValueError as error:
            task.notes.wrong(line, str(error))
        if rule is not None:
            rule.line, rule.priority = line, number
            yield rule


def _group(text: str) -> tuple[str, str | None]:
    """Label and detail of the group that a line begins."""
    match = _GROUP.fullmatch(text)
    if match is None:
        raise BadValueError("the line is neither a group (`Label, Detail:`) nor a rule (`- srcIP=10.0.0.1`).")
    return match["label"], match["detail"]


def _rule(text: str, group: tuple[str, str | None] | None, task: Task) -> Rule | None:
    if group is None:
        raise BadValueError("the rule is in no group.")
    label, detail = group
    if label.lower().startswith(("background", "unknown")):
        task.notes.skip(BACKGROUND)
        return None
    rule = Rule(detail or label, state=_state(label, task), category=label, capture=task.capture)
    conditions: list[str] = []
    for part in text.split("&"):
        match = _CONDITION.fullmatch(part.strip())
        if match is None:
            raise BadValueError(f"{part.strip()!r} is not a condition such as srcIP=10.0.0.1 or dstPort=53.")
        field, sign, value = match["field"].lower(), match["sign"], match["value"]
        if value.lower() == "all":
            continue
        if field == "proto" and sign == "=" and not values.known_protocol(value):
            task.notes.skip(NOT_IP)
            return None
        if sign == "=" and field in _COLUMNS:
            _COLUMNS[field](rule, value)
        else:
            conditions.append(_sql(field, sign, value))
    sided = rule.a_networks or rule.v_networks or rule.a_ports or rule.v_ports
    rule.direction = A2V if sided else BOTH
    rule.condition = condition(" AND ".join(conditions)) if conditions else None
    return rule


def _state(label: str, task: Task) -> str:
    """By the label, or by its first word: Normal-IPV6 is benign."""
    if state_of(label, task.benign) == BENIGN:
        return BENIGN
    return state_of(re.split(r"[-_ ]", label.strip())[0], task.benign)


def _sql(field: str, sign: str, value: str) -> str:
    sign = "<>" if sign == "!=" else sign
    if field in _SUMS:
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            raise BadValueError(f"{field} is compared with {value!r}, not with a number.")
        return f"{_SUMS[field]} {sign} {value}"
    if field == "proto" and sign == "<>":
        return f"protocol <> {values.protocol(value)}"
    if field not in _TEXTS or sign not in {"=", "<>"} or "/" in value:
        raise BadValueError(f"the condition {field}{sign}{value} cannot be applied to connections.")
    if field in {"srcip", "dstip"}:
        value = values.host(value).partition("/")[0]
    return f"{_TEXTS[field]} {sign} {literal(value)}"


def _set(name: str, parse: Callable[[str], object]) -> Callable[[Rule, str], None]:
    def put(rule: Rule, value: str) -> None:
        setattr(rule, name, parse(value))

    return put


_COLUMNS: dict[str, Callable[[Rule, str], None]] = {
    "srcip": _set("a_networks", values.networks),
    "dstip": _set("v_networks", values.networks),
    "srcport": _set("a_ports", values.ports),
    "dstport": _set("v_ports", values.ports),
    "proto": _set("protocol", values.protocol),
}

READER = Reader("netflowlabeler", "Rules of netflowlabeler, which apply at any time.", detect, read)
