"""Messages of real captures: the reader compared with the plain decoder and with dnspython."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dpkt
import pytest

from tests.dns.decoder import batch, check, rows

FILES = (
    "ndpi/default__pcap__dns-exf.pcap",
    "ndpi/default__pcap__dns-invalid-chars.pcap",
    "ndpi/default__pcap__dns_ambiguous_names.pcap",
    "ndpi/default__pcap__dns_exfiltration.pcap",
    "ndpi/default__pcap__dns_long_domainname.pcap",
    "tcpdump/dns-badvers.pcap",
    "tcpdump/dns-uri.pcap",
    "tcpdump/dns_fwdptr.pcap",
    "tcpdump/dns_udp.pcap",
    "tcpdump/dnssec.pcap",
    "tcpdump/edns-opts.pcap",
    "zeek/dns-edns-ecs.pcap",
    "zeek/dns-https.pcap",
    "zeek/dns__dns-invalid-names.pcap",
    "zeek/dnssec__dnskey2.pcap",
    "zeek/dnssec__nsec.pcap",
)
PORTS = {53: "udp", 5353: "mdns", 5355: "llmnr"}
NOT_IN_A_SECTION = {41, 250}  # OPT and TSIG, which dnspython does not list in sections


def messages(file: Path) -> Iterator[tuple[bytes, str]]:
    """UDP payloads of a capture on ports of DNS, with the protocol of the port."""
    with file.open("rb") as stream:
        for _, frame in dpkt.pcap.Reader(stream):
            ip = dpkt.ethernet.Ethernet(frame).data
            udp = getattr(ip, "data", None)
            if isinstance(udp, dpkt.udp.UDP):
                kinds = [PORTS[port] for port in (udp.sport, udp.dport) if port in PORTS]
                if kinds:
                    yield bytes(udp.data), kinds[0]


@pytest.fixture(params=FILES)
def found(request: pytest.FixtureRequest, shared_captures: Path) -> list[tuple[bytes, str]]:
    file = shared_captures / request.param
    if not file.exists():
        pytest.skip(f"{request.param} does not exist")
    return list(messages(file))


def test_reader_agrees_with_plain_decoder(found: list[tuple[bytes, str]]) -> None:
    assert found
    payloads, kinds = zip(*found, strict=True)
    check(list(payloads), list(kinds))


def plain(text: str) -> str:
    """Record data without differences in quotes, spaces and case."""
    return re.sub(r'[ "]', "", text).lower()


def test_reader_agrees_with_dnspython(found: list[tuple[bytes, str]]) -> None:
    """Questions and records are those of dnspython; messages that it refuses have a fault."""
    dns_message = pytest.importorskip("dns.message")
    dns_exception = pytest.importorskip("dns.exception")
    payloads = [payload for payload, kind in found if kind == "udp"]
    for payload, row in zip(payloads, rows(batch(payloads)), strict=True):
        try:
            message = dns_message.from_wire(payload, ignore_trailing=True, one_rr_per_rrset=True, keyring=False)
        except dns_exception.DNSException:
            assert row["fault"] is not None
            continue
        assert row["fault"] is None
        questions = [(name(one), int(one.rdtype), int(one.rdclass)) for one in message.question]
        assert [(one["name"], one["type"], one["class"]) for one in row["questions"]] == questions
        for section, records in zip(message.sections[1:], sections(row), strict=True):
            wanted = [(name(one), int(one.rdtype), one.ttl, plain(one[0].to_text())) for one in section]
            assert [(one["name"], one["type"], one["ttl"], plain(one["data"])) for one in records] == wanted
        assert row["extended_rcode"] == message.rcode()
        if message.edns >= 0:
            assert (row["edns_version"], row["edns_udp_size"]) == (message.edns, message.payload)
            assert [one["code"] for one in row["edns_options"]] == [int(one.otype) for one in message.options]


def name(rrset: Any) -> str:
    text: str = rrset.name.to_text(omit_final_dot=True)
    return text


def sections(row: dict[str, Any]) -> list[list[dict[str, Any]]]:
    every = (row["answers"], row["authorities"], row["additionals"])
    return [[one for one in records if one["type"] not in NOT_IN_A_SECTION] for records in every]
