"""What decryption of QUIC needs of handshake messages: random value, cipher suite, and the protocol over QUIC."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from netlake.kernels.tls_state import Handshake, Transport
from netlake.layers.client_hello import Hello, read_client_hello
from netlake.layers.handshake import Found
from netlake.layers.spans import text_of
from netlake.packets import Cursor, Malformed, Short
from netlake.streams.tls.decrypt import hello as hellos

ENCRYPTED_EXTENSIONS, ALPN = 8, 16
CERTIFICATE = Handshake.CERTIFICATE.value
# the transport that the reader of certificates gets for those of QUIC
OF_CERTIFICATE = Found(CERTIFICATE, b"", None, None, Transport.QUIC).hint


@dataclass(slots=True)
class Hellos:
    """The hellos of a connection; `protocol` is what the server selected by ALPN, `offered` what the client offered."""

    random: bytes = b""
    suite: int = 0
    offered: tuple[str, ...] = ()
    protocol: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether both hellos are known."""
        return bool(self.random and self.suite)

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols that it can be."""
        return self.offered if self.protocol is None else (self.protocol,)

    def read(self, kind: int, body: bytes, *, from_client: bool) -> None:
        """Read a message without its header; those that are malformed are left out."""
        if kind == Handshake.CLIENT_HELLO and from_client:
            found = hellos.client_hello(body)
            if found is not None:
                self.random = found.random
                self.offered = _offered(body)
        elif kind == Handshake.SERVER_HELLO and not from_client:
            server = hellos.server_hello(body)
            if server is not None and not server.retry:
                self.suite = server.suite
        elif kind == ENCRYPTED_EXTENSIONS and not from_client:
            self.protocol = _selected(body) or self.protocol


def _offered(body: bytes) -> tuple[str, ...]:
    hello = Hello()
    with suppress(Short, Malformed):
        read_client_hello(Cursor(body), hello)
    return tuple(text_of(name) for name in hello.alpn)


def _selected(body: bytes) -> str | None:
    """The protocol in EncryptedExtensions (RFC 7301): a list with one name."""
    message = Cursor(body)
    try:
        message.skip(2)
        while message.left:
            kind, size = message.number(2), message.number(2)
            if kind == ALPN:
                message.skip(2)
                return text_of(message.take(message.number(1)))
            message.skip(size)
    except Short:
        pass
    return None


def certificates(kind: int, body: bytes) -> bytes | None:
    """A Certificate message in the form of TLS 1.2, from one of TLS 1.3 that may be compressed; None for others."""
    if kind == hellos.COMPRESSED_CERTIFICATE:
        unpacked = hellos.decompressed(body)
        if unpacked is None:
            return None
        kind, body = CERTIFICATE, unpacked
    if kind != CERTIFICATE:
        return None
    made = hellos.as_certificate_12(body)
    return bytes((CERTIFICATE,)) + len(made).to_bytes(3) + made
