"""Policies of segmentation: how the packets of flows are cut into the rows of a feature set.

A policy is recorded with the rows that it made (metadata `netlake.policy`), and its text makes it again. The value of a
feature depends more on the segmentation than on its formula, so a set has the policy of its tool by default.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from netlake.errors import OptionError
from netlake.kernels.feature_segments import RULES, Closing, Orientation

CLOSINGS = {
    "never": Closing.NEVER,
    "first-fin": Closing.FIRST_FIN,
    "syn-after-close": Closing.SYN_AFTER_CLOSE,
    "at-close": Closing.AT_CLOSE,
}
ORIENTATIONS = {
    "first-packet": Orientation.FIRST_PACKET,
    "kept": Orientation.KEPT_IN_SPLITS,
    "kept-in-dialogue": Orientation.KEPT_IN_DIALOGUES,
    "originator": Orientation.ORIGINATOR,
}
KEYS = ("endpoints", "connection")
LONGEST = 10**9


@dataclass(frozen=True, slots=True)
class Policy:
    """How packets become segments; timeouts are seconds, 0 for none.

    - `key`: `endpoints` joins all flows with the same addresses, ports, protocol and tunnel, as exporters do;
      `connection` never joins two flows.
    - `idle`: a packet after a longer silence begins a segment; `idle_udp` and `idle_other` (not TCP or UDP) differ from
      it unless they are None.
    - `active`: so does a packet later than this after the first of the segment. `inclusive`: equal is enough for both.
    - `closing`: never; first-fin (the segment ends with a FIN that is not its first packet); at-close (it ends with a
      RST, or when both sides have sent a FIN); syn-after-close (a SYN begins a segment after FINs of both sides and an
      ACK, or after a RST).
    - `orientation`: which side is forward: that of the first packet of each segment; kept after a timeout;
      kept-in-dialogue (of TCP, and of UDP unless the silence was longer than `active`); or the originator.
    - `split_icmp`: an ICMP message whose type and code both differ from the first begins a segment.
    - `swap_syn_ack`: the receiver of a SYN+ACK that begins a segment is forward.
    - `backward_after_split`: the first packet after a timeout counts as backward, a fault of CICFlowMeter before 2021.
    - `milliseconds`: timeouts compare times cut to milliseconds.
    """

    name: str
    key: str = "endpoints"
    idle: float = 0
    idle_udp: float | None = None
    idle_other: float | None = None
    active: float = 0
    inclusive: bool = False
    closing: str = "never"
    orientation: str = "first-packet"
    split_icmp: bool = False
    swap_syn_ack: bool = False
    backward_after_split: bool = False
    milliseconds: bool = False

    def __post_init__(self) -> None:
        for field, known in (("key", KEYS), ("closing", CLOSINGS), ("orientation", ORIENTATIONS)):
            if getattr(self, field) not in known:
                raise OptionError(f"--policy: {field} is {getattr(self, field)!r}, not one of {', '.join(known)}.")
        for field in ("idle", "idle_udp", "idle_other", "active"):
            value = getattr(self, field)
            if value is not None and not 0 <= value <= LONGEST:
                raise OptionError(f"--policy: {field} is {value}, not seconds from 0 to {LONGEST}.")

    @property
    def rules(self) -> np.ndarray[Any, Any]:
        """The policy as one record for the kernel."""
        record = np.zeros(1, RULES)
        record["idle_tcp"] = _microseconds(self.idle)
        record["idle_udp"] = _microseconds(self.idle if self.idle_udp is None else self.idle_udp)
        record["idle_other"] = _microseconds(self.idle if self.idle_other is None else self.idle_other)
        record["active"] = _microseconds(self.active)
        record["closing"] = CLOSINGS[self.closing]
        record["orientation"] = ORIENTATIONS[self.orientation]
        for field in ("inclusive", "split_icmp", "swap_syn_ack", "backward_after_split", "milliseconds"):
            record[field] = getattr(self, field)
        return record

    def __str__(self) -> str:
        """The name and what differs from the policy of that name; `parse` reads it."""
        usual = PRESETS.get(self.name) or Policy(self.name)
        changed = [
            f"{field.name}={_text(getattr(self, field.name))}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(usual, field.name)
        ]
        return f"{self.name}:{','.join(changed)}" if changed else self.name


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _text(value: object) -> str:
    # all digits, so that the text makes the same policy again
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


PRESETS = {
    policy.name: policy
    for policy in (
        Policy("cic-fixed", active=120, closing="syn-after-close", orientation="kept-in-dialogue", split_icmp=True,
               swap_syn_ack=True),
        Policy("cic-java", active=120, closing="first-fin", orientation="kept", backward_after_split=True),
        Policy("nfstream", idle=120, active=1800, inclusive=True, milliseconds=True),
        Policy("netflow", idle=15, active=1800, inclusive=True),
        Policy("zeek-like", key="connection", idle=300, idle_udp=60, idle_other=60, orientation="originator"),
    )
}  # fmt: skip
DESCRIPTIONS = {
    "cic-fixed": "CICFlowMeter as corrected in 2021: 120 s from the first packet; a SYN after the close of TCP.",
    "cic-java": "CICFlowMeter as it made the data of 2017: 120 s from the first packet; the first FIN ends a segment.",
    "nfstream": "NFStream's defaults: 120 s of silence, 1800 s from the first packet, no flags of TCP.",
    "netflow": "A NetFlow exporter: 15 s of silence, 1800 s from the first packet; e.g. netflow:active=120,idle=30.",
    "zeek-like": "Zeek's: the connection, cut after silence of 300 s for TCP and 60 s for UDP and ICMP.",
}


def parse(text: str) -> Policy:
    """The policy that a text names: `NAME` or `NAME:field=value,...`; OptionError for another text."""
    name, _, changes = text.partition(":")
    if name not in PRESETS:
        raise OptionError(f"--policy: {name!r} is no policy; choose one of {', '.join(PRESETS)}.")
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Policy) if field.name != "name"}
    values: dict[str, Any] = {}
    for change in filter(None, changes.split(",")):
        field, equals, value = (part.strip() for part in change.partition("="))
        if not equals or field not in kinds:
            raise OptionError(f"--policy: {change!r} is not FIELD=VALUE; fields are {', '.join(kinds)}.")
        values[field] = _value(field, kinds[field], value)
    return dataclasses.replace(PRESETS[name], **values)


def _value(field: str, kind: str, text: str) -> object:
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise OptionError(f"--policy: {field} is {text!r}, not true or false.")
        return text.lower() == "true"
    if kind == "str":
        return text
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"--policy: {field} is {text!r}, not a number of seconds.") from None


def of(policy: Policy | str | None, default: str) -> Policy:
    """The policy that a caller gave, by default the one named `default`."""
    if isinstance(policy, Policy):
        return policy
    return parse(policy or default)
