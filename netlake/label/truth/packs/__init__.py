"""Built-in packs: the published facts about the attacks in well-known data sets, as schedules of this package.

Each is NAME.yaml. Its `source` says where the facts come from, and each entry has its own source in its note where that
differs. docs/ground-truth.md lists what is not certain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from netlake.errors import OptionError
from netlake.query.names import unknown


def names() -> list[str]:
    """The names of all packs."""
    return sorted(file.name.removesuffix(".yaml") for file in resources.files(__name__).iterdir()
                  if file.name.endswith(".yaml"))  # fmt: skip


@contextmanager
def opened(name: str) -> Iterator[Path]:
    """The file of a pack for the block; OptionError with the nearest names if there is no such pack."""
    if name not in names():
        raise OptionError(
            str(unknown("built-in pack", name, names())).rstrip(".") + f"; packs are {', '.join(names())}."
        )
    with resources.as_file(resources.files(__name__) / f"{name}.yaml") as path:
        yield path


def title(name: str) -> str:
    """What a pack is about, in one line."""
    from netlake.label.truth import documents

    with opened(name) as path:
        return str(documents.load(path.read_bytes(), name)["title"])
