"""Files: what streams transferred, one row for each body, whatever the protocol.

Decided here:
- `name` is what the sender calls the file, else the last segment of the path that was requested; it is a text, never a
  path for files of this system.
- `size` and the hashes are of the content: the body without its content coding (gzip, deflate, br, zstd). Where the
  coding is broken, or decodes to more than is allowed, they are of what was decoded, and `decoded` is false; where
  nothing was decoded because the body is not what its coding says, they are of the body as sent.
- `seen_bytes` and `missing_bytes` are of the body as transferred; with a known length they are `total_bytes`.
- `detected_type` is found by the first 512 bytes of the content (netlake.layers.magic); the declared type has no
  influence on it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.layers.contents import Content
from netlake.layers.magic import type_of
from netlake.layers.spans import text_of
from netlake.packets import Columns, Ints, Mask, Nullable
from netlake.schema import Column, Message, Table

TABLES = (
    Table(
        "file",
        "One row for each file that was transferred, and for each part of a mail.",
        context="stream",
        message=Message(
            "file[ {name}][ {detected_type}| declared {declared_type}][, {size} B|, {seen_bytes} B seen] in {source}"
            "[, {missing_bytes?!0}{missing_bytes} B missing][, SHA-256 {sha256}|, SHA-1 {sha1}|, MD5 {md5}]",
            "files",
        ),
        columns=(
            Column("source", "word", "Table with the message that contains it."),
            Column("exchange", "i32", "Number of the exchange in the flow, as in `source`."),
            Column("source_flow", "i64", "Flow of that message, where it is another one (FTP, TFTP); else null."),
            Column("name", "text", "Name that the sender gave, else the last segment of the path requested."),
            Column("declared_type", "word", "Media type that the sender declared, without parameters, in lower case."),
            Column("detected_type", "word", "Media type by the first bytes of the content; null for an unknown one."),
            Column("coding", "word", "Content coding, such as gzip, or base64 in a mail; null without one."),
            Column("decoded", "bool", "Whether the content coding was removed completely; null without one."),
            Column("size", "i64", "Bytes of the content."),
            Column("seen_bytes", "i64", "Bytes of the body that were captured."),
            Column("missing_bytes", "i64", "Bytes of the body that were not captured, as far as its length is known."),
            Column("total_bytes", "i64", "Bytes of the body; null if its length is not known."),
            Column("complete", "bool", "Whether the whole body was captured."),
            Column("md5", "text", "MD5 of the content; null if not chosen.", encoding="plain"),
            Column("sha1", "text", "SHA-1 of the content; null if not chosen.", encoding="plain"),
            Column("sha256", "text", "SHA-256 of the content.", encoding="plain"),
            Column("stored", "bool", "Whether the content was stored; null if contents are not stored."),
        ),
        why="tshark has no table of files",
    ),
)
FILE = TABLES[0]
_NAME = re.compile(r'\bfilename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))', re.IGNORECASE)
_ENCODED = re.compile(r"\bfilename\*\s*=\s*([\w-]+)'[^']*'([^\s;]+)", re.IGNORECASE)


def file_columns(contents: list[Content], seen: Ints, missing: Ints, total: Nullable, complete: Mask) -> Columns:
    """The columns of files that follow from their contents and the bytes of their bodies."""
    sizes = np.array([content.content_size for content in contents], np.int64)
    columns: Columns = {
        "size": sizes, "seen_bytes": seen, "missing_bytes": missing, "total_bytes": total, "complete": complete,
        "detected_type": pa.array([type_of(content.first) for content in contents], pa.string()),
    }  # fmt: skip
    for name in ("md5", "sha1", "sha256"):
        columns[name] = pa.array([content.hashes.get(name) for content in contents], pa.string())
    stored = np.array([content.stored is not None for content in contents])
    if stored.any():
        columns["stored"] = Nullable(np.array([bool(content.stored) for content in contents]), stored)
    return columns


def decoded(contents: list[Content], coded: npt.NDArray[np.bool_]) -> Nullable:
    """The column `decoded`; `coded` are the contents with a content coding."""
    return Nullable(np.array([not content.broken for content in contents], np.bool_), coded)


def media_type(value: str | None) -> str | None:
    """A media type without its parameters, in lower case; None if it is empty."""
    return (value or "").partition(";")[0].strip().lower() or None


def name_in(disposition: str | None) -> str | None:
    """The file name of a Content-Disposition (RFC 6266): `filename*` before `filename`; None without one."""
    if disposition is None:
        return None
    if found := _ENCODED.search(disposition):
        try:
            return unquote(found[2], found[1], "strict")
        except (LookupError, UnicodeDecodeError):
            return text_of(unquote_to_bytes(found[2]))
    if found := _NAME.search(disposition):
        return re.sub(r"\\(.)", r"\1", found[1]) if found[2] is None else found[2]
    return None


def name_of_path(segment: bytes) -> str | None:
    """The last segment of a path as a name, without percent-encoding; None if it is empty."""
    return text_of(unquote_to_bytes(segment)) if segment else None
