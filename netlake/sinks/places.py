"""New unique file names, and durable renaming."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any


def uuid7() -> str:
    """A UUID of version 7 (RFC 9562): ordered by creation time, with 74 random bits."""
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable (fsync)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents, and make their names durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def put_in_place(temporary: Path, final: Path) -> None:
    """Rename `temporary` to `final`; FileExistsError if `final` exists."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links (FAT, some network shares): create `final`, then replace it
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        temporary.replace(final)
    else:
        temporary.unlink()


def opened(path: Path | str) -> Any:
    """What Arrow reads: the path, or an open object of an object store."""
    if not str(path).startswith("s3://"):
        return path
    import s3fs

    return s3fs.S3FileSystem().open(str(path), "rb")
