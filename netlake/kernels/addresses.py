"""Addresses as numbers: intern them, and write them as text.

- An address is a record ADDRESS: two halves of 64 bits and its family. The family is part of it, because 1.2.3.4 and
  ::ffff:1.2.3.4 are different texts.
- An interned address is a code, its row in the pool's `keys`. `table` is an open-addressing hash table of code + 1
  (0 is empty); its size is a power of two and it is at most half full, which the caller ensures before the call.
- Keys are always compared, not only their hashes. The hash is keyed with secret numbers (`seeds`), so that an attacker
  cannot send addresses that all have one slot.
- Text follows RFC 5952: lower case, the longest run of two or more zero groups (the first of several) as `::`, and
  IPv4-mapped addresses dotted.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32, u64
from netlake.packets import Ints, Shorts

# families
MAC = 0
IPV4 = 4
IPV6 = 6
# the longest texts: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff and ff:ff:ff:ff:ff:ff
LONGEST_IP = 39
LONGEST_MAC = 17

DOT = 46
COLON = 58
ZERO = 48
LETTERS = 87  # 'a' minus ten

# `low` is the address of IPv4 and of MAC; `family` is MAC, IPV4 or IPV6
ADDRESS = np.dtype([("high", np.uint64), ("low", np.uint64), ("family", np.uint64)], align=True)


class PoolArrays(NamedTuple):
    """Interned addresses, with room for every address that a kernel may add; `used` is one number, of the addresses."""

    table: Annotated[Shorts, "int32[::1]"]
    keys: Annotated[npt.NDArray[np.void], "ADDRESS[::1]"]
    used: Annotated[Ints, "int64[::1]"]
    seeds: Annotated[npt.NDArray[np.uint64], "uint64[::1]"]


@kernel()
def mixed(high, low, seeds):
    """A keyed 64-bit hash of two numbers."""
    value = (high ^ seeds[0]) * (seeds[1] | np.uint64(1))
    value ^= value >> np.uint64(32)
    value = (value ^ low) * (seeds[2] | np.uint64(1))
    value ^= value >> np.uint64(29)
    value = (value ^ seeds[3]) * np.uint64(0xFF51AFD7ED558CCD)
    return value ^ value >> np.uint64(32)


@kernel()
def is_key(key, high, low, family):
    """Whether a record ADDRESS is this address."""
    return key.low == low and key.high == high and key.family == np.uint64(family)


@kernel()
def interned(pool, high, low, family):
    """The code of an address, which is added if it is new."""
    mask = np.uint64(pool.table.size - 1)
    at = mixed(high ^ np.uint64(family), low, pool.seeds) & mask
    while True:
        code = np.int64(pool.table[np.int64(at)]) - 1
        if code < 0:
            break
        if is_key(pool.keys[code], high, low, family):
            return code
        at = (at + np.uint64(1)) & mask
    code = pool.used[0]
    key = pool.keys[code]
    key.high = high
    key.low = low
    key.family = np.uint64(family)
    pool.table[np.int64(at)] = code + 1
    pool.used[0] = code + 1
    return code


@kernel()
def address_at(data, at, family):
    """(high, low) of the address of `family` at `at`, which the caller has checked."""
    if family == IPV4:
        return np.uint64(0), np.uint64(u32(data, at))
    if family == IPV6:
        return u64(data, at), u64(data, at + 8)
    return np.uint64(0), np.uint64(u16(data, at) << 32 | u32(data, at + 2))


@kernel("void(uint8[::1], int64[::1], int64, int64, PoolArrays, int32[::1])")
def intern_at(data, at, family, width, pool, codes):
    """Write the codes of the addresses at `at`, -1 for one that is not entirely inside `data`.

    The last two addresses are compared first: most packets have the addresses of the packet before.
    """
    newest = older = np.int64(-1)
    for i in range(at.size):
        if at[i] < 0 or at[i] + width > data.size:
            codes[i] = -1
            continue
        high, low = address_at(data, at[i], family)
        if older >= 0 and is_key(pool.keys[older], high, low, family):
            newest, older = older, newest
        elif newest < 0 or not is_key(pool.keys[newest], high, low, family):
            older = newest
            newest = interned(pool, high, low, family)
        codes[i] = newest


@kernel("void(uint8[::1], int64[::1], int64, int64, ADDRESS[::1])")
def keys_at(data, at, family, width, keys):
    """Write the addresses at `at` to `keys`; IndexError for one that is not entirely inside `data`."""
    for i in range(at.size):
        if at[i] < 0 or at[i] + width > data.size:
            raise IndexError("an address is not entirely inside the data")
        keys[i].high, keys[i].low = address_at(data, at[i], family)
        keys[i].family = family


@kernel("void(PoolArrays)")
def fill_table(pool):
    """Enter the keys in use into an empty table."""
    mask = np.uint64(pool.table.size - 1)
    for code in range(pool.used[0]):
        key = pool.keys[code]
        at = mixed(key.high ^ key.family, key.low, pool.seeds) & mask
        while pool.table[np.int64(at)] != 0:
            at = (at + np.uint64(1)) & mask
        pool.table[np.int64(at)] = code + 1


@kernel("int64(int32[::1], int32[::1], int32[::1], int32[::1])")
def compact(codes, places, used, indices):
    """Number the different codes from 0 in order of first use: `used[indices[i]] == codes[i]`; returns their number.

    A code below 0 has index 0. `places` is scratch with an element for every code, 0 before and after the call.
    """
    count = 0
    for i in range(codes.size):
        code = np.int64(codes[i])
        if code < 0:
            indices[i] = 0
            continue
        place = places[code]
        if place == 0:
            used[count] = code
            count += 1
            place = count
            places[code] = place
        indices[i] = place - 1
    for i in range(count):
        places[np.int64(used[i])] = 0
    return count


@kernel()
def put_ipv4(value, out, at):
    """Write four dotted numbers at `at`; returns the end."""
    for shift in (24, 16, 8, 0):
        byte = np.int64(value >> np.uint64(shift)) & 255
        if byte > 99:
            out[at] = ZERO + byte // 100
            at += 1
        if byte > 9:
            out[at] = ZERO + byte // 10 % 10
            at += 1
        out[at] = ZERO + byte % 10
        at += 1
        if shift:
            out[at] = DOT
            at += 1
    return at


@kernel()
def group_of(high, low, index):
    """Group `index` (0 to 7) of an IPv6 address."""
    half = high if index < 4 else low
    return np.int64(half >> np.uint64(48 - 16 * (index & 3))) & 0xFFFF


@kernel()
def longest_zeros(high, low):
    """(first group, number of groups) of the longest run of zero groups, (-1, 1) if no run has two."""
    best, length, run = -1, 1, 0
    for index in range(8):
        run = run + 1 if group_of(high, low, index) == 0 else 0
        if run > length:
            best, length = index + 1 - run, run
    return best, length


@kernel()
def hexadecimal(digit):
    """The character of a digit from 0 to 15."""
    return ZERO + digit if digit < 10 else LETTERS + digit


@kernel()
def put_group(group, out, at):
    """Write a group without leading zeros; returns the end."""
    for shift in (12, 8, 4, 0):
        if shift == 0 or group >> shift:
            out[at] = hexadecimal(group >> shift & 15)
            at += 1
    return at


@kernel()
def put_ipv6(high, low, out, at):
    """Write an IPv6 address at `at`; returns the end."""
    zeros, length = longest_zeros(high, low)
    mapped = high == 0 and low >> np.uint64(32) == np.uint64(0xFFFF)
    index = 0
    while index < 8:
        if index == zeros:
            out[at] = COLON
            out[at + 1] = COLON
            at += 2
            index += length
            continue
        if index > 0 and index != zeros + length:
            out[at] = COLON
            at += 1
        if mapped and index == 6:
            return put_ipv4(low, out, at)
        at = put_group(group_of(high, low, index), out, at)
        index += 1
    return at


@kernel()
def put_mac(value, out, at):
    """Write six hexadecimal pairs at `at`; returns the end."""
    for shift in (40, 32, 24, 16, 8, 0):
        byte = np.int64(value >> np.uint64(shift)) & 255
        out[at] = hexadecimal(byte >> 4)
        out[at + 1] = hexadecimal(byte & 15)
        at += 2
        if shift:
            out[at] = COLON
            at += 1
    return at


@kernel("int64(ADDRESS[::1], int32[::1], int32[::1], uint8[::1])")
def write_texts(keys, codes, offsets, out):
    """Write the texts of `codes` in order: text i is `out[offsets[i]:offsets[i + 1]]`; returns the last end."""
    at = 0
    offsets[0] = 0
    for i in range(codes.size):
        code = np.int64(codes[i])
        if code < 0:
            raise IndexError("a code below 0 has no text")
        key = keys[code]
        if key.family == IPV4:
            at = put_ipv4(key.low, out, at)
        elif key.family == IPV6:
            at = put_ipv6(key.high, key.low, out, at)
        else:
            at = put_mac(key.low, out, at)
        offsets[i + 1] = at
    return at
