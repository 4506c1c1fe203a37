"""Pieces of a stream that wait for the bytes before them (CRYPTO and STREAM frames of QUIC, fragments of DTLS).

A piece is known by its offset in the stream. Of bytes that are there twice the first ones are kept, as in TCP streams,
so that pieces do not overlap. `most_bytes` and `most_pieces` bound what waits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

Origin = TypeVar("Origin")
# bytes of memory that a piece takes besides its data
OVERHEAD = 256


class Piece(NamedTuple, Generic[Origin]):
    """Bytes that wait: their offset, and the packet that carries them."""

    begin: int
    data: bytes
    origin: Origin


class Pieces(Generic[Origin]):
    """What waits of one stream, in order of the offsets; `held` are its bytes."""

    __slots__ = ("held", "most_bytes", "most_pieces", "waiting")

    def __init__(self, most_bytes: int, most_pieces: int) -> None:
        self.most_bytes, self.most_pieces = most_bytes, most_pieces
        self.waiting: list[Piece[Origin]] = []
        self.held = 0

    def __len__(self) -> int:
        return len(self.waiting)

    @property
    def cost(self) -> int:
        """The memory of all that waits, in bytes."""
        return self.held + OVERHEAD * len(self.waiting)

    @property
    def first(self) -> int | None:
        """The offset of the first byte that waits."""
        return self.waiting[0].begin if self.waiting else None

    def due(self, reached: int) -> Iterator[Piece[Origin]]:
        """Take the pieces that begin at offset `reached`, or before it; the caller changes it with each piece."""
        while self.waiting and self.waiting[0].begin <= reached:
            piece = self.waiting.pop(0)
            self.held -= len(piece.data)
            yield piece
            reached = max(reached, piece.begin + len(piece.data))

    def keep(self, offset: int, data: bytes, origin: Origin) -> bool:
        """Keep what is not known of a piece; False if there is no room for all of it."""
        at, end = offset, offset + len(data)
        index = bisect_right(self.waiting, at, key=lambda piece: piece.begin + len(piece.data))
        while at < end:
            after = self.waiting[index] if index < len(self.waiting) else None
            stop = end if after is None else min(end, after.begin)
            if stop > at:
                if self.held + stop - at > self.most_bytes or len(self.waiting) >= self.most_pieces:
                    return False
                self.waiting.insert(index, Piece(at, data[at - offset : stop - offset], origin))
                self.held += stop - at
                index += 1
            at = end if after is None else after.begin + len(after.data)
            index += 1
        return True

    def clear(self) -> None:
        """Forget all."""
        self.waiting.clear()
        self.held = 0
