"""Whether a capture that is offered is in the lake already, and which id it gets: by content, not by id alone.

The id of a file comes from samples of it, so that rows can have it before the file is read; files that differ elsewhere
have one id. A capture must neither be lost because another has its id, nor be in the lake twice. Rules:

- The id with a salt 0 is the id itself; `salted` derives further ids. A capture is looked for under all its salted ids,
  and under the id that netlake 0.1 gave it; it gets the first of its salted ids that no capture in the lake has.
- Two captures with one id are the same if their files have the same paths and were not written since (`stamp`), else if
  their SHA-256 is equal. If one was captured without SHA-256, both are computed now: of the offered files, and of the
  originals of the stored capture if these were not written since.
- A BPF expression makes another capture of a file, whose id is computed from both (netlake.sources.bpf); it has
  no SHA-256 in the lake, and that of the file in its report.
- What cannot be compared is treated as another capture: it is added under a salted id, which a notice reports. Two
  exceptions: for the same path, `replace` replaces; and of a capture by netlake 0.1, which has no stamp, the same path
  and id are enough.

Comparing reads files, so it happens before decoding and outside of transactions. Another process may commit the same id
in between: `catalog.commit` raises CollisionError then, and the caller asks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netlake.errors import LakeError
from netlake.lake.facts import CaptureFacts, Stored
from netlake.spelling import normal, unspelled

# most captures with one id; a lake with more is refused, as finding a free id would take ever longer
SALTS = 64
STAMPS = "stamps"  # key in a capture's report: the stamps of its files


class CollisionError(LakeError):
    """Another capture got the id since the capture was looked for; look again."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A capture of files that is to be added.

    `capture` is the id by its samples, `former` that of netlake 0.1; `path` and `stamps` are as they will be stored,
    `files` open them.
    """

    capture: str
    former: str
    path: str
    stamps: Sequence[str]
    files: Sequence[Path]

    def ids(self) -> list[str]:
        """The ids under which the capture may be in a lake, the former one last."""
        return list(dict.fromkeys([*(salted(self.capture, salt) for salt in range(SALTS)), self.former]))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an offered capture belongs: `capture` is its id, `stored` the same capture in the lake.

    `seen` is the snapshot that was looked at; `other` is another capture that has the id of its samples, and `compared`
    whether its content was found to differ, by SHA-256; else it could not be compared.
    """

    capture: str
    seen: int
    stored: Stored | None = None
    other: Stored | None = None
    compared: bool = False


def salted(capture: str, salt: int) -> str:
    """The id number `salt` of a capture; 0 is the id itself."""
    if not salt:
        return capture
    return hashlib.blake2b(bytes.fromhex(capture) + salt.to_bytes(2, "big"), digest_size=8).hexdigest()


def place(offer: Offer, stored: Sequence[Stored], seen: int, *, replace: bool) -> Place:
    """Where `offer` belongs; `stored` are the captures with one of its ids at the snapshot `seen`."""
    found = {entry.facts.capture: entry for entry in stored}
    content = Content(offer)
    for capture in offer.ids():
        if capture in found and content.is_of(found[capture].facts, replace=replace):
            return Place(capture, seen, found[capture])
    for salt in range(SALTS):
        if (capture := salted(offer.capture, salt)) not in found:
            other = found.get(offer.capture)
            return Place(capture, seen, None, other, other is not None and other.facts.capture in content.compared)
    raise LakeError(f"{offer.path} has the id of {SALTS} other captures in the lake; decode it into another lake.")


class Content:
    """The content of offered files, compared with captures in the lake; their hash is computed once, if at all."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.compared: set[str] = set()  # captures with another SHA-256
        self._sha256: str | None = None

    def is_of(self, there: CaptureFacts, *, replace: bool) -> bool:
        """Whether the files are those of the stored capture."""
        here, stamps = self.offer, there.report.get(STAMPS)
        if here.path == there.path and stamps == list(here.stamps):
            return True
        sha256 = there.sha256 or _of_originals(there)
        if sha256 is not None:
            self._sha256 = self._sha256 or sha256_of(here.files)
            if self._sha256 != sha256:
                self.compared.add(there.capture)
            return self._sha256 == sha256
        return (replace or stamps is None) and here.path.split("\n") == [normal(path) for path in _paths(there)]


def _of_originals(there: CaptureFacts) -> str | None:
    """The SHA-256 of a stored capture's originals; None unless they are there and were not written since."""
    from netlake.sources.raw import stamp_of  # imports NumPy

    paths = _paths(there)
    try:
        if [stamp_of(path.stat()) for path in paths] != there.report.get(STAMPS):
            return None
        return sha256_of(paths)
    except OSError:
        return None


def _paths(there: CaptureFacts) -> list[Path]:
    return [Path(unspelled(line)) for line in there.path.split("\n")]


def sha256_of(files: Sequence[Path]) -> str:
    """The SHA-256 of a file; of several, that of their SHA-256 in order, as sources compute it."""
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()
