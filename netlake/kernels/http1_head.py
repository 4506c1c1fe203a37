"""The head of an HTTP/1 message: its start line, and what the header lines say of the body (RFC 9112).

`view` is the head, from its first byte. Offsets are in it.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.http1_state import Anomaly, Coding, Framing, Lost, Role

# the longest method
MOST_METHOD = 32
# largest Content-Length: more is no number
MOST_LENGTH = 1 << 56


def _letters(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8).copy()


CONTENT_LENGTH = _letters(b"content-length")
TRANSFER_ENCODING = _letters(b"transfer-encoding")
CONTENT_ENCODING = _letters(b"content-encoding")
CONTENT_TYPE = _letters(b"content-type")
CHUNKED, IDENTITY = _letters(b"chunked"), _letters(b"identity")
GZIP, X_GZIP, BROTLI, ZSTD = map(_letters, (b"gzip", b"x-gzip", b"br", b"zstd"))
DEFLATE, X_DEFLATE = _letters(b"deflate"), _letters(b"x-deflate")
FORM = _letters(b"application/x-www-form-urlencoded")
VERSION = _letters(b"HTTP/")
HEAD, CONNECT, GET = _letters(b"HEAD"), _letters(b"CONNECT"), _letters(b"GET")
# bytes of a token (RFC 9110 section 5.6.2)
TOKEN = np.zeros(256, np.bool_)
TOKEN[[byte for byte in range(33, 127) if chr(byte) not in '"(),/:;<=>?@[\\]{}']] = True


@kernel()
def same(view, start, end, word):
    """Whether view[start:end] is `word`."""
    if end - start != word.size:
        return False
    for i in range(word.size):  # noqa: SIM110 - a kernel has no generators
        if view[start + i] != word[i]:
            return False
    return True


@kernel()
def alike(view, start, end, word):
    """Whether view[start:end] is `word`, which is in lower case, in any case."""
    if end - start != word.size:
        return False
    for i in range(word.size):
        byte = view[start + i]
        if (byte | 32 if 65 <= byte <= 90 else byte) != word[i]:
            return False
    return True


@kernel()
def is_blank(byte):
    """Whether a byte is white space in a header line: so are a bare CR and the end of a folded line (RFC 9112)."""
    return byte == 32 or byte == 9 or byte == 10 or byte == 13


@kernel()
def is_version(view, start, end):
    """Whether view[start:end] is HTTP/1.x or HTTP/0.x."""
    if end - start != 8 or not same(view, start, start + 5, VERSION):
        return False
    return (view[start + 5] == 48 or view[start + 5] == 49) and view[start + 6] == 46 and 48 <= view[start + 7] <= 57


@kernel()
def line_end(view, start, end):
    """Where the line view[start:end] ends without its CR, if it has one."""
    return end - 1 if end > start and view[end - 1] == 13 else end


@kernel()
def start_line(view, end, first):
    """The Role that the start line view[:end] has, without its LF; 0 if it is none.

    Without a version a request is accepted as the `first` message of a stream only (HTTP/0.9).
    """
    end = line_end(view, 0, end)
    if end >= 12 and is_version(view, 0, 8) and view[8] == 32:
        at = 9
        while at < end and view[at] == 32:
            at += 1
        digits = 0
        while at + digits < end and digits < 4 and 48 <= view[at + digits] <= 57:
            digits += 1
        after = at + digits
        return Role.RESPONSE.value if digits == 3 and (after == end or view[after] == 32) else 0
    size = 0
    while size < end and size <= MOST_METHOD and TOKEN[view[size]]:
        size += 1
    if size == 0 or size > MOST_METHOD or size + 1 >= end or view[size] != 32 or view[size + 1] <= 32:
        return 0
    while end > 0 and (view[end - 1] == 32 or view[end - 1] == 9):
        end -= 1
    if end - 9 > size and view[end - 9] == 32 and is_version(view, end - 8, end):
        return Role.REQUEST.value
    if not first or not same(view, 0, size, GET) or view[size + 1] != 47:
        return 0
    for at in range(size + 1, end):
        if view[at] <= 32:
            return 0
    return Role.SIMPLE.value


@kernel()
def begins_message(view):
    """Whether a slice begins with a complete start line with a version."""
    for at in range(min(view.size, 1 << 13)):
        if view[at] == 10:
            return start_line(view, at, False) != 0
    return False


@kernel()
def set_length(view, start, end, own):
    """Note a Content-Length, which can be a list of numbers; the first one counts, another is an anomaly."""
    at = start
    while True:
        while at < end and is_blank(view[at]):
            at += 1
        value, digits = np.int64(0), 0
        while at < end and 48 <= view[at] <= 57:
            value = min(value * 10 + (np.int64(view[at]) - 48), MOST_LENGTH)
            at, digits = at + 1, digits + 1
        while at < end and is_blank(view[at]):
            at += 1
        if digits == 0 or value == MOST_LENGTH or (at < end and view[at] != 44):
            own.anomalies |= Anomaly.BAD_LENGTH.value
            return
        if own.length < 0:
            own.length = value
        else:
            own.anomalies |= Anomaly.REPEATED_LENGTH.value if own.length == value else Anomaly.DIFFERENT_LENGTHS.value
        if at == end:
            return
        at += 1


@kernel()
def list_end(view, start, end):
    """Where a list ends without the empty elements behind its last one, which count nothing (RFC 9110, 5.6.1)."""
    while end > start and (view[end - 1] == 44 or is_blank(view[end - 1])):
        end -= 1
    return end


@kernel()
def list_start(view, start, end):
    """Where a list begins behind empty elements."""
    while start < end and (view[start] == 44 or is_blank(view[start])):
        start += 1
    return start


@kernel()
def last_element(view, start, end):
    """Where the last element of a list begins."""
    at = end
    while at > start and view[at - 1] != 44:
        at -= 1
    while at < end and is_blank(view[at]):
        at += 1
    return at


@kernel()
def coding_of(view, start, end):
    """The Coding that a Content-Encoding names."""
    if start == end or alike(view, start, end, IDENTITY):
        return Coding.NONE.value
    if alike(view, start, end, GZIP) or alike(view, start, end, X_GZIP):
        return Coding.GZIP.value
    if alike(view, start, end, DEFLATE) or alike(view, start, end, X_DEFLATE):
        return Coding.DEFLATE.value
    if alike(view, start, end, BROTLI):
        return Coding.BROTLI.value
    if alike(view, start, end, ZSTD):
        return Coding.ZSTD.value
    return Coding.OTHER.value


@kernel()
def header(view, start, name, value, end, own):
    """Note what the header view[start:name], with the value view[value:end], says of the body."""
    size = name - start
    if size == 14 and alike(view, start, name, CONTENT_LENGTH):
        set_length(view, value, end, own)
    elif size == 17 and alike(view, start, name, TRANSFER_ENCODING):
        end = list_end(view, value, end)
        last = last_element(view, value, end)
        if alike(view, last, end, CHUNKED):
            own.framing = Framing.CHUNKED.value
        elif not alike(view, last, end, IDENTITY):
            own.framing = Framing.CLOSE.value
            own.anomalies |= Anomaly.BAD_CODING.value
    elif size == 16 and alike(view, start, name, CONTENT_ENCODING):
        coding = coding_of(view, list_start(view, value, end), list_end(view, value, end))
        own.coding = coding if own.coding == Coding.NONE else Coding.OTHER.value
    elif size == 12 and alike(view, start, name, CONTENT_TYPE):
        own.form = 1 if end - value >= FORM.size and alike(view, value, value + FORM.size, FORM) else 0


@kernel()
def header_line(view, at, end, own):
    """Note one header line view[at:end], with those that are folded into it, without its end of line."""
    own.lines += 1
    name = at
    while name < end and view[name] != 58 and view[name] != 10:
        name += 1
    if name == end or view[name] == 10:
        own.anomalies |= Anomaly.NO_COLON.value
        return
    value = name + 1
    while value < end and is_blank(view[value]):
        value += 1
    while end > value and is_blank(view[end - 1]):
        end -= 1
    stop = name
    while stop > at and (view[stop - 1] == 32 or view[stop - 1] == 9):
        stop -= 1
    if stop < name:
        own.anomalies |= Anomaly.SPACE_BEFORE_COLON.value
    header(view, at, stop, value, end, own)


@kernel()
def read_head(view, role, own):
    """Set the fields of HTTP that follow from the head `view`, its role given; those of its body are reset."""
    own.length, own.body, own.size, own.missing = -1, -1, 0, 0
    own.lines, own.status, own.role, own.framing, own.unseen = 0, 0, role, Framing.NONE.value, 0
    own.coding, own.form, own.cr = Coding.NONE.value, 0, 0
    own.anomalies = Anomaly.AFTER_GAP.value if own.resumed == Lost.GAP else 0
    own.resumed = 0
    if role == Role.SIMPLE:
        own.role = Role.REQUEST.value
        own.anomalies |= Anomaly.NO_VERSION.value
    at, first, begin, end = np.int64(0), True, np.int64(-1), np.int64(0)
    for i in range(view.size):
        byte = view[i]
        if byte == 0:
            own.anomalies |= Anomaly.NUL_BYTE.value
        elif byte == 13 and i + 1 < view.size and view[i + 1] != 10:
            own.anomalies |= Anomaly.BARE_CR.value
        elif byte == 10:
            stop = line_end(view, at, i)
            if stop == i:
                own.anomalies |= Anomaly.BARE_LF.value
            if not first and stop > at and begin >= 0 and (view[at] == 32 or view[at] == 9):
                own.anomalies |= Anomaly.FOLDED_LINE.value
                end = stop
            elif not first and stop > at:
                if begin >= 0:
                    header_line(view, begin, end, own)
                begin, end = at, stop
            at, first = i + 1, False
    if begin >= 0:
        header_line(view, begin, end, own)
    if own.role == Role.RESPONSE:
        at = 9
        while view[at] == 32:
            at += 1
        for i in range(3):
            own.status = own.status * 10 + (np.int64(view[at + i]) - 48)
    if own.framing == Framing.CHUNKED and own.length >= 0:
        own.anomalies |= Anomaly.LENGTH_AND_CHUNKED.value
