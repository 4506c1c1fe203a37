"""Numbers of HTTP/2: types and flags of frames, settings and error codes (RFC 9113 sections 6, 7 and 11)."""

from __future__ import annotations

from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# bytes of a frame header
HEADER = 9
# flags
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
# RFC 9113 section 4.2: the largest frame without a setting
LEAST_MOST = 1 << 14


class Type(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    ALTSVC = 10  # RFC 7838
    ORIGIN = 12  # RFC 8336
    PRIORITY_UPDATE = 16  # RFC 9218


KNOWN = frozenset(Type)
# types of frames of streams, and of the connection
OF_STREAM = frozenset((Type.DATA, Type.HEADERS, Type.PRIORITY, Type.RST_STREAM, Type.PUSH_PROMISE, Type.CONTINUATION))
OF_CONNECTION = frozenset((Type.SETTINGS, Type.PING, Type.GOAWAY, Type.PRIORITY_UPDATE))
# sizes of frames with a fixed one, and the least one of others
SIZES: dict[int, int] = {Type.PRIORITY: 5, Type.RST_STREAM: 4, Type.PING: 8, Type.WINDOW_UPDATE: 4}
LEAST: dict[int, int] = {Type.GOAWAY: 8, Type.PUSH_PROMISE: 4}
SETTINGS = {
    1: "header_table_size", 2: "enable_push", 3: "max_concurrent_streams", 4: "initial_window_size",
    5: "max_frame_size", 6: "max_header_list_size", 8: "enable_connect_protocol", 9: "no_rfc7540_priorities",
}  # fmt: skip
MAX_FRAME_SIZE = 5
ERRORS = (
    "no_error", "protocol_error", "internal_error", "flow_control_error", "settings_timeout", "stream_closed",
    "frame_size_error", "refused_stream", "cancel", "compression_error", "connect_error", "enhance_your_calm",
    "inadequate_security", "http_1_1_required",
)  # fmt: skip


def error_name(code: int) -> str:
    """The name of an error code, in lower case; the number of an unknown one."""
    return ERRORS[code] if code < len(ERRORS) else str(code)


def is_bad_size(kind: int, length: int) -> bool:
    """Whether frames of this type do not have this length."""
    if kind == Type.SETTINGS:
        return length % 6 != 0
    return length != SIZES.get(kind, length) or length < LEAST.get(kind, 0)


def is_bad_stream(kind: int, stream: int) -> bool:
    """Whether frames of this type do not belong to this stream; 0 is the connection."""
    return (kind in OF_STREAM and stream == 0) or (kind in OF_CONNECTION and stream != 0)
