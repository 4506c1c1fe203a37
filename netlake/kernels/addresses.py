"""Addresses as numbers: interning them, and writing them as text.

An address is a row of `keys` (uint64): high half, low half, family (4, 6, or MAC below), spare. The family is part of
the key, because 1.2.3.4 and ::ffff:1.2.3.4 are different texts. An interned address is its row number; `table` is an
open hash of row + 1 (0: empty), a power of two in size and never more than half full: the caller makes room beforehand.
Keys are compared, never just hashed, and the hash is keyed by `seeds` (secret numbers), so that nobody can send
addresses that all fall on one place.

Text is RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as `::`, and
IPv4-mapped addresses dotted.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u32, u64

MAC = 0
IPV4 = 4
IPV6 = 6
# the longest texts: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff and ff:ff:ff:ff:ff:ff
LONGEST_IP = 39
LONGEST_MAC = 17

DOT = 46
COLON = 58
ZERO = 48
LETTERS = 87  # 'a' less ten


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
def interned(high, low, family, table, keys, count, seeds):
    """The code of an address, which is added if it is new; `count[0]` is how many there are."""
    mask = np.uint64(table.size - 1)
    at = mixed(high ^ np.uint64(family), low, seeds) & mask
    while True:
        code = np.int64(table[np.int64(at)]) - 1
        if code < 0:
            break
        if keys[code, 1] == low and keys[code, 0] == high and keys[code, 2] == np.uint64(family):
            return code
        at = (at + np.uint64(1)) & mask
    code = count[0]
    keys[code, 0], keys[code, 1], keys[code, 2] = high, low, np.uint64(family)
    table[np.int64(at)] = code + 1
    count[0] = code + 1
    return code


@kernel()
def address_at(data, at, family):
    """(high, low) of the address of `family` at `at`, which the caller has checked."""
    if family == IPV4:
        return np.uint64(0), np.uint64(u32(data, at))
    if family == IPV6:
        return u64(data, at), u64(data, at + 8)
    return np.uint64(0), np.uint64(u16(data, at) << 32 | u32(data, at + 2))


@kernel("void(uint8[::1], int64[::1], int64, int64, int32[::1], uint64[:, ::1], int64[::1], uint64[::1], int32[::1])")
def intern_at(data, at, family, width, table, keys, count, seeds, codes):
    """Codes of the addresses at `at`, -1 where one does not lie whole in `data`; the last two are remembered."""
    newest = older = np.int64(-1)
    for i in range(at.size):
        if at[i] < 0 or at[i] + width > data.size:
            codes[i] = -1
            continue
        high, low = address_at(data, at[i], family)
        if older >= 0 and keys[older, 1] == low and keys[older, 0] == high and keys[older, 2] == np.uint64(family):
            newest, older = older, newest
        elif newest < 0 or keys[newest, 1] != low or keys[newest, 0] != high or keys[newest, 2] != np.uint64(family):
            older = newest
            newest = interned(high, low, family, table, keys, count, seeds)
        codes[i] = newest


@kernel("void(uint8[::1], int64[::1], int64, int64, uint64[:, ::1])")
def keys_at(data, at, family, width, keys):
    """The addresses at `at` as keys; IndexError where one does not lie whole in `data`."""
    for i in range(at.size):
        if at[i] < 0 or at[i] + width > data.size:
            raise IndexError("an address reaches outside the data")
        keys[i, 0], keys[i, 1] = address_at(data, at[i], family)
        keys[i, 2] = family


@kernel("void(uint64[:, ::1], int64, int32[::1], uint64[::1])")
def fill_table(keys, count, table, seeds):
    """Enter the first `count` keys, all different, into an empty table."""
    mask = np.uint64(table.size - 1)
    for code in range(count):
        at = mixed(keys[code, 0] ^ keys[code, 2], keys[code, 1], seeds) & mask
        while table[np.int64(at)] != 0:
            at = (at + np.uint64(1)) & mask
        table[np.int64(at)] = code + 1


@kernel("int64(int32[::1], int32[::1], int32[::1], int32[::1])")
def compact(codes, places, used, indices):
    """Number the codes in use from 0 in order of first use: `used[indices[i]] == codes[i]`; returns how many.

    A code below 0 gets index 0. `places` is scratch, at least as long as the largest code, 0 before and after.
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
    """(first group, number of groups) of the longest run of zero groups, (-1, 1) where none has two."""
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


@kernel("int64(uint64[:, ::1], int32[::1], int32[::1], uint8[::1])")
def write_texts(keys, codes, offsets, out):
    """The texts of `codes` one behind the other: text i is `out[offsets[i]:offsets[i + 1]]`; returns the last end."""
    at = 0
    offsets[0] = 0
    for i in range(codes.size):
        code = np.int64(codes[i])
        if code < 0:
            raise IndexError("a code below 0 has no text")
        family = keys[code, 2]
        if family == IPV4:
            at = put_ipv4(keys[code, 1], out, at)
        elif family == IPV6:
            at = put_ipv6(keys[code, 0], keys[code, 1], out, at)
        else:
            at = put_mac(keys[code, 1], out, at)
        offsets[i + 1] = at
    return at
