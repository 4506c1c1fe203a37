"""Truncated, damaged and random files: every whole packet before the damage is read, and nothing else raises."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.errors import InputError

PCAP = [
    {"big": big, "magic": magic, "size": size}
    for big in (False, True)
    for magic, size in ((0xA1B2C3D4, 16), (0xA1B23C4D, 16), (0xA1B2CD34, 24))
]


def random_packets(writer, rng, count, kinds=(6,), interfaces=1):
    return [
        writer.Packet(
            rng.randbytes(rng.randrange(120)),
            rng.randrange(2**47),  # 4.5 years: the size of record headers is chosen by times within five
            length=rng.randrange(120, 2000),
            interface=rng.randrange(interfaces),
            comments=("text",) * rng.randrange(2),
            kind=rng.choice(kinds),
        )
        for _ in range(count)
    ]


@given(seed=st.integers(0, 2**32), variant=st.sampled_from(PCAP), count=st.integers(4, 40), batch=st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_random_pcap_is_read_back(writer, read, seed, variant, count, batch):
    packets = random_packets(writer, random.Random(seed), count)  # noqa: S311
    unit = 1 if variant["magic"] == 0xA1B23C4D else 1000
    got, source = read(writer.pcap(packets, **variant), max_packets=batch)
    assert [(p.data, p.length, p.ts) for p in got] == [(p.data, p.sent, p.ticks * unit) for p in packets]
    assert source.problems == []


@given(seed=st.integers(0, 2**32), big=st.booleans(), count=st.integers(0, 40), batch=st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_random_pcapng_is_read_back(writer, read, seed, big, count, batch):
    rng = random.Random(seed)  # noqa: S311
    packets = random_packets(writer, rng, count, kinds=(2, 6), interfaces=3)
    interfaces = [{"link": rng.randrange(65536), "resolution": 6} for _ in range(3)]
    got, source = read(writer.pcapng(packets, interfaces, big=big), max_packets=batch)
    assert [(p.data, p.length, p.ts, p.interface) for p in got] == [
        (p.data, p.sent, p.ticks * 1000, p.interface) for p in packets
    ]
    assert [p.link_type for p in got] == [interfaces[p.interface]["link"] for p in packets]
    assert [c.packet for c in source.comments] == [i for i, p in enumerate(packets, 1) for _ in p.comments]


@pytest.mark.parametrize("form", ["pcap", "pcap, big-endian", "pcapng", "pcapng, big-endian"])
@pytest.mark.parametrize("salvage", [False, True])
def test_file_truncated_at_every_byte_keeps_whole_packets(writer, read, form, salvage):
    packets = [writer.Packet(bytes([i + 1]) * (20 + i), i, length=90) for i in range(4)]
    big = form.endswith("endian")
    make = writer.pcap if form.startswith("pcap,") or form == "pcap" else writer.pcapng
    ends = [len(make(packets[:count], big=big)) for count in range(5)]
    whole = make(packets, big=big)
    for cut in range(len(whole)):
        kept = sum(cut >= end for end in ends[1:])
        try:
            got, source = read(whole[:cut], salvage=salvage)
        except InputError:
            assert cut < ends[0]
            continue
        assert [p.data for p in got] == [p.data for p in packets[:kept]], cut
        if cut in ends or (form.startswith("pcapng") and cut == 28):
            assert source.problems == []
        else:
            assert [p.partial for p in source.problems] == [True], cut
            assert source.problems[0].offset == max(
                [28 if form.startswith("pcapng") else 24, *[e for e in ends if e <= cut]]
            )


@given(seed=st.integers(0, 2**32), form=st.sampled_from(["pcap", "pcapng"]), salvage=st.booleans())
@settings(deadline=None, max_examples=300)
def test_changed_bytes_never_raise(writer, read, seed, form, salvage):
    rng = random.Random(seed)  # noqa: S311
    packets = random_packets(writer, rng, 12)
    content = bytearray(writer.pcap(packets) if form == "pcap" else writer.pcapng(packets))
    for _ in range(rng.randrange(1, 12)):
        content[rng.randrange(len(content))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    try:
        got, source = read(bytes(content), salvage=salvage, max_packets=5)
    except InputError:
        return
    assert sum(p.captured for p in got) <= len(content)
    assert source.packets == len(got)
    offsets = [p.offset for p in got]
    assert offsets == sorted(set(offsets))


@given(
    st.sampled_from([b"", b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0"]),
    st.binary(max_size=400),
)
@settings(deadline=None, max_examples=200)
def test_any_bytes_raise_only_input_error(read, head, tail):
    for salvage in (False, True):
        try:
            read(head + tail, salvage=salvage)
        except InputError as error:
            assert "file.bin" in str(error)  # noqa: PT017 - or none


@pytest.mark.parametrize("size", [16, 24])
@pytest.mark.parametrize("damage", [b"\xff" * 200, b"\0\1" * 2000, b"x"])
def test_salvage_finds_the_records_after_damage(writer, read, size, damage):
    magic = 0xA1B2C3D4 if size == 16 else 0xA1B2CD34
    stamp = 1_700_000_000 * 10**6
    packets = [writer.Packet(bytes([i + 1]) * 90, stamp + i, length=1500) for i in range(10)]
    records = [writer.record(p, magic=magic, size=size) for p in packets]
    head = writer.pcap_header(magic=magic) + b"".join(records[:5])
    content = head + damage + b"".join(records[5:])
    stopped, source = read(content)
    assert [p.data for p in stopped[:5]] == [p.data for p in packets[:5]]
    assert source.problems[-1].partial
    got, source = read(content, salvage=True)
    assert [p.data for p in got] == [p.data for p in packets]
    assert [p.offset for p in got][5] == len(head) + len(damage)
    assert source.salvaged == 5
    assert source.problems[0].offset == len(head)
    assert f"reading continues at byte {len(head) + len(damage)}" in source.problems[0].reason


def test_salvage_of_a_long_file_without_records_ends(writer, read):
    packets = [writer.Packet(b"a" * 90, 1_700_000_000 * 10**6)] * 3
    rng = random.Random(7)  # noqa: S311
    content = writer.pcap(packets) + b"\xff" * 16 + rng.randbytes(12 << 20)
    got, source = read(content, salvage=True)
    assert [p.data for p in got[:3]] == [b"a" * 90] * 3
    assert source.problems[0].offset == 24 + 3 * 106


def test_problems_are_bounded(writer, read):
    one = writer.packet_block(writer.Packet(b"abcd"))
    content = writer.pcapng([]) + (one + b"\0" * 12) * 1500
    got, source = read(content, salvage=True)
    assert len(got) == 1500
    assert (len(source.problems), source.unlisted) == (1000, 500)
