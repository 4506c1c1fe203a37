"""Pools of addresses, and the conversion of addresses from and to text."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.errors import QueryError
from netlake.kernels import addresses as kernels
from netlake.layers.pools import (
    Pool,
    ip_text,
    ipv4_text,
    ipv6_text,
    mac,
    mac_text,
    new_pools,
    parse_ip,
    parse_network,
    sortable,
)

# groups of zeros decide where RFC 5952 puts `::`
GROUPS = st.lists(st.sampled_from([0, 0, 0, 1, 0xAB, 0xABCD, 0xFFFF]), min_size=8, max_size=8)
IPV6 = st.one_of(
    GROUPS.map(lambda groups: b"".join(group.to_bytes(2, "big") for group in groups)),
    st.binary(min_size=16, max_size=16),
)
IPV4 = st.binary(min_size=4, max_size=4)
CASES = {
    "::": bytes(16),
    "::1": bytes(15) + b"\1",
    "::ffff:1.2.3.4": bytes(10) + b"\xff\xff\1\2\3\4",
    "::102:304": bytes(12) + b"\1\2\3\4",
    "::ffff:0:1:2": bytes(8) + b"\xff\xff\0\0\0\1\0\2",
    "2001:db8::": b"\x20\1\x0d\xb8" + bytes(12),
    "2001:0:0:1::1": b"\x20\1" + bytes(4) + b"\0\1" + bytes(6) + b"\0\1",
    "2001:db8::1:0:0:1": b"\x20\1\x0d\xb8" + bytes(4) + b"\0\1" + bytes(4) + b"\0\1",
    "1:0:1:1:1:1:1:1": b"\0\1\0\0" + b"\0\1" * 6,
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": b"\xff" * 16,
    "0.0.0.1": bytes(3) + b"\1",
    "255.255.255.255": b"\xff" * 4,
    "1.20.100.9": bytes([1, 20, 100, 9]),
}


def twin(address: bytes) -> str:
    """RFC 5952 in plain Python."""
    if len(address) == 4:
        return ".".join(map(str, address))
    if address[:12] == bytes(10) + b"\xff\xff":
        return "::ffff:" + ".".join(map(str, address[12:]))
    groups = [f"{int.from_bytes(address[at : at + 2], 'big'):x}" for at in range(0, 16, 2)]
    for length in range(8, 1, -1):
        for first in range(9 - length):
            if groups[first : first + length] == ["0"] * length:
                return ":".join(groups[:first]) + "::" + ":".join(groups[first + length :])
    return ":".join(groups)


@pytest.mark.parametrize(("text", "address"), CASES.items())
def test_text_of_ip_addresses(text: str, address: bytes) -> None:
    assert ip_text(address) == text
    assert parse_ip(text) == address


@given(st.one_of(IPV4, IPV6))
def test_kernel_agrees_with_twin_and_text_is_read_back(address: bytes) -> None:
    text = ip_text(address)
    assert text == twin(address)
    assert parse_ip(text) == address
    assert ipaddress.ip_address(text).packed == address


@given(st.binary(min_size=6, max_size=6))
def test_text_of_mac_addresses(address: bytes) -> None:
    assert mac(address) == ":".join(f"{byte:02x}" for byte in address)


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=5), st.binary(max_size=3))
def test_texts_at_offsets(addresses: list[bytes], before: bytes) -> None:
    data = np.frombuffer(before + b"".join(addresses) + b"\0", np.uint8).copy()
    at = len(before) + 16 * np.arange(len(addresses), dtype=np.int64)
    assert ipv6_text(data, at).to_pylist() == [twin(one) for one in addresses]
    assert ipv4_text(data, at).to_pylist() == [twin(one[:4]) for one in addresses]
    assert mac_text(data, at).to_pylist() == [mac(one[:6]) for one in addresses]


@pytest.mark.parametrize("at", [-1, 5, 1 << 40])
def test_address_outside_the_data_raises_index_error(at: int) -> None:
    with pytest.raises(IndexError):
        ipv4_text(np.zeros(8, np.uint8), np.array([0, at], np.int64))


@pytest.mark.parametrize("size", [0, 3, 5, 6, 17])
def test_ip_address_of_other_length_raises_value_error(size: int) -> None:
    with pytest.raises(ValueError, match="address has"):
        ip_text(bytes(size))


@given(st.lists(st.tuples(st.sampled_from([4, 6, 0]), st.integers(0, 12))))
def test_pool_has_one_code_for_each_address(picked: list[tuple[int, int]]) -> None:
    """The family is part of the key: 0.0.0.1, ::1 and 00:00:00:00:00:01 have three codes."""
    pool = Pool("ip")
    widths = {4: 4, 6: 16, 0: 6}
    codes: dict[tuple[int, int], int] = {}
    for family, number in picked:
        address = np.frombuffer(number.to_bytes(widths[family], "big"), np.uint8).copy()
        (code,) = pool.codes(address, np.zeros(1, np.int64), family).tolist()
        assert codes.setdefault((family, number), code) == code
    assert sorted(codes.values()) == list(range(len(pool)))


@given(st.lists(st.integers(0, 40), max_size=60))
def test_codes_of_many_equal_codes_of_single_addresses(numbers: list[int]) -> None:
    """The kernel caches the last two addresses, which must not change the codes."""
    data = np.array([[2, 0, 0, 0, 0, number] for number in numbers], np.uint8).reshape(-1)
    at = 6 * np.arange(len(numbers), dtype=np.int64)
    together, apart = Pool("mac"), Pool("mac")
    codes = together.codes(data, at)
    assert codes.tolist() == [apart.code(bytes([2, 0, 0, 0, 0, number])) for number in numbers]
    assert together.text(codes).to_pylist() == [f"02:00:00:00:00:{number:02x}" for number in numbers]


def test_pool_grows_is_full_and_is_reset() -> None:
    pool = new_pools(limit=5000)["ip"]
    data = np.arange(6000, dtype=">u4").view(np.uint8)
    at = 4 * np.arange(6000, dtype=np.int64)
    first = pool.codes(data, at[:3000], 4)
    assert not pool.full
    assert pool.codes(data, at, 4).tolist() == list(range(6000))
    assert pool.full
    assert pool.text(first).to_pylist()[-1] == "0.0.11.183"
    pool.reset()
    assert (len(pool), pool.full, pool.generation) == (0, False, 1)
    assert pool.codes(data, at[-1:], 4).tolist() == [0]


def test_dictionary_has_used_addresses_and_negative_codes_are_null() -> None:
    pool = Pool("ip")
    for number in range(10):
        pool.code(bytes([10, 0, 0, number]))
    column = pool.text(np.array([7, -1, 3, 7], np.int32))
    assert column.to_pylist() == ["10.0.0.7", None, "10.0.0.3", "10.0.0.7"]
    assert column.dictionary.to_pylist() == ["10.0.0.7", "10.0.0.3"]
    assert pool.text(np.array([-1], np.int32)).to_pylist() == [None]
    assert pool.text(np.array([], np.int32)).to_pylist() == []


def test_incomplete_address_has_code_minus_one() -> None:
    assert Pool("ip").codes(np.zeros(10, np.uint8), np.array([-1, 0, 6, 7, 1 << 40], np.int64), 4).tolist() == [
        -1,
        0,
        0,
        -1,
        -1,
    ]


@given(st.lists(st.integers(-1, 20), max_size=30))
def test_compact_numbers_codes_in_order_of_first_use(codes: list[int]) -> None:
    """Codes are numbered from 0 in order of first use; the scratch array is unchanged afterwards."""
    places, used, indices = np.zeros(21, np.int32), np.empty(30, np.int32), np.empty(len(codes), np.int32)
    count = kernels.compact(np.array(codes, np.int32), places, used, indices)
    order = list(dict.fromkeys(code for code in codes if code >= 0))
    assert used[:count].tolist() == order
    assert indices.tolist() == [order.index(code) if code >= 0 else 0 for code in codes]
    assert not places.any()


@given(st.one_of(st.tuples(IPV4, IPV4), st.tuples(IPV6, IPV6)))
def test_sortable_forms_sort_like_addresses(pair: tuple[bytes, bytes]) -> None:
    assert (sortable(pair[0]) < sortable(pair[1])) == (ipaddress.ip_address(pair[0]) < ipaddress.ip_address(pair[1]))
    pool = Pool("ip")
    codes = np.array([pool.code(address) for address in pair], np.int32)
    assert pool.sortable(codes).to_pylist() == [sortable(address) for address in pair]
    assert pool.families(codes).tolist() == [4 if len(address) == 4 else 6 for address in pair]


@given(st.one_of(st.tuples(IPV4, st.integers(0, 32)), st.tuples(IPV6, st.integers(0, 128))))
def test_network_has_first_and_last_address(pair: tuple[bytes, int]) -> None:
    address, prefix = pair
    network = ipaddress.ip_network((address, prefix), strict=False)
    expected = network.network_address.packed, network.broadcast_address.packed
    assert parse_network(f"{ip_text(address)}/{prefix}") == expected
    assert parse_network(ip_text(address)) == (address, address)


NO_ADDRESSES = ["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "fe80::1%eth0", ":::", "1::2::3", "example.org"]
ARABIC_THREE = "\u0663"


@pytest.mark.parametrize("text", [*NO_ADDRESSES, "1.2.3.4/8", ARABIC_THREE + ".2.3.4"])
def test_invalid_address_raises_query_error(text: str) -> None:
    with pytest.raises(QueryError):
        parse_ip(text)


@pytest.mark.parametrize("prefix", ["", "33", "-1", "8/8", "255.0.0.0", ARABIC_THREE])
def test_invalid_network_raises_query_error(prefix: str) -> None:
    with pytest.raises(QueryError):
        parse_network("1.2.3.4/" + prefix)
