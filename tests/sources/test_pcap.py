"""Classic pcap in every variant."""

from __future__ import annotations

import hashlib
import struct

import pytest

from netlake.errors import InputError

SECOND = 1_700_000_000
VARIANTS = {
    "plain": {},
    "big-endian": {"big": True},
    "nanoseconds": {"magic": 0xA1B23C4D},
    "nanoseconds, big-endian": {"magic": 0xA1B23C4D, "big": True},
    "Kuznetzov": {"magic": 0xA1B2CD34, "size": 24},
    "Kuznetzov, big-endian": {"magic": 0xA1B2CD34, "size": 24, "big": True},
    "Kuznetzov, older": {"magic": 0xA1B2CD34, "size": 28},
    "Kuznetzov under the plain magic": {"size": 24},
    "Nokia": {"size": 20},
    "Ixia": {"magic": 0x1C0001AC},
    "version 2.2, lengths swapped": {"version": (2, 2), "swapped": True},
    "version 2.3, lengths swapped": {"version": (2, 3), "swapped": True},
    "version 2.3": {"version": (2, 3)},
    "version 543.0": {"version": (543, 0), "swapped": True},
    "no snaplen": {"snaplen": 0},
    "all of snaplen": {"snaplen": 0xFFFFFFFF},
    "snaplen below what was captured": {"snaplen": 10},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_read_back(writer, read, variant):
    nano = VARIANTS[variant].get("magic") == 0xA1B23C4D
    unit = 1 if nano else 1000
    ticks = [(SECOND + i) * (10**9 // unit) + 123_456 + i for i in range(5)]
    packets = [writer.Packet(bytes([i]) * (60 + i), t, length=1000 + i) for i, t in enumerate(ticks)]
    got, source = read(writer.pcap(packets, **VARIANTS[variant]))
    assert [p.data for p in got] == [p.data for p in packets]
    assert [p.ts for p in got] == [t * unit for t in ticks]
    assert [(p.captured, p.length) for p in got] == [(60 + i, 1000 + i) for i in range(5)]
    assert [p.number for p in got] == [p.last for p in got] == [1, 2, 3, 4, 5]
    assert {(p.link_type, p.interface, p.depth) for p in got} == {(1, 0, 0)}
    assert source.problems == []
    assert source.interfaces[0].resolution == ("10^-9" if nano else "10^-6")


def test_offset_is_that_of_the_record_in_the_file(writer, read):
    content = writer.pcap([writer.Packet(b"abcdef"), writer.Packet(b"ghi")])
    got, _ = read(content)
    assert [content[p.offset + 16 : p.offset + 16 + p.captured] for p in got] == [b"abcdef", b"ghi"]


@pytest.mark.parametrize("length", [0, 10])
def test_captured_length_above_wire_length_is_kept(writer, read, length):
    got, _ = read(writer.pcap([writer.Packet(b"x" * 60, length=length)] * 3))
    assert [(p.captured, p.length) for p in got] == [(60, length)] * 3


def test_link_type_with_frame_check_sequence(writer, read):
    got, source = read(writer.pcap([writer.Packet(b"x" * 60)], link=1 | 0x04000000 | 2 << 28))
    assert (got[0].link_type, source.interfaces[0].fcs_length) == (1, 4)


def test_aix_writes_nanoseconds_and_interface_types(writer, read):
    content = bytearray(writer.pcap([writer.Packet(b"x" * 60, 123_456_789)], version=(2, 2), link=6, magic=0xA1B23C4D))
    struct.pack_into("<I", content, 0, 0xA1B2C3D4)
    got, _ = read(bytes(content))
    assert (got[0].link_type, got[0].ts) == (1, 123_456_789)


def test_a_fraction_above_one_second_is_added(writer, read):
    content = bytearray(writer.pcap([writer.Packet(b"x" * 60, 5_000_000)] * 3))
    struct.pack_into("<I", content, 24 + 76 + 76 + 4, 3_999_999)
    got, _ = read(bytes(content))
    assert [p.ts for p in got] == [5 * 10**9, 5 * 10**9, 8_999_999_000]


def test_seconds_are_unsigned(writer, read):
    got, _ = read(writer.pcap([writer.Packet(b"x" * 60, 4_294_967_295 * 10**6)]))
    assert got[0].ts == 4_294_967_295 * 10**9


def test_record_above_the_limit_of_its_link_type_ends_reading(writer, read):
    packets = [writer.Packet(b"a" * 60)] * 3 + [writer.Packet(bytes(262_145)), writer.Packet(b"c" * 60)]
    got, source = read(writer.pcap(packets))
    assert [p.data for p in got] == [b"a" * 60] * 3
    assert [(p.offset, p.partial) for p in source.problems] == [(24 + 3 * 76, True)]
    assert "a captured length of 262145 bytes; its link type allows 262144" in source.problems[0].reason


def test_usb_packets_have_a_higher_limit(writer, read):
    packets = [writer.Packet(b"a" * 60), writer.Packet(b"b" * (9 << 20)), writer.Packet(b"c" * 60)]
    got, source = read(writer.pcap(packets, link=249))
    assert [p.data for p in got] == [p.data for p in packets]
    assert source.problems == []


def test_records_across_the_end_of_the_buffer_are_read(writer, read):
    packets = [writer.Packet(bytes([i % 251]) * 199_999, i) for i in range(120)]
    got, source = read(writer.pcap(packets), max_packets=50)
    assert [hashlib.sha256(p.data).digest() for p in got] == [hashlib.sha256(p.data).digest() for p in packets]
    assert (source.packets, source.bytes_read) == (120, source.size)


def test_batches_have_the_requested_number_of_packets(writer, tmp_path):
    from netlake.sources import open_capture

    path = tmp_path / "a.pcap"
    path.write_bytes(writer.pcap([writer.Packet(b"x" * 10)] * 25))
    with open_capture(path, first_number=101, first_interface=7) as source:
        batches = [(b.count, b.rows, int(b.number[0]), int(b.interface[0])) for b in source.batches(10)]
    assert batches == [(10, 10, 101, 7), (10, 10, 111, 7), (5, 5, 121, 7)]
    assert source.interfaces[0].number == 7


def test_datagram_appended_to_a_batch_does_not_change_the_next(writer, tmp_path):
    from netlake.sources import open_capture

    path = tmp_path / "a.pcap"
    packets = [writer.Packet(bytes([i]) * 100) for i in range(200)]
    path.write_bytes(writer.pcap(packets))
    seen = []
    with open_capture(path) as source:
        for batch in source.batches(7):
            for _ in range(3):
                batch.append(b"\xee" * 3_000_000, 0, int(batch.number[0]), 1)
            seen += [batch.data[s : s + 100].tobytes() for s in batch.start[: batch.count].tolist()]
    assert seen == [p.data for p in packets]


def test_earlier_timestamps_are_counted(writer, read):
    ticks = [5, 6, 4, 4, 9, 8, 1]
    _, source = read(writer.pcap([writer.Packet(b"x", t) for t in ticks]), max_packets=2)
    assert source.clock_steps_back == 3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty."),
        (b"GIF89a and more of it", "is not a capture: it starts with the bytes 47 49 46"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "ends at byte 6, within its file header"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 1, 4, 0, 0, 0, 1), "version 1.4"),
    ],
)
def test_file_that_is_not_a_capture_is_refused_in_one_sentence(read, content, sentence):
    with pytest.raises(InputError, match=r"file[.]bin") as raised:
        read(content)
    assert sentence in str(raised.value)


def test_header_alone_is_a_capture_without_packets(writer, read):
    got, source = read(writer.pcap([]))
    assert (got, source.problems, len(source.interfaces)) == ([], [], 1)


def test_truncated_plain_file_is_not_read_as_another_variant(writer, read):
    """Zeros in a payload look like the header of a packet without bytes, if headers are thought to be longer."""
    packets = [writer.Packet(bytes(n), (SECOND + n) * 10**6) for n in (60, 8, 40)]
    content = writer.pcap(packets)
    for end in range(24, len(content)):
        got, source = read(content[:end])
        whole = sum(24 + sum(16 + len(packet.data) for packet in packets[: n + 1]) <= end for n in range(3))
        assert [p.data for p in got[:whole]] == [packet.data for packet in packets[:whole]], end
        assert len(got) == whole or (len(got) == whole + 1 and source.problems), end
