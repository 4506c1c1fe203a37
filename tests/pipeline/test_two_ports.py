"""Two ports that both have a table, and two ports of which none has one: rules in netlake.layers.contest and below.

Answers and requests are those of the tables' own cases, in flows of two packets, and each packet alone.
"""

from __future__ import annotations

import struct
import tomllib
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake import tables
from netlake.layers import contest
from tests.layers import build as b

FOLDER = Path(__file__).parent.parent / "protocols"
NTP_REQUEST = bytes.fromhex("230a04ec00000000000000004e494345") + bytes(32)
NTP_ANSWER = b"\x24\x01" + NTP_REQUEST[2:]
QUESTION = bytes.fromhex("12340100000100000000000003777777076578616d706c650000010001")
ANSWER = b"\x12\x34\x81\x80" + QUESTION[4:]
BINDING = bytes.fromhex("000100002112a442") + bytes(12)
INITIATION = b"\1\0\0\0" + bytes(144)
# a message of another kind: 20 bytes that no reader takes without a fault
NOISE = b"\xff" * 20
Packet = tuple[bytes, int, int]


def frame(payload: bytes, source: int, destination: int, *, back: bool = False) -> bytes:
    ends = (b.B4, b.A4) if back else (b.A4, b.B4)
    return b.ethernet(
        b.ipv4(b.udp(payload, source, destination), 17, source=ends[0], destination=ends[1])
    )  # fmt: skip


def decoded(folder: Path, frames: list[bytes]) -> dict[str, pa.Table]:
    path = folder / "ports.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, data in enumerate(frames):
            file.write(struct.pack("<IIII", 1_700_000_000 + number, 0, len(data), len(data)) + data)
    return netlake.decode(path)


def above_udp(found: dict[str, pa.Table]) -> list[str]:
    return [stack.removeprefix("ethernet:ipv4:udp").lstrip(":") for stack in found["packet"]["stack"].to_pylist()]


CASES = {
    "NTP, a client on the port of VXLAN-GPE": (NTP_REQUEST, NTP_ANSWER, 4790, 123, "ntp"),
    "NTP, a client on the port of STUN": (NTP_REQUEST, NTP_ANSWER, 3478, 123, "ntp"),
    "NTP, a client on the port of SIP": (NTP_REQUEST, NTP_ANSWER, 5060, 123, "ntp"),
    "DNS, a client on the port of WireGuard": (QUESTION, ANSWER, 51820, 53, "dns"),
    "DNS, a client on the port of STUN": (QUESTION, ANSWER, 3478, 53, "dns"),
    "DNS, a client on the port of the DHT": (QUESTION, ANSWER, 6881, 53, "dns"),
    "DNS, a client on the port of OpenVPN": (QUESTION, ANSWER, 1194, 53, "dns"),
    "DNS, a client on the port of RADIUS": (QUESTION, ANSWER, 1812, 53, "dns"),
    "DNS, a client on the port of QUIC": (QUESTION, ANSWER, 443, 53, "dns"),
    "DNS on the port of QUIC": (QUESTION, ANSWER, 40000, 443, "dns"),
    "DNS on the port of QUIC, its fixed bit set": (b"\x52" + QUESTION[1:], b"\x52" + ANSWER[1:], 40000, 443, "dns"),
    "DNS on the port of QUIC, as a long header": (b"\xd2" + QUESTION[1:], b"\xd2" + ANSWER[1:], 40000, 443, "dns"),
    "DNS on the port of QUIC, as a version of Google": (
        b"\xd2Q" + QUESTION[2:],
        b"\xd2Q" + ANSWER[2:],
        40000,
        443,
        "dns",
    ),
    "DNS between the ports of QUIC and STUN": (b"\x52" + QUESTION[1:], b"\x52" + ANSWER[1:], 3478, 443, "dns"),
    "STUN, a client on the port of DNS": (BINDING, BINDING, 53, 3478, "stun"),
    "WireGuard, both on ports of tables": (INITIATION, INITIATION, 123, 51820, "wireguard"),
}


@pytest.mark.parametrize(("request_", "answer", "client", "server", "table"), CASES.values(), ids=CASES)
def test_table_of_the_content_is_chosen(
    request_: bytes, answer: bytes, client: int, server: int, table: str, tmp_path: Path
) -> None:
    asked, answered = frame(request_, client, server), frame(answer, server, client, back=True)
    for frames in ([asked, answered], [answered, asked], [asked], [answered]):
        found = decoded(tmp_path, frames)
        assert above_udp(found) == [table] * len(frames)
        assert found[table]["packet"].to_pylist() == list(range(1, len(frames) + 1))
        assert found[table]["fault"].null_count == len(frames)


def test_undecidable_messages_follow_the_first_packet_of_their_flow(tmp_path: Path) -> None:
    """SNMP and TFTP both mark the noise: the destination of the first packet is the server, in both directions."""
    for client, server, table in ((69, 161, "snmp"), (161, 69, "tftp")):
        frames = [frame(NOISE, client, server), frame(NOISE, server, client, back=True), frame(NOISE, client, server)]
        assert above_udp(decoded(tmp_path, frames)) == [table] * 3


def test_flow_remembers_what_the_content_of_its_first_packet_was(tmp_path: Path) -> None:
    """The first packet is an answer, which DNS reads, so the server is the source of it."""
    frames = [frame(ANSWER, 53, 161), frame(b"\xff" * 12, 53, 161)]
    assert above_udp(decoded(tmp_path, frames)) == ["dns", "dns"]


def test_oldest_flow_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "MOST_FLOWS", 1)
    first, other = frame(NOISE, 69, 161), frame(NOISE, 161, 69)
    back = frame(NOISE, 161, 69, back=True)
    assert above_udp(decoded(tmp_path, [first, back])) == ["snmp", "snmp"]
    assert above_udp(decoded(tmp_path, [first, other, back])) == ["snmp", "tftp", "tftp"]


def test_chosen_messages_are_in_the_order_of_packets_among_the_others(tmp_path: Path) -> None:
    frames = [frame(QUESTION, 51820, 53), frame(QUESTION, 40000, 53), frame(QUESTION, 51820, 53)]
    found = decoded(tmp_path, frames)
    assert found["dns"]["packet"].to_pylist() == [1, 2, 3]
    assert found["dns"]["place"].to_pylist() == [0, 0, 0]


def test_messages_in_tunnels_are_flows_of_their_own(tmp_path: Path) -> None:
    """The same addresses and ports in two tunnels, with opposite first packets."""
    frames = [
        b.ethernet(b.ipv4(b.udp(b.vxlan(inner, tunnel), 50000, 4789), 17))
        for inner, tunnel in (
            (frame(NOISE, 69, 161), 1), (frame(NOISE, 161, 69, back=True), 2),
            (frame(NOISE, 161, 69, back=True), 1), (frame(NOISE, 69, 161), 2),
        )
    ]  # fmt: skip
    stacks = decoded(tmp_path, frames)["packet"]["stack"].to_pylist()
    assert [stack.rsplit(":", 1)[1] for stack in stacks] == ["snmp", "tftp", "snmp", "tftp"]


TABLES = ("dns", "snmp", "dhcpv4", "radius", "ntp", "isakmp", "gtp_c", "netbios_ns", "coap", "bfd")


@pytest.mark.parametrize(("table", "other"), [*permutations(TABLES, 2)])
def test_request_to_a_server_is_its_table_from_any_port(table: str, other: str, tmp_path: Path) -> None:
    """By content or by the first packet, and the answer with it; the messages are the first case of the table."""
    case = tomllib.loads((FOLDER / f"{table}.toml").read_text())["case"][0]
    payload = bytes.fromhex(case["bytes"])
    ports = [
        int(next(key for key in tables.table(name).on if key.startswith("udp.port=")).split("=")[1])
        for name in (other, table)
    ]
    found = decoded(tmp_path, [frame(payload, ports[0], ports[1])])
    assert above_udp(found) == [table]


SERVICES = {
    "a well-known port": ([(22, 40000, False)], 22),
    "the destination of the first packet": ([(1025, 8080, False)], 8080),
    "the destination of the first packet, both directions": ([(30000, 40000, False), (40000, 30000, True)], 40000),
    "the port that is not dynamic, which answers first": ([(49151, 49152, True), (49152, 49151, False)], 49151),
    "the destination of the first packet, between dynamic ports": ([(60000, 50000, False)], 50000),
    "a well-known port that answers first": ([(400, 2000, True), (2000, 400, False)], 400),
}


@pytest.mark.parametrize(("ports", "value"), SERVICES.values(), ids=SERVICES)
def test_stop_value_is_the_port_of_the_service(ports: list[tuple[int, int, bool]], value: int, tmp_path: Path) -> None:
    frames = [frame(NOISE, source, destination, back=back) for source, destination, back in ports]
    packets = decoded(tmp_path, frames)["packet"]
    assert packets["stop_reason"].to_pylist() == ["unknown_port"] * len(frames)
    assert packets["stop_value"].to_pylist() == [value] * len(frames)


def test_undecoded_bytes_of_a_stream_are_those_of_the_responders_port(tmp_path: Path) -> None:
    """A database on port 50000, and a client on one that is not dynamic; packets of TCP have no stop reason."""
    ends = {"source": b.A4, "destination": b.B4}
    frames = [
        b.ethernet(b.ipv4(b.tcp(b"", 4847, 50000, flags=0x02), 6, **ends)),
        b.ethernet(b.ipv4(b.tcp(b"", 50000, 4847, flags=0x12), 6, source=b.B4, destination=b.A4)),
        b.ethernet(b.ipv4(b.tcp(b"x", 4847, 50000, flags=0x18), 6, **ends)),
    ]
    found = decoded(tmp_path, frames)
    assert found["packet"]["stop_reason"].to_pylist() == [None] * 3
    assert found["connection"]["orig_undecoded_bytes"].to_pylist() == [1]
    assert found["connection"]["resp_undecoded_bytes"].to_pylist() == [0]
