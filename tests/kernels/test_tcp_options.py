"""The kernel of TCP options against a plain reading of RFC 9293 section 3.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels import tcp_options as kernel

SIZES = {2: 2, 3: 1, 4: 0, 8: 8}
SYN = 2


def plain(area: bytes, *, syn: bool) -> dict[str, Any]:
    """What the kernel should find in one options area."""
    found: dict[str, Any] = {"typed": {}, "blocks": [], "others": [], "kinds": [], "wrong": 0}
    at = 0
    while at < len(area):
        kind = area[at]
        found["kinds"].append(kind)
        if kind == 1:
            at += 1
            continue
        if kind == 0:
            if any(area[at + 1 :]):
                found["others"].append((0, area[at + 1 :]))
            break
        size = area[at + 1] if at + 1 < len(area) else 0
        if size < 2 or at + size > len(area):
            found["wrong"] = found["wrong"] or kernel.UNREADABLE
            break
        data = area[at + 2 : at + size]
        at += size
        if kind == 5 and data and len(data) % 8 == 0:
            numbers = [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]
            found["blocks"] += list(zip(numbers[::2], numbers[1::2], strict=True))
        elif SIZES.get(kind) == len(data) and (kind not in found["typed"] or kind == 4):
            found["typed"][kind] = data
        else:
            found["others"].append((kind, data))
            if kind == 5 or SIZES.get(kind, len(data)) != len(data):
                found["wrong"] = kernel.ODD_LENGTH
    if not syn:
        found["kinds"] = []
    return found


def by_kernel(areas: list[bytes], syns: list[bool]) -> list[dict[str, Any]]:
    rows, room = len(areas), sum(map(len, areas))
    header = [bytes(13) + bytes([SYN if syn else 0]) + bytes(6) for syn in syns]
    data = np.frombuffer(b"".join(h + area for h, area in zip(header, areas, strict=True)), np.uint8).copy()
    limit = np.cumsum([20 + len(area) for area in areas]).astype(np.int64)
    at = limit - np.array([len(area) for area in areas], np.int64)
    out = kernel.room_for(rows, room)
    kernel.tcp_options(data, at, limit, out)
    result = []
    for i in range(rows):
        typed = {}
        if out.present[i] & kernel.MSS:
            typed[2] = int(out.mss[i]).to_bytes(2, "big")
        if out.present[i] & kernel.WINDOW_SCALE:
            typed[3] = int(out.window_scale[i]).to_bytes(1, "big")
        if out.present[i] & kernel.SACK_PERMITTED:
            typed[4] = b""
        if out.present[i] & kernel.TIMESTAMPS:
            times = out.timestamp_value[i], out.timestamp_echo[i]
            typed[8] = b"".join(int(time).to_bytes(4, "big") for time in times)
        blocks, others = slice(out.sack_at[i], out.sack_at[i + 1]), range(out.other_at[i], out.other_at[i + 1])
        data_of = [out.other[out.bytes_at[j] : out.bytes_at[j + 1]].tobytes() for j in others]
        result.append(
            {
                "typed": typed,
                "blocks": list(zip(out.left[blocks].tolist(), out.right[blocks].tolist(), strict=True)),
                "others": list(zip(out.kind[others.start : others.stop].tolist(), data_of, strict=True)),
                "kinds": out.kinds[out.kinds_at[i] : out.kinds_at[i + 1]].tolist(),
                "wrong": int(out.wrong[i]),
            }
        )
    return result


def option(kind: int, data: bytes) -> bytes:
    return bytes([kind, 2 + len(data)]) + data


PIECES = st.one_of(
    st.just(b"\x01"),
    st.builds(option, st.sampled_from([2, 3, 4, 5, 8, 30]), st.binary(max_size=18)),
    st.builds(
        lambda kind, data: option(kind, data[: SIZES[kind]]),
        st.sampled_from(sorted(SIZES)),
        st.binary(min_size=8, max_size=8),
    ),
    st.builds(lambda data: option(5, data[: len(data) // 8 * 8]), st.binary(max_size=32)),
    st.just(b"\x00\x00"),
    st.binary(max_size=6),
)
AREAS = st.one_of(
    st.builds(lambda pieces: b"".join(pieces)[:40], st.lists(PIECES, max_size=8)),
    st.builds(lambda times: b"\x01\x01\x08\x0a" + times, st.binary(min_size=8, max_size=8)),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(AREAS, st.booleans()), min_size=1, max_size=6))
def test_options_are_read_as_the_plain_reader_reads_them(segments: list[tuple[bytes, bool]]) -> None:
    areas, syns = [area for area, _ in segments], [syn for _, syn in segments]
    assert by_kernel(areas, syns) == [plain(area, syn=syn) for area, syn in segments]
