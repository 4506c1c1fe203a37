"""The objects of one capture: of `tshark --export-objects` the bytes, of netlake the rows, and what differences need.

`Capture` has what conditions of tests.streams.object_reasons need. What takes another run of tshark is read when it is
asked for: the bytes of streams, and the objects that tshark exports with other settings.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import netlake
from tests.streams.follow import PREFERENCES, followed, numbers, tshark

KINDS = ("http", "ftp-data", "tftp", "imf")
SOURCES = {"http_request": "http", "http_response": "http", "ftp_command": "ftp-data", "tftp": "tftp"}
MESSAGES = ("http_request", "http_response")
# socks, because HTTP can be behind it
TABLES = ("file", "mail", *MESSAGES, "smtp_transaction", "ftp_command", "tftp", "socks", "connection")
# an object is found in a stream by so many of its first bytes
BEGIN = 64
# more streams of a capture are not read
MOST = 2000

Objects = dict[str, dict[str, bytes]]


@dataclass
class Capture:
    """The objects of one capture: of tshark the bytes, of netlake the rows, each by kind and SHA-256."""

    path: Path = Path()
    theirs: Objects = field(default_factory=lambda: {kind: {} for kind in KINDS})
    ours: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    raw: bytes = b""
    contents: dict[str, bytes] = field(default_factory=dict)
    other_settings: dict[tuple[str, ...], Objects] = field(default_factory=dict)

    def rows(self, *names: str) -> list[dict[str, Any]]:
        """The rows of tables, one after the other."""
        return [row for name in names for row in self.tables.get(name, ())]

    def content(self, digest: str) -> bytes:
        """The content of a file of netlake."""
        return self.contents.get(digest, b"")

    def incomplete(self, kind: str) -> list[bytes]:
        """The contents of netlake's files that are not complete."""
        return [self.content(digest) for digest, row in self.ours[kind].items() if not row["complete"]]

    @cached_property
    def bodies(self) -> dict[str, dict[str, Any]]:
        """The messages of HTTP by the hash of their body as transferred."""
        return {row["body_sha256"]: row for row in self.rows(*MESSAGES) if row["body_sha256"]}

    @cached_property
    def commands(self) -> dict[tuple[int, int], str]:
        """The commands of FTP by flow and exchange."""
        return {(row["flow"], row["exchange"]): row["command"] for row in self.rows("ftp_command")}

    @cached_property
    def connections(self) -> dict[int, dict[str, Any]]:
        """The connections by flow."""
        return {row["flow"]: row for row in self.rows("connection")}

    @cached_property
    def chunked(self) -> set[int]:
        """Flows with BDAT, also with a wrong argument."""
        return {
            row["flow"]
            for row in self.rows("smtp_transaction")
            if (row["data_size"] is not None and row["data_code"] is None) or row["fault"] == "bad_value"
        }

    @cached_property
    def streams(self) -> dict[int, list[bytes]]:
        """The bytes of both directions of TCP streams, by tshark's number, as tshark follows them."""
        count = min(MOST, max((one for found in self.numbers.values() for one in found), default=-1) + 1)
        return {number: [bytes(end) for end in one.ends] for number, one in followed(self.path, count).items()}

    @cached_property
    def numbers(self) -> dict[int, list[int]]:
        """Tshark's numbers of streams by packet."""
        return numbers(self.path)

    @cached_property
    def by_stream(self) -> dict[str, set[int]]:
        """The streams of tshark's objects of HTTP, by SHA-256: each stream with HTTP is exported alone."""
        shown = tshark(self.path, "-Y", "http", "-T", "fields", "-e", "tcp.stream").splitlines()
        found: dict[str, set[int]] = {}
        for number in sorted({int(one) for line in shown for one in line.split(",") if one.isdigit()}):
            for digest in self.again("-2", "-R", f"tcp.stream=={number}")["http"]:
                found.setdefault(digest, set()).add(number)
        return found

    def ends_of(self, row: dict[str, Any]) -> list[bytes]:
        """The bytes of both directions of the streams in the packet of a row."""
        return [end for number in self.numbers.get(row["packet"], ()) for end in self.streams.get(number, ())]

    @cached_property
    def payloads(self) -> list[bytes]:
        """The payloads of each direction of tshark's streams, in the order of capture.

        tshark follows no stream without SYN whose first packet is an acknowledgement.
        """
        found: dict[tuple[str, str], bytearray] = {}
        fields = (word for name in ("stream", "srcport", "payload") for word in ("-e", f"tcp.{name}"))
        for line in tshark(self.path, "-Y", "tcp.len > 0", "-T", "fields", *fields).splitlines():
            number, port, payload = [*line.split("\t"), "", ""][:3]
            if re.fullmatch(r"([0-9a-f]{2})+", payload):
                found.setdefault((number, port), bytearray()).extend(bytes.fromhex(payload))
        return [bytes(one) for one in found.values()]

    def ends_with(self, data: bytes) -> list[bytes]:
        """The bytes of both directions of the streams of one of tshark's objects of HTTP.

        If tshark does not export it from a stream alone, they are those of the streams, or else payloads, with it.
        """
        numbers_ = self.by_stream.get(sha256(data).hexdigest(), set())
        known = [end for number in numbers_ for end in self.streams.get(number, ())]
        known = known or [end for ends in self.streams.values() if any(data in one for one in ends) for end in ends]
        return known or [one for one in self.payloads if data[:BEGIN] in one]

    def again(self, *settings: str) -> Objects:
        """What tshark exports with other settings."""
        if settings not in self.other_settings:
            with tempfile.TemporaryDirectory() as folder:
                self.other_settings[settings] = exported(self.path, Path(folder), *settings)
        return self.other_settings[settings]


def exported(path: Path, folder: Path, *settings: str) -> Objects:
    """The objects that tshark exports, by kind and SHA-256; empty ones are left out."""
    preferences = (word for one in PREFERENCES for word in ("-o", one))
    wanted = (word for kind in KINDS for word in ("--export-objects", f"{kind},{folder / kind}"))
    command = ["tshark", "-n", "-Q", *preferences, *settings, "-r", str(path), *wanted]
    subprocess.run(command, capture_output=True, check=False)
    files = {kind: [one.read_bytes() for one in (folder / kind).glob("*") if one.is_file()] for kind in KINDS}
    return {kind: {sha256(one).hexdigest(): one for one in found if one} for kind, found in files.items()}


def read(path: Path) -> Capture:
    """The objects of a capture; NetlakeError if netlake cannot read it."""
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "ours"
        decoded = netlake.decode(path, include=TABLES, extract_files=stored)
        found = Capture(path, raw=raw(path), tables={name: rows.to_pylist() for name, rows in decoded.items()})
        found.contents = {one.name: one.read_bytes() for one in stored.glob("*")} if stored.exists() else {}
        found.theirs = exported(path, Path(folder))
    for row in found.rows("file"):
        kind = SOURCES.get(row["source"])
        if kind is not None and row["size"]:
            found.ours[kind][row["sha256"]] = row
    for row in found.rows("mail"):
        digest = row["sha256"] or f"incomplete {row['packet']}"
        if row["size"]:
            found.ours["imf"][digest] = {**row, "sha256": digest}
    return found


def raw(path: Path) -> bytes:
    """The bytes of a capture file, uncompressed."""
    data = path.read_bytes()
    try:
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError):
        return data
