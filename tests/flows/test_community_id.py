"""Community ID equals that of the reference implementation, and SHA-1 that of Python."""

from __future__ import annotations

import base64
import hashlib

import communityid
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.flows.tracker import Tracker
from netlake.kernels import flow_community_id as kernels
from netlake.kernels.walk_network import pair_of_icmp
from netlake.layers.pools import new_pools, parse_ip
from tests.flows.build import Header, batch

ADDRESSES = (
    st.sampled_from(["10.0.0.1", "10.0.0.2", "192.0.2.200"]),
    st.sampled_from(["fe80::1", "::ffff:10.0.0.1", "2001::2"]),
)


def found(header: Header) -> str | None:
    """The Community ID of a flow of one packet."""
    tracker = Tracker(new_pools())
    tracker.update(*batch([header]))
    tracker.finish()
    ended = tracker.ended()
    assert ended is not None
    return ended["community_id"].to_pylist()[0]  # type: ignore[no-any-return]


def expected(header: Header) -> str | None:
    """The Community ID of the reference implementation."""
    ports: tuple[int | None, int | None] = header.src_port, header.dst_port
    if header.protocol in (1, 58):
        ports = header.first[0], header.first[1]
    elif header.protocol not in (6, 17, 132):
        ports = None, None
    flow = communityid.FlowTuple(header.protocol, parse_ip(header.src), parse_ip(header.dst), *ports)
    return communityid.CommunityID().calc(flow)  # type: ignore[no-any-return]


@st.composite
def headers(draw: st.DrawFn) -> Header:
    family = draw(st.sampled_from([0, 1]))
    src, dst = draw(ADDRESSES[family]), draw(ADDRESSES[family])
    protocol = draw(st.sampled_from([6, 17, 132, 1, 58, 47, 255, 0]))
    header = Header(src=src, dst=dst, protocol=protocol, src_port=-1, dst_port=-1)
    if protocol in (6, 17, 132):
        header.src_port, header.dst_port = draw(st.integers(0, 65535)), draw(st.sampled_from([0, 53, 65535]))
    elif protocol in (1, 58):
        kind, code = (
            draw(st.sampled_from([0, 3, 5, 8, 9, 10, 13, 14, 128, 129, 1, 135, 144, 139, 255])),
            draw(st.integers(0, 20)),
        )
        header.first = bytes([kind, code, 0, 0])
        header.src_port, header.dst_port = pair_of_icmp.function(4 if protocol == 1 else 6, kind, code)
    return header


# from the specification's own list (github.com/corelight/community-id-spec), seed 0
PUBLISHED = [
    (6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "66.35.250.204", 80, "128.232.110.120", 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (132, "192.168.170.8", 7, "192.168.170.56", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
]


@pytest.mark.parametrize(("protocol", "src", "src_port", "dst", "dst_port", "published"), PUBLISHED)
def test_community_id_equals_the_published_one(
    protocol: int, src: str, src_port: int, dst: str, dst_port: int, published: str
) -> None:
    header = Header(src=src, dst=dst, protocol=protocol, src_port=src_port, dst_port=dst_port)
    assert found(header) == expected(header) == published


@settings(max_examples=150)
@given(headers())
def test_community_id_equals_the_reference(header: Header) -> None:
    assert found(header) == expected(header)


@pytest.mark.parametrize("protocol", [1, 6, 17, 58, 132])
def test_flow_without_ports_has_no_community_id(protocol: int) -> None:
    assert found(Header(protocol=protocol, src_port=-1, dst_port=-1, first=b"")) is None


@given(st.lists(st.binary(max_size=55), min_size=1, max_size=3))
def test_sha1_and_base64_equal_python(messages: list[bytes]) -> None:
    blocks = np.zeros((len(messages), kernels.BLOCK), np.uint8)
    for row, message in zip(blocks, messages, strict=True):
        padded = message + b"\x80"
        row[: len(padded)] = np.frombuffer(padded, np.uint8)
        row[56:] = np.frombuffer((8 * len(message)).to_bytes(8, "big"), np.uint8)
    texts = np.empty((len(messages), kernels.TEXT), np.uint8)
    alphabet = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()
    kernels.community_ids(blocks, alphabet, np.zeros(80, np.int64), np.zeros(21, np.uint8), texts)
    digests = [hashlib.sha1(message, usedforsecurity=False).digest() for message in messages]
    assert [text.tobytes() for text in texts] == [b"1:" + base64.b64encode(digest) for digest in digests]
