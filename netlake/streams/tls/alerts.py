"""Columns of alerts; an encrypted one has no bytes in the pool."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netlake.packets import Columns, Messages, Nullable
from netlake.streams.tls.hellos import mark_early, record_version

# TLS Alerts (IANA)
NAMES = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
    30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
    43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
    52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
    80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
    109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 114: "bad_certificate_hash_value",
    115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol", 121: "ech_required",
}  # fmt: skip


def read_alerts(messages: Messages) -> Columns:
    """Columns of alerts; sets their faults."""
    mark_early(messages)
    size = messages.end - messages.start
    data = messages.data if len(messages.data) else np.zeros(1, np.uint8)
    levels, descriptions = (
        np.where(size > at, data.take(messages.start + at, mode="clip"), 0).astype(np.int16) for at in (0, 1)
    )
    names = [NAMES.get(value) if known else None for value, known in zip(descriptions.tolist(), size > 1, strict=True)]
    return {
        "record_version": record_version(messages),
        "encrypted": size == 0,
        "level": Nullable(levels, size > 0),
        "description": Nullable(descriptions, size > 1),
        "description_name": pa.array(names, pa.string()),
    }
