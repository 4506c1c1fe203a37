"""Attack files of netcap: fields of an attack, and times in a layout of Go's package time.

- An attack has `attackers` and `victims`, or `ips`, either side of the traffic. With `flagVictimTraffic` all traffic
  of the victims is meant. The label is the name, which netcap reports as category.
- `proto` is often that of the application (HTTP, CIP), and netcap does not use it. It is used here if it is one of IP,
  and kept in the note otherwise.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from netlake.label.truth import values
from netlake.label.truth.schedule import Value, text_of
from netlake.label.truth.values import BadValueError

FIELDS = {"num", "name", "start", "end", "ips", "proto", "notes", "category", "mitre", "date", "victims", "attackers",
          "flagvictimtraffic"}  # fmt: skip

# parts of Go's reference time, longest first, and what they match
_PARTS = {
    "January": r"(?P<month_name>[A-Za-z]+)", "Monday": r"[A-Za-z]+", "2006": r"(?P<year>\d{4})",
    "Jan": r"(?P<month_name>[A-Za-z]+)", "Mon": r"[A-Za-z]+", "01": r"(?P<month>\d\d)", "02": r"(?P<day>\d\d)",
    "03": r"(?P<hour>\d\d)", "04": r"(?P<minute>\d\d)", "05": r"(?P<second>\d\d(?:\.\d+)?)", "06": r"(?P<short>\d\d)",
    "15": r"(?P<hour>\d{1,2})", "PM": r"(?P<half>[AaPp][Mm])", "pm": r"(?P<half>[AaPp][Mm])",
    "1": r"(?P<month>\d{1,2})", "2": r"(?P<day>\d{1,2})", "3": r"(?P<hour>\d{1,2})", "4": r"(?P<minute>\d{1,2})",
    "5": r"(?P<second>\d{1,2}(?:\.\d+)?)",
}  # fmt: skip
_TOKEN = re.compile("|".join(_PARTS))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def _pattern(layout: str) -> re.Pattern[str]:
    text, at = "", 0
    for match in _TOKEN.finditer(layout):
        text += re.escape(layout[at : match.start()]) + _PARTS[match[0]]
        at = match.end()
    try:
        return re.compile(text + re.escape(layout[at:]))
    except re.error:
        raise BadValueError(f"the layout {layout!r} has a part twice.") from None


def _parts(text: str, layout: str) -> dict[str, str]:
    match = _pattern(layout).fullmatch(text.strip())
    if match is None:
        raise BadValueError(f"{text.strip()!r} has not the layout {layout!r}.")
    return {name: value for name, value in match.groupdict().items() if value}


def date(text: str, layout: str) -> str:
    """The date in a text of a layout, as 2006-01-02; empty if the layout has none."""
    part = _parts(text, layout)
    year = part.get("year") or (f"20{part['short']}" if "short" in part else "")
    month = part.get("month") or str(_MONTHS.index(part["month_name"][:3].lower()) + 1 if "month_name" in part else "")
    if not (year and month and "day" in part):
        return ""
    try:
        return f"{dt.date(int(year), int(month), int(part['day'])):%Y-%m-%d}"
    except ValueError as error:
        raise BadValueError(f"{text!r} is not a date: {error}.") from None


def time(text: str, layout: str) -> str:
    """The time in a text of a layout, with the date if there is one, in the form of our schedules."""
    part = _parts(text, layout)
    if not {"hour", "minute"} <= set(part):
        raise BadValueError(f"the layout {layout!r} has no hour and minute.")
    clock = f"{part['hour']}:{int(part['minute']):02d}" + (f":{part['second'].zfill(2)}" if "second" in part else "")
    return f"{date(text, layout)} {clock} {part.get('half', '')}".strip()


def fields(attack: Mapping[str, Value], time_layout: str | None, date_layout: str | None) -> dict[str, Value]:
    """The fields of an attack as those of an entry of our schedule; BadValueError says what is wrong."""
    given = {name.lower(): value for name, value in attack.items()}
    if strange := sorted(set(given) - FIELDS):
        raise BadValueError(f"there is no field {strange[0]!r} in an attack of netcap.")
    begin, end, day = (text_of(given, name) for name in ("start", "end", "date"))
    if not begin or not end:
        raise BadValueError("the attack has no start or no end.")
    found: dict[str, Value] = {
        "label": text_of(given, "name"),
        "begin": time(begin, time_layout) if time_layout else begin,
        "end": time(end, time_layout) if time_layout else end,
        "category": text_of(given, "category"),
        "note": text_of(given, "notes"),
    }
    if day:
        found["date"] = date(day, date_layout) if date_layout else day
    mitre = values.listed(given.get("mitre"))
    found["techniques"] = [item for item in mitre if re.fullmatch(r"T\d{4}(\.\d{3})?", item)]
    if not found["techniques"] and text_of(given, "mitre"):
        found["tactics"] = [text_of(given, "mitre")]
    protocol = text_of(given, "proto")
    if values.known_protocol(protocol):
        found["protocol"] = protocol
    else:
        found["note"] = "; ".join(filter(None, [text_of(given, "notes"), f"protocol {protocol}"]))
    if text_of(given, "flagvictimtraffic").lower() in {"true", "yes", "1"}:
        found["victims"] = given.get("victims", "")
    elif values.listed(given.get("ips")):
        found["hosts"] = given["ips"]
    else:
        found |= {name: given.get(name, "") for name in ("attackers", "victims")}
    return {name: value for name, value in found.items() if value}
