"""Times of options; imports no large package."""

from __future__ import annotations

import datetime as dt

from netlake.errors import OptionError


def moment(option: str, given: str | dt.datetime | None) -> dt.datetime | None:
    """A time as an option has it, by default in UTC; OptionError if it is none."""
    if given is None:
        return None
    try:
        time = given if isinstance(given, dt.datetime) else dt.datetime.fromisoformat(given)
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise OptionError(f"{option}: {given!r} is not a time; give one such as 2024-02-28T23:54 (UTC).") from None
