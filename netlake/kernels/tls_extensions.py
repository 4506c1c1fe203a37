"""Fields and extensions of TLS hellos: their records, and a reader for each extension that has columns.

The rules are those of netlake.layers.client_hello, the same reader message by message; this one adds key shares,
pre-shared keys and Encrypted Client Hello.

- Errors in extensions that only QUIC and DTLS have (transport parameters, SRTP) are not looked for.
- HELLO has the fields of one hello. Its lists are spans of `numbers`, an array that all hellos of a call share; names
  of ALPN are spans of the messages' buffer, in `names`; the texts of fingerprints are spans of `text`.
- A hello of n bytes has at most n numbers, n names and TEXT_FACTOR * n + TEXT_BASE bytes of text.
- Time is linear in the bytes of a hello, but for MOST_EXTENSIONS, and for sorting (n^1.3).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16
from netlake.kernels.dns import SPAN
from netlake.kernels.flow_state import Records
from netlake.packets import Bytes, Shorts
from netlake.schema.faults import BAD_OPTIONS

# as in netlake.layers.client_hello
MOST_EXTENSIONS = 512
TEXT_FACTOR, TEXT_BASE = 12, 128
RANDOM = 32
NONE = -1


class Extension(IntEnum):
    """Types of extensions (IANA) that are read."""

    SERVER_NAME = 0
    GROUPS = 10
    POINT_FORMATS = 11
    SIGNATURES = 13
    ALPN = 16
    DRAFT_KEY_SHARE = 40  # of the drafts of TLS 1.3 to 22
    PRE_SHARED_KEY = 41
    SUPPORTED_VERSIONS = 43
    PSK_MODES = 45
    KEY_SHARE = 51
    ECH = 0xFE0D


LISTS = (
    "cipher_suites", "compression", "extensions", "groups", "point_formats", "signatures", "supported_versions",
    "psk_modes", "key_shares",
)  # fmt: skip
NUMBERS = ("version", "psk_identities", "psk_identity", "ech_type", "ech_config", "ech_kdf", "ech_aead")
# spans of the buffer (`random`, `session_id`, `server_name`), of `numbers` (LISTS), of `names` (`alpn`) and of `text`
HELLO = np.dtype(
    [
        *((name, SPAN) for name in ("random", "session_id", "server_name", "alpn", *LISTS)),
        *((name, SPAN) for name in ("ja3", "ja4", "suites", "rest")),  # `suites` and `rest` are hashed in JA4
        *((name, np.int32) for name in NUMBERS),
        ("whole", np.int8),
        ("fault", np.int8),  # of the first extension that is malformed, else of the end
    ],
    align=True,
)


class Into(NamedTuple):
    """The arrays that all hellos of a call share, and how much of `numbers`, `names` and `text` is in use."""

    numbers: Annotated[Shorts, "int32[::1]"]
    names: Annotated[Records, "SPAN[::1]"]
    text: Annotated[Bytes, "uint8[::1]"]
    values: Annotated[Shorts, "int32[::1]"]  # scratch, for sorting
    items: Annotated[Records, "ITEM[::1]"]  # scratch, MOST_EXTENSIONS
    used: Annotated[Records, "USED[::1]"]


# an extension
ITEM = np.dtype([("start", np.int64), ("end", np.int64), ("kind", np.int64)], align=True)
USED = np.dtype([("numbers", np.int64), ("names", np.int64), ("text", np.int64)], align=True)


@kernel()
def note(hello, fault):
    """Set the fault of a hello that has none."""
    if hello.fault == 0:
        hello.fault = fault


@kernel()
def add_number(into, value):
    """Add a number to `numbers`."""
    used = into.used[0]
    into.numbers[used.numbers] = value
    used.numbers += 1


@kernel()
def add_list(data, at, end, width, span, into):
    """Add the numbers of `width` bytes in data[at:end], and set their span; whether none of them is incomplete."""
    span.start = into.used[0].numbers
    while at + width <= end:
        add_number(into, u16(data, at) if width == 2 else np.int64(data[at]))
        at += width
    span.end = into.used[0].numbers
    return at == end


@kernel()
def counted(data, at, end, prefix, width, span, hello, into):
    """A list after its length of `prefix` bytes, in an extension."""
    size = np.int64(-1)
    if end - at >= prefix:
        size = u16(data, at) if prefix == 2 else np.int64(data[at])
    if size < 0 or size > end - at - prefix or not add_list(data, at + prefix, at + prefix + size, width, span, into):
        note(hello, BAD_OPTIONS)


@kernel()
def server_name(data, at, end, hello):
    """The first host name of the list."""
    if end - at < 5:
        note(hello, BAD_OPTIONS)
        return
    at += 2
    while end - at >= 3:
        size = u16(data, at + 1)
        if size > end - at - 3:
            note(hello, BAD_OPTIONS)
            return
        if data[at] == 0 and hello.server_name.start < 0:
            hello.server_name.start, hello.server_name.end = at + 3, at + 3 + size
        at += 3 + size


@kernel()
def alpn(data, at, end, hello, into):
    """The names of protocols."""
    if end - at < 2 or u16(data, at) > end - at - 2:
        note(hello, BAD_OPTIONS)
        return
    at += 2
    used = into.used[0]
    while at < end:
        size = np.int64(data[at])
        if size > end - at - 1:
            note(hello, BAD_OPTIONS)
            break
        name = into.names[used.names]
        name.start, name.end = at + 1, at + 1 + size
        used.names += 1
        hello.alpn.end = used.names
        at += 1 + size


@kernel()
def key_shares(data, at, end, server, hello, into):
    """The groups of key shares (RFC 8446 section 4.2.8)."""
    span = hello.key_shares
    span.start = span.end = into.used[0].numbers
    if server:
        if end - at < 2:
            note(hello, BAD_OPTIONS)
            return
        add_number(into, u16(data, at))
        span.end += 1
        if end - at != 2 and (end - at < 4 or u16(data, at + 2) != end - at - 4):
            note(hello, BAD_OPTIONS)
        return
    if end - at < 2 or u16(data, at) > end - at - 2:
        note(hello, BAD_OPTIONS)
        return
    end = at + 2 + u16(data, at)
    at += 2
    while at < end:
        if at + 4 > end or at + 4 + u16(data, at + 2) > end:
            note(hello, BAD_OPTIONS)
            return
        add_number(into, u16(data, at))
        span.end += 1
        at += 4 + u16(data, at + 2)


@kernel()
def pre_shared_key(data, at, end, server, hello):
    """The number of identities of a client, the index of the one that a server selected (RFC 8446 section 4.2.11)."""
    if end - at < 2:
        note(hello, BAD_OPTIONS)
        return
    size = u16(data, at)
    if server:
        hello.psk_identity = size
        return
    hello.psk_identities = 0
    end, at = min(end, at + 2 + size), at + 2
    while at < end:
        if at + 6 > end or at + 6 + u16(data, at) > end:
            note(hello, BAD_OPTIONS)
            return
        hello.psk_identities += 1
        at += 6 + u16(data, at)


@kernel()
def encrypted_hello(data, at, end, server, hello):
    """Encrypted Client Hello (RFC 9849 section 5): outer with suite and configuration, or inner. Not of servers."""
    if server:
        return
    hello.ech_type = data[at]
    if data[at] != 0:
        return
    if end - at < 6:
        note(hello, BAD_OPTIONS)
        return
    hello.ech_kdf, hello.ech_aead, hello.ech_config = u16(data, at + 1), u16(data, at + 3), data[at + 5]


@kernel()
def extension(data, kind, at, end, server, hello, into):
    """Read an extension that is not empty, the first of its type."""
    if kind == Extension.SUPPORTED_VERSIONS and server:
        if not add_list(data, at, end, 2, hello.supported_versions, into):
            note(hello, BAD_OPTIONS)
    elif kind == Extension.SUPPORTED_VERSIONS:
        counted(data, at, end, 1, 2, hello.supported_versions, hello, into)
    elif kind == Extension.GROUPS:
        counted(data, at, end, 2, 2, hello.groups, hello, into)
    elif kind == Extension.POINT_FORMATS:
        counted(data, at, end, 1, 1, hello.point_formats, hello, into)
    elif kind == Extension.SIGNATURES:
        counted(data, at, end, 2, 2, hello.signatures, hello, into)
    elif kind == Extension.SERVER_NAME and not server:
        server_name(data, at, end, hello)
    elif kind == Extension.ALPN:
        alpn(data, at, end, hello, into)
    elif kind == Extension.KEY_SHARE or (
        kind == Extension.DRAFT_KEY_SHARE and hello.key_shares.start == hello.key_shares.end
    ):
        key_shares(data, at, end, server, hello, into)
    elif kind == Extension.PRE_SHARED_KEY:
        pre_shared_key(data, at, end, server, hello)
    elif kind == Extension.PSK_MODES and not server:
        counted(data, at, end, 1, 1, hello.psk_modes, hello, into)
    elif kind == Extension.ECH:
        encrypted_hello(data, at, end, server, hello)
