"""Who began a flow over UDP or SCTP whose first packet is an answer; the cases are in answers.toml.

A first packet with `answer` from the port is the responder's, one with `request` from the same port is not; nor is
either if the capture has nothing of its payload.
"""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from netlake.flows.answers import ANSWERS
from netlake.flows.beginning import SERVERS
from netlake.flows.tracker import Tracker
from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import new_pools
from tests.flows.build import Header, batch
from tests.flows.twin_answers import has_sign

CASES = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))["case"]
UDP, SCTP, ICMPV6 = (IpProtocol[name].value for name in ("UDP", "SCTP", "ICMPV6"))


def is_from_responder(payload: bytes, port: int, protocol: int = UDP, target: int = 40000) -> bool:
    """Whether the tracker takes a first packet from `port` for that of the responder."""
    header = bytes(8) + payload if protocol == UDP else payload
    tracker = Tracker(new_pools())
    one = Header(src="10.0.0.2", dst="10.0.0.1", protocol=protocol, src_port=port, dst_port=target, first=header)
    return tracker.update(*batch([one])).from_originator.tolist() == [0]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_answer_is_of_the_responder_and_a_request_is_not(case: dict[str, Any]) -> None:
    answer, request = bytes.fromhex(case["answer"]), bytes.fromhex(case["request"])
    assert is_from_responder(answer, case["port"])
    assert not is_from_responder(request, case["port"])
    assert not is_from_responder(request, 40001, target=case["port"])
    assert not is_from_responder(b"", case["port"])


def test_every_port_of_a_sign_has_a_case() -> None:
    older = {1645, 1646, 1812, 1813, 3799, 53, 137, 5353, 5355, 67, 69, 111, 2049, 4500, 5060, 1900}
    ports = {port for sign in ANSWERS if sign.protocol == UDP for port in sign.ports}
    assert ports - {case["port"] for case in CASES} - older <= {162, 2727, 3479, 5061, 10000, 547}


@pytest.mark.parametrize(
    ("protocol", "first", "is_answer"),
    [(SCTP, kind, kind in (2, 5, 8, 11, 128)) for kind in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 128, 193)]
    + [(ICMPV6, kind, kind in (129, 145, 147, 161)) for kind in (128, 129, 135, 144, 145, 146, 147, 160, 161)],
)
def test_chunk_or_type_of_an_answer(protocol: int, first: int, is_answer: bool) -> None:  # noqa: FBT001 - a parameter
    payload = bytes(12) + bytes([first, 0, 0, 4]) if protocol == SCTP else bytes([first, 0, 0, 0])
    assert is_from_responder(payload, 9, protocol) == is_answer


@pytest.mark.parametrize(("flags", "is_answer"), [(0, True), (0x80, False)])
def test_diameter_in_sctp(flags: int, is_answer: bool) -> None:  # noqa: FBT001 - a parameter
    data = bytes(12) + bytes([0, 3, 0, 36]) + bytes(12) + bytes([1, 0, 0, 20, flags, 0, 1, 1])
    assert is_from_responder(data, 3868, SCTP) == is_answer


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_cut_response_of_dns_from_another_port_decides_nothing(cut: int) -> None:
    (case,) = (case for case in CASES if case["name"] == "DNS on another port")
    assert not is_from_responder(bytes.fromhex(case["answer"])[:-cut], case["port"])


@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 2**64))
def test_signs_are_as_in_the_twin(seed: int) -> None:
    """Cases with bytes changed or cut, from the ports of other protocols too; dnspython reads more than the kernel."""
    pick = random.Random(seed)  # noqa: S311 - it picks payloads
    case = pick.choice([case for case in CASES if not case["name"].startswith("DNS")])
    payload = bytearray.fromhex(case[pick.choice(["answer", "request"])])
    for _ in range(pick.randrange(3)):
        payload[pick.randrange(len(payload))] = pick.choice([0, 1, 2, 0x30, 0x80, 0xFF, pick.randrange(256)])
    del payload[pick.choice([len(payload), pick.randrange(len(payload))]) :]
    port = pick.choice([case["port"], case["port"], pick.choice(CASES)["port"], pick.choice(SERVERS)])
    signs = [sign for sign in ANSWERS if sign.protocol == UDP and (not sign.ports or port in sign.ports)]
    expected = any(has_sign(bytes(8) + bytes(payload), sign) for sign in signs)
    assert is_from_responder(bytes(payload), port) == expected
