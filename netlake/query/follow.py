"""Follow: the content of one flow, from the packets of its original.

Only the packets of the flow are read (netlake.originals.selected), and reassembled again (netlake.originals.payloads).
A flow of the lake is found in them by its addresses and ports; packets of a tunnel carry several flows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from netlake.errors import OptionError
from netlake.lake.facts import CaptureFacts
from netlake.originals import opened, selected
from netlake.originals.carved import wanted
from netlake.originals.payloads import TCP, UDP, Ends, Payloads, Piece
from netlake.query.carve import Originals, numbered
from netlake.query.carving import Carving
from netlake.query.connection import Connection
from netlake.query.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow of the lake: the capture, its number, and its ends."""

    facts: CaptureFacts
    number: int
    ends: Ends


def found(snapshot: Snapshot, connection: Connection, number: int) -> Flow:
    """The flow with this number; OptionError if there is none, several captures, or neither TCP nor UDP in it."""
    numbered(snapshot, "--flow")
    columns = "capture, protocol, orig_ip, orig_port, resp_ip, resp_port"
    relation, _ = connection.run(f"SELECT {columns} FROM connection WHERE flow = {int(number)}", snapshot)  # noqa: S608
    rows = relation.fetchall()
    if not rows:
        raise OptionError(f"--flow: the lake has no flow {number}; table connection has their numbers.")
    capture, protocol, orig_ip, orig_port, resp_ip, resp_port = rows[0]
    if protocol not in (TCP, UDP):
        raise OptionError(f"--flow: flow {number} has IP protocol {protocol}; only TCP (6) and UDP (17) have content.")
    facts = next(facts for facts in snapshot.captures() if facts.capture == capture)
    return Flow(facts, number, Ends(protocol, (orig_ip, orig_port), (resp_ip, resp_port)))


def pieces(flow: Flow, snapshot: Snapshot, connection: Connection, originals: Originals) -> Iterator[Piece]:
    """The content of a flow in the order in which it is due; `flow` of each piece is arbitrary.

    InputError if the original is gone or was changed.
    """
    paths = opened.files_of(flow.facts, originals.folder, verified=originals.verified)
    selection = Carving(flows=[flow.number]).selection(snapshot, connection)
    relation, _ = connection.run(selection.sql, snapshot)
    packets = wanted(relation.to_arrow_table())
    originators: list[tuple[str | None, int]] = []

    def chosen(ends: Ends) -> bool:
        same = ends.protocol == flow.ends.protocol and set(ends[1:]) == set(flow.ends[1:])
        originators.extend([ends.originator] if same else [])
        return same

    reader = Payloads(chosen=chosen)
    read = (reader.batch(selected.only(part, packets)) for part in selected.parts(flow.facts, paths, packets))
    for piece in chain(chain.from_iterable(read), reader.finish()):
        if not piece.is_end:
            yield _turned(piece, originators, flow)


def _turned(piece: Piece, originators: list[tuple[str | None, int]], flow: Flow) -> Piece:
    """A piece with the direction as in the lake, where the whole capture decided who the originator is."""
    if originators[0] != flow.ends.originator:
        piece.from_originator = not piece.from_originator
    return piece
