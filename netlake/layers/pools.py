"""Pools of addresses, and the only functions that convert addresses from and to text.

- A `Pool` assigns a code (int32, from 0 in order of first use) to each distinct address. Rows contain codes until their
  row group is written; then only the addresses in it become text.
- A pool is bounded. When it is `full`, the decoder writes all rows that contain codes and calls `reset`, which makes
  all codes invalid (`generation` counts resets). The decoder checks once per batch, so a pool exceeds its limit by at
  most the addresses of one batch.
- Addresses are looked up in a hash table with random seeds, so that a capture cannot be built to collide.
- Text is RFC 5952. `str(ipaddress.IPv6Address)` differs between versions of Python and is not used; `ipaddress` only
  reads text.
"""

from __future__ import annotations

import ipaddress
import threading
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.errors import QueryError
from netlake.kernels import addresses as kernels
from netlake.packets import Bytes, Ints, Shorts

Keys = npt.NDArray[np.void]  # of kernels.ADDRESS

WIDTHS = {kernels.IPV4: 4, kernels.IPV6: 16, kernels.MAC: 6}
# 40 bytes for each address: 20 MB
MOST_ADDRESSES = 1 << 19
_MAPPED = bytes(10) + b"\xff\xff"


class Pool:
    """Interned addresses of one kind: `name` is `ip` (both families) or `mac`; `arrays` are for kernels."""

    def __init__(self, name: str, *, limit: int = MOST_ADDRESSES) -> None:
        self.name, self.limit, self.generation = name, limit, 0
        self.seeds: npt.NDArray[np.uint64] = np.random.SeedSequence().generate_state(6, np.uint64).astype(np.uint64)
        self._used: Ints = np.zeros(1, np.int64)
        # the thread that converts codes to text runs while another adds addresses; both use `_places` and the arrays
        self._lock = threading.Lock()
        self._allocate(1 << 10)

    def _allocate(self, capacity: int) -> None:
        self.keys: Keys = np.zeros(capacity, kernels.ADDRESS)
        self._table: Shorts = np.zeros(2 * capacity, np.int32)
        self._places: Shorts = np.zeros(capacity, np.int32)

    def __len__(self) -> int:
        return int(self._used[0])

    @property
    def full(self) -> bool:
        """Whether the limit is reached: rows that contain codes should be written and `reset` called."""
        return len(self) >= self.limit

    def reset(self) -> None:
        """Remove all addresses; all codes become invalid."""
        self.generation += 1
        self._used[0] = 0
        self._allocate(1 << 10)

    def reserve(self, more: int) -> None:
        """Grow the arrays so that kernels can add `more` addresses."""
        capacity = len(self.keys)
        if len(self) + more <= capacity:
            return
        while capacity < len(self) + more:
            capacity *= 2
        old, count = self.keys, len(self)
        with self._lock:
            self._allocate(capacity)
            self.keys[:count] = old[:count]
        kernels.fill_table(self.arrays(0))

    def arrays(self, more: int) -> kernels.PoolArrays:
        """The arrays for kernels, with room for `more` new addresses."""
        if more:
            self.reserve(more)
        return kernels.PoolArrays(self._table, self.keys, self._used, self.seeds)

    def codes(self, data: Bytes, at: Ints, family: int = kernels.MAC) -> Shorts:
        """Codes of the addresses of `family` (4, 6, 0 for MAC) at offsets `at`; -1 for one not completely in `data`."""
        result = np.empty(len(at), np.int32)
        at = np.ascontiguousarray(at, np.int64)
        kernels.intern_at(data, at, family, WIDTHS[family], self.arrays(len(at)), result)
        return result

    def code(self, address: bytes) -> int:
        """The code of an address of 4, 16 or 6 bytes."""
        data = np.frombuffer(address, np.uint8).copy()
        return int(self.codes(data, np.zeros(1, np.int64), _family(address))[0])

    def text(self, codes: Shorts) -> pa.DictionaryArray:
        """dictionary<int32, string> of `codes`, with only the addresses among them; negative codes are null."""
        codes = np.ascontiguousarray(codes, np.int32)
        indices = np.empty(len(codes), np.int32)
        with self._lock:
            keys, places = self.keys, self._places
            used = np.empty(min(len(codes), len(keys)), np.int32)
            count = kernels.compact(codes, places, used, indices)
        missing = codes < 0
        positions = pa.array(indices, mask=missing if missing.any() else None)
        return pa.DictionaryArray.from_arrays(positions, _texts(keys, used[:count]))

    def families(self, codes: Shorts) -> npt.NDArray[np.int16]:
        """The address family of each code: 4, 6, or 0 for MAC."""
        families: npt.NDArray[np.int16] = self.keys["family"][codes].astype(np.int16)
        return families

    def sortable(self, codes: Shorts) -> pa.FixedSizeBinaryArray:
        """The sortable form of each code, 16 bytes (see the function `sortable`)."""
        keys = self.keys[codes]
        words = np.empty((len(keys), 2), ">u8")
        words[:, 0] = keys["high"]
        words[:, 1] = keys["low"] | np.where(keys["family"] == kernels.IPV4, np.uint64(0xFFFF00000000), np.uint64(0))
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(codes), [None, pa.py_buffer(words)])


def new_pools(*, limit: int = MOST_ADDRESSES) -> dict[str, Pool]:
    """Empty pools by name: `ip` and `mac`."""
    return {name: Pool(name, limit=limit) for name in ("ip", "mac")}


def number_texts(high: Any, low: npt.NDArray[Any], family: Any) -> pa.StringArray:
    """The text of addresses given as numbers (see kernels.ADDRESS); `high` and `family` may be one number for all."""
    keys = np.empty(len(low), kernels.ADDRESS)
    keys["high"], keys["low"], keys["family"] = high, low, family
    return _all_texts(keys)


def _all_texts(keys: Keys) -> pa.StringArray:
    return _texts(keys, np.arange(len(keys), dtype=np.int32))


def _texts(keys: Keys, codes: Shorts) -> pa.StringArray:
    offsets = np.empty(len(codes) + 1, np.int32)
    out = np.empty(len(codes) * kernels.LONGEST_IP, np.uint8)
    size = kernels.write_texts(keys, codes, offsets, out)
    return pa.StringArray.from_buffers(len(codes), pa.py_buffer(offsets), pa.py_buffer(out[:size].tobytes()))


def _text_at(data: Bytes, at: Ints, family: int) -> pa.StringArray:
    keys = np.zeros(len(at), kernels.ADDRESS)
    kernels.keys_at(data, np.ascontiguousarray(at, np.int64), family, WIDTHS[family], keys)
    return _all_texts(keys)


def ipv4_text(data: Bytes, at: Ints) -> pa.StringArray:
    """The IPv4 addresses at offsets `at` as text; IndexError if one is not completely in `data`."""
    return _text_at(data, at, kernels.IPV4)


def ipv6_text(data: Bytes, at: Ints) -> pa.StringArray:
    """The IPv6 addresses at offsets `at` as text; IndexError if one is not completely in `data`."""
    return _text_at(data, at, kernels.IPV6)


def mac_text(data: Bytes, at: Ints) -> pa.StringArray:
    """The MAC addresses at offsets `at` as text; IndexError if one is not completely in `data`."""
    return _text_at(data, at, kernels.MAC)


def _family(address: bytes) -> int:
    for family, width in WIDTHS.items():
        if width == len(address):
            return family
    raise ValueError(f"an address has 4, 6 or 16 bytes, not {len(address)}")


def _text(address: bytes) -> str:
    data = np.frombuffer(address, np.uint8).copy()
    return str(_text_at(data, np.zeros(1, np.int64), _family(address))[0].as_py())


def ip_text(address: bytes) -> str:
    """The text of an IP address of 4 or 16 bytes; ValueError for other lengths."""
    if len(address) == WIDTHS[kernels.MAC]:
        raise ValueError("an IP address has 4 or 16 bytes, not 6")
    return _text(address)


@lru_cache(1 << 12)
def address_text(address: bytes) -> str:
    """As `ip_text`, with a cache; for addresses in lists and structs."""
    return ip_text(address)


def mac(address: bytes) -> str:
    """The text of a MAC address of 6 bytes; ValueError for other lengths."""
    if len(address) != WIDTHS[kernels.MAC]:
        raise ValueError(f"a MAC address has 6 bytes, not {len(address)}")
    return _text(address)


def sortable(address: bytes) -> bytes:
    """16 bytes that sort like the addresses; IPv4 has its IPv6-mapped form, so compare the family too."""
    return _MAPPED + address if len(address) == WIDTHS[kernels.IPV4] else address


def parse_ip(text: str) -> bytes:
    """The 4 or 16 bytes of an address; QueryError if `text` is not an address (one with a zone, %eth0, is not)."""
    try:
        if "%" not in text:
            return ipaddress.ip_address(text.strip()).packed
    except ValueError:
        pass
    raise QueryError(f"{text!r} is not an IP address; write 192.0.2.1 or 2001:db8::1.")


def parse_network(text: str) -> tuple[bytes, bytes]:
    """First and last address of a network in CIDR notation (host bits are ignored), or of a single address.

    Both have 4 or both 16 bytes; QueryError if `text` is neither a network nor an address.
    """
    address, slash, prefix = text.strip().partition("/")
    first = parse_ip(address)
    bits = 8 * len(first)
    if slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= bits):
        raise QueryError(f"{text!r} is not a network; the prefix length of this family is 0 to {bits}.")
    host = (1 << bits - int(prefix or bits)) - 1
    number = int.from_bytes(first, "big")
    return (number & ~host).to_bytes(len(first), "big"), (number | host).to_bytes(len(first), "big")
