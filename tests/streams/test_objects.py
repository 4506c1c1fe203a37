"""Files compared with those that tshark exports: the capture of the project, and what is listed as a difference."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from tests.streams.objects import LACKING, MORE, Capture, as_sent, compared

NAMES = ("zeek/ftp__ipv6.pcap", "zeek/smtp.pcap", "tcpdump/tftp.pcap", "ndpi/default__pcap__tftp.pcap")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_files_are_those_of_tshark(name: str, shared_captures: Path) -> None:
    outcomes, lines = compared(shared_captures / name)
    assert lines == []
    assert sum(count for outcome, count in outcomes.items() if "equal" in outcome) > 0


def test_differences_without_a_reason_are_listed() -> None:
    """An object that netlake lacks, and a complete file that tshark lacks, have no reason."""
    found = Capture(raw=b"xyz\r\n\r\nbody")
    assert not any(test(found, "http", b"body") for test in LACKING.values())
    row = {"complete": True, "sha256": "1", "source": "http_response", "name": "a"}
    assert not any(test(found, "http", row) for test in MORE.values())
    assert any(test(found, "http", b"z\r\n\r\nbody") for test in LACKING.values())


def test_mails_of_tshark_have_the_dots_of_transport() -> None:
    assert sha256(b"a\r\n.b\r\n").hexdigest() in as_sent(b"a\r\n..b")
