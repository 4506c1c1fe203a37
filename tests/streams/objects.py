"""Compares the files of streams with those that `tshark --export-objects` writes, by their SHA-256.

    python -m tests.streams.objects CAPTURES [--sample N] [--only WORDS] [--largest MB] [--jobs N] [--report FILE]

Objects of tshark: http (contents without content coding), ftp-data, tftp, imf (whole mails). Of netlake: rows of `file`
by their source, and for imf the hash of `mail`. Captures are compared whose bytes show one of these protocols (HINTS).
An object that only one of them has is explained by a condition of tests.streams.object_reasons, checked for that
object; others are listed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path

from netlake.errors import NetlakeError
from tests.compare.tshark import version
from tests.flows.count import capture_files
from tests.streams.exported import KINDS, raw, read
from tests.streams.follow import sampled
from tests.streams.object_reasons import lacking, more

# bytes of captures that can have objects
HINTS = (b"HTTP/1.", b"DATA\r\n", b"BDAT ", b"PORT ", b"PASV", b"EPSV", b"octet\0", b"netascii\0")
# what a difference without a reason is called
UNEXPLAINED = ", different"
SENT = "imf: equal but for the dots of transport and the last line end, which tshark exports as sent"


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
            outcomes[SENT] += 1
    for kind in KINDS:
        ours, theirs = found.ours[kind], found.theirs[kind]
        outcomes[f"{kind}: equal"] += len(ours.keys() & theirs.keys())
        for digest in theirs.keys() - ours.keys():
            why = lacking(found, kind, theirs[digest])
            outcomes[f"{kind}: tshark only, {why or 'different'}"] += 1
            if why is None:
                lines.append(f"{path.name}: {kind} {digest[:12]} of tshark, {theirs[digest][:60]!r}")
        for digest in ours.keys() - theirs.keys():
            why = more(found, kind, ours[digest])
            outcomes[f"{kind}: netlake only, {why or 'different'}"] += 1
            if why is None:
                row = {name: ours[digest].get(name) for name in ("packet", "source", "name", "size")}
                lines.append(f"{path.name}: {kind} {digest[:12]} of netlake, {row}")
    return outcomes, lines


def as_sent(data: bytes) -> list[str]:
    """The hashes that a mail of tshark can have: the dots of RFC 5321 section 4.5.2 are in it, the last CRLF is not."""
    plain = re.sub(rb"(?m)^\.", b"", data)
    return [sha256(one).hexdigest() for one in (data, data + b"\r\n", plain, plain + b"\r\n")]


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
    parser.add_argument("--report", type=Path, help="write a page with the outcomes, if all captures are compared")
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
    if chosen.report and not chosen.only and not chosen.sample:
        chosen.report.write_text("\n".join(page(total, version())) + "\n", encoding="utf-8")
    return 1 if any(outcome.endswith(UNEXPLAINED) for outcome in total) else 0


def page(total: Counter[str], shark: str) -> Iterator[str]:
    """The lines of the page with the outcomes of all captures."""
    unexplained = sum(count for outcome, count in total.items() if outcome.endswith(UNEXPLAINED))
    yield from (
        "# Files compared with tshark",
        "",
        f"Written by `make objects` with tshark {shark}; see `tests/streams/objects.py`.",
        "Files that netlake has of streams and datagrams are compared with those that `tshark --export-objects`",
        "writes, by their SHA-256: http (without content coding), ftp-data, tftp and imf (whole mails). An object that",
        "only one of the programs has is explained by a condition that is checked for that object, in the bytes of",
        "its stream or by another run of tshark: `tests/streams/object_reasons.py`. One without a reason is an error.",
        "",
        f"{total['captures compared']:,} captures were compared; {total['captures without objects']:,} more show none",
        "of these protocols.",
        f"{sum(count for outcome, count in total.items() if 'equal' in outcome):,} objects are equal.",
        f"{unexplained:,} differences have no reason.",
        "",
        "| objects | only in | reason | number |",
        "|---|---|---|---:|",
    )
    for outcome, count in sorted(total.items()):
        kind, _, rest = outcome.partition(": ")
        if rest and count:
            where, comma, why = rest.partition(" only, ")
            yield f"| {kind} | {where if comma else ''} | {why if comma else rest} | {count:,} |"


if __name__ == "__main__":
    sys.exit(main())
