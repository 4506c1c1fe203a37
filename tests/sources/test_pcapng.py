"""pcapng: every block type, both byte orders, every clock."""

from __future__ import annotations

import io
import math
import struct
import warnings
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netlake.errors import InputError
from netlake.kernels.times import END_SECOND, FAR, FIRST_SECOND, microsecond
from netlake.packets import NO_TIME
from netlake.sources import blocks

MICROSECONDS = 1_700_000_000_123_456


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [2, 6])
def test_packet_blocks_are_read_back(writer, read, big, kind):
    packets = [
        writer.Packet(bytes([i]) * (i + 1), MICROSECONDS + i, length=100, interface=i % 2, kind=kind) for i in range(9)
    ]
    got, source = read(writer.pcapng(packets, [{"link": 1}, {"link": 101}], big=big))
    assert [p.data for p in got] == [p.data for p in packets]
    assert [p.ts for p in got] == [p.ticks * 1000 for p in packets]
    assert [(p.interface, p.link_type, p.length) for p in got] == [(i % 2, (1, 101)[i % 2], 100) for i in range(9)]
    assert source.problems == []


@pytest.mark.parametrize(("snaplen", "captured"), [(0, 12), (8, 8)])
def test_simple_packets_have_no_time_and_are_limited_by_snaplen(writer, read, snaplen, captured):
    packet = writer.Packet(b"abcdefghijkl"[:captured], length=12, kind=3)
    got, _ = read(writer.pcapng([packet] * 2, [{"snaplen": snaplen}]))
    assert [(p.data, p.length, p.ts) for p in got] == [(packet.data, 12, NO_TIME)] * 2


def test_sections_have_their_own_byte_order_and_interfaces(writer, read):
    first = writer.pcapng([writer.Packet(b"one", 5)], [{"link": 1}], big=False)
    second = writer.pcapng(
        [writer.Packet(b"two", 7, interface=1)], [{"link": 101}, {"link": 113, "resolution": 9}], big=True
    )
    got, source = read(first + second)
    assert [(p.data, p.interface, p.link_type, p.ts) for p in got] == [(b"one", 0, 1, 5000), (b"two", 2, 113, 7)]
    assert [(i.number, i.section, i.link_type) for i in source.interfaces] == [(0, 0, 1), (1, 1, 101), (2, 1, 113)]
    assert len(source.sections) == 2


def exact(ticks, resolution, offset):
    """The time in ns by exact fractions, None outside the years 1 to 9999."""
    base = 2 if resolution & 0x80 else 10
    ns = math.floor(Fraction(ticks, base ** (resolution & 0x7F)) * 10**9) + offset * 10**9
    return ns if FIRST_SECOND * 10**9 <= ns < END_SECOND * 10**9 else None


def nanoseconds(ts, nanos):
    """The time of a packet in ns, None without one."""
    if ts == NO_TIME:
        return None
    return ts if -FAR <= ts < FAR else microsecond(ts) * 1000 + nanos


@st.composite
def any_clock(draw):
    """(ticks, if_tsresol, if_tsoffset): of any size, or such that the time is in a year from -100 to 10100."""
    resolution = draw(st.integers(0, 255))
    if draw(st.booleans()):
        offset = draw(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**10), 10**10) | st.just(0))
        return draw(st.integers(0, 2**64 - 1) | st.integers(0, 2**40) | st.just(MICROSECONDS)), resolution, offset
    second = (2 if resolution & 0x80 else 10) ** (resolution & 0x7F)
    ticks = draw(st.integers(0, 2**64 - 1))
    seconds = draw(st.integers(-66_000_000_000, 257_000_000_000) | st.sampled_from(EDGES))
    return ticks, resolution, max(-(2**63), min(2**63 - 1, seconds - ticks // second))


EDGES = [FIRST_SECOND, FIRST_SECOND - 1, END_SECOND - 1, END_SECOND, FAR // 10**9, -FAR // 10**9, FAR // 10**9 - 1, -1]


@given(any_clock())
@settings(deadline=None, max_examples=1000)
@example((2**64 - 1, 0, -1))
@example((2**64 - 1, 0, -(2**63)))
@example((2**64 - 2, 0, -(2**63)))
@example((2**63 + 5, 0, -(2**63)))
@example((2**63, 0, 2**63 - 1))
@example((0, 6, -(2**63)))
@example((FAR, 9, 0))
@example((FAR - 1, 9, 0))
def test_every_time_resolution_and_offset_is_exact(writer, read, clock):
    ticks, resolution, offset = clock
    content = writer.pcapng([writer.Packet(b"x", ticks)], [{"resolution": resolution, "offset": offset}])
    got, _ = read(content)
    assert nanoseconds(got[0].ts, got[0].nanos) == exact(ticks, resolution, offset)


@given(any_clock())
@settings(deadline=None, max_examples=300)
def test_times_of_statistics_are_exact(clock):
    ticks, resolution, offset = clock
    unit = f"{2 if resolution & 0x80 else 10}^-{resolution & 0x7F}"
    assert blocks.time_of(ticks, unit, offset) == exact(ticks, resolution, offset)


@pytest.mark.parametrize("big", [False, True])
def test_interface_options_are_read(writer, read, big):
    order = ">" if big else "<"
    option = lambda code, value: writer.option(code, value, big=big)  # noqa: E731
    options = (
        option(2, b"eth0") + option(3, b"the first") + option(6, bytes(range(6))) + option(5, bytes(17)) * 2
        + option(8, struct.pack(order + "Q", 10**9)) + option(11, b"\0tcp port 80") + option(12, "Linux ü".encode())
        + option(13, b"\4") + option(15, b"a card") + option(1, b"by the window") + option(0, b"")
    )  # fmt: skip
    counters = b"".join(option(code, struct.pack(order + "Q", code * 100)) for code in (4, 5, 6, 7, 8))
    times = option(2, struct.pack(order + "II", 1, 2)) + option(3, struct.pack(order + "II", 1, 3))
    content = (
        writer.section(
            big=big, options=option(2, b"box") + option(3, b"an OS") + option(4, b"a tool") + option(1, b"hello")
        )
        + writer.interface(link=1, snaplen=99, big=big, resolution=9, offset=7, options=options)
        + writer.block(5, struct.pack(order + "III", 0, 0, 0) + times + counters, big=big)
    )
    _, source = read(content)
    found = source.interfaces[0]
    assert (found.name, found.description, found.filter, found.os) == ("eth0", "the first", "tcp port 80", "Linux ü")
    assert (found.hardware, found.mac, found.speed, found.fcs_length) == ("a card", "00:01:02:03:04:05", 10**9, 4)
    assert (found.snaplen, found.resolution, found.ts_offset) == (99, "10^-9", 7)
    assert (found.received, found.dropped, found.filter_accepted) == (400, 500, 600)
    assert (found.os_dropped, found.delivered) == (700, 800)
    assert (found.started, found.ended) == (2**32 + 2 + 7 * 10**9, 2**32 + 3 + 7 * 10**9)
    assert [(c.packet, c.interface, c.text) for c in source.comments] == [
        (None, None, "hello"),
        (None, 0, "by the window"),
    ]
    section = source.sections[0]
    assert (section.hardware, section.os, section.application) == ("box", "an OS", "a tool")


def test_text_that_is_not_utf8_has_replacement_characters(writer, read):
    _, source = read(writer.section() + writer.interface(options=writer.option(2, b"eth\xff\0")))
    assert source.interfaces[0].name == "eth\ufffd"


@pytest.mark.parametrize("big", [False, True])
def test_packet_comments_are_read(writer, read, big):
    packets = [writer.Packet(b"a" * i, comments=tuple(f"{i}.{j}" for j in range(i % 3))) for i in range(10)]
    _, source = read(writer.pcapng(packets, big=big), max_packets=4)
    assert [(c.packet, c.text) for c in source.comments] == [
        (i + 1, f"{i}.{j}") for i in range(10) for j in range(i % 3)
    ]


def test_comments_beyond_the_array_are_read(writer, read):
    many = tuple(str(i) for i in range(9000))
    packets = [
        writer.Packet(b"x", comments=("first",)),
        writer.Packet(b"y", comments=many),
        writer.Packet(b"z", comments=many),
    ]
    got, source = read(writer.pcapng(packets))
    assert len(got) == 3
    assert [(c.packet, c.text) for c in source.comments] == [(1, "first")] + [(n, t) for n in (2, 3) for t in many]


def numbers(options):
    """The options of packets by number of the packet and name."""
    return {
        (int(packet), name): int(value)
        for one in options
        for name, (values, known) in one.numbers.items()
        for packet, value, is_known in zip(one.packet, values, known, strict=True)
        if is_known
    }


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("size", [1, 8192])
def test_packet_options_are_read(writer, read, big, size):
    """draft-ietf-opsawg-pcapng, section 4.3: of an option that may occur once the first counts, others are lists."""
    order = ">" if big else "<"
    u32, u64 = (lambda value: struct.pack(order + "I", value)), (lambda value: struct.pack(order + "Q", value))
    verdict = bytes([1]) + struct.pack(order + "q", -1)
    packets = [
        writer.Packet(b"a", options=((2, u32(0x01000029)), (6, u32(7)), (2, u32(2)))),
        writer.Packet(b"b", comments=("one",)),
        writer.Packet(b"c", comments=("two",), options=((4, u64(2**64 - 1)), (5, u64(99)), (3, b"\2\1\2\3\4"))),
        writer.Packet(b"d", kind=2, options=((2, u32(1)),), lost=5),
        writer.Packet(b"e", kind=2, lost=0xFFFF),
        writer.Packet(
            b"f", options=((7, verdict), (7, b"\0drop"), (7, b"\2abc"), (4, b"short"), (7, b""), (9, b"new"))
        ),
        writer.Packet(b"g", options=((2989, u32(32473) + b"x"), (19372, u32(1)), (2988, b"ab"), (5, u64(2**63 - 1)))),
        writer.Packet(b"h", options=((2, b""), (3, b""), (6, b"12345"), (0x8123, b""))),
    ]
    _, source = read(writer.pcapng(packets, big=big), size)
    assert numbers(source.options) == {
        (1, "flags"): 0x01000029, (1, "queue"): 7, (3, "dropped"): 2**64 - 1, (3, "packet_id"): 99,
        (4, "dropped"): 5, (4, "flags"): 1, (7, "packet_id"): 2**63 - 1,
    }  # fmt: skip
    verdicts = {number: list(map(tuple, found)) for one in source.options for number, found in one.verdicts.items()}
    assert verdicts == {6: [(1, -1, verdict[1:]), (0, None, b"drop"), (2, None, b"abc")]}
    hashes = {number: list(map(tuple, found)) for one in source.options for number, found in one.hashes.items()}
    assert hashes == {3: [(2, None, b"\1\2\3\4")]}
    others = {number: list(map(tuple, found)) for one in source.options for number, found in one.others.items()}
    assert others == {
        1: [(2, None, u32(2))], 3: [(4, None, b"\xff" * 8)],
        6: [(4, None, b"short"), (7, None, b""), (9, None, b"new")],
        7: [(2989, 32473, b"x"), (19372, 1, b""), (2988, None, b"ab")],
        8: [(2, None, b""), (3, None, b""), (6, None, b"12345"), (0x8123, None, b"")],
    }  # fmt: skip
    assert {number for one in source.options for number in one.malformed} == {6, 7, 8}
    assert [(comment.packet, comment.text) for comment in source.comments] == [(2, "one"), (3, "two")]


def test_options_of_sections_of_both_byte_orders_are_read(writer, read):
    parts = [
        writer.pcapng([writer.Packet(b"x", options=((2, struct.pack(order + "I", 5)),))], big=order == ">")
        for order in "<><"
    ]
    _, source = read(b"".join(parts))
    assert numbers(source.options) == {(number, "flags"): 5 for number in (1, 2, 3)}


def test_options_of_a_damaged_packet_are_not_those_of_the_next(writer, read):
    whole = writer.packet_block(writer.Packet(b"x", options=((2, b"\1\0\0\0"),)))
    damaged = whole[:-4] + b"\xff\xff\xff\xff"
    after = writer.packet_block(writer.Packet(b"good"))
    got, source = read(writer.section() + writer.interface() + damaged + after, salvage=True)
    assert [packet.data for packet in got] == [b"good"]
    assert source.options == []


def test_names_are_read(writer, read):
    def entry(kind, value):
        return struct.pack("<HH", kind, len(value)) + writer.padded(value)

    body = (
        entry(1, bytes([192, 0, 2, 1]) + b"a.example\0b.example\0")
        + entry(2, bytes.fromhex("20010db8" + "0" * 23 + "1") + b"six.example\0")
        + entry(3, bytes(range(6)) + b"card\0")
        + entry(77, b"unheard of")
        + entry(0, b"")
        + writer.option(1, b"from the resolver")
    )
    _, source = read(writer.section() + writer.block(4, body))
    assert [(n.address, n.name, n.kind) for n in source.names] == [
        ("192.0.2.1", "a.example", "ipv4"),
        ("192.0.2.1", "b.example", "ipv4"),
        ("2001:db8::1", "six.example", "ipv6"),
        ("00:01:02:03:04:05", "card", "eui48"),
    ]
    assert source.comments[0].text == "from the resolver"


@pytest.mark.parametrize("kind", [0, 7, 10, 0x1234, 0x80000001, 0xFFFFFFFF])
def test_other_blocks_are_skipped_and_counted(writer, read, kind):
    packet = writer.packet_block(writer.Packet(b"x"))
    got, source = read(writer.pcapng([]) + writer.block(kind, b"whatever") * 2 + packet)
    assert [p.number for p in got] == [1]
    assert (source.skipped_blocks, source.problems) == ({kind: 2}, [])


def test_block_too_large_for_memory_is_skipped(writer, read):
    packet = writer.packet_block(writer.Packet(b"x"))
    got, source = read(writer.pcapng([writer.Packet(b"w")]) + writer.block(0x1234, bytes(9 << 20)) + packet)
    assert ([p.data for p in got], source.skipped_blocks, source.problems) == ([b"w", b"x"], {0x1234: 1}, [])


@pytest.mark.parametrize("kind", [9, 0xBAD, 0x40000BAD, 0x204])
def test_numbers_of_blocks_that_wireshark_counts_are_left_out(writer, read, kind):
    packet = writer.Packet(b"x", comments=("here",))
    other = writer.block(kind, b"____whatever")
    got, source = read(writer.pcapng([packet]) + other + writer.packet_block(packet))
    assert [p.number for p in got] == [1, 3]
    assert [c.packet for c in source.comments] == [1, 3]
    assert source.packets == 2


def test_length_without_padding_is_accepted(writer, read):
    block = bytearray(writer.packet_block(writer.Packet(b"xyz")))
    for at in (4, len(block) - 4):
        struct.pack_into("<I", block, at, 35)
    got, source = read(writer.pcapng([]) + bytes(block) + writer.packet_block(writer.Packet(b"abcd")))
    assert ([p.data for p in got], source.problems) == ([b"xyz", b"abcd"], [])


def broken(writer):
    """What no reader can go on after: a few words of the reason, and the block."""
    whole = writer.packet_block(writer.Packet(b"abcdefgh"))

    def changed(at, value):
        content = bytearray(whole)
        struct.pack_into("<I", content, at, value)
        return bytes(content)

    body = struct.pack("<IIIII", 0, 0, 5, 4, 4) + b"abcd"
    return {
        "length of 8, less": changed(4, 8),
        "length of 28, less": changed(4, 28),
        "more than the maximum of a block": changed(4, 1 << 31),
        "and another at its end": changed(len(whole) - 4, 44),
        "interface 7, which was not described": changed(8, 7),
        "has a captured length of 300000 bytes, more": changed(20, 300_000),
        "has a captured length of 9 bytes, which do not fit": changed(20, 9),
        "options that do not fit": writer.block(6, body + struct.pack("<HH", 1, 100) + b"abcd"),
        "of type 1 cannot be read: its option 2 has 50": writer.interface(options=struct.pack("<HH", 2, 50) + b"abcd"),
        "of type 1 cannot be read: it is too short": writer.block(1, b"abcd"),
        "of type 5 cannot be read: it is too short": writer.block(5, b"abcd"),
        "of type 4 cannot be read: a name record of 60": writer.block(4, struct.pack("<HH", 1, 60) + b"abcd"),
        "of type 4 cannot be read: a name record of 3": writer.block(4, struct.pack("<HH", 1, 3) + b"abc\0"),
        "of type 4660 cannot be read: its length is 16": writer.block(0x1234, b"abcd", trailer=3),
        "its byte-order magic is 00": writer.block(0x0A0D0D0A, bytes(16)),
        "its version is 2.0": writer.section(version=(2, 0)),
    }  # fmt: skip


@pytest.mark.parametrize("index", range(16))
@pytest.mark.parametrize("salvage", [False, True])
def test_damaged_block_ends_reading_and_salvage_continues(writer, read, index, salvage):
    cases = broken(writer)
    assert len(cases) == 16
    reason, damaged = list(cases.items())[index]
    before = writer.pcapng([writer.Packet(b"before")] * 2)
    got, source = read(before + damaged + writer.packet_block(writer.Packet(b"after!")) * 3, salvage=salvage)
    assert [p.data for p in got] == [b"before"] * 2 + [b"after!"] * (3 if salvage else 0)
    assert [p.number for p in got] == list(range(1, len(got) + 1))
    assert source.problems[0].offset == len(before)
    assert source.problems[0].partial
    assert reason in source.problems[0].reason
    assert source.salvaged == (3 if salvage else 0)


@pytest.mark.parametrize("content", [b"\x0a\x0d\x0d\x0a", b"\x0a\x0d\x0d\x0a" + bytes(40)])
def test_invalid_section_header_is_refused(read, content):
    with pytest.raises(InputError, match="cannot be read: the "):
        read(content)


def test_statistics_of_an_unknown_interface_are_a_problem(writer, read):
    blocks = writer.block(5, struct.pack("<III", 3, 0, 0)) + writer.packet_block(writer.Packet(b"x"))
    got, source = read(writer.pcapng([]) + blocks)
    assert (len(got), [p.partial for p in source.problems]) == (1, [False])


def test_python_pcapng_reads_the_same(writer, read):
    """A reader of other make, where it can read: typed options and no clock of its own."""
    from pcapng import FileScanner
    from pcapng.blocks import EnhancedPacket, InterfaceDescription

    packets = [
        writer.Packet(bytes([i]) * (i + 3), MICROSECONDS + i, length=99, comments=("c",) * (i % 2)) for i in range(9)
    ]
    options = writer.option(2, b"eth0") + writer.option(15, b"card")
    for big in (False, True):
        content = writer.pcapng(packets, [{"link": 101, "snaplen": 9, "options": options if not big else b""}], big=big)
        got, source = read(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            blocks = list(FileScanner(io.BytesIO(content)))
        theirs = [block for block in blocks if isinstance(block, EnhancedPacket)]
        assert [(b.packet_data, b.packet_len, (b.timestamp_high << 32) + b.timestamp_low) for b in theirs] == [
            (p.data, p.length, p.ts // 1000) for p in got
        ]
        described = next(block for block in blocks if isinstance(block, InterfaceDescription))
        mine = source.interfaces[0]
        assert (described.link_type, described.snaplen) == (mine.link_type, mine.snaplen)
        assert (described.options.get("if_name"), described.options.get("if_hardware")) == (mine.name, mine.hardware)
