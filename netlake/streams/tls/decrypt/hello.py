"""What decryption needs of hellos and certificates; all of it None or empty for messages that are not whole."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import pyarrow as pa

from netlake.kernels.tls_state import MOST, Handshake
from netlake.packets import Cursor, Malformed, Short

# the random value of a HelloRetryRequest (RFC 8446 section 4.1.3)
RETRY = sha256(b"HelloRetryRequest").digest()
TRUNCATED_HMAC, ENCRYPT_THEN_MAC, EARLY_DATA, SUPPORTED_VERSIONS = 4, 22, 42, 43


class ClientHello(NamedTuple):
    """Random value, and whether data may follow it at once (0-RTT)."""

    random: bytes
    early_data: bool


class ServerHello(NamedTuple):
    """What the server selected; `retry`: it is a HelloRetryRequest."""

    version: int
    random: bytes
    suite: int
    compression: int
    mac_last: bool
    truncated: bool

    @property
    def retry(self) -> bool:
        """Whether it is a HelloRetryRequest."""
        return self.random == RETRY


def client_hello(body: bytes) -> ClientHello | None:
    """The hello in the body of a handshake message."""
    hello = Cursor(body)
    try:
        hello.skip(2)
        random = hello.take(32)
        for size in (1, 2, 1):  # session, cipher suites, compression methods
            hello.skip(hello.number(size))
        return ClientHello(random, EARLY_DATA in _extensions(hello))
    except (Short, Malformed):
        return None


def server_hello(body: bytes) -> ServerHello | None:
    """The hello in the body of a handshake message."""
    hello = Cursor(body)
    try:
        version, random = hello.number(2), hello.take(32)
        hello.skip(hello.number(1))
        suite, compression = hello.number(2), hello.number(1)
        found = _extensions(hello)
    except (Short, Malformed):
        return None
    selected = found.get(SUPPORTED_VERSIONS, b"")
    if len(selected) == 2:
        version = int.from_bytes(selected, "big")
    return ServerHello(version, random, suite, compression, ENCRYPT_THEN_MAC in found, TRUNCATED_HMAC in found)


def _extensions(hello: Cursor) -> dict[int, bytes]:
    """The extensions at the end of a hello, by type."""
    found: dict[int, bytes] = {}
    if hello.left:
        hello.skip(2)
    while hello.left:
        kind = hello.number(2)
        found[kind] = hello.take(hello.number(2))
    return found


def as_certificate_12(body: bytes) -> bytes:
    """The body of a Certificate message of TLS 1.3 in the form of 1.2: without context and extensions.

    One that is malformed has the certificates before the error.
    """
    message, found = Cursor(body), bytearray()
    try:
        message.skip(message.number(1))
        message.skip(3)
        while message.left:
            size = message.number(3)
            found += size.to_bytes(3, "big") + message.take(size)
            message.skip(message.number(2))
    except (Short, Malformed):
        pass
    return len(found).to_bytes(3, "big") + bytes(found)


def decompressed(body: bytes) -> bytes | None:
    """The body of the Certificate message in a CompressedCertificate (RFC 8879), None if it cannot be decompressed."""
    message = Cursor(body)
    try:
        method, size = message.number(2), message.number(3)
        packed = message.take(message.number(3))
    except (Short, Malformed):
        return None
    unpack = METHODS.get(method)
    if unpack is None or size > MOST:
        return None
    try:
        found = unpack(packed, size)
    except (zlib.error, OSError, pa.ArrowException):
        return None
    return found if len(found) == size else None


def _zlib(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(packed, size + 1)


def _by_arrow(name: str) -> Callable[[bytes, int], bytes]:
    def unpack(packed: bytes, size: int) -> bytes:
        found = b""
        with pa.CompressedInputStream(pa.BufferReader(packed), name) as stream:
            while len(found) <= size and (part := stream.read(size + 1 - len(found))):
                found += part
        return found

    return unpack


METHODS: dict[int, Callable[[bytes, int], bytes]] = {1: _zlib, 2: _by_arrow("brotli"), 3: _by_arrow("zstd")}
COMPRESSED_CERTIFICATE = Handshake.LAST.value
