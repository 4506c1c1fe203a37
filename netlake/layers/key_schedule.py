"""Derivation of keys: the PRF of TLS 1.0 to 1.2 (RFC 2246, RFC 5246), HKDF-Expand-Label of TLS 1.3 and QUIC."""

from __future__ import annotations

import hmac

# a label of TLS 1.3 (RFC 8446 section 7.1); DTLS 1.3 has another prefix
PREFIX = b"tls13 "


def expand_label(secret: bytes, label: str, length: int, name: str) -> bytes:
    """HKDF-Expand-Label with an empty context, by the hash `name`; `length` is at most that of the hash."""
    written = PREFIX + label.encode()
    info = length.to_bytes(2, "big") + bytes((len(written),)) + written + b"\0\x01"
    return hmac.digest(secret, info, name)[:length]


def prf(secret: bytes, label: bytes, seed: bytes, length: int, name: str) -> bytes:
    """The PRF of TLS 1.2 by the hash `name`; with `md5+sha1` that of TLS 1.0 and 1.1."""
    if name != "md5+sha1":
        return _expand(secret, label + seed, length, name)
    half = (len(secret) + 1) // 2
    one = _expand(secret[:half], label + seed, length, "md5")
    two = _expand(secret[-half:], label + seed, length, "sha1")
    return bytes(a ^ b for a, b in zip(one, two, strict=True))


def _expand(secret: bytes, seed: bytes, length: int, name: str) -> bytes:
    """P_hash of RFC 5246."""
    found, a = b"", seed
    while len(found) < length:
        a = hmac.digest(secret, a, name)
        found += hmac.digest(secret, a + seed, name)
    return found[:length]
