"""Numbers of HTTP/3: types of frames and streams, settings and error codes (RFC 9114, RFC 9204)."""

from __future__ import annotations

from enum import IntEnum


class Type(IntEnum):
    """Types of frames."""

    DATA = 0x0
    HEADERS = 0x1
    CANCEL_PUSH = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    GOAWAY = 0x7
    MAX_PUSH_ID = 0xD
    PRIORITY_UPDATE = 0xF0700  # RFC 9218


class Of(IntEnum):
    """Types of unidirectional streams."""

    CONTROL = 0x0
    PUSH = 0x1
    ENCODER = 0x2
    DECODER = 0x3


OF_REQUEST = frozenset((Type.DATA, Type.HEADERS, Type.PUSH_PROMISE))
OF_CONTROL = frozenset((Type.CANCEL_PUSH, Type.SETTINGS, Type.GOAWAY, Type.MAX_PUSH_ID))
# types of frames of HTTP/2 that HTTP/3 forbids (RFC 9114 section 7.2.8)
FORBIDDEN = frozenset((0x2, 0x6, 0x8, 0x9))
# bits of the number of a stream: the server opened it; it has one direction
BY_SERVER, ONE_WAY = 1, 2
MAX_TABLE_CAPACITY = 0x1
SETTINGS = {
    0x1: "qpack_max_table_capacity", 0x6: "max_field_section_size", 0x7: "qpack_blocked_streams",
    0x8: "enable_connect_protocol", 0x33: "h3_datagram", 0x2B603742: "enable_webtransport",
}  # fmt: skip
ERRORS = {
    0x33: "datagram_error", 0x100: "no_error", 0x101: "general_protocol_error", 0x102: "internal_error",
    0x103: "stream_creation_error", 0x104: "closed_critical_stream", 0x105: "frame_unexpected", 0x106: "frame_error",
    0x107: "excessive_load", 0x108: "id_error", 0x109: "settings_error", 0x10A: "missing_settings",
    0x10B: "request_rejected", 0x10C: "request_cancelled", 0x10D: "request_incomplete", 0x10E: "message_error",
    0x10F: "connect_error", 0x110: "version_fallback", 0x200: "qpack_decompression_failed",
    0x201: "qpack_encoder_stream_error", 0x202: "qpack_decoder_stream_error",
}  # fmt: skip
OF_TRANSPORT = (
    "no_error", "internal_error", "connection_refused", "flow_control_error", "stream_limit_error",
    "stream_state_error", "final_size_error", "frame_encoding_error", "transport_parameter_error",
    "connection_id_limit_error", "protocol_violation", "invalid_token", "application_error",
    "crypto_buffer_exceeded", "key_update_error", "aead_limit_reached", "no_viable_path",
)  # fmt: skip
# TLS alerts in CONNECTION_CLOSE
ALERTS = range(0x100, 0x200)


def error_name(code: int) -> str:
    """The name of an error code of HTTP/3, in lower case; the number of an unknown one."""
    return ERRORS.get(code, str(code))


def transport_error(code: int) -> str:
    """The name of an error code of QUIC, in lower case; the number of an unknown one."""
    if code < len(OF_TRANSPORT):
        return OF_TRANSPORT[code]
    return f"crypto_error_{code - ALERTS.start}" if code in ALERTS else str(code)


def is_reserved(kind: int) -> bool:
    """Whether a type or setting is reserved, so that others do not rely on the known ones (RFC 9114 section 7.2.8)."""
    return kind >= 0x21 and (kind - 0x21) % 0x1F == 0
