"""Media types by the first bytes of a content: the signatures that the formats' own specifications give."""

from __future__ import annotations

from functools import lru_cache

# offset, bytes, media type; the first that fits counts
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (0, b"!<arch>\n", "application/x-archive"),
    (0, b"\xed\xab\xee\xdb", "application/x-rpm"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"dex\n", "application/vnd.android.dex"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"),
    (0, b"CWS", "application/x-shockwave-flash"),
    (0, b"FWS", "application/x-shockwave-flash"),
    (0, b"ZWS", "application/x-shockwave-flash"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"OggS", "application/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"\x00\x01\x00\x00\x00", "font/ttf"),
    (0, b"OTTO", "font/otf"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"-----BEGIN CERTIFICATE", "application/x-pem-file"),
    (0, b"#!", "text/x-shellscript"),
)
# types that follow RIFF, and the offset of a PE header in an executable of MS-DOS
RIFF_TYPES = ("image/webp", "audio/wav", "video/x-msvideo")
PE_OFFSET = 0x3C
# beginnings of texts, in lower case, behind blanks and a byte order mark
TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "text/html"), (b"<html", "text/html"), (b"<head", "text/html"), (b"<script", "text/html"),
    (b"<svg", "image/svg+xml"), (b"<?php", "text/x-php"), (b"<?xml", "application/xml"),
)  # fmt: skip
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


@lru_cache(1 << 10)
def type_of(first: bytes) -> str | None:
    """The media type of a content that begins with `first` (at most 512 bytes); None for an unknown one."""
    if not first:
        return None
    if first[:2] == b"MZ":
        at = int.from_bytes(first[PE_OFFSET : PE_OFFSET + 4], "little")
        is_pe = first[at : at + 4] == b"PE\0\0" or at >= len(first)
        return "application/vnd.microsoft.portable-executable" if is_pe else "application/x-dosexec"
    for at, signature, found in SIGNATURES:
        if first[at : at + len(signature)] == signature and (found not in RIFF_TYPES or first[:4] == b"RIFF"):
            return found
    return _text(first)


def _text(first: bytes) -> str | None:
    """The type of a text; None if it is none."""
    begin = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signature, found in TEXTS:
        if begin.startswith(signature):
            return found
    if _CONTROL.intersection(first):
        return None
    try:
        first.decode()
    except UnicodeDecodeError as error:
        if error.start < len(first) - 3:  # not a character that `first` cuts
            return None
    return "application/json" if begin[:1] in (b"{", b"[") and begin[1:2] in b'"{[ \r\n\t}]' else "text/plain"
