"""Answer keys of the generator pcapforge: answers.json beside a generated capture.

Theory of operation
- `actors` with `incident` are the attacks. The facts of an actor contain its hosts, recognized by their id and
  address, and the times of what it did. Attackers are the hosts under `source` or `server`, otherwise those of the
  actor itself. All others, such as `targets`, `swept`, `dc` or the clients of a rogue server, are victims.
- A time of the key is that of one packet, and stands for a whole event: a session, a sweep. So the window of an actor
  begins BEFORE its first time and ends AFTER its last one: connections are set up before the packet that shows the
  event, and go on after it. In the eight default scenarios they begin at most 3 ms before, and end at most 16.4 s
  after. The window ends before the next actor of the same attacker begins.
- An actor without any time is a service that the attacker offers all the time, such as a rogue DHCP server: its window
  is the whole capture, and everyone is its victim.
- All else in the capture was generated as benign, so the whole capture is one benign rule of the lowest priority.
- Times are UTC, by the clock of the sensor, as in the capture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netlake.errors import TruthError
from netlake.label.truth import files, times, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import BENIGN, Rule
from netlake.label.truth.values import BadValueError

BEFORE, AFTER = 1 * times.SECOND, 20 * times.SECOND
_ATTACKERS = ("source", "server")


@dataclass(slots=True)
class Facts:
    """What the key says of one actor: addresses by part of the facts, and times in microseconds since 1970."""

    hosts: list[tuple[str, str]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    def collect(self, value: Any, part: str = "") -> None:
        """Collect the hosts and times in `value`, which is under the name `part` of the facts."""
        if isinstance(value, list):
            for item in value:
                self.collect(item, part)
        elif isinstance(value, dict):
            if {"id", "ip", "role"} <= set(value):
                self.hosts += [(part, str(value[name])) for name in ("ip", "ipv6") if value.get(name)]
            elif isinstance(value.get("time"), str) and "epoch" in value:
                self.times.append(times.moment(value["time"]).value)
            else:
                for name, item in value.items():
                    self.collect(item, part or name)


def detect(head: Head) -> bool:
    """Whether the document names the schema of answer keys."""
    return head.text.lstrip().startswith("{") and '"pcapforge/answers' in head.text


def read(task: Task) -> Iterator[Rule]:
    """A window for every actor of an incident, and one for the benign rest."""
    try:
        key = json.loads(files.document(task.path))
        task.name = str(key["scenario"]["id"])
        capture, actors = key["capture"], key["actors"]
        task.capture = task.capture or task.known.get(str(capture["sha256"]))
        begin, end = (times.moment(str(capture[name])).value for name in ("start", "end"))
        found = [_window(actor, key, (begin, end), task) for actor in actors if actor["incident"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TruthError(f"{task.notes.file} is not a complete answer key ({type(error).__name__}: {error}).") from None
    for rule in found:
        later = [other.begin for other in found if other is not rule and set(other.a_networks) & set(rule.a_networks)
                 and other.begin and rule.begin and other.begin > rule.begin and rule.end != end]  # fmt: skip
        if later and rule.end is not None:
            rule.end = min(rule.end, min(later) - 1)
        yield rule
    yield Rule("benign", state=BENIGN, priority=-100, begin=begin, end=end, resolution=1, capture=task.capture,
               note="all traffic of the capture that no incident caused")  # fmt: skip


def _window(actor: dict[str, Any], key: dict[str, Any], span: tuple[int, int], task: Task) -> Rule:
    facts = Facts()
    facts.collect(key["facts"].get(actor["id"], {}))
    events = [event for event in key["timeline"] if event["actor"] == actor["id"] and event["incident"]]
    facts.times += [times.moment(event["time"]).value for event in events]
    own = [interface["ip"] for host in key["topology"]["hosts"] if host["id"] in actor["hosts"]
           for interface in host["interfaces"]]  # fmt: skip
    attackers = [address for part, address in facts.hosts if part in _ATTACKERS] or own
    victims = [address for _, address in facts.hosts if address not in attackers]
    rule = Rule(str(actor["type"]), category=str(actor["id"]), capture=task.capture, resolution=1)
    if not attackers:
        raise BadValueError(f"the actor {actor['id']} has no host")
    rule.a_networks = values.networks(attackers)
    rule.begin, rule.end = span
    if facts.times:
        rule.v_networks = values.networks(victims)
        rule.begin = max(span[0], min(facts.times) - BEFORE)
        rule.end = min(span[1], max(facts.times) + AFTER)
    rule.note = str(events[0]["title"]) if events else None
    named = [name for event in events for name in event.get("techniques", [])]
    rule.techniques = tuple(dict.fromkeys(named or [technique["id"] for technique in key["mitre"]]))
    return rule


READER = Reader("answers", "Answer keys of the generator pcapforge (answers.json).", detect, read)
