"""The texts of the fingerprints JA3, JA3S and JA4 of TLS hellos, whose hashes are the columns.

The rules are those of netlake.layers.client_hello: GREASE is left out, but for point formats; JA4 sorts cipher suites
and extensions, without server name and ALPN, and keeps the order of signature algorithms.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.tls_extensions import Extension

# the versions of JA4 from old to new, and their names
VERSIONS = np.array([0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0xFEFF, 0xFEFD, 0xFEFC], np.int64)
VERSION_NAMES = np.frombuffer(b"s2s310111213d1d2d3", np.uint8).reshape(-1, 2)
# by number of Transport (netlake.kernels.tls_state): TCP, QUIC, DTLS
TRANSPORTS = np.frombuffer(b"tqd", np.uint8)
DASH, COMMA, UNDERSCORE, ZERO, HEX_LETTER = 45, 44, 95, 48, 87
# steps of the sort (Ciura)
STEPS = (86961, 31393, 11243, 4025, 1425, 513, 301, 132, 57, 23, 10, 4, 1)


@kernel()
def is_grease(value):
    """Whether a number of 16 bits is GREASE (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 255


@kernel()
def put(value, into):
    """Write one byte."""
    used = into.used[0]
    into.text[used.text] = value
    used.text += 1


@kernel()
def put_decimal(value, into):
    """Write a number >= 0 in decimal."""
    digits, rest = 1, value // 10
    while rest > 0:
        digits, rest = digits + 1, rest // 10
    used = into.used[0]
    for position in range(used.text + digits - 1, used.text - 1, -1):
        into.text[position] = ZERO + value % 10
        value //= 10
    used.text += digits


@kernel()
def put_digit(value, into):
    """Write one hexadecimal digit."""
    put(value + (ZERO if value < 10 else HEX_LETTER), into)


@kernel()
def put_hex(value, into):
    """Write a number of 16 bits as four hexadecimal digits."""
    for shift in range(12, -4, -4):
        put_digit(value >> shift & 15, into)


@kernel()
def put_dashed(span, grease, into):
    """Write the numbers of a span in decimal, with dashes between them; GREASE only with `grease`."""
    first = True
    for index in range(span.start, span.end):
        value = np.int64(into.numbers[index])
        if grease or not is_grease(value):
            if not first:
                put(DASH, into)
            put_decimal(value, into)
            first = False


@kernel()
def write_ja3(hello, into):
    """Write the text of JA3: version, cipher suites, extensions, groups and point formats."""
    hello.ja3.start = into.used[0].text
    put_decimal(np.int64(hello.version), into)
    put(COMMA, into)
    put_dashed(hello.cipher_suites, False, into)
    put(COMMA, into)
    put_dashed(hello.extensions, False, into)
    put(COMMA, into)
    put_dashed(hello.groups, False, into)
    put(COMMA, into)
    put_dashed(hello.point_formats, True, into)
    hello.ja3.end = into.used[0].text


@kernel()
def write_ja3s(hello, into):
    """Write the text of JA3S: version, cipher suite and extensions."""
    hello.ja3.start = into.used[0].text
    put_decimal(np.int64(hello.version), into)
    put(COMMA, into)
    put_dashed(hello.cipher_suites, True, into)
    put(COMMA, into)
    put_dashed(hello.extensions, False, into)
    hello.ja3.end = into.used[0].text


@kernel()
def gather(span, hashed, into):
    """Copy the numbers of a span to `values`, without GREASE; of `hashed` extensions those that JA4 hashes."""
    count = 0
    for index in range(span.start, span.end):
        value = np.int64(into.numbers[index])
        out = hashed and (value == Extension.SERVER_NAME or value == Extension.ALPN)
        if not out and not is_grease(value):
            into.values[count] = value
            count += 1
    return count


@kernel()
def put_sorted(count, into):
    """Sort `values` and write them in hexadecimal, with commas between them."""
    values = into.values
    for step in STEPS:
        for index in range(step, count):
            value, at = values[index], index
            while at >= step and values[at - step] > value:
                values[at] = values[at - step]
                at -= step
            values[at] = value
    for index in range(count):
        if index:
            put(COMMA, into)
        put_hex(np.int64(values[index]), into)


@kernel()
def rank_of(version):
    """The index of a version in VERSIONS, -1 if it is not among them."""
    for rank in range(VERSIONS.size):
        if VERSIONS[rank] == version:
            return rank
    return -1


@kernel()
def put_version(hello, into):
    """Write the newest version that is offered."""
    newest = -1
    for index in range(hello.supported_versions.start, hello.supported_versions.end):
        newest = max(newest, rank_of(np.int64(into.numbers[index])))
    if newest < 0:
        newest = rank_of(np.int64(hello.version))
    for position in range(2):
        put(np.int64(VERSION_NAMES[newest, position]) if newest >= 0 else ZERO, into)


@kernel()
def is_alphanumeric(value):
    """Whether a byte is an ASCII letter or digit."""
    return 48 <= value <= 57 or 65 <= value <= 90 or 97 <= value <= 122


@kernel()
def put_alpn(data, hello, into):
    """Write the ends of the first ALPN name: as they are, or if one is not alphanumeric in hexadecimal."""
    first = last = np.int64(ZERO)
    if hello.alpn.end > hello.alpn.start:
        name = into.names[hello.alpn.start]
        if name.end > name.start:
            first, last = np.int64(data[name.start]), np.int64(data[name.end - 1])
            if not is_alphanumeric(first) or not is_alphanumeric(last):
                put_digit(first >> 4, into)
                put_digit(last & 15, into)
                return
    put(first, into)
    put(last, into)


@kernel()
def put_count(count, into):
    """Write a count as two digits, at most 99."""
    count = min(count, 99)
    put(ZERO + count // 10, into)
    put(ZERO + count % 10, into)


@kernel()
def has_name(hello, into):
    """Whether there is an extension server name."""
    for index in range(hello.extensions.start, hello.extensions.end):
        if into.numbers[index] == Extension.SERVER_NAME:
            return True
    return False


@kernel()
def write_ja4(data, hello, transport, into):
    """Write the parts of JA4 before hashing, with underscores between them: JA4_r."""
    used = into.used[0]
    hello.ja4.start = used.text
    put(np.int64(TRANSPORTS[transport]), into)
    put_version(hello, into)
    put(100 if has_name(hello, into) else 105, into)  # d or i
    suites = gather(hello.cipher_suites, False, into)
    extensions = 0
    for index in range(hello.extensions.start, hello.extensions.end):
        extensions += not is_grease(np.int64(into.numbers[index]))
    put_count(suites, into)
    put_count(extensions, into)
    put_alpn(data, hello, into)
    hello.ja4.end = used.text
    put(UNDERSCORE, into)
    hello.suites.start = used.text
    put_sorted(suites, into)
    hello.suites.end = used.text
    put(UNDERSCORE, into)
    hello.rest.start = used.text
    put_sorted(gather(hello.extensions, True, into), into)
    first = True
    for index in range(hello.signatures.start, hello.signatures.end):
        value = np.int64(into.numbers[index])
        if extensions > 0 and not is_grease(value):
            put(UNDERSCORE if first else COMMA, into)
            put_hex(value, into)
            first = False
    hello.rest.end = used.text
