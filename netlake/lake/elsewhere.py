"""Lakes whose catalog or data are not in the lake's folder: the file `lake.toml` in it says where they are.

    catalog = "postgresql://user@host/database"
    data = "/mnt/lake/data/"

`catalog` is a URL of libpq without password. `data` is the folder of the data files; the catalog records it, so it is
needed only when the lake is created; it may be `s3://bucket/prefix`, see `remote`. A folder without this file has both
in itself.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from netlake.errors import LakeError, OptionError
from netlake.lake import remote

NAME = "lake.toml"
# the file in a place for data that says whose it is
CLAIM = ".netlake-lake"
SCHEMES = ("postgresql", "postgres")
# what libpq, the resolver of names and TLS read
_RESOLVER = (
    "/etc/passwd", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/services", "/etc/ssl",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where the catalog and the data of a lake are; None for its own folder."""

    catalog: str | None = None
    data: str | None = None


def read(folder: Path) -> Elsewhere:
    """What the file in a lake's folder says; LakeError if it is not as this module writes it."""
    path = folder / NAME
    if not path.is_file():
        return Elsewhere()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        wrong = found.keys() - {"catalog", "data"} or [key for key, text in found.items() if not isinstance(text, str)]
        if wrong:
            raise LakeError(f"{path} has an unknown or invalid key {min(wrong)}; it may have `catalog` and `data`.")
        known = Elsewhere(**found)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LakeError(f"{path} is not TOML: {error}.") from error
    check(known)
    return known


def needed(folder: Path) -> tuple[list[str], list[int]]:
    """What a process needs to read a lake beside its folder: (files and folders, TCP ports)."""
    found = read(folder)
    if found == Elsewhere():
        return [], []
    from netlake.lake.opened import OpenLake

    home, ports = Path.home(), []
    places = [os.environ.get("PGPASSFILE", str(home / ".pgpass")), str(home / ".postgresql"), *_RESOLVER]
    if found.catalog is not None:
        from psycopg.conninfo import conninfo_to_dict

        given = str(conninfo_to_dict(found.catalog).get("port") or os.environ.get("PGPORT") or 5432)
        ports += [int(port or 5432) for port in given.split(",") if not port or port.isdecimal()]
    base = OpenLake(folder, readonly=True).base
    if not remote.is_remote(base):
        return [*places, base], ports
    own, more = remote.needed()
    return [*places, *own], [*ports, *more]


def check(elsewhere: Elsewhere) -> None:
    """OptionError for a URL that is not one of PostgreSQL, or that has a password."""
    if elsewhere.catalog is None:
        return
    url = urlsplit(elsewhere.catalog)
    if url.scheme not in SCHEMES:
        raise OptionError(
            f"{_without_password(elsewhere.catalog)!r} is not a catalog; give a URL such as"
            " postgresql://user@host/database."
        )
    if url.password or "password=" in url.query:
        raise OptionError(
            "The URL of the catalog has a password, which would be stored; leave it out, and set PGPASSWORD or write it"
            " to ~/.pgpass."
        )


def claim(base: str, owner: str) -> None:
    """Note in a place for data whose it is; LakeError if it is that of another lake, whose files `gc` would delete."""
    text = f"{owner}\n"
    if remote.is_remote(base):
        found = remote.claimed(f"{base}/{CLAIM}", text)
    else:
        path = Path(base) / CLAIM
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, encoding="utf-8")
        found = path.read_text(encoding="utf-8")
        inside = next(
            (one for one in path.parent.parents if (one / CLAIM).exists() or (one / "catalog.sqlite").exists()), None
        )
        if inside is not None:
            raise LakeError(f"{base} is inside the data of another lake, {inside}; choose another place for the data.")
    if found != text:
        raise LakeError(
            f"{base} has the data of another lake ({found.strip()}); choose another place, or give several machines one"
            " --catalog."
        )


def _without_password(url: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:...@", url)


def write(folder: Path, elsewhere: Elsewhere) -> list[Path]:
    """Write the file; LakeError if it exists with other content, or if the folder has a lake. Returns what is new."""
    path = folder / NAME
    lines = [f"{key} = {json.dumps(text)}\n" for key in ("catalog", "data") if (text := getattr(elsewhere, key))]
    text = "# where the catalog and the data of this lake are, see docs/lake.md\n" + "".join(lines)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise LakeError(f"{path} names another catalog; choose another folder.")
    if (folder / "catalog.sqlite").exists():
        raise LakeError(f"{folder} has a lake with its own catalog; choose another folder.")
    new = [one for one in (path, folder) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return new


def unwrite(folder: Path, new: list[Path]) -> None:
    """Remove what `write` made, after the catalog could not be opened."""
    for path in new:
        if path == folder:
            with suppress(OSError):  # not empty
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
