"""The time of a packet as one 64-bit number: nanoseconds near 1970, microseconds far from it.

64 bits of nanoseconds end in 2262, and captures have clocks that are set wrong, or count from another year. Tables have
microseconds, which suffice for the years 1 to 9999.

Rules
- From -FAR (1823) up to FAR (2116), a number is a time in nanoseconds since 1970. FAR is after the last time of a
  classic pcap file, and the difference of two such numbers fits in 64 bits.
- Other times are microseconds since 1970, moved away from 0 by SHIFT: numbers have the order of their times. The
  nanoseconds below the microsecond are in `Packets.nanos`.
- A time outside the years 1 to 9999 is NO_TIME, as is that of a packet without one.
- Times are compared as numbers; every other calculation with them uses a function of this file.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.packets import Ints

NANO = 1_000_000_000
FAR = 1 << 62
FAR_MICROSECONDS = FAR // 1000
SHIFT = FAR - FAR_MICROSECONDS
# seconds since 1970 of the first second of year 1 and of year 10000
FIRST_SECOND = -62_135_596_800
END_SECOND = 253_402_300_800
FOREVER = 0x7FFFFFFFFFFFFFFF
LONGEST_MICROSECONDS = FOREVER // 1000


@kernel()
def in_microseconds(time):
    """Microseconds since 1970 of a time, truncated."""
    if time >= FAR:
        return time - SHIFT
    if time < -FAR:
        return time + SHIFT
    return time // 1000


@kernel()
def time_of(seconds, nanos):
    """The number of the time `nanos` (0 to 999,999,999) after `seconds` since 1970, which are of years 1 to 9999."""
    micros = seconds * 1_000_000 + nanos // 1000
    if micros >= FAR_MICROSECONDS:
        return micros + SHIFT
    if micros < -FAR_MICROSECONDS:
        return micros - SHIFT
    return seconds * NANO + nanos


@kernel()
def elapsed(later, earlier):
    """Nanoseconds from `earlier` to `later`, at most FOREVER; of far times, whole microseconds."""
    if later < FAR and earlier >= -FAR:
        return later - earlier
    passed = in_microseconds(later) - in_microseconds(earlier)
    return passed * 1000 if passed <= LONGEST_MICROSECONDS else FOREVER


@kernel()
def after(time, nanoseconds):
    """The time that is `nanoseconds`, 0 to 2^61, after `time`; of far times, whole microseconds."""
    if time >= -FAR and time < FAR - nanoseconds:
        return time + nanoseconds
    micros = in_microseconds(time) + nanoseconds // 1000
    if micros >= FAR_MICROSECONDS:
        return micros + SHIFT
    return micros - SHIFT if micros < -FAR_MICROSECONDS else micros * 1000


def is_far(times: Ints) -> bool:
    """Whether any of an array of times is far from 1970; NO_TIME is."""
    return len(times) > 0 and bool(times.max() >= FAR or times.min() < -FAR)


def microseconds(times: Ints) -> Ints:
    """Microseconds since 1970 of an array of times, truncated; those of NO_TIME are arbitrary."""
    micros = times // 1000
    if is_far(times):
        micros = np.where(times >= FAR, times - SHIFT, np.where(times < -FAR, times + SHIFT, micros))
    return micros


def microsecond(time: int) -> int:
    """Microseconds since 1970 of one time, truncated."""
    if -FAR <= time < FAR:
        return time // 1000
    return time - SHIFT if time > 0 else time + SHIFT


def seconds_between(later: Ints, earlier: Ints) -> np.ndarray:
    """Seconds from each `earlier` to `later` time as float64; those of NO_TIME are arbitrary."""
    near = (later < FAR) & (earlier >= -FAR)
    seconds: np.ndarray = (later - earlier) / NANO
    return seconds if near.all() else np.where(near, seconds, (microseconds(later) - microseconds(earlier)) / 1e6)
