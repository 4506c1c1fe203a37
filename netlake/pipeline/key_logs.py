"""Reads key logs (option `--keylog`) when the decoding of a capture begins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from netlake.errors import OptionError
from netlake.layers.key_log import Secrets

# bytes that are read at once
PART = 1 << 20


def secrets_in(paths: Iterable[str]) -> Secrets:
    """The secrets of all logs; OSError if one cannot be read."""
    secrets = Secrets()
    for path in paths:
        rest = b""
        with Path(path).open("rb") as file:
            while part := file.read(PART):
                rest = secrets.add(part, rest)
        secrets.add_line(rest)
    return secrets


def checked(paths: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """The absolute paths of logs; OptionError for one that cannot be read."""
    found = []
    for path in paths:
        try:
            with Path(path).open("rb"):
                found.append(str(Path(path).resolve()))
        except OSError as error:
            raise OptionError(f"The key log {path} cannot be read: {error.strerror}; name another file.") from error
    return tuple(dict.fromkeys(found))
