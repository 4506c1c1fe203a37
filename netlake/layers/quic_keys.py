"""QUIC Initial packets: versions, their salts and labels, derivation of keys, and decryption.

The keys of Initial packets are derived from the first Destination Connection ID of the client and a salt that is
published for the version (RFC 9001 section 5.2); anyone can decrypt them. The server's keys use the same ID, which the
server's packets do not contain: it has to be known from those of the client.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import NamedTuple

from netlake.layers.key_schedule import expand_label
from netlake.packets import Malformed

VERSION_1, VERSION_2 = 0x00000001, 0x6B3343CF
SALT_1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
SALT_2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
# salts of the drafts of version 1, with the first draft that uses each (draft-ietf-quic-tls)
DRAFTS = (
    (33, SALT_1),
    (29, bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")),
    (23, bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")),
    (21, bytes.fromhex("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a")),
    (17, bytes.fromhex("ef4fb0abb47470c41befcf8031334fae485e09a0")),
)
# draft numbers of Facebook's versions
MVFST = {0xFACEB000: 22, 0xFACEB001: 22, 0xFACEB002: 27, 0xFACEB00E: 27}
SALTS = {
    VERSION_1: SALT_1,
    VERSION_2: SALT_2,
    0x51303530: bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"),
    0x54303530: bytes.fromhex("7ff579e5acd072915580304c43a2367c60488310"),
    0x54303531: bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"),
}
# versions with whose keys clients protect Initial packets of a reserved version
FORCING = (VERSION_1, 0xFF00001D)
TAG = 16
SAMPLE = 16
# cache sizes: captures contain few versions; a connection has a few Initial packets, soon one after the other
VERSIONS, CONNECTIONS = 256, 256


@lru_cache(VERSIONS)
def draft(version: int) -> int | None:
    """Draft number of `version`; None if it is not a draft."""
    if version >> 8 == 0xFF0000:
        return version & 0xFF
    return MVFST.get(version)


@lru_cache(VERSIONS)
def google(version: int) -> int | None:
    """Number of a version of Google such as Q046 or T051 (46, 51); None for other versions."""
    letter, digits = version >> 24, (version & 0xFFFFFF).to_bytes(3, "big")
    return int(digits) if letter in (0x51, 0x54) and digits.isdigit() else None


def reserved(version: int) -> bool:
    """Whether `version` is reserved to force version negotiation (RFC 9000 section 15)."""
    return version & 0x0F0F0F0F == 0x0A0A0A0A


@lru_cache(VERSIONS)
def known(version: int) -> bool:
    """Whether `version` is or was a version of QUIC."""
    number = draft(version)
    if number is not None:
        return 1 <= number <= 34
    return version in SALTS or version >> 8 == 0xFACEB0 or google(version) is not None


@lru_cache(VERSIONS)
def name(version: int) -> str | None:
    """Common name of a version; None if it is unknown."""
    number = draft(version)
    if version == 0:
        return "negotiation"
    if version in (VERSION_1, VERSION_2):
        return "1" if version == VERSION_1 else "2"
    if version >> 8 == 0xFACEB0:
        return f"mvfst-{number}" if number else "mvfst"
    if number is not None:
        return f"draft-{number}" if known(version) else None
    if google(version) is not None:
        return version.to_bytes(4, "big").decode("ascii")
    return "reserved" if reserved(version) else None


def salt(version: int) -> bytes | None:
    """Salt of a version; None if it is unknown."""
    number = draft(version)
    if number is None:
        return SALTS.get(version)
    return next((value for first, value in DRAFTS if first <= number <= 34), None)


class Keys(NamedTuple):
    """The keys of the Initial packets of one sender: of the payload, and of header protection."""

    key: bytes
    vector: bytes
    mask: bytes


@lru_cache(CONNECTIONS)
def keys_of(version: int, connection: bytes, *, server: bool) -> Keys | None:
    """The keys of a client or server, by the client's first Destination Connection ID; None for unknown versions."""
    start = salt(version)
    if start is None:
        return None
    word = "quicv2" if version == VERSION_2 else "quic"
    secret = expand_label(
        hmac.digest(start, connection, "sha256"), f"{'server' if server else 'client'} in", 32, "sha256"
    )
    return Keys(
        *(
            expand_label(secret, f"{word} {what}", size, "sha256")
            for what, size in (("key", 16), ("iv", 12), ("hp", 16))
        )
    )


def decrypt(
    header: bytes, protected: bytes, version: int, connection: bytes, *, server: bool = False
) -> tuple[int, bytes] | None:
    """Packet number and payload of an Initial packet; None if its keys differ or it was modified.

    `header` ends before the packet number; `protected` starts with it and has all bytes that the packet's length
    counts. `connection` is the client's first Destination Connection ID.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    keys = keys_of(version, connection, server=server)
    if keys is None or len(protected) < 4 + SAMPLE:
        return None
    mask = Cipher(algorithms.AES(keys.mask), modes.ECB()).encryptor().update(protected[4 : 4 + SAMPLE])  # noqa: S305
    first = header[0] ^ mask[0] & 0x0F
    size = (first & 3) + 1
    number = bytes(a ^ b for a, b in zip(protected[:size], mask[1:], strict=False))
    nonce = (int.from_bytes(keys.vector, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    try:
        payload = AESGCM(keys.key).decrypt(nonce, protected[size:], bytes((first,)) + header[1:] + number)
    except InvalidTag:
        return None
    return int.from_bytes(number, "big"), payload


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Variable-length integer at `at` and the offset after it; Malformed if it exceeds the data."""
    if at >= len(data):
        raise Malformed("bad_length")
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise Malformed("bad_length")
    return int.from_bytes(data[at : at + size], "big") & (1 << (8 * size - 2)) - 1, at + size


def counted(data: bytes, at: int) -> tuple[bytes, int]:
    """Bytes after their length at `at` and the offset after them; Malformed if they exceed the data."""
    size, at = varint(data, at)
    if at + size > len(data):
        raise Malformed("bad_length")
    return data[at : at + size], at + size
