"""Hellos of TLS by column (RFC 8446 section 4.1): where the fields are, all lists of numbers, and fingerprints.

- A hello that ends early keeps the fields before its end, as far as they are whole; only a whole one has fingerprints.
- Servers of the drafts of TLS 1.3 to 21 send version 0x7fxx, and neither session ID nor compression method.
- A ClientHello of DTLS has a cookie behind the session ID (RFC 6347 section 4.2.1), which has no column here.
- A ClientHello in the format of SSL 2.0 (RFC 5246 appendix E.2) has other fields: cipher suites of three bytes, of
  which those that begin with 0 are suites of TLS. It has no fingerprints.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16
from netlake.kernels.tls_extensions import (  # noqa: F401 - in signatures
    HELLO,
    MOST_EXTENSIONS,
    NONE,
    Into,
    add_list,
    add_number,
    extension,
    note,
)
from netlake.kernels.tls_fingerprint import write_ja3, write_ja3s, write_ja4
from netlake.kernels.tls_state import Transport
from netlake.schema.faults import BAD_LENGTH, CUT, SHORT_HEADER, TOO_LARGE

RANDOM = 32
# first byte of the version of drafts of TLS 1.3; record version of a hello in the format of SSL 2.0
DRAFT, SSL_2 = 0x7F, 0x0002


@kernel()
def ended(hello, missing, fault):
    """The hello ends here: `fault`, or `cut` if bytes are missing from the capture."""
    note(hello, CUT if missing > 0 else fault)
    return np.int64(NONE)


@kernel()
def vector(at, size, end, missing, hello):
    """The end of `size` bytes at `at`; NONE if the message has fewer."""
    if size > end - at + missing:
        note(hello, BAD_LENGTH)
        return np.int64(NONE)
    return at + size if size <= end - at else ended(hello, missing, SHORT_HEADER)


@kernel()
def clear(hello, into):
    """A hello without fields."""
    used = into.used[0]
    for span in (hello.random, hello.session_id, hello.server_name, hello.ja3, hello.ja4, hello.suites, hello.rest):
        span.start = span.end = NONE
    for span in (
        hello.cipher_suites, hello.compression, hello.extensions, hello.groups, hello.point_formats, hello.signatures,
        hello.supported_versions, hello.psk_modes, hello.key_shares,
    ):  # fmt: skip
        span.start = span.end = used.numbers
    hello.alpn.start = hello.alpn.end = used.names
    hello.version = hello.psk_identities = hello.psk_identity = NONE
    hello.ech_type = hello.ech_config = hello.ech_kdf = hello.ech_aead = NONE
    hello.whole = hello.fault = 0


@kernel()
def fixed(data, at, end, missing, server, hello):
    """Version, random and session ID; the offset behind them, NONE if the hello ends before."""
    if end - at >= 2:
        hello.version = u16(data, at)
    if end - at < 2 + RANDOM:
        return ended(hello, missing, SHORT_HEADER)
    at += 2
    hello.random.start, hello.random.end = at, at + RANDOM
    at += RANDOM
    if server and hello.version >> 8 == DRAFT:
        return at
    if end - at < 1:
        return ended(hello, missing, SHORT_HEADER)
    after = vector(at + 1, np.int64(data[at]), end, missing, hello)
    if after >= 0:
        hello.session_id.start, hello.session_id.end = at + 1, after
    return after


@kernel()
def offered(data, at, end, missing, hello, into):
    """Cipher suites and compression methods of a client; the offset behind them, NONE if the hello ends before."""
    if end - at < 2:
        return ended(hello, missing, SHORT_HEADER)
    after = vector(at + 2, u16(data, at), end, missing, hello)
    if after < 0:
        return after
    if not add_list(data, at + 2, after, 2, hello.cipher_suites, into):
        note(hello, BAD_LENGTH)
        return np.int64(NONE)
    at = after
    if end - at < 1:
        return ended(hello, missing, SHORT_HEADER)
    after = vector(at + 1, np.int64(data[at]), end, missing, hello)
    if after >= 0:
        add_list(data, at + 1, after, 1, hello.compression, into)
    return after


@kernel()
def selected(data, at, end, missing, hello, into):
    """Cipher suite and compression method of a server; the offset behind them, NONE if the hello ends before."""
    if end - at >= 2:
        add_list(data, at, at + 2, 2, hello.cipher_suites, into)
        if hello.version >> 8 == DRAFT:
            return at + 2
    if end - at < 3:
        return ended(hello, missing, SHORT_HEADER)
    add_list(data, at + 2, at + 3, 1, hello.compression, into)
    return at + 3


@kernel()
def find_extensions(data, at, end, missing, hello, into):
    """The extensions, as `items` and as a list; the fault that ends them, 0 for none, TOO_LARGE if there are more."""
    hello.extensions.start = into.used[0].numbers
    fault, count = np.int64(TOO_LARGE), 0
    while count < MOST_EXTENSIONS:
        if at >= end and missing == 0:
            fault = np.int64(0)
            break
        if end - at < 4:
            fault = np.int64(CUT if missing > 0 else SHORT_HEADER)
            break
        size = u16(data, at + 2)
        if size > end - at - 4:
            fault = np.int64(BAD_LENGTH if size > end - at - 4 + missing else CUT)
            break
        item = into.items[count]
        item.kind, item.start, item.end = u16(data, at), at + 4, at + 4 + size
        add_number(into, item.kind)
        count += 1
        at += 4 + size
    hello.extensions.end = into.used[0].numbers
    return fault


@kernel()
def read_extensions(data, server, hello, into):
    """Read the `items`; of a type that is repeated the first one."""
    count = hello.extensions.end - hello.extensions.start
    for index in range(count):
        item = into.items[index]
        first = True
        for before in range(index):
            first = first and into.items[before].kind != item.kind
        if first and item.end > item.start:
            extension(data, item.kind, item.start, item.end, server, hello, into)


@kernel()
def cookie(data, at, end, missing, hello):
    """The offset behind the cookie of a client; NONE if the hello ends before."""
    if end - at < 1:
        return ended(hello, missing, SHORT_HEADER)
    return vector(at + 1, np.int64(data[at]), end, missing, hello)


@kernel()
def read_hello(data, at, end, missing, server, transport, hello, into):
    """Read the hello whose body is data[at:end] and `missing` bytes."""
    clear(hello, into)
    at = fixed(data, at, end, missing, server, hello)
    if at >= 0 and transport == Transport.DTLS and not server:
        at = cookie(data, at, end, missing, hello)
    if at >= 0:
        at = selected(data, at, end, missing, hello, into) if server else offered(data, at, end, missing, hello, into)
    if at < 0:
        return
    if end - at + missing == 0:
        hello.whole = 1
        return
    if end - at < 2:
        ended(hello, missing, SHORT_HEADER)
        return
    size = u16(data, at)
    at += 2
    if size > end - at + missing:
        note(hello, BAD_LENGTH)
        return
    after = min(at + size, end)
    fault = find_extensions(data, at, after, at + size - after, hello, into)
    read_extensions(data, server, hello, into)
    if fault != 0:
        note(hello, CUT if fault == SHORT_HEADER and missing > 0 else fault)
    if fault == 0 or fault == TOO_LARGE:
        hello.whole = at + size == end and missing == 0


@kernel()
def read_ssl_2(data, at, end, missing, hello, into):
    """Read the ClientHello in the format of SSL 2.0 whose body is data[at:end] and `missing` bytes."""
    clear(hello, into)
    if end - at >= 2:
        hello.version = u16(data, at)
    if end - at < 8:
        ended(hello, missing, SHORT_HEADER)
        return
    suites, session, challenge = u16(data, at + 2), u16(data, at + 4), u16(data, at + 6)
    at += 8
    if suites % 3 or suites + session + challenge != end - at + missing:
        note(hello, BAD_LENGTH)
        return
    for suite in range(at, min(at + suites, end - 2), 3):
        if data[suite] == 0:
            add_number(into, u16(data, suite + 1))
            hello.cipher_suites.end = into.used[0].numbers
    at += suites
    if at + session <= end:
        hello.session_id.start, hello.session_id.end = at, at + session
    at += session
    if at + challenge <= end:
        hello.random.start, hello.random.end = at, at + challenge
    if missing > 0:
        note(hello, CUT)


@kernel("void(uint8[::1], int64[::1], int64[::1], int32[::1], int32[::1], int32[::1], int64, HELLO[::1], Into)")
def read_hellos(data, start, end, missing, versions, transports, server, hellos, into):
    """Read the hellos whose bodies are data[start:end], of a server or of a client; `versions` are of their records.

    `transports` are numbers of Transport.
    """
    for index in range(start.size):
        hello = hellos[index]
        if versions[index] == SSL_2:
            read_ssl_2(data, start[index], end[index], missing[index], hello, into)
            continue
        read_hello(data, start[index], end[index], missing[index], server, transports[index], hello, into)
        if hello.whole == 0:
            continue
        if server:
            write_ja3s(hello, into)
        else:
            write_ja3(hello, into)
            write_ja4(data, hello, transports[index], into)
