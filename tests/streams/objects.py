"""Compares the files of streams with those that `tshark --export-objects` writes, by their SHA-256.

    python -m tests.streams.objects CAPTURES [--sample N] [--only WORDS] [--largest MEGABYTES] [--jobs N]

Objects of tshark: http (contents without content coding), ftp-data, tftp, imf (whole mails). Of netlake: rows of `file`
by their source, and for imf the hash of `mail`. Captures are compared whose bytes show one of these protocols (HINTS).
An object of tshark that netlake does not have is explained by a condition of LACKING, and a file that only netlake has
by one of MORE, each checked for that object; others are listed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import gzip
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import netlake
from netlake.errors import NetlakeError
from tests.flows.count import capture_files
from tests.streams.follow import sampled

KINDS = ("http", "ftp-data", "tftp", "imf")
SOURCES = {"http_request": "http", "http_response": "http", "ftp_command": "ftp-data", "tftp": "tftp"}
TABLES = ("file", "mail", "http_request", "http_response", "smtp_transaction", "ftp_command", "tftp", "connection")
# bytes of captures that can have objects
HINTS = (b"HTTP/1.", b"DATA\r\n", b"BDAT ", b"PORT ", b"PASV", b"EPSV", b"octet\0", b"netascii\0")
PREFERENCES = ("tcp.reassemble_out_of_order:TRUE", "ip.defragment:TRUE", "ipv6.defragment:TRUE")


@dataclass
class Capture:
    """The objects of one capture: of tshark the bytes, of netlake the rows, each by kind and SHA-256."""

    theirs: dict[str, dict[str, bytes]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    ours: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    bodies: set[str] = field(default_factory=set)
    raw: bytes = b""
    # flow and number of transactions with BDAT
    chunked: set[tuple[int, int]] = field(default_factory=set)
    # flows with several protocols; the command of each exchange of a flow
    tunnels: set[int] = field(default_factory=set)
    commands: dict[tuple[int, int], str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

    def incomplete(self, kind: str) -> list[bytes]:
        """The contents of netlake's files that are not complete."""
        return [self.contents.get(digest, b"") for digest, row in self.ours[kind].items() if not row["complete"]]


Lacks = Callable[[Capture, str, bytes], bool]
More = Callable[[Capture, str, dict[str, Any]], bool]
LACKING: dict[str, Lacks] = {
    "tshark does not remove the content coding": lambda found, _, data: sha256(data).hexdigest() in found.bodies,
    "netlake has it, and says that bytes are missing": lambda found, kind, data: any(
        one and (data.startswith(one[:64]) or one.startswith(data[:64])) for one in found.incomplete(kind)
    ),
    "a segment without the beginning of its message, which tshark exports alone": lambda found, _, data: (
        (at := found.raw.find(data)) > 0 and found.raw[at - 4 : at] != b"\r\n\r\n"
    ),
    "tshark repeats the beginning of the mail within it": lambda _, kind, data: kind == "imf" and repeats(data),
    "part of a file that netlake has": lambda found, kind, data: any(
        data in found.contents.get(digest, b"") for digest in found.ours[kind]
    ),
    "parts of files that netlake has, and more": lambda found, kind, data: any(
        one and one in data for one in (found.contents.get(digest, b"") for digest in found.ours[kind])
    ),
}
MORE: dict[str, More] = {
    "not complete": lambda _, __, row: not row["complete"],
    "tshark has a part of it": lambda found, kind, row: any(
        data and data in found.contents.get(row["sha256"], b"") for data in found.theirs[kind].values()
    ),
    "tshark does not remove the content coding": lambda _, __, row: row.get("coding") is not None,
    "tshark exports files of RETR and STOR only": lambda found, kind, row: (
        kind == "ftp-data" and found.commands.get((row["source_flow"], row["exchange"])) not in ("RETR", "STOR", None)
    ),
    "tshark takes the command behind PASV or EPSV for that of the file, here another one": lambda found, kind, row: (
        kind == "ftp-data" and behind_passive(found, row) not in ("RETR", "STOR", None)
    ),
    "tshark exports no mail that came with BDAT": lambda found, kind, row: (
        kind == "imf" and (row["flow"], row["transaction"]) in found.chunked
    ),
    "tshark exports no mail behind CONNECT": lambda found, kind, row: kind == "imf" and row["flow"] in found.tunnels,
    "tshark repeats the beginning of the mail within it": lambda found, kind, row: (
        kind == "imf" and row["complete"] and any(map(repeats, found.theirs["imf"].values()))
    ),
    "tshark exports responses and forms, not other requests": lambda _, __, row: row.get("source") == "http_request",
}


def exported(path: Path, folder: Path) -> dict[str, dict[str, bytes]]:
    """The objects that tshark exports, by kind and SHA-256; empty ones are left out."""
    preferences = (word for one in PREFERENCES for word in ("-o", one))
    wanted = (word for kind in KINDS for word in ("--export-objects", f"{kind},{folder / kind}"))
    command = ["tshark", "-n", "-Q", *preferences, "-r", str(path), *wanted]
    subprocess.run(command, capture_output=True, check=False)
    files = {kind: [one.read_bytes() for one in (folder / kind).glob("*") if one.is_file()] for kind in KINDS}
    return {kind: {sha256(one).hexdigest(): one for one in found if one} for kind, found in files.items()}


def read(path: Path) -> Capture:
    """The objects of a capture; NetlakeError if netlake cannot read it."""
    found = Capture(raw=raw(path))
    with tempfile.TemporaryDirectory() as folder:
        rows = netlake.decode(path, include=TABLES, extract_files=Path(folder) / "ours")
        for row in rows["file"].to_pylist() if "file" in rows else ():
            kind = SOURCES.get(row["source"])
            if kind is not None and row["size"]:
                found.ours[kind][row["sha256"]] = row
        for row in rows["mail"].to_pylist() if "mail" in rows else ():
            digest = row["sha256"] or f"incomplete {row['packet']}"
            found.ours["imf"][digest] = {
                "complete": row["complete"],
                "sha256": digest,
                "flow": row["flow"],
                "transaction": row["transaction"],
            }
        for row in rows["smtp_transaction"].to_pylist() if "smtp_transaction" in rows else ():
            if row["data_size"] is not None and row["data_code"] is None:
                found.chunked.add((row["flow"], row["transaction"]))
        for row in rows["connection"].to_pylist() if "connection" in rows else ():
            found.tunnels |= {row["flow"]} if len(row["service"]) > 1 else set()
        for row in rows["ftp_command"].to_pylist() if "ftp_command" in rows else ():
            found.commands[row["flow"], row["exchange"]] = row["command"]
        for name in ("http_request", "http_response"):
            found.bodies |= set(rows[name]["body_sha256"].to_pylist()) if name in rows else set()
        stored = Path(folder) / "ours"
        found.contents = {one.name: one.read_bytes() for one in stored.glob("*")} if stored.exists() else {}
        found.theirs = exported(path, Path(folder))
    return found


def compared(path: Path) -> tuple[Counter[str], list[str]]:
    """Outcomes of a capture's objects, and sentences about differences."""
    try:
        if not any(hint in raw(path) for hint in HINTS):
            return Counter({"captures without objects": 1}), []
        found = read(path)
    except NetlakeError:
        return Counter({"captures not read by netlake": 1}), []
    outcomes, lines = Counter({"captures compared": 1}), list[str]()
    for digest, data in list(found.theirs["imf"].items()):
        same = next((one for one in as_sent(data) if one in found.ours["imf"]), None)
        if same is not None and same != digest:
            del found.theirs["imf"][digest], found.ours["imf"][same]
            outcomes[
                "imf: equal but for the dots of transport and the last line end, which tshark exports as sent"
            ] += 1
    for kind in KINDS:
        ours, theirs = found.ours[kind], found.theirs[kind]
        outcomes[f"{kind}: equal"] += len(ours.keys() & theirs.keys())
        for digest in theirs.keys() - ours.keys():
            why = next((why for why, test in LACKING.items() if test(found, kind, theirs[digest])), None)
            outcomes[f"{kind}: tshark only, {why or 'different'}"] += 1
            if why is None:
                lines.append(f"{path.name}: {kind} {digest[:12]} of tshark, {theirs[digest][:60]!r}")
        for digest in ours.keys() - theirs.keys():
            why = next((why for why, test in MORE.items() if test(found, kind, ours[digest])), None)
            outcomes[f"{kind}: netlake only, {why or 'different'}"] += 1
            if why is None:
                row = {name: ours[digest].get(name) for name in ("packet", "source", "name", "size")}
                lines.append(f"{path.name}: {kind} {digest[:12]} of netlake, {row}")
    return outcomes, lines


def behind_passive(found: Capture, row: dict[str, Any]) -> str | None:
    """The command behind the last PASV or EPSV before that of a file; None without one."""
    flow, exchange = row["source_flow"], row["exchange"] or 0
    for number in range(exchange - 1, -1, -1):
        if found.commands.get((flow, number)) in ("PASV", "EPSV"):
            return found.commands.get((flow, number + 1))
    return None


def repeats(data: bytes) -> bool:
    """Whether the first header line of a mail is in it several times, with the whole of the next one."""
    begin = b"\n".join(data.split(b"\n")[:2])
    return len(begin) > 20 and data.count(begin) > 1


def as_sent(data: bytes) -> list[str]:
    """The hashes that a mail of tshark can have: the dots of RFC 5321 section 4.5.2 are in it, the last CRLF is not."""
    plain = re.sub(rb"(?m)^\.", b"", data)
    return [sha256(one).hexdigest() for one in (data, data + b"\r\n", plain, plain + b"\r\n")]


def raw(path: Path) -> bytes:
    """The bytes of a capture file, uncompressed."""
    data = path.read_bytes()
    try:
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError):
        return data


def main(arguments: list[str] | None = None) -> int:
    """Compare the captures of a folder; 1 if a difference is not explained."""
    parser = argparse.ArgumentParser(description="Compare files with those of tshark --export-objects.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=0, help="compare about so many captures (default: all)")
    parser.add_argument(
        "--only", default="", help="compare captures whose names have one of these words, such as ftp,smtp"
    )
    parser.add_argument("--largest", type=float, default=20.0, help="skip larger files (MB)")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    words = chosen.only.lower().split(",")
    named = (
        one for one in capture_files(chosen.folder, chosen.largest) if any(word in one.name.lower() for word in words)
    )
    paths = sampled(named, chosen.sample)
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for outcomes, lines in pool.map(compared, paths):
            total += outcomes
            for line in lines:
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    for outcome, count in sorted(total.items()):
        sys.stdout.write(f"{count:9,}  {outcome}\n")
    return 1 if any("different" in outcome for outcome in total) else 0


if __name__ == "__main__":
    sys.exit(main())
