"""FTP: commands and codes of replies are those that tshark shows, packet by packet."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import netlake

FIELDS = ("frame.number", "ftp.request.command", "ftp.response.code")
NAMES = (
    "zeek/ftp__ipv6.pcap", "zeek/ftp__ipv6-multiline-reply.pcap", "zeek/ftp__retr.pcap", "zeek/ftp__bruteforce.pcap",
    "ndpi/default__pcap__ftp.pcap", "ndpi/default__pcap__ftp_failed.pcap",
    "suricata-verify/ftp__ftp-upload-passive__input.pcap", "suricata-verify/ftp__ftp-bounce__test.pcap",
)  # fmt: skip


def of_tshark(path: Path) -> tuple[Counter[tuple[int, str]], set[tuple[int, int]]]:
    """Commands by packet, and codes of replies by packet."""
    arguments = [word for name in FIELDS for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-Y", "ftp", "-T", "fields", "-E", "occurrence=a", *arguments]
    commands, codes = Counter[tuple[int, str]](), set[tuple[int, int]]()
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        number, names, replies = [*line.split("\t"), "", ""][:3]
        commands.update((int(number), name.upper()) for name in names.split(",") if name)
        codes.update((int(number), int(code)) for code in replies.split(",") if code)
    return commands, codes


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_commands_and_replies_are_those_of_tshark(name: str, shared_captures: Path) -> None:
    path = shared_captures / name
    rows = netlake.decode(path, include=["ftp_command"])["ftp_command"].to_pylist()
    commands, codes = of_tshark(path)
    assert commands
    assert Counter((row["packet"], row["command"]) for row in rows if row["command"]) == commands
    several = [row for row in rows if "\n" in (row["message"] or "")]
    replied = {(row["last_packet"] or row["packet"], row["code"]) for row in rows if row["code"] and row not in several}
    assert replied <= codes
    # tshark has the code of a reply with several lines in the packet of the first one only
    for row in several:
        assert any(
            row["packet"] <= number <= (row["last_packet"] or number) for number, code in codes if code == row["code"]
        )
    preliminary = {row["preliminary_code"] for row in rows if row["preliminary_code"]}
    assert {code for _, code in codes - replied} <= preliminary | {row["code"] for row in several}
