"""Captures with the same packets: copies under another name or packing, and files that grew.

Their bytes differ, so their ids and hashes do. Each capture has marks: digests of its first 1, 2, 4, 8, ... packets and
of all of them (`netlake.pipeline.marks` computes them). Rules:

- Two captures are alike if the digests at the greatest number of packets at which both have one are equal. Equal
  digests of all packets are the same packets; otherwise one capture begins with packets of the other.
- The digest covers time, lengths, link type and all bytes of each packet, so that files with equal digests have equal
  packets; what else a file has (comments, names, interfaces) may differ.
- Captures that are alike are reported, and both are kept: a user may want both.
- `netlake_packets` has the marks of the present captures only.
"""

# ruff: noqa: S608 - the names in statements are our own; values are bound
from __future__ import annotations

from netlake.lake.database import Session
from netlake.lake.facts import CaptureFacts


def forget(session: Session, capture: str) -> None:
    """Remove the marks of a capture."""
    if "netlake_packets" in session.tables():
        session.run("DELETE FROM netlake_packets WHERE capture = ?", (capture,))


def record(session: Session, facts: CaptureFacts) -> tuple[str, ...]:
    """Write the marks of a capture; return a sentence for each other capture that is like it."""
    forget(session, facts.capture)
    marks = facts.marks
    if not marks:
        return ()
    notes = _notes(session, facts)
    session.insert("netlake_packets", [(facts.capture, count, digest) for count, digest in sorted(marks.items())])
    return notes


def _notes(session: Session, facts: CaptureFacts) -> tuple[str, ...]:
    marks = facts.marks
    places = ", ".join("?" * len(marks))
    rows = session.rows(
        "SELECT p.capture, max(p.packets), c.packets, c.path FROM netlake_packets p"
        f" JOIN netlake_capture c USING (capture) WHERE p.digest IN ({places}) AND c.end_snapshot IS NULL"
        " GROUP BY p.capture, c.packets, c.path"
        " ORDER BY min(c.begin_snapshot), p.capture",
        tuple(marks.values()),
    )
    return tuple(
        _sentence(facts, capture, common, packets, path)
        for capture, common, packets, path in rows
        if common >= _greatest_common(facts.packets, packets)
    )


def _greatest_common(one: int, other: int) -> int:
    """The greatest number of packets at which captures of `one` and `other` packets both have a mark."""
    return one if one == other else 1 << (min(one, other).bit_length() - 1)


def _sentence(facts: CaptureFacts, capture: str, common: int, packets: int, path: str) -> str:
    other = f"capture {capture} ({CaptureFacts(capture, 'file', path).called})"
    remedy = f"remove one of them with `netlake captures rm {capture}` or `netlake captures rm {facts.capture}`"
    if common == facts.packets == packets:
        return f"{facts.called} has the same {common:,} packets as {other}: its rows are in the lake twice; {remedy}."
    return (
        f"{facts.called} begins with the same {common:,} packets as {other}, as a file that grew does: their rows are"
        f" in the lake twice; {remedy}."
    )
