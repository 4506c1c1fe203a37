"""Local times, zones, units, and 12-hour clocks."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.errors import OptionError
from netlake.label.truth import times
from netlake.label.truth.values import BadValueError

# text, zone, the time in UTC and the unit in microseconds; or a part of the sentence that says what is wrong
CASES = [
    ("1499170672.838272", None, ("2017-07-04 12:17:52.838272", 1)),
    ("1499170672", None, ("2017-07-04 12:17:52.000000", 1_000_000)),
    ("-0.5", None, ("1969-12-31 23:59:59.500000", 1)),
    ("2017-07-04 09:20", "America/Halifax", ("2017-07-04 12:20:00.000000", 60_000_000)),
    ("2018-02-20 10:12:00", "America/Halifax", ("2018-02-20 14:12:00.000000", 1_000_000)),
    ("2018/3/1 9:57", "Canada/Atlantic", ("2018-03-01 13:57:00.000000", 60_000_000)),
    ("2018-03-01T09:57:00", "Etc/GMT+4", ("2018-03-01 13:57:00.000000", 1_000_000)),
    ("2018-03-01T09:57:00", "-04:00", ("2018-03-01 13:57:00.000000", 1_000_000)),
    ("2018-03-01T09:57:00", "UTC+8", ("2018-03-01 01:57:00.000000", 1_000_000)),
    ("2011/08/10 09:46:53.047277", "Europe/Prague", ("2011-08-10 07:46:53.047277", 1)),
    ("2011-08-10 09:46:53.04", "europe/prague", ("2011-08-10 07:46:53.040000", 10_000)),
    ("2011-08-10 09:46:53.0472779", "UTC", ("2011-08-10 09:46:53.047277", 1)),
    ("2017-07-06T13:40:07.424728+0200", None, ("2017-07-06 11:40:07.424728", 1)),
    ("2017-07-06T13:40:07Z", "America/Halifax", ("2017-07-06 13:40:07.000000", 1_000_000)),
    ("2017-07-06 12:05 AM", "UTC", ("2017-07-06 00:05:00.000000", 60_000_000)),
    ("2017-07-06 12:05 pm", "UTC", ("2017-07-06 12:05:00.000000", 60_000_000)),
    ("2017-07-06 1:05 p.m.", "UTC", ("2017-07-06 13:05:00.000000", 60_000_000)),
    # the clock is put forward over 02:00 to 03:00, and back over 01:00 to 02:00
    ("2018-03-11 01:59:59", "America/Halifax", ("2018-03-11 05:59:59.000000", 1_000_000)),
    ("2018-03-11 02:00", "America/Halifax", "does not exist in America/Halifax"),
    ("2018-03-11 02:59:59", "America/Halifax", "does not exist"),
    ("2018-03-11 03:00", "America/Halifax", ("2018-03-11 06:00:00.000000", 60_000_000)),
    ("2018-11-04 00:59:59", "America/Halifax", ("2018-11-04 03:59:59.000000", 1_000_000)),
    ("2018-11-04 01:00", "America/Halifax", "exists twice in America/Halifax"),
    ("2018-11-04 02:00", "America/Halifax", ("2018-11-04 06:00:00.000000", 60_000_000)),
    ("2018-04-01 02:15", "Australia/Lord_Howe", ("2018-03-31 15:45:00.000000", 60_000_000)),
    ("2018-04-01 01:45", "Australia/Lord_Howe", "exists twice"),  # half an hour
    ("2011-12-30 12:00", "Pacific/Apia", "does not exist"),  # a whole day
    ("2017-07-06 24:00", "UTC", "hour must be in 0..23"),
    ("2017-13-06 10:00", "UTC", "month must be in 1..12"),
    ("2017-07-06 13:00 PM", "UTC", "the hour is 1 to 12"),
    ("10:42", "UTC", "is not a time"),
    ("yesterday", "UTC", "is not a time"),
    ("", "UTC", "is not a time"),
    ("2017-07-06 10:00", None, "has no time zone"),
]


@pytest.mark.parametrize(("text", "zone", "expected"), CASES)
def test_a_time_is_read_in_its_zone(text: str, zone: str | None, expected: tuple[str, int] | str) -> None:
    by = times.zone(zone) if zone else None
    if isinstance(expected, str):
        with pytest.raises(BadValueError, match=expected):
            times.moment(text).utc(by)
        return
    found = times.moment(text)
    assert (times.text(found.utc(by)), found.unit) == expected


ZONES = sorted(zoneinfo.available_timezones())


@given(st.sampled_from(ZONES), st.integers(0, 65 * 366 * 86_400_000_000))
def test_a_local_time_is_that_of_the_instant_or_is_refused(name: str, micros: int) -> None:
    local = times.instant(2 * 366 * times.DAY + micros).replace(tzinfo=None)
    zone = zoneinfo.ZoneInfo(name)
    # every instant around the local time that a clock in the zone shows as this time
    shown = {
        instant
        for hours in range(-26, 27)
        for minutes in (0, 15, 30, 45)
        if (instant := local.replace(tzinfo=dt.UTC) + dt.timedelta(hours=hours, minutes=minutes))
        .astimezone(zone)
        .replace(tzinfo=None)
        == local
    }
    given_text = f"{local:%Y-%m-%d %H:%M:%S.%f}"
    try:
        found = times.instant(times.moment(given_text).utc(times.zone(name)))
    except BadValueError:
        assert len(shown) != 1 or _odd(zone, local)
    else:
        assert shown == {found} or _odd(zone, local)


def _odd(zone: zoneinfo.ZoneInfo, local: dt.datetime) -> bool:
    """Whether the offset is no multiple of a quarter of an hour (Liberia until 1972, some zones of old)."""
    return any(
        (local.replace(tzinfo=zone, fold=fold).utcoffset() or dt.timedelta()) % dt.timedelta(minutes=15)
        for fold in (0, 1)
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("America/Halifx", "America/Halifax"), ("Halifax", "America/Halifax"), ("europe/pragu", "Europe/Prague"),
     ("Sngapore", "Singapore")],
)  # fmt: skip
def test_an_unknown_zone_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(OptionError, match=rf"--zone: there is no time zone '{name}'; nearest: .*{nearest}"):
        times.zone(name)


# times of one day in the order of a schedule, and whether they look like a 12-hour clock
CLOCKS = [
    (["9:20", "10:00", "10:40", "10:42", "2:19", "3:45"], True),
    (["9:20", "10:00", "10:40", "10:42", "14:19", "15:45"], False),
    (["9:20", "10:00", "10:40", "10:42", "2:19 PM", "3:45 PM"], False),
    (["2:19", "3:45", "9:20", "10:00"], False),  # a night, then a morning
    (["11:50", "1:10"], True),
    (["0:10", "11:50", "1:10"], False),  # midnight has an hour 0 only on a clock of 24 hours
    (["10:00", "9:00"], False),  # out of order, but not into the afternoon
]


@pytest.mark.parametrize(("clock", "suspicious"), CLOCKS)
def test_a_clock_of_12_hours_is_found(clock: list[str], suspicious: bool) -> None:  # noqa: FBT001 - of a table
    seen = times.HalfDay()
    for text in clock:
        seen.see(times.moment(f"2017-07-06 {text}"), "line 1")
    assert (seen.found is not None) == suspicious


@pytest.mark.parametrize("text", ["253402300800", "-62135596801", "1499348407419016", "1499348407419", "9" * 12])
def test_a_unix_time_of_another_unit_or_era_is_refused(text: str) -> None:
    with pytest.raises(BadValueError, match="is not a time"):
        times.moment(text)
