"""Names of files: new ones, and how they come to be on disk for good."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path


def uuid7() -> str:
    """A UUID of version 7 (RFC 9562): sorted by time of making, 74 bits at random."""
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents, each durable in its own parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def put_in_place(temporary: Path, final: Path) -> None:
    """Give the file its final name; FileExistsError if that is taken."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT, some network shares): reserve the name, then take it
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        temporary.replace(final)
    else:
        temporary.unlink()
