"""Times in ground-truth files: text to microseconds since 1970 in UTC, by a named time zone.

Rules
- A time with an offset (Z, +02:00) and a Unix time are UTC already. Every other time is local, and needs a zone: an
  IANA name (Etc/GMT+3 too), UTC, or a fixed offset such as +08:00. The zone of this machine is never used.
- A local time that does not exist (the clock was put forward) or exists twice (it was put back) is an error of its row.
- The unit U in which a time is given (a minute, a second, a millisecond) is kept: an interval ends with the last
  microsecond of the unit of its end.
- A schedule without AM or PM in which no hour is above 12, and in which times of a day jump from the morning back to
  1:00 to 7:59, is ambiguous: either the clock has 12 hours, or the rows are out of order. `Clock` says how to read it.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import zoneinfo
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from netlake.errors import OptionError
from netlake.label.truth.values import BadValueError

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
Clock = Literal["12", "24"]
# the years 1 to 9999
EARLIEST, LATEST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1

# hours that a 12-hour clock without AM or PM gives for the afternoon of a working day
AFTERNOON = range(1, 8)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAIVE = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - local times are counted from here
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
_NUMBER = re.compile(r"-?\d{1,12}(?:\.(\d{1,9}))?")
_TIME = re.compile(
    r"""(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})[T\s-]\s*)?
        (?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?
        \s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone: `name` as it was given."""

    name: str
    info: dt.tzinfo


@cache
def _every_zone() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def zone(name: str, where: str = "--zone") -> Zone:
    """The zone with a name or a fixed offset; OptionError with the nearest names."""
    given = name.strip()
    match = _OFFSET.fullmatch(given)
    if match and int(match[2]) < 15 and int(match[3] or 0) < 60:
        span = dt.timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return Zone(given, dt.timezone(-span if match[1] == "-" else span))
    known = _every_zone()
    if given.lower() in known:
        return Zone(known[given.lower()], zoneinfo.ZoneInfo(known[given.lower()]))
    near = difflib.get_close_matches(given.lower(), known, n=3, cutoff=0.6)
    cities = {other.rpartition("/")[2]: other for other in known}
    near += [cities[city] for city in difflib.get_close_matches(given.lower().rpartition("/")[2], cities, n=2)]
    names = list(dict.fromkeys(known[other] for other in near))[:3]
    hint = f"; nearest: {', '.join(names)}" if names else ""
    raise OptionError(
        f"{where}: there is no time zone {given!r}{hint}. Give an IANA name such as America/Halifax, UTC, or an offset"
        " such as +08:00."
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written: `value` microseconds since 1970, in UTC or, if `local`, of the local clock.

    `unit` is the unit that was given, microseconds; `half` whether AM or PM was given.
    """

    value: int
    unit: int
    local: bool
    half: bool = False

    @property
    def hour(self) -> int:
        """The hour of the day, 0 to 23."""
        return self.value % DAY // (60 * MINUTE)

    @property
    def date(self) -> int:
        """The number of the day since 1970."""
        return self.value // DAY

    def utc(self, by: Zone | None) -> int:
        """Microseconds since 1970 in UTC; BadValueError without a zone, or for a time that the zone does not have."""
        if not self.local:
            return self.value
        if by is None:
            raise BadValueError(f"{self.text} has no time zone.")
        return self.value - _shift(by, self.value // (15 * MINUTE), self.value)

    @property
    def text(self) -> str:
        """The local time as text."""
        return f"{_NAIVE + dt.timedelta(microseconds=self.value)}"


@lru_cache(1 << 12)
def _shift_of_quarter(by: Zone, quarter: int) -> int | str:
    """UTC offset in microseconds for a quarter of an hour of local time; a text if there is not exactly one."""
    local = _NAIVE + dt.timedelta(microseconds=quarter * 15 * MINUTE)
    found = set()
    for fold in (0, 1):
        instant = local.replace(tzinfo=by.info, fold=fold).astimezone(dt.UTC)
        if instant.astimezone(by.info).replace(tzinfo=None) == local:
            found.add(local - instant.replace(tzinfo=None))
    if len(found) == 1:
        return found.pop() // dt.timedelta(microseconds=1)
    return "exists twice" if found else "does not exist"


def _shift(by: Zone, quarter: int, value: int) -> int:
    found = _shift_of_quarter(by, quarter)
    if isinstance(found, str):
        text = _NAIVE + dt.timedelta(microseconds=value)
        raise BadValueError(
            f"{text} {found} in {by.name}, because the clock was changed then; give it in UTC or with an offset."
        )
    return found


def moment(text: str, date: dt.date | None = None) -> Moment:
    """The time that `text` gives, on the day `date` if it gives none; BadValueError if it is not a time.

    Accepted are Unix seconds (1499170672.838272), and 2017-07-04 09:20 with -, / or . in the date, T or a space, with
    seconds, a fraction, AM or PM, and an offset if there is one.
    """
    given = text.strip()
    if number := _NUMBER.fullmatch(given):
        return _unix(given, number[1] or "")
    match = _TIME.fullmatch(given)
    if match is None or (match["year"] is None and date is None):
        raise BadValueError(f"{given!r} is not a time; write 2017-07-04 09:20:00, with an offset if it is known.")
    part = {name: int(value) for name, value in match.groupdict().items() if value and value.isdigit()}
    hour = _hour(part["hour"], match["half"], given)
    day = date if match["year"] is None else None
    fraction = (match["fraction"] or "")[:6]
    try:
        local = dt.datetime(  # noqa: DTZ001 - the zone is applied by Moment.utc
            day.year if day else part["year"],
            day.month if day else part["month"],
            day.day if day else part["day"],
            hour,
            part["minute"],
            part.get("second", 0),
            int(fraction.ljust(6, "0")) if fraction else 0,
        )
    except ValueError as error:
        raise BadValueError(f"{given!r} is not a time: {error}.") from None
    unit = MINUTE if match["second"] is None else 10 ** (6 - len(fraction))
    value = (local - _NAIVE) // dt.timedelta(microseconds=1)
    if match["zone"] is None:
        return Moment(value, unit, local=True, half=match["half"] is not None)
    return Moment(value - _fixed(match["zone"]), unit, local=False)


@lru_cache(1 << 10)
def _second(text: str) -> Moment:
    return moment(text)


def stamp(text: str) -> Moment:
    """As `moment`, faster for a time with six digits behind the point and an offset, of which logs have millions."""
    if len(text) == 31 and text[19] == "." and text[20:26].isdigit():
        whole = _second(text[:19] + text[26:])
        return Moment(whole.value + int(text[20:26]), 1, local=False) if not whole.local else moment(text)
    return moment(text)


def _unix(given: str, fraction: str) -> Moment:
    seconds, _, _ = given.partition(".")
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    value = int(seconds) * SECOND + (-micros if given.startswith("-") else micros)
    if not EARLIEST <= value <= LATEST:
        raise BadValueError(f"{given!r} is not a time in seconds since 1970: it is outside the years 1 to 9999.")
    # programs that print a Unix time as a number leave out zeros at its end, so a fraction is exact
    return Moment(value, 1 if fraction else SECOND, local=False)


def _hour(hour: int, half: str | None, given: str) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise BadValueError(f"{given!r} is not a time: with AM or PM the hour is 1 to 12.")
    return hour % 12 + (12 if half[0] in "Pp" else 0)


def _fixed(text: str) -> int:
    if text in {"Z", "UTC"}:
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return (-minutes if text[0] == "-" else minutes) * MINUTE


def afternoon(given: Moment) -> Moment:
    """A local time of a 12-hour clock without AM or PM on a working day: 1:00 to 7:59 are p.m."""
    if given.local and not given.half and given.hour in AFTERNOON:
        return Moment(given.value + DAY // 2, given.unit, local=True)
    return given


@dataclass(slots=True)
class HalfDay:
    """Looks for a 12-hour clock in the times of a schedule, in the order of its rows; `found` is the first sentence."""

    possible: bool = True
    found: str | None = None
    last: Moment | None = None

    def see(self, given: Moment, place: str) -> None:
        """Look at the next time; `place` is its file and line."""
        if not given.local or given.half or not self.possible:
            return
        if given.hour == 0 or given.hour > 12:
            self.possible, self.found = False, None
            return
        last = self.last
        earlier = last is not None and given.date == last.date and given.value < last.value
        if last and earlier and not self.found and given.hour in AFTERNOON and last.hour not in AFTERNOON:
            self.found = (
                f"{place}: {given.text[11:16]} follows {last.text[11:16]} of the same day, and no hour of the file is"
                " above 12: either its clock has 12 hours, or its rows are out of order. Give --clock 12 (1:00 to 7:59"
                " are p.m.) or --clock 24 (times are as written)."
            )
        self.last = given


def text(micros: int | None) -> str:
    """A time in UTC as `2017-07-04 12:20:00.000000`; empty without one."""
    return "" if micros is None else f"{_EPOCH + dt.timedelta(microseconds=micros):%Y-%m-%d %H:%M:%S.%f}"


def instant(micros: int) -> dt.datetime:
    """Microseconds since 1970 as an aware time."""
    return _EPOCH + dt.timedelta(microseconds=micros)
