"""Marks answers by the key of a scenario: the only part that opens answers.json."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any


def key(folder: Path) -> dict[str, dict[str, Any]]:
    """Question id -> its entry of the key: type, answer, accept and tolerances."""
    found = json.loads((folder / "answers.json").read_text(encoding="utf-8"))["questions"]
    return {one["id"]: one for one in found}


def right(value: Any, entry: dict[str, Any]) -> bool:
    """Whether `value` is the answer of the key, within its tolerance."""
    if value is None:
        return False
    answer, kind = entry["answer"], entry["type"]
    try:
        if kind == "number":
            return abs(float(_single(value)) - float(answer)) <= entry.get("tolerance", 0)
        if kind == "timestamp":
            return abs((_time(value) - _time(answer)).total_seconds()) <= entry.get("tolerance_s", 0)
    except (TypeError, ValueError):
        return False
    if kind == "set":
        given = value if isinstance(value, list) else [value]
        return {_plain(one) for one in given} == {_plain(one) for one in answer}
    accepted = {_plain(one) for one in [answer, *(entry.get("accept") or ())]}
    return _plain(_single(value)) in accepted


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _time(value: Any) -> dt.datetime:
    found = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _plain(value: Any) -> str:
    """Text that does not depend on case, spaces and underscores."""
    return re.sub(r"[\s_]+", " ", str(value)).strip().lower()
