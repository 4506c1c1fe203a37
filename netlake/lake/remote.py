"""Data files in an object store: `s3://bucket/prefix`.

Theory of operation
- Files are written to the lake's folder first, as for a lake on a disk, and uploaded before the transaction that names
  them. The local copy is removed after it. An object is visible only when its upload is complete, and its name is used
  once, so that readers and writers need nothing else.
- DuckDB reads objects with the file system that is registered here, as its own extension cannot be loaded offline.
- Credentials, region and endpoint are those of boto3: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ~/.aws and so on.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from netlake.errors import LakeError

SCHEME = "s3://"
CHUNK = 8 << 20


def is_remote(place: str) -> bool:
    """Whether a path is that of an object."""
    return place.startswith(SCHEME)


def filesystem() -> Any:
    """The object store as an fsspec file system; LakeError without the extra netlake[s3]."""
    try:
        import s3fs
    except ImportError as error:
        raise LakeError("Data in an object store needs the extra netlake[s3]: install it with pip.") from error
    # lists are not kept, as other machines write too; an instance is per process and thread
    return s3fs.S3FileSystem(use_listings_cache=False)


def register(database: Any, places: Iterable[str]) -> None:
    """Let a DuckDB database read objects, if one of `places` is one."""
    if any(map(is_remote, places)) and "s3" not in database.list_filesystems():
        database.register_filesystem(_only_read(filesystem()))


# what changes objects, in fsspec and s3fs; those with an underscore are their asynchronous forms
_CHANGES = (
    "bulk_delete", "copy", "cp_file", "makedirs", "mkdir", "mkdirs", "move", "mv", "mv_file", "pipe",
    "pipe_file", "put", "put_file", "rename", "rm", "rm_file", "rmdir", "touch", "upload", "write_bytes", "write_text",
)  # fmt: skip


def _only_read(store: Any) -> Any:
    """A file system like `store` that refuses to change objects: the SQL of users must not reach a lake's data."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError("the data of a lake is only read")

    def only_read(self: Any, path: str, mode: str = "rb", *given: Any, **named: Any) -> Any:
        return refuse() if mode not in ("r", "rb") else type(store).open(self, path, mode, *given, **named)

    methods = {name: refuse for plain in _CHANGES for name in (plain, f"_{plain}")}
    made = type("OnlyRead", (type(store),), {**methods, "open": only_read})
    return made(use_listings_cache=False)


def options() -> dict[str, str]:
    """The options of Polars for the object store."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return {"aws_endpoint_url": endpoint, "aws_allow_http": "true"} if endpoint else {}


def needed() -> tuple[list[str], list[int]]:
    """(files, TCP ports) that a process needs to read objects."""
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "https://"))
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    return [str(Path.home() / ".aws")], [port]


class Store:
    """The objects below `base`, such as `s3://bucket/prefix`, of a lake whose local files are below `data`."""

    def __init__(self, base: str, data: Path) -> None:
        self.base, self.data = base.rstrip("/"), data

    def place(self, path: Path) -> str:
        """The object for a local file."""
        return f"{self.base}/{path.relative_to(self.data).as_posix()}"

    def upload(self, paths: Iterable[Path]) -> None:
        """Copy local files to their objects; LakeError if it fails."""
        store = filesystem()
        for path in paths:
            place = self.place(path)
            try:
                store.put_file(str(path), place)
                found = store.info(place)["size"]
            except Exception as error:  # of botocore, aiohttp and the system
                raise LakeError(f"{place} cannot be written: {error}") from error
            if found != path.stat().st_size:
                raise LakeError(f"{place} has {found} bytes instead of {path.stat().st_size} after it was written.")

    def delete(self, places: Iterable[str]) -> None:
        """Delete objects; those that do not exist are left out."""
        store = filesystem()
        for place in places:
            try:
                store.rm_file(place)
            except FileNotFoundError:
                continue
            except Exception as error:
                raise LakeError(f"{place} cannot be deleted: {error}") from error

    def old(self, ours: re.Pattern[str], grace: float) -> list[str]:
        """The objects with names like `ours` that were written `grace` seconds ago or earlier."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=grace)
        try:
            found = filesystem().find(self.base, detail=True)
        except FileNotFoundError:
            return []
        return [
            SCHEME + name
            for name, info in found.items()
            if ours.fullmatch(name.rpartition("/")[2]) and info["LastModified"] <= before
        ]


def claimed(place: str, text: str) -> str:
    """The text of a small object, which is written if there is none; LakeError if it cannot be."""
    store = filesystem()
    try:
        if not store.exists(place):
            store.pipe_file(place, text.encode())
        return str(store.cat_file(place).decode())
    except Exception as error:
        raise LakeError(f"{place} cannot be written: {error}") from error


def size(place: str) -> int | None:
    """The bytes of an object, None if there is none."""
    try:
        return int(filesystem().info(place)["size"])
    except FileNotFoundError:
        return None


def sha256(place: str) -> str:
    """The SHA-256 of an object."""
    digest = hashlib.sha256()
    with filesystem().open(place, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
