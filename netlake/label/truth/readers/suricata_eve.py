"""Suricata's eve.json: alerts, one JSON object a line; other event types are skipped.

Facts (Suricata 6 and 7)
- src and dest are those of the packet that triggered the alert, not attacker and victim, nor those of the flow. So the
  rule is an event with direction a2v: the packet as it was sent.
- `pcap_cnt` is the number of the packet in the file that Suricata read, from 1. It is used only if the capture is
  given, because it begins at 1 in every file.
- Times have microseconds and an offset. IPv6 addresses may be written out in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from netlake.label.truth import files, times, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import A2V, BOTH, EVENT, Rule
from netlake.label.truth.values import BadValueError

OTHER = "events other than alerts"
# what the words of Suricata's rules are taken for
_CONFIDENCE = {"High": 0.9, "Medium": 0.6, "Low": 0.3}
PLACELESS = "alerts without addresses, and without a packet number of a given capture"


def detect(head: Head) -> bool:
    """Whether the first line is a JSON object with `event_type`."""
    return head.first.startswith("{") and '"event_type"' in head.first


def read(task: Task) -> Iterator[Rule]:
    """An event for every alert."""
    for line, data in files.lines(task.path, task.notes, task.progress):
        if b'"alert"' not in data:
            _pass_over(data.strip(), line, task)
            continue
        try:
            event = json.loads(data)
            if isinstance(event, dict) and event.get("event_type") != "alert":
                task.notes.skip(OTHER)
                continue
            rule = _rule(event, task)
        except BadValueError as error:
            task.notes.wrong(line, str(error))
        except (ValueError, RecursionError) as error:
            task.notes.wrong(line, f"the line is not JSON ({error}).")
        else:
            if rule is None:
                task.notes.skip(PLACELESS)
                continue
            rule.line = line
            yield rule


def _pass_over(data: bytes, line: int, task: Task) -> None:
    """Note a line that has no alert; that it ends as an object does is all that is checked of it."""
    if data.endswith(b"}"):
        task.notes.skip(OTHER)
    elif data:
        task.notes.wrong(line, "the line is not a whole JSON object.")


def _rule(event: Any, task: Task) -> Rule | None:
    if not isinstance(event, dict):
        raise BadValueError("the line is not a JSON object.")
    alert = event.get("alert")
    if not isinstance(alert, dict):
        raise BadValueError("the alert has no object `alert`.")
    given = times.stamp(_text(event, "timestamp"))
    at = task.utc(given)
    sid = alert.get("signature_id")
    label = str(alert.get("signature") or f"sid {sid}")
    rule = Rule(label, EVENT, begin=at, end=at, resolution=given.unit, zone=task.zone_of(given))
    rule.category = str(alert["category"]) if alert.get("category") else None
    rule.severity = _number(alert, "severity", -32_768, 32_767)
    rule.note = f"gid {alert.get('gid', 1)} sid {sid} rev {alert.get('rev', 0)}"
    metadata = alert.get("metadata")
    if isinstance(metadata, dict):
        rule.techniques = _words(metadata.get("mitre_technique_id"))
        rule.tactics = tuple(name.replace("_", " ") for name in _words(metadata.get("mitre_tactic_name")))
        confidence = _words(metadata.get("confidence"))
        rule.confidence = _CONFIDENCE.get(confidence[0]) if confidence else None
    if task.capture:
        rule.capture, rule.packet = task.capture, _number(event, "pcap_cnt", 1, (1 << 63) - 1)
    return rule if _ends(rule, event) else None


def _ends(rule: Rule, event: dict[str, Any]) -> bool:
    """Fill in the endpoints; False if the alert has none by which it could be joined."""
    source, destination = event.get("src_ip"), event.get("dest_ip")
    rule.community_id = str(event["community_id"]) if event.get("community_id") else None
    if not source or not destination:
        rule.direction = BOTH
        return rule.packet is not None or rule.community_id is not None
    rule.direction = A2V
    rule.a_networks, rule.v_networks = (values.host(str(source)),), (values.host(str(destination)),)
    rule.protocol = values.protocol(str(event["proto"])) if values.known_protocol(str(event.get("proto"))) else None
    if rule.protocol in {1, 58}:
        rule.icmp_type, rule.icmp_code = _number(event, "icmp_type", 0, 255), _number(event, "icmp_code", 0, 255)
    elif values.has_ports(rule.protocol):
        rule.a_ports, rule.v_ports = _port(event, "src_port"), _port(event, "dest_port")
    return True


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise BadValueError(f"the alert has no {name}.")
    return value


def _number(event: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = event.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def _port(event: dict[str, Any], name: str) -> tuple[int, ...]:
    port = _number(event, name, 0, 65_535)
    return () if port is None else (port,)


def _words(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


READER = Reader("suricata-eve", "Suricata's eve.json: its alerts.", detect, read)
