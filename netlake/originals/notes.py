"""Comments and options of packets: those of the original, and labels."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from netlake.sources import Source

SEPARATORS = re.compile(r"[,;\x00-\x1f\x7f]+")
NUMBERS = {"flags": "epb_flags", "dropped": "epb_dropcount", "packet_id": "epb_packetid", "queue": "epb_queue"}


def of_label(  # noqa: PLR0913 - the columns of an edge
    flow: int | None, label: str, state: str, source: str, rule: int, attempted: int | None
) -> str:
    """The comment for one label of a packet; docs/ground-truth.md describes it."""
    name = " ".join(SEPARATORS.sub(" ", label).split())
    text = f"s={flow or 0},label={name},state={state},rule={source}:{rule}"
    return text if attempted is None else f"{text},attempted={attempted}"


def own(source: Source) -> dict[int, dict[str, Any]]:
    """The comments and options of packets that a source has read since the last call, as python-pcapng takes them.

    By packet number; the source's lists are emptied.
    """
    found: dict[int, dict[str, Any]] = {}
    for part in source.options:
        for name, (values, there) in part.numbers.items():
            for place in np.flatnonzero(there):
                found.setdefault(int(part.packet[place]), {})[NUMBERS[name]] = int(values[place])
        for name, lists in (("epb_verdict", part.verdicts), ("epb_hash", part.hashes)):
            for number, typed in lists.items():
                found.setdefault(number, {})[name] = [(one.type, one.value) for one in typed]
    source.options.clear()
    for one in source.comments:
        if one.packet is not None:
            found.setdefault(one.packet, {}).setdefault("opt_comment", []).append(one.text)
    source.comments.clear()
    return found


def noted(options: dict[str, Any] | None, texts: list[str]) -> dict[str, Any]:
    """The options of a packet with further comments in front of its own."""
    if not texts:
        return options or {}
    before = (options or {}).get("opt_comment", ())
    return {**(options or {}), "opt_comment": texts + [text for text in before if text not in texts]}
